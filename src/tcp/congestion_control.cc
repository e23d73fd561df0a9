// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/congestion_control.h"

#include <algorithm>
#include <new>

#include "tcp/bbr.h"
#include "tcp/cubic.h"
#include "tcp/reno.h"

namespace sockeye::tcp {

void CongestionControl::enter_recovery(Instant now) {
  prior_cwnd_ = cwnd_;
  prior_ssthresh_ = ssthresh_;
  ssthresh_ = std::max(ssthresh_after_loss(now), min_cwnd());
}

void CongestionControl::on_rto(Instant now, bool first) {
  if (first) enter_recovery(now);
  cwnd_ = mss_;
  on_restart(now, true);
}

void CongestionControl::on_idle(Instant now, Duration idle, Duration rto,
                                std::uint32_t initial_window_bytes) {
  const std::uint32_t restart = std::min(initial_window_bytes, cwnd_);
  // The path was fit for this window a while ago: slow start may return to most of it.
  ssthresh_ = std::max(ssthresh_, cwnd_ / 4 * 3);
  for (idle -= rto; idle > Duration::zero() && cwnd_ > restart; idle -= rto) cwnd_ /= 2;
  cwnd_ = std::max(cwnd_, restart);
  on_restart(now, false);
}

void CongestionControl::undo(Instant now) {
  if (prior_cwnd_ == 0) return;
  cwnd_ = std::max(cwnd_, prior_cwnd_);
  ssthresh_ = std::max(ssthresh_, prior_ssthresh_);
  prior_cwnd_ = 0;
  on_restart(now, false);
}

void CongestionControl::set_mss(std::uint32_t mss) {
  const std::uint64_t scaled = std::uint64_t{cwnd_} * mss / mss_;
  mss_ = static_cast<std::uint16_t>(mss);
  if (cwnd_ != 0) set_cwnd(static_cast<std::uint32_t>(std::min<std::uint64_t>(scaled, kInfinite)));
}

std::uint32_t CongestionControl::slow_start(std::uint32_t acked_bytes) {
  const std::uint32_t room = ssthresh_ - cwnd_;
  const std::uint32_t used = std::min(acked_bytes, room);
  cwnd_ += used;
  return acked_bytes - used;
}

std::uint64_t CongestionControl::pacing_rate(Duration srtt, unsigned slow_start_ratio,
                                             unsigned avoidance_ratio) const {
  const auto us = static_cast<std::uint64_t>(to_us(srtt));
  if (us == 0) return kUnlimitedRate;
  const unsigned percent = cwnd_ < ssthresh_ / 2 ? slow_start_ratio : avoidance_ratio;
  return std::uint64_t{cwnd_} * percent * 10'000u / us;
}

std::string_view available_congestion_controls() {
  return "reno cubic bbr";
}

bool is_congestion_control(std::string_view name) {
  return name == "reno" || name == "cubic" || name == "bbr";
}

template <class Algorithm, class... Arguments>
void CongestionControlSlot::start(Arguments&... arguments) {
  static_assert(sizeof(Algorithm) <= kBytes && alignof(Algorithm) <= 8);
  const std::uint32_t cwnd = get().cwnd();
  const std::uint32_t ssthresh = get().ssthresh();
  const std::uint32_t mss = get().mss();
  get().~CongestionControl();
  ::new (static_cast<void*>(storage_)) Algorithm(arguments...);
  get().set_mss(mss);
  if (cwnd != 0) get().set_cwnd(cwnd);
  get().set_ssthresh(ssthresh);
}

CongestionControlSlot::CongestionControlSlot() {
  ::new (static_cast<void*>(storage_)) Reno();
}

bool CongestionControlSlot::select(std::string_view name, BbrPool* pool) {
  if (name == "reno")
    start<Reno>();
  else if (name == "cubic")
    start<Cubic>();
  else if (name == "bbr" && pool != nullptr)
    start<Bbr>(*pool);
  else
    return false;
  return true;
}

}  // namespace sockeye::tcp
