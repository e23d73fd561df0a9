// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// HyStart++ (RFC 9406): leaves slow start before it overflows the queue. A round trip whose smallest RTT
// is clearly above that of the round before means that a queue builds; then growth is four times slower
// (Conservative Slow Start) for at most five rounds, and normal again if the RTT falls back: it was noise.
//
// Asked about the initial slow start only (ssthresh is infinite; RFC 9406 4.3 RECOMMENDED). Its limit L
// of eight segments per ACK is left out, as in Linux: receivers merge segments and acknowledge 64 KiB.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

class HyStart {
 public:
  static constexpr Duration kMinRttThresh = 4ms;
  static constexpr Duration kMaxRttThresh = 16ms;
  static constexpr std::uint32_t kMinRttDivisor = 8;
  static constexpr std::uint8_t kRttSamples = 8;  // N_RTT_SAMPLE
  static constexpr std::uint32_t kCssGrowthDivisor = 4;
  static constexpr std::uint8_t kCssRounds = 5;

  enum class Phase : std::uint8_t { slow_start, conservative, done };

  // An ACK of new data with its round-trip time (zero: none). `done`: ssthresh becomes cwnd.
  Phase on_ack(Duration rtt, bool is_round_start) {
    if (is_round_start && begin_round()) return Phase::done;
    if (rtt > Duration::zero())
      on_rtt(static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_us(rtt), 1, kNone - 1)));
    return phase();
  }
  Phase phase() const { return css_baseline_us_ == kNone ? Phase::slow_start : Phase::conservative; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // True: the last round of Conservative Slow Start is over. A partial first round counts.
  bool begin_round() {
    if (phase() == Phase::conservative && ++css_rounds_ >= kCssRounds) return true;
    last_round_min_us_ = round_min_us_;
    round_min_us_ = kNone;
    samples_ = 0;
    return false;
  }

  void on_rtt(std::uint32_t us) {
    round_min_us_ = std::min(round_min_us_, us);
    if (samples_ < kRttSamples) ++samples_;
    if (samples_ < kRttSamples) return;
    if (phase() == Phase::conservative) {
      if (round_min_us_ < css_baseline_us_) {  // the rise was spurious
        css_baseline_us_ = kNone;
        css_rounds_ = 0;
      }
      return;
    }
    if (last_round_min_us_ == kNone) return;
    const auto least = static_cast<std::uint32_t>(to_us(kMinRttThresh));
    const auto most = static_cast<std::uint32_t>(to_us(kMaxRttThresh));
    const std::uint32_t threshold = std::clamp(last_round_min_us_ / kMinRttDivisor, least, most);
    if (round_min_us_ - std::min(round_min_us_, last_round_min_us_) < threshold) return;
    css_baseline_us_ = round_min_us_;
    css_rounds_ = 0;
  }

  std::uint32_t last_round_min_us_ = kNone;
  std::uint32_t round_min_us_ = kNone;
  std::uint32_t css_baseline_us_ = kNone;  // not kNone: in Conservative Slow Start
  std::uint8_t samples_ = 0;               // of this round
  std::uint8_t css_rounds_ = 0;
};

}  // namespace sockeye::tcp
