// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The deadlines of the operations in flight: a binary heap of pointers whose places are kept in the
// operations, so that a completed one leaves in O(log n). Equal deadlines expire in the order of
// submission. Operations without a deadline never enter. Index 0 of the vector is not used: place 0
// means "not here".
#pragma once

#include <vector>

#include "ring/op.h"

namespace sockeye {

class DeadlineHeap {
 public:
  bool empty() const { return heap_.size() == 1; }
  Op& front() const { return *heap_[1]; }
  Instant next() const { return empty() ? kNever : heap_[1]->deadline; }
  void insert(Op& op);
  void erase(Op& op);  // nothing happens when it is not here

 private:
  static bool before(const Op& a, const Op& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.waiter_.heap_order < b.waiter_.heap_order;
  }
  void put(std::size_t place, Op* op) {
    heap_[place] = op;
    op->waiter_.heap_index = place;
  }
  void sift_up(std::size_t place);
  void sift_down(std::size_t place);

  std::vector<Op*> heap_ = {nullptr};
  std::uint64_t next_order_ = 0;
};

}  // namespace sockeye
