// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/cubic.h"

#include <algorithm>
#include <new>

namespace sockeye::tcp {
namespace {

__extension__ using Wide = __int128;

constexpr std::uint32_t kLongestK = 1u << 21;  // milliseconds; more than cube_root() answers

std::uint32_t milliseconds(Instant now) {
  const auto ms = static_cast<std::uint32_t>(to_ms(now.time_since_epoch()));
  return ms == 0 ? 1 : ms;
}

}  // namespace

std::uint32_t cube_root(std::uint64_t value) {
  std::uint64_t root = 0;
  for (int bit = 21; bit >= 0; --bit) {
    const std::uint64_t candidate = root | std::uint64_t{1} << bit;
    if (static_cast<Wide>(candidate) * candidate * candidate <= static_cast<Wide>(value)) root = candidate;
  }
  return static_cast<std::uint32_t>(root);
}

// 4.2: the curve begins at the present window. K = cbrt((W_max - cwnd) / C) seconds, windows in segments.
void Cubic::begin_epoch(std::uint32_t now_ms) {
  curve_.epoch_ms = now_ms;
  curve_.w_est = cwnd_;
  estimate_fraction_ = 0;
  if (cwnd_ < w_max_) {
    curve_.k_ms = cube_root(std::uint64_t{w_max_ - cwnd_} * 2'500'000'000u / mss_);
  } else {
    curve_.k_ms = 0;
    w_max_ = cwnd_;
  }
}

std::uint32_t Cubic::window_at(std::uint32_t t_ms) const {
  const Wide distance = static_cast<Wide>(t_ms) - curve_.k_ms;
  const Wide window = distance * distance * distance * mss_ / 2'500'000'000 + w_max_;
  return static_cast<std::uint32_t>(std::clamp<Wide>(window, 0, kInfinite));
}

// 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9/17 segments per window, until the window of before the loss
// is reached again; then 1.
void Cubic::grow_reno_estimate(std::uint32_t acked_bytes) {
  const Wide share = curve_.w_est < curve_.cwnd_prior ? 9 : 17;
  const Wide growth = (static_cast<Wide>(mss_) * acked_bytes * share << 15) / (Wide{17} * cwnd_);
  const Wide sum = (static_cast<Wide>(curve_.w_est) << 15) + estimate_fraction_ + growth;
  curve_.w_est = static_cast<std::uint32_t>(std::min<Wide>(sum >> 15, kInfinite));
  estimate_fraction_ = static_cast<std::uint16_t>(sum & 0x7fff);
}

// RFC 9406 4.2. Answers the bytes that congestion avoidance may use: none, until HyStart++ is done.
std::uint32_t Cubic::first_slow_start(const AckSample& sample) {
  const HyStart::Phase phase = hystart_.on_ack(sample.latest_rtt, sample.is_round_start);
  if (phase == HyStart::Phase::done) {
    ssthresh_ = std::max(cwnd_, min_cwnd());
    leave_first_slow_start();
    return 0;
  }
  if (sample.is_app_limited) return 0;
  const bool is_slow = phase == HyStart::Phase::conservative;
  return slow_start(is_slow ? sample.acked_bytes / HyStart::kCssGrowthDivisor : sample.acked_bytes);
}

void Cubic::leave_first_slow_start() {
  if (has_curve_ != 0) return;
  has_curve_ = 1;
  estimate_fraction_ = 0;
  ::new (static_cast<void*>(&curve_)) Curve();
}

void Cubic::on_ack(const AckSample& sample) {
  if (has_curve_ == 0 && ssthresh_ < kInfinite) leave_first_slow_start();
  std::uint32_t bytes = sample.acked_bytes;
  if (has_curve_ == 0) {
    bytes = first_slow_start(sample);
    if (has_curve_ == 0 || bytes == 0) return;
  }
  if (sample.is_app_limited) {
    curve_.epoch_ms = 0;  // 5.8: time in which the window was not the limit does not count
    return;
  }
  if (in_slow_start()) bytes = slow_start(bytes);
  if (bytes == 0) return;

  const std::uint32_t now_ms = milliseconds(sample.now);
  if (curve_.epoch_ms == 0) begin_epoch(now_ms);
  grow_reno_estimate(bytes);

  const auto rtt_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_ms(sample.srtt), 0, 60'000));
  // 4.2: where the curve will be one round trip from now, at most half as much again.
  const std::uint32_t half_more = cwnd_ + std::min(cwnd_ / 2, kInfinite - cwnd_);
  const std::uint32_t target = std::clamp(window_at(now_ms - curve_.epoch_ms + rtt_ms), cwnd_, half_more);
  const Wide growth = static_cast<Wide>(target - cwnd_) * bytes / cwnd_;
  cwnd_ = static_cast<std::uint32_t>(std::min<Wide>(cwnd_ + growth, target));
  cwnd_ = std::max(cwnd_, std::min(curve_.w_est, half_more));  // 4.3: the Reno-friendly region
}

// 4.6, 4.7.
std::uint32_t Cubic::ssthresh_after_loss(Instant /*now*/) {
  leave_first_slow_start();
  curve_.epoch_ms = 0;
  w_max_ = cwnd_ < w_max_ ? static_cast<std::uint32_t>(std::uint64_t{cwnd_} * 17 / 20) : cwnd_;
  curve_.cwnd_prior = cwnd_;
  return static_cast<std::uint32_t>(std::uint64_t{cwnd_} * 7 / 10);
}

// 4.9: W_max, K and the epoch, of which a spurious loss must not cost the sender anything. None while
// HyStart++ runs, which begins anew.
CongestionControl::Memory Cubic::memory(Instant now) const {
  Memory memory;
  if (has_curve_ == 0) return memory;
  const std::uint32_t age = curve_.epoch_ms == 0 ? 0 : milliseconds(now) - curve_.epoch_ms + 1;
  memory.words = {1, w_max_, curve_.cwnd_prior, age, curve_.k_ms, curve_.w_est, estimate_fraction_, 0};
  return memory;
}

void Cubic::remember(Instant now, const Memory& memory) {
  const auto& [has_curve, w_max, cwnd_prior, age, k_ms, w_est, fraction, unused] = memory.words;
  if (has_curve != 1 || k_ms > kLongestK) return;
  leave_first_slow_start();
  w_max_ = std::min(w_max, kInfinite);
  curve_.cwnd_prior = std::min(cwnd_prior, kInfinite);
  curve_.k_ms = k_ms;
  curve_.w_est = std::min(w_est, kInfinite);
  estimate_fraction_ = fraction & 0x7fff;
  curve_.epoch_ms = age == 0 ? 0 : milliseconds(now) - (age - 1);
}

// 4.8: after a time-out the first epoch has its plateau where congestion avoidance begins.
void Cubic::on_restart(Instant /*now*/, bool after_timeout) {
  if (ssthresh_ >= kInfinite) {  // never lost anything, or that was an error: measure anew
    has_curve_ = 0;
    ::new (static_cast<void*>(&hystart_)) HyStart();
    w_max_ = 0;
    return;
  }
  leave_first_slow_start();
  curve_.epoch_ms = 0;
  if (after_timeout) w_max_ = 0;
}

}  // namespace sockeye::tcp
