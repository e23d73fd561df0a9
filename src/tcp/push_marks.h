// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where PSH goes inside one large call. RFC 9293 3.9.1.2 wants it on the last segment that is buffered; Linux
// also says it about once in half of the peer's largest window (forced_push()), so that a receiver that waits
// for it never waits for a window that is full.
//
// Linux marks packets when they are filled, while the call copies into them: a packet is full at `goal`
// bytes, and filling and sending take turns until the congestion window is used up. Here the call's bytes are
// there at once, so the turns are taken when packets leave: as long as they leave at the instant of the call,
// the packet in line has been filled to `goal` bytes from where it begins now; later its end stands.
#pragma once

#include <cstdint>

#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

class PushMarks {
 public:
  // A call adds [begin, end). `continues`: what stood before is not pushed (MSG_MORE).
  void on_written(Instant now, SeqNum begin, SeqNum end, bool continues) {
    if (!continues || !is_active_) pushed_ = begin;
    if (!is_active_) packet_end_ = begin;
    written_at_ = now;
    end_ = end;
    is_active_ = is_filling_ = true;
  }

  bool is_active() const { return is_active_; }
  // While it is: [begin, end) leaves, new, in a packet that takes `goal` bytes; `half` of the peer's largest
  // window. Answers whether it ends where a full packet was marked.
  bool on_sent(Instant now, SeqNum begin, SeqNum end, std::uint32_t goal, std::uint32_t half) {
    const bool is_next = begin >= packet_end_;
    if (is_next) is_marked_ = false;
    if (is_next || is_filling_) fill(begin + goal, half);
    is_filling_ = now == written_at_;
    if (end >= end_) is_active_ = false;
    return is_marked_ && end == packet_end_;
  }

  void clear() { is_active_ = is_marked_ = false; }

 private:
  void fill(SeqNum full, std::uint32_t half) {
    packet_end_ = full;
    if (full > end_ || full <= pushed_ + half) return;
    pushed_ = full;
    is_marked_ = true;
  }

  SeqNum pushed_{};      // everything before is marked
  SeqNum packet_end_{};  // of the packet that is sent now
  SeqNum end_{};         // of the calls: what is behind has no marks of ours
  Instant written_at_{};
  bool is_active_ = false;
  bool is_filling_ = false;  // packets leave while the call goes on
  bool is_marked_ = false;   // the packet that is sent now
};

}  // namespace sockeye::tcp
