// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Explicit congestion notification (RFC 3168 6.1), one end: what the receiving half echoes, what the
// sending half has to confirm. The two bits of the IP header travel in Segment::ip_ecn. ECT stands on
// new data only (6.1.4, 6.1.5): not on SYNs, pure ACKs and retransmissions.
#pragma once

#include <cstdint>

#include "tcp/segment.h"

namespace sockeye::tcp {

inline constexpr std::uint8_t kNotEct = 0, kEct1 = 1, kEct0 = 2, kCongestionExperienced = 3;

// RFC 9293 3.8.2 SHLD-8
class EcnState {
 public:
  void enable() { enabled_ = true; }
  bool is_enabled() const { return enabled_; }

  // --- receiving
  // Data came with these bits. True: say so soon (Linux: quick ACKs), as a mark has come, or a packet
  // without ECT among others with it, which is a retransmission.
  bool on_data(std::uint8_t ip_ecn) {
    if (!enabled_) return false;
    const bool is_news = ip_ecn == kNotEct ? seen_ : ip_ecn == kCongestionExperienced && !echo_;
    if (ip_ecn != kNotEct) seen_ = true;
    if (ip_ecn == kCongestionExperienced) echo_ = true;
    return is_news;
  }
  void on_cwr() { echo_ = false; }  // the peer has reduced
  bool has_seen() const { return seen_; }
  bool echoes() const { return echo_; }

  // --- sending
  void on_reduction() { cwr_due_ = enabled_; }
  void mark_new_data(Segment& segment) {
    if (!enabled_ || segment.payload_bytes == 0) return;
    segment.ip_ecn = kEct0;
    segment.flags.cwr = cwr_due_;
    cwr_due_ = false;
  }

 private:
  bool enabled_ : 1 = false;
  bool seen_ : 1 = false;     // the peer has sent ECT
  bool echo_ : 1 = false;     // ECE on every segment until CWR comes
  bool cwr_due_ : 1 = false;  // on the next new data
};

}  // namespace sockeye::tcp
