// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/cubic.h"

#include <algorithm>

namespace sockeye::tcp {
namespace {

__extension__ using Wide = __int128;

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
  epoch_ms_ = now_ms;
  w_est_ = cwnd_;
  estimate_fraction_ = 0;
  if (cwnd_ < w_max_) {
    k_ms_ = cube_root(std::uint64_t{w_max_ - cwnd_} * 2'500'000'000u / mss_);
  } else {
    k_ms_ = 0;
    w_max_ = cwnd_;
  }
}

std::uint32_t Cubic::window_at(std::uint32_t t_ms) const {
  const Wide distance = static_cast<Wide>(t_ms) - k_ms_;
  const Wide window = distance * distance * distance * mss_ / 2'500'000'000 + w_max_;
  return static_cast<std::uint32_t>(std::clamp<Wide>(window, 0, kInfinite));
}

// 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9/17 segments per window, until the window of before the loss
// is reached again; then 1.
void Cubic::grow_reno_estimate(std::uint32_t acked_bytes) {
  const Wide share = w_est_ < cwnd_prior_ ? 9 : 17;
  const Wide growth = (static_cast<Wide>(mss_) * acked_bytes * share << 16) / (Wide{17} * cwnd_);
  const Wide sum = (static_cast<Wide>(w_est_) << 16) + estimate_fraction_ + growth;
  w_est_ = static_cast<std::uint32_t>(std::min<Wide>(sum >> 16, kInfinite));
  estimate_fraction_ = static_cast<std::uint16_t>(sum & 0xffff);
}

void Cubic::on_ack(const AckSample& sample) {
  if (sample.is_app_limited) {
    epoch_ms_ = 0;  // 5.8: time in which the window was not the limit does not count
    return;
  }
  std::uint32_t bytes = sample.acked_bytes;
  if (in_slow_start()) bytes = slow_start(bytes);
  if (bytes == 0) return;

  const std::uint32_t now_ms = milliseconds(sample.now);
  if (epoch_ms_ == 0) begin_epoch(now_ms);
  grow_reno_estimate(bytes);

  const auto rtt_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_ms(sample.srtt), 0, 60'000));
  // 4.2: where the curve will be one round trip from now, at most half as much again.
  const std::uint32_t half_more = cwnd_ + std::min(cwnd_ / 2, kInfinite - cwnd_);
  const std::uint32_t target = std::clamp(window_at(now_ms - epoch_ms_ + rtt_ms), cwnd_, half_more);
  const Wide growth = static_cast<Wide>(target - cwnd_) * bytes / cwnd_;
  cwnd_ = static_cast<std::uint32_t>(std::min<Wide>(cwnd_ + growth, target));
  cwnd_ = std::max(cwnd_, std::min(w_est_, half_more));  // 4.3: the Reno-friendly region
}

// 4.6, 4.7.
std::uint32_t Cubic::ssthresh_after_loss(Instant /*now*/) {
  epoch_ms_ = 0;
  w_max_ = cwnd_ < w_max_ ? static_cast<std::uint32_t>(std::uint64_t{cwnd_} * 17 / 20) : cwnd_;
  cwnd_prior_ = cwnd_;
  return static_cast<std::uint32_t>(std::uint64_t{cwnd_} * 7 / 10);
}

// 4.8: after a time-out the first epoch has its plateau where congestion avoidance begins.
void Cubic::on_restart(Instant /*now*/, bool after_timeout) {
  epoch_ms_ = 0;
  if (after_timeout) w_max_ = 0;
}

}  // namespace sockeye::tcp
