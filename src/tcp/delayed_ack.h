// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// When a segment is acknowledged (RFC 5681 4.2, RFC 9293 3.8.6.3): at once while the sender is in slow
// start (Linux's "quick" ACKs, at most 16), for every second full segment, and for anything unusual;
// otherwise after 40 ms or together with data. A connection on which we answer soon after we were
// asked is interactive ("ping-pong") and does without quick ACKs.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

class DelayedAck {
 public:
  static constexpr std::uint8_t kQuickMax = 16;

  // Data came. `was_idle`: the data before it is longer ago than a retransmission time-out.
  void on_data(bool was_idle, std::uint32_t bytes, std::uint32_t window, std::uint32_t peer_mss) {
    is_short_ = bytes < peer_mss;
    if (!started_ || was_idle) {
      quick_ = static_cast<std::uint8_t>(
          std::clamp<std::uint32_t>(window / (2 * std::max(peer_mss, 1u)), 2, kQuickMax));
      started_ = true;
    }
  }
  // The program has read everything. A sender that stopped at a short segment waits for nothing but
  // our ACK, if this is no conversation (Linux).
  bool wants_after_read() const { return is_short_ && !ping_pong_; }
  bool wants_at_once() const { return quick_ > 0 && !ping_pong_; }
  // We sent data `since` the last arrival: is this a conversation?
  // Who has only asked so far is in none.
  void on_data_sent(Duration since) {
    if (started_ && since < kDelay) ping_pong_ = true;
  }
  // A SYN-ACK came that data will answer soon.
  void start(std::uint32_t window, std::uint32_t peer_mss) {
    on_data(false, peer_mss, window, peer_mss);
    ping_pong_ = false;
  }
  void on_ack_sent() {
    if (quick_ > 0) --quick_;
  }
  // Something is out of order or was lost: acknowledge at once for a while (Linux).
  void enter_quick() {
    ping_pong_ = false;
    quick_ = std::max<std::uint8_t>(quick_, 2);
  }
  // TCP_QUICKACK. Any wish lasts until the connection shows another character (Linux).
  void set_quick(bool on) { ping_pong_ = !on; }
  bool is_conversation() const { return ping_pong_; }
  void on_peer_fin() { ping_pong_ = true; }
  void on_timeout() { ping_pong_ = false; }  // nothing was sent to carry it: no conversation

  static Duration delay(Duration min, Duration max, Duration srtt) { return std::clamp(srtt, min, max); }

 private:
  static constexpr Duration kDelay = 40ms;
  std::uint8_t quick_ = 0;
  bool ping_pong_ : 1 = false;
  bool started_ : 1 = false;
  bool is_short_ : 1 = false;  // the last data segment was
};

}  // namespace sockeye::tcp
