// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The window that we advertise (RFC 9293 3.8.6): its right edge never moves left, it moves right only
// by a useful step (silly window avoidance of the receiver, 3.8.6.2.2), and how large it may become
// follows the program's reading (Linux's dynamic right-sizing: twice of what is read in a round trip).
// What counts against it: bytes in order that are unread, by their charge, and bytes that a carrier
// holds outside (decisions.md D17). Data out of order lies inside the window anyway.
#pragma once

#include <cstdint>

#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

class ReceiveWindow {
 public:
  void start(Instant now, SeqNum nxt, std::uint32_t limit, std::uint8_t scale, std::uint16_t mss_hint);

  // Goes on where another stack left off: the limit it had reached, and what it promised.
  void restore(std::uint32_t limit, SeqNum edge, std::uint16_t peer_mss) {
    limit_ = limit;
    edge_ = edge;
    peer_mss_ = peer_mss;
  }

  SeqNum edge() const { return edge_; }
  std::uint32_t current(SeqNum nxt) const { return edge_ > nxt ? distance(nxt, edge_) : 0; }
  std::uint8_t scale() const { return scale_; }
  std::uint32_t limit() const { return limit_; }
  void set_limit(std::uint32_t bytes) { limit_ = bytes; }
  std::uint32_t external() const { return external_; }
  // What a carrier hands on was not read by the program yet: auto-tuning must not count it.
  void set_external(std::uint32_t bytes) {
    const std::uint32_t more = bytes > external_ ? bytes - external_ : 0;
    read_ = read_ + (external_ > bytes ? external_ - bytes : 0);
    read_ -= more < read_ ? more : read_;
    external_ = bytes;
  }
  std::uint16_t peer_mss() const { return peer_mss_; }  // the largest segment seen, an estimate

  // The most that was read in a round trip so far (Linux's rcvq_space).
  std::uint32_t read_space() const { return read_before_; }

  // A segment goes out: moves the edge if that is worth it; the window to advertise, in bytes.
  // `charge`: what waits to be read. `clamp`: TCP_WINDOW_CLAMP, 0 for none.
  std::uint32_t advertise(SeqNum nxt, std::uint32_t charge, std::uint32_t clamp);
  // The program has read: is the window now at least twice what the peer knows (Linux's rule)?
  bool should_update(SeqNum nxt, std::uint32_t charge, std::uint32_t clamp) const;

  void on_segment(std::uint32_t payload, std::uint32_t mss_max) {
    if (payload > peer_mss_) peer_mss_ = static_cast<std::uint16_t>(payload < mss_max ? payload : mss_max);
  }
  // Auto-tuning. `srtt`: zero when unknown. `limit_max`: as far as the limit may grow.
  void on_read(Instant now, std::uint32_t bytes, Duration srtt, std::uint32_t limit_max);

 private:
  std::uint32_t offer(SeqNum nxt, std::uint32_t charge, std::uint32_t clamp) const;

  SeqNum edge_{};
  std::uint32_t limit_ = 0;
  std::uint32_t external_ = 0;
  std::uint32_t read_ = 0;         // bytes read in this interval
  std::uint32_t read_before_ = 0;  // and in the best interval so far
  std::uint32_t interval_us_ = 0;  // when this interval began, modulo 2^32
  std::uint16_t peer_mss_ = 536;
  std::uint8_t scale_ = 0;
};

}  // namespace sockeye::tcp
