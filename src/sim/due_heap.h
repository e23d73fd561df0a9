// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Who is due first among many that each have one deadline: a binary heap that knows where each member
// stands, so that a deadline moves in O(log n) without allocation. Members are small numbers; of two
// that are due at the same instant the lower number comes first.
#pragma once

#include <cstdint>
#include <vector>

#include "core/time.h"

namespace sockeye::sim {

class DueHeap {
 public:
  Instant next() const { return heap_.empty() ? kNever : heap_.front().due; }
  std::uint32_t front() const { return heap_.front().member; }  // only while next() is not kNever

  Instant due_of(std::uint32_t member) const {
    return member < place_.size() && place_[member] != kNowhere ? heap_[place_[member]].due : kNever;
  }

  // kNever takes the member out.
  void set(std::uint32_t member, Instant due) {
    if (member >= place_.size()) place_.resize(member + std::size_t{1}, kNowhere);
    std::size_t at = place_[member];
    if (due == kNever) {
      if (at != kNowhere) erase(at);
      return;
    }
    if (at == kNowhere) {
      at = heap_.size();
      heap_.push_back({due, member});
      place_[member] = at;
    } else if (heap_[at].due == due) {
      return;
    }
    heap_[at].due = due;
    sift_down(sift_up(at));
  }

 private:
  static constexpr std::size_t kNowhere = SIZE_MAX;
  struct Entry {
    Instant due;
    std::uint32_t member;
    bool before(const Entry& other) const {
      return due != other.due ? due < other.due : member < other.member;
    }
  };

  void put(std::size_t at, const Entry& entry) {
    heap_[at] = entry;
    place_[entry.member] = at;
  }
  std::size_t sift_up(std::size_t at) {
    const Entry entry = heap_[at];
    for (; at > 0 && entry.before(heap_[(at - 1) / 2]); at = (at - 1) / 2) put(at, heap_[(at - 1) / 2]);
    put(at, entry);
    return at;
  }
  void sift_down(std::size_t at) {
    const Entry entry = heap_[at];
    for (std::size_t child = at * 2 + 1; child < heap_.size(); child = at * 2 + 1) {
      if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
      if (!heap_[child].before(entry)) break;
      put(at, heap_[child]);
      at = child;
    }
    put(at, entry);
  }
  void erase(std::size_t at) {
    place_[heap_[at].member] = kNowhere;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    put(at, last);
    sift_down(sift_up(at));
  }

  std::vector<Entry> heap_;
  std::vector<std::size_t> place_;  // by member
};

}  // namespace sockeye::sim
