// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where the program has ended a record (MSG_EOR) in what it has sent and the peer has not acknowledged:
// no packet carries bytes of two records, neither the first time nor when they are sent again (Linux:
// tcp_skb_can_collapse_to). RFC 9293 knows no records; the receiver sees none either.
//
// One number per record in the send buffer, so at most as many as the buffer has bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/ring_queue.h"
#include "core/seqnum.h"

namespace sockeye::tcp {

class RecordMarks {
 public:
  bool empty() const { return ends_.empty(); }
  std::size_t size() const { return ends_.size(); }
  // A record ends before `end`; in order.
  void add(SeqNum end) {
    if (ends_.empty() || ends_.back() < end) ends_.push_back(end);
  }
  void on_una(SeqNum una) {
    while (!ends_.empty() && ends_.front() <= una) ends_.pop_front();
  }
  // Of `bytes` from `begin` on, those that belong to one record.
  std::uint32_t within_record(SeqNum begin, std::uint32_t bytes) const {
    const std::size_t next = first_beyond(begin);
    return next == ends_.size() ? bytes : std::min(bytes, distance(begin, ends_[next]));
  }
  bool is_end(SeqNum at) const {
    const std::size_t next = first_beyond(at - 1u);
    return next < ends_.size() && ends_[next] == at;
  }
  // Records that end beyond `begin`.
  std::size_t count_beyond(SeqNum begin) const { return ends_.size() - first_beyond(begin); }
  void clear() { ends_.clear(); }

 private:
  std::size_t first_beyond(SeqNum begin) const {
    std::size_t low = 0;
    std::size_t high = ends_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (ends_[middle] <= begin) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  RingQueue<SeqNum> ends_;
};

}  // namespace sockeye::tcp
