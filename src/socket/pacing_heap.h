// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Connections whose paced data waits for its release (decisions.md D14): a binary heap apart from the
// timer wheel, because these instants come and go with every packet, and because a connection has one
// entry in the wheel, for what takes long. A member knows its place, so that it leaves in O(log n); equal
// instants come out in the order in which they went in. Place 0 means "not here".
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/time.h"

namespace sockeye {

// A Member has `std::uint32_t pacing_place`, 0 at first, and leaves before it ends.
template <class Member>
class PacingHeap {
 public:
  bool empty() const { return heap_.size() == 1; }
  std::size_t size() const { return heap_.size() - 1; }
  Instant next() const { return empty() ? kNever : heap_[1].at; }
  // Puts `member` in, or moves it.
  void set(Member& member, Instant at);
  // Nothing happens when it is not here.
  void erase(Member& member);
  Member& pop();  // the earliest; not empty

 private:
  struct Entry {
    Instant at{};
    std::uint64_t order = 0;
    Member* member = nullptr;
    bool before(const Entry& other) const { return at != other.at ? at < other.at : order < other.order; }
  };
  void put(std::size_t place, const Entry& entry) {
    heap_[place] = entry;
    entry.member->pacing_place = static_cast<std::uint32_t>(place);
  }
  void sift(std::size_t place, Entry entry);

  std::vector<Entry> heap_ = std::vector<Entry>(1);
  std::uint64_t next_order_ = 0;
};

// Finds the place of `entry`, beginning at `place`, which is free.
template <class Member>
void PacingHeap<Member>::sift(std::size_t place, Entry entry) {
  while (place > 1 && entry.before(heap_[place / 2])) {
    put(place, heap_[place / 2]);
    place /= 2;
  }
  for (std::size_t child = 2 * place; child < heap_.size(); child = 2 * place) {
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(entry)) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, entry);
}

template <class Member>
void PacingHeap<Member>::set(Member& member, Instant at) {
  std::size_t place = member.pacing_place;
  if (place != 0 && heap_[place].at == at) return;
  if (place == 0) {
    place = heap_.size();
    heap_.emplace_back();
  }
  sift(place, {at, next_order_++, &member});
}

template <class Member>
void PacingHeap<Member>::erase(Member& member) {
  const std::size_t place = member.pacing_place;
  if (place == 0) return;
  member.pacing_place = 0;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) sift(place, last);
}

template <class Member>
Member& PacingHeap<Member>::pop() {
  Member& first = *heap_[1].member;
  erase(first);
  return first;
}

}  // namespace sockeye
