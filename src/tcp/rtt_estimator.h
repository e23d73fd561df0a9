// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 6298: smoothed round-trip time, its variation, and the retransmission time-out, with Linux's two
// refinements. The lower bound applies to the variation and not to the sum (RTO = SRTT + max(4 RTTVAR,
// rto_min)), and the variation follows the largest deviation of the last round trip, so that a single
// quiet sample does not shorten the time-out. Whole microseconds: 24 bytes per connection.
//
// A handshake whose SYN was retransmitted brings no sample; data then starts from 3 s (5.7), as in Linux.
//
// Karn's rule (3) is the caller's: it gives no sample from a retransmitted segment unless a timestamp
// tells which transmission was acknowledged.
#pragma once

#include <cstdint>

#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

struct RtoLimits {
  Duration min = 200ms;
  Duration max = 120s;
  Duration initial = 1s;    // RFC 6298 2.1 SHLD-1: before the first sample
  bool min_of_sum = false;  // 2.4 to the letter: `min` bounds the RTO, not its variation alone
};

class RttEstimator {
 public:
  // `snd_una` after the ACK that brought the sample, `snd_nxt` now: they delimit round trips.
  // `samples`: how many a round trip brings, which share the weight of one (RFC 7323 4.2); Linux: 1.
  void on_sample(Duration rtt, SeqNum snd_una, SeqNum snd_nxt, const RtoLimits& limits,
                 std::uint32_t samples = 1);

  // (5.5) the timer expired: twice as long next time. (5.7) undone by an ACK of new data.
  void back_off() {
    if (back_offs_ < 31) ++back_offs_;
  }
  void reset_back_off() { back_offs_ = 0; }
  unsigned back_offs() const { return back_offs_; }

  // (5.7): the timer expired while the SYN was unanswered, and the handshake measured nothing.
  void distrust_initial() { distrusted_ = true; }
  bool has_sample() const { return has_sample_; }
  Duration rto(const RtoLimits& limits) const;       // with back-off, at most limits.max
  Duration base_rto(const RtoLimits& limits) const;  // without back-off
  Duration srtt() const { return std::chrono::microseconds(srtt8_us_ / 8); }
  Duration rttvar() const { return std::chrono::microseconds(deviation4_us_ / 4); }  // RFC 6298's RTTVAR

 private:
  std::uint32_t srtt8_us_ = 0;        // 8 SRTT
  std::uint32_t deviation4_us_ = 0;   // 4 x mean deviation
  std::uint32_t round_peak4_us_ = 0;  // its largest value in this round trip, at least rto_min
  std::uint32_t variation4_us_ = 0;   // what the RTO uses
  SeqNum round_end_{};                // the round trip ends when this is acknowledged
  std::uint8_t back_offs_ = 0;
  bool has_sample_ = false;
  bool distrusted_ = false;
};

}  // namespace sockeye::tcp
