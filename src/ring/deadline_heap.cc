// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ring/deadline_heap.h"

namespace sockeye {

void DeadlineHeap::insert(Op& op) {
  SOCKEYE_ASSERT(op.waiter_.heap_index == 0);
  op.waiter_.heap_order = next_order_++;
  heap_.push_back(&op);
  put(heap_.size() - 1, &op);
  sift_up(heap_.size() - 1);
}

void DeadlineHeap::erase(Op& op) {
  const std::size_t place = op.waiter_.heap_index;
  if (place == 0) return;
  Op* last = heap_.back();
  heap_.pop_back();
  op.waiter_.heap_index = 0;
  if (last == &op) return;
  put(place, last);
  sift_up(place);
  sift_down(last->waiter_.heap_index);
}

void DeadlineHeap::sift_up(std::size_t place) {
  Op* op = heap_[place];
  while (place > 1 && before(*op, *heap_[place / 2])) {
    put(place, heap_[place / 2]);
    place /= 2;
  }
  put(place, op);
}

void DeadlineHeap::sift_down(std::size_t place) {
  Op* op = heap_[place];
  for (;;) {
    std::size_t child = place * 2;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], *op)) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, op);
}

}  // namespace sockeye
