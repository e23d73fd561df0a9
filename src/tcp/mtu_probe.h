// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Packetization layer path MTU discovery (RFC 4821; net.ipv4.tcp_mtu_probing): the largest packet that
// passes is found by sending one, without asking a router. Sizes are those of whole IP packets.
//
//     low: known to pass          high: known (or reported) to be too large from here on
//      |------------- probe ----------|      the middle is sent as one segment of new data:
//                                            acknowledged: low = probe; lost alone: high = probe - 1
//
// The search ends when the two are closer than the threshold and begins again after ten minutes (3.2,
// 7.6.2). Two ways in: from the first segment on (tcp_mtu_probing = 2), starting at the base size; or
// when retransmissions of full segments go unanswered (1), which is what a black hole looks like (7.7):
// each time this happens again the base is halved. Lost probes say nothing about congestion.
// Left out, as in Linux: probing by padding (7.3), sharing what was learned between connections (5.3).
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

class MtuProbe {
 public:
  bool is_running() const { return running_; }
  bool is_in_flight() const { return size_ != 0; }
  std::uint32_t low() const { return low_; }
  std::uint32_t high() const { return high_; }
  SeqNum begin() const { return begin_; }
  SeqNum end() const { return end_; }

  void start(Instant now, std::uint32_t low, std::uint32_t high) {
    running_ = true;
    size_ = 0;
    low_ = narrow(std::min(low, high));
    high_ = narrow(high);
    since_ = now;
  }
  // The path is known to carry no more than this (ICMP, the link).
  void limit(std::uint32_t mtu) { high_ = std::min(high_, narrow(mtu)); }
  // 7.7: even `low` does not get through. `mtu`: what to fall back to.
  void fall_back(std::uint32_t mtu) {
    size_ = 0;
    low_ = narrow(std::min<std::uint32_t>(mtu, low_));
  }
  // The size to try next; 0: the search is over (for now).
  std::uint32_t next(std::uint32_t threshold) const {
    const std::uint32_t low = low_;
    const std::uint32_t high = high_;
    return size_ != 0 || high < low + std::max(threshold, 1u) ? 0 : (low + high) / 2;
  }
  void on_sent(std::uint32_t size, SeqNum begin, SeqNum end) {
    size_ = narrow(size);
    begin_ = begin;
    end_ = end;
  }
  // True: the probe has arrived, larger segments may be sent.
  bool on_una(SeqNum una) {
    if (size_ == 0 || una < end_) return false;
    low_ = size_;
    size_ = 0;
    return true;
  }
  void on_lost() {
    high_ = narrow(size_ - 1u);
    size_ = 0;
  }
  void forget() { size_ = 0; }  // a time-out: it may have been the probe or anything else
  // Is it time to look again, up to `high`? What passes now is where the search begins.
  bool reopen(Instant now, Duration interval, std::uint32_t low, std::uint32_t high) {
    if (now - since_ < interval) return false;
    start(now, low, high);
    return true;
  }

 private:
  static std::uint16_t narrow(std::uint32_t size) {
    return static_cast<std::uint16_t>(std::min(size, 65535u));
  }

  Instant since_{};
  SeqNum begin_{};
  SeqNum end_{};
  std::uint16_t low_ = 0;
  std::uint16_t high_ = 0;
  std::uint16_t size_ = 0;  // of the probe in flight; 0: none
  bool running_ = false;
};

}  // namespace sockeye::tcp
