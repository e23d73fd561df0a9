// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR's model of the path (draft-ietf-ccwg-bbr 5.5): rounds, bandwidth, round-trip time, aggregation, the
// short-term bounds after losses, and what they mean for the window (5.6.4.2).
#include <algorithm>

#include "tcp/bbr.h"
#include "tcp/bbr_state.h"

namespace sockeye::tcp {

using Phase = BbrState::Phase;

namespace {

__extension__ using Wide = unsigned __int128;

// bytes per second over a time, in bytes
std::uint64_t bytes_in(std::uint64_t rate, Duration time) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(to_ns(time), 0));
  const Wide bytes = static_cast<Wide>(rate) * ns / 1'000'000'000u;
  return bytes > 0xffffffffffffffffu ? 0xffffffffffffffffu : static_cast<std::uint64_t>(bytes);
}

}  // namespace

// --- 5.5.1 rounds

void Bbr::start_round() {
  m_.next_round_delivered = m_.delivered;
}

void Bbr::update_round(const AckSample& rs) {
  m_.round_start = rs.rate.prior_delivered >= m_.next_round_delivered;
  if (!m_.round_start) return;
  start_round();
  ++m_.round_count;
  ++m_.rounds_since_probe_up;
}

// --- 5.5.2-5.5.6 bandwidth: the largest of two PROBE_BW cycles

std::uint64_t Bbr::max_bw() const {
  return std::max(m_.bw_now, m_.bw_previous);
}

void Bbr::update_max_bw(const AckSample& rs) {
  update_round(rs);
  if (rs.rate.rate > 0 && (rs.rate.rate >= max_bw() || !rs.rate.is_app_limited))
    m_.bw_now = std::max(m_.bw_now, rs.rate.rate);
}

void Bbr::advance_max_bw_filter() {
  if (m_.bw_now == 0) return;  // nothing was measured in this cycle: what is known is better
  m_.bw_previous = m_.bw_now;
  m_.bw_now = 0;
}

// --- 5.5.10.3 what the last round delivered, and the short-term bounds

void Bbr::update_latest_delivery_signals(const AckSample& rs) {
  m_.bw_latest = std::max(m_.bw_latest, rs.rate.rate);
  m_.inflight_latest = std::max(m_.inflight_latest, rs.rate.delivered);
  m_.loss_round_start = rs.rate.prior_delivered >= m_.loss_round_delivered;
  if (m_.loss_round_start) m_.loss_round_delivered = rs.rate.total_delivered;
}

void Bbr::advance_latest_delivery_signals(const AckSample& rs) {
  if (!m_.loss_round_start) return;
  m_.bw_latest = rs.rate.rate;
  m_.inflight_latest = rs.rate.delivered;
}

void Bbr::reset_congestion_signals() {
  m_.is_loss_in_round = false;
  m_.bw_latest = 0;
  m_.inflight_latest = 0;
}

void Bbr::update_congestion_signals(const AckSample& rs) {
  update_max_bw(rs);
  if (!m_.loss_round_start) return;
  adapt_lower_bounds_from_congestion();
  m_.is_loss_in_round = false;
}

void Bbr::adapt_lower_bounds_from_congestion() {
  if (is_probing_bw() || !m_.is_loss_in_round) return;
  if (m_.bw_shortterm == BbrState::kNoBw) m_.bw_shortterm = max_bw();
  if (m_.inflight_shortterm == BbrState::kNoInflight) m_.inflight_shortterm = cwnd_;
  m_.bw_shortterm = std::max(m_.bw_latest, m_.bw_shortterm / 100 * BbrState::kBeta);
  m_.inflight_shortterm =
      std::max(m_.inflight_latest,
               static_cast<std::uint32_t>(std::uint64_t{m_.inflight_shortterm} * BbrState::kBeta / 100));
}

void Bbr::reset_short_term_model() {
  m_.bw_shortterm = BbrState::kNoBw;
  m_.inflight_shortterm = BbrState::kNoInflight;
}

// --- 5.5.9 aggregation: how much more than expected came at once

void Bbr::update_ack_aggregation(const AckSample& rs) {
  std::uint64_t expected = bytes_in(m_.bw, rs.now - m_.extra_acked_interval_start);
  if (m_.extra_acked_delivered <= expected) {  // the episode is over
    m_.extra_acked_delivered = 0;
    m_.extra_acked_interval_start = rs.now;
    expected = 0;
  }
  m_.extra_acked_delivered += rs.acked_bytes;
  const std::uint64_t extra = std::min<std::uint64_t>(m_.extra_acked_delivered - expected, cwnd_);
  // The windowed maximum, in two halves of which the older one falls away.
  const std::uint32_t half = m_.full_bw_reached ? BbrState::kExtraAckedFilterLen / 2 : 1;
  if (m_.round_count - m_.extra_acked_round >= half) {
    m_.extra_acked_round = m_.round_count;
    m_.extra_acked_max[1] = m_.full_bw_reached ? m_.extra_acked_max[0] : 0;
    m_.extra_acked_max[0] = 0;
  }
  m_.extra_acked_max[0] = std::max(m_.extra_acked_max[0], static_cast<std::uint32_t>(extra));
}

std::uint32_t Bbr::extra_acked() const {
  return std::max(m_.extra_acked_max[0], m_.extra_acked_max[1]);
}

// --- 5.3.1.2 is the pipe full?

void Bbr::reset_full_bw(std::uint64_t baseline) {
  m_.full_bw = baseline;
  m_.full_bw_count = 0;
  m_.full_bw_now = false;
}

void Bbr::check_full_bw_reached(const AckSample& rs) {
  if (m_.full_bw_now || !m_.round_start || rs.rate.is_app_limited) return;
  if (rs.rate.rate >= m_.full_bw + m_.full_bw / 4) {  // still growing
    reset_full_bw(rs.rate.rate);
    return;
  }
  ++m_.full_bw_count;
  m_.full_bw_now = m_.full_bw_count >= 3;
  if (m_.full_bw_now) m_.full_bw_reached = true;
}

// --- 5.5.7 round-trip time

void Bbr::update_min_rtt(const AckSample& rs) {
  m_.probe_rtt_expired = rs.now > m_.probe_rtt_min_at + BbrState::kProbeRttInterval;
  const Duration rtt = rs.latest_rtt > Duration::zero() ? rs.latest_rtt : rs.rtt;
  if (rtt > Duration::zero() && (rtt < m_.probe_rtt_min_delay || m_.probe_rtt_expired)) {
    m_.probe_rtt_min_delay = rtt;
    m_.probe_rtt_min_at = rs.now;
  }
  const bool is_expired = rs.now > m_.min_rtt_at + BbrState::kMinRttFilterLen;
  if (m_.probe_rtt_min_delay < m_.min_rtt || is_expired) {
    m_.min_rtt = m_.probe_rtt_min_delay;
    m_.min_rtt_at = m_.probe_rtt_min_at;
  }
}

// --- 5.6.4.2 how much in flight

std::uint32_t Bbr::bdp_multiple(std::uint64_t bw, unsigned percent) const {
  if (m_.min_rtt == BbrState::kNoRtt) return m_.initial_cwnd;
  const std::uint64_t bdp = bytes_in(bw, m_.min_rtt);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::min<std::uint64_t>(bdp, kInfinite) * percent / 100, kInfinite));
}

std::uint32_t Bbr::quantization_budget(std::uint32_t inflight_cap) const {
  const std::uint32_t offload_budget = 3 * m_.send_quantum;
  inflight_cap = std::max({inflight_cap, offload_budget, min_pipe_cwnd()});
  if (m_.phase == Phase::up) inflight_cap += 2u * mss_;
  return std::min(inflight_cap, kInfinite);
}

std::uint32_t Bbr::inflight(std::uint64_t bw, unsigned percent) const {
  return quantization_budget(bdp_multiple(bw, percent));
}

std::uint32_t Bbr::inflight_with_headroom() const {
  if (m_.inflight_longterm == BbrState::kNoInflight) return BbrState::kNoInflight;
  const auto share =
      static_cast<std::uint32_t>(std::uint64_t{m_.inflight_longterm} * BbrState::kHeadroom / 100);
  const std::uint32_t headroom = std::max<std::uint32_t>(mss_, share);
  return std::max(m_.inflight_longterm - std::min(m_.inflight_longterm, headroom), min_pipe_cwnd());
}

std::uint32_t Bbr::target_inflight() const {
  return std::min(bdp_multiple(m_.bw, 100), cwnd_);
}

}  // namespace sockeye::tcp
