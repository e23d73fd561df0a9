// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Explicit congestion notification (RFC 3168 6.1), one end: what the receiving half echoes, what the
// sending half has to confirm. The two bits of the IP header travel in Segment::ip_ecn. ECT stands on
// new data only (6.1.4, 6.1.5): not on SYNs, pure ACKs and retransmissions. Who asks for what says
// net.ipv4.tcp_ecn; with Accurate ECN (tcp/acc_ecn.h) nothing is echoed and confirmed, but counted.
#pragma once

#include <cstdint>

#include "tcp/acc_ecn.h"
#include "tcp/segment.h"

namespace sockeye::tcp {

inline constexpr std::uint8_t kNotEct = 0, kEct1 = 1, kEct0 = 2, kCongestionExperienced = 3;

// net.ipv4.tcp_ecn: what a SYN of ours asks for.
constexpr EcnMode ecn_to_ask(unsigned setting) {
  return setting == 3 ? EcnMode::accurate : setting == 1 || setting == 4 ? EcnMode::classic : EcnMode::none;
}
// ... and what we answer to a SYN with these bits. An ECN-setup SYN has no ECT in its IP header (RFC 3168
// 6.1.1); what neither RFC knows asks for Accurate ECN (RFC 9768 3.1.3).
constexpr EcnMode ecn_for_syn(unsigned setting, std::uint8_t ace, std::uint8_t ip_ecn) {
  const bool asks_classic = (ace & 3) == 3 && ip_ecn == kNotEct;
  if (setting >= 3 && ace != 0 && ace != 3) return EcnMode::accurate;
  return setting != 0 && asks_classic ? EcnMode::classic : EcnMode::none;
}

// RFC 9293 3.8.2 SHLD-8
class EcnState {
 public:
  void enable(EcnMode mode) {
    enabled_ = mode == EcnMode::classic;
    accurate_ = mode == EcnMode::accurate;
  }
  void silence() { silent_ = true; }  // no ECT any more: marks would not come back
  bool is_silent() const { return silent_; }
  bool is_enabled() const { return enabled_ || accurate_; }
  bool is_accurate() const { return accurate_; }
  EcnMode mode() const { return accurate_ ? EcnMode::accurate : enabled_ ? EcnMode::classic : EcnMode::none; }
  // With which IP bits the peer's SYN came: what our SYN-ACK says.
  void set_syn_ip_ecn(std::uint8_t ip_ecn) { syn_ip_ecn_ = ip_ecn & 3; }
  std::uint8_t syn_ip_ecn() const { return syn_ip_ecn_; }

  // --- receiving
  // Data came with these bits. True: say so soon (Linux: quick ACKs), as a mark has come, or a packet
  // without ECT among others with it, which is a retransmission.
  bool on_data(std::uint8_t ip_ecn) {
    if (accurate_ && ip_ecn != kNotEct) seen_ = true;
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
    if (!is_enabled() || silent_ || segment.payload_bytes == 0) return;
    segment.ip_ecn = kEct0;
    if (accurate_) return;
    segment.flags.cwr = cwr_due_;
    cwr_due_ = false;
  }

  // All of it as one number, for a snapshot (tcp/snapshot.h).
  std::uint8_t bits() const {
    return static_cast<std::uint8_t>((enabled_ ? 1 : 0) | (seen_ ? 2 : 0) | (echo_ ? 4 : 0) |
                                     (cwr_due_ ? 8 : 0) | (accurate_ ? 16 : 0) | (silent_ ? 32 : 0) |
                                     syn_ip_ecn_ << 6);
  }
  static EcnState from_bits(std::uint8_t bits) {
    EcnState state;
    state.enabled_ = (bits & 1) != 0;
    state.seen_ = (bits & 2) != 0;
    state.echo_ = (bits & 4) != 0;
    state.cwr_due_ = (bits & 8) != 0;
    state.accurate_ = (bits & 16) != 0;
    state.silent_ = (bits & 32) != 0;
    state.set_syn_ip_ecn(static_cast<std::uint8_t>(bits >> 6));
    return state;
  }

 private:
  bool enabled_ : 1 = false;
  bool seen_ : 1 = false;     // the peer has sent ECT
  bool echo_ : 1 = false;     // ECE on every segment until CWR comes
  bool cwr_due_ : 1 = false;  // on the next new data
  bool accurate_ : 1 = false;
  bool silent_ : 1 = false;
  std::uint8_t syn_ip_ecn_ : 2 = 0;
};

}  // namespace sockeye::tcp
