// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/rtt_estimator.h"

#include <algorithm>

namespace sockeye::tcp {
namespace {

constexpr Duration kDistrusted = 3s;               // (5.7)
constexpr std::uint32_t kLongestUs = 256'000'000;  // eight times it still fits: no sample is longer

std::uint32_t clamp_us(Duration d) {
  const std::int64_t us = to_us(d);
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, kLongestUs));
}

}  // namespace

void RttEstimator::on_sample(Duration rtt, SeqNum snd_una, SeqNum snd_nxt, const RtoLimits& limits,
                             std::uint32_t samples) {
  const std::uint32_t sample = clamp_us(rtt);
  // Four times a deviation of rto_min / 4.
  const std::uint32_t floor4 = limits.min_of_sum ? 0 : clamp_us(limits.min);
  if (!has_sample_) {  // RFC 6298 2.2 MUST-1: SRTT = R, RTTVAR = R/2
    has_sample_ = true;
    srtt8_us_ = sample * 8;
    deviation4_us_ = sample * 2;
    round_peak4_us_ = variation4_us_ = std::max(deviation4_us_, floor4);
    round_end_ = snd_nxt;
    return;
  }
  // RFC 6298 2.3 MUST-2, SHLD-2: alpha = 1/8 and beta = 1/4.
  const auto error = static_cast<std::int64_t>(sample) - static_cast<std::int64_t>(srtt8_us_ / 8);
  srtt8_us_ = static_cast<std::uint32_t>(std::max<std::int64_t>(srtt8_us_ + error / samples, 0));
  const std::int64_t magnitude = error < 0 ? -error : error;
  std::int64_t change = magnitude - static_cast<std::int64_t>(deviation4_us_ / 4);
  // A path that becomes faster is no reason to be more careful: such samples widen the deviation at an
  // eighth of the weight.
  if (error < 0 && change > 0) change /= 8;
  change /= samples;
  deviation4_us_ = static_cast<std::uint32_t>(std::max<std::int64_t>(deviation4_us_ + change, 0));

  if (deviation4_us_ > round_peak4_us_) {
    round_peak4_us_ = deviation4_us_;
    variation4_us_ = std::max(variation4_us_, round_peak4_us_);
  }
  if (snd_una > round_end_) {  // a round trip is over: come down towards its peak, a quarter of the way
    if (round_peak4_us_ < variation4_us_) variation4_us_ -= (variation4_us_ - round_peak4_us_) / 4;
    round_peak4_us_ = floor4;
    round_end_ = snd_nxt;
  }
}

Duration RttEstimator::base_rto(const RtoLimits& limits) const {
  if (!has_sample()) {
    const Duration initial = distrusted_ ? std::max(limits.initial, kDistrusted) : limits.initial;
    return std::min(std::max(initial, limits.min), limits.max);
  }
  if (limits.min_of_sum) {
    // RFC 6298 4 MUST-6: at least a tick, which is a microsecond here.
    const Duration sum = std::chrono::microseconds(srtt8_us_ / 8 + std::max(variation4_us_, 1u));
    return std::min(std::max(sum, limits.min), limits.max);
  }
  // The floor is applied again: a route may have changed rto_min since the last sample.
  const std::uint32_t variation = std::max(variation4_us_, clamp_us(limits.min));
  return std::min<Duration>(std::chrono::microseconds(srtt8_us_ / 8 + variation), limits.max);
}

Duration RttEstimator::rto(const RtoLimits& limits) const {
  Duration rto = base_rto(limits);
  for (unsigned i = 0; i < back_offs_ && rto < limits.max; ++i) rto *= 2;
  return std::min(rto, limits.max);
}

}  // namespace sockeye::tcp
