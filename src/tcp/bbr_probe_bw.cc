// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR's PROBE_BW cycle (draft-ietf-ccwg-bbr 5.3.3) and the long-term bound that its probes find (5.5.10.2):
//
//   DOWN    0.90 of bw   until the queue is gone and headroom is left
//   CRUISE  1.00         until it is time to probe: 2 to 3 s, or as many rounds as Reno would need
//   REFILL  1.00         one round at the full bound, so that the probe begins with a full pipe
//   UP      1.25         until the pipe is full, or more than 2 % are lost
#include <algorithm>

#include "tcp/bbr.h"
#include "tcp/bbr_state.h"

namespace sockeye::tcp {

using Phase = BbrState::Phase;
using AckPhase = BbrState::AckPhase;

bool Bbr::is_in_probe_bw() const {
  return m_.phase == Phase::down || m_.phase == Phase::cruise || m_.phase == Phase::refill ||
         m_.phase == Phase::up;
}

bool Bbr::is_probing_bw() const {
  return m_.phase == Phase::startup || m_.phase == Phase::refill || m_.phase == Phase::up;
}

void Bbr::enter_probe_bw(Instant now) {
  m_.cwnd_gain = BbrState::kDefaultCwndGain;
  start_down(now);
}

void Bbr::start_down(Instant now) {
  reset_congestion_signals();
  m_.probe_up_acked_per_inc = BbrState::kNoInflight;
  pick_probe_wait();
  m_.cycle_at = now;
  m_.ack_phase = AckPhase::probe_stopping;
  start_round();
  m_.phase = Phase::down;
  m_.pacing_gain = BbrState::kDownPacingGain;
  m_.cwnd_gain = BbrState::kDefaultCwndGain;
}

void Bbr::start_cruise() {
  m_.phase = Phase::cruise;
  m_.pacing_gain = 100;
}

void Bbr::start_refill() {
  reset_short_term_model();
  m_.bw_probe_up_rounds = 0;
  m_.bw_probe_up_acked = 0;
  m_.prev_probe_precautionary = false;
  m_.ack_phase = AckPhase::refilling;
  start_round();
  m_.phase = Phase::refill;
  m_.pacing_gain = 100;
  m_.cwnd_gain = BbrState::kDefaultCwndGain;
}

void Bbr::start_up(const AckSample& rs) {
  m_.ack_phase = AckPhase::probe_starting;
  start_round();
  reset_full_bw(rs.rate.rate);
  m_.phase = Phase::up;
  m_.pacing_gain = BbrState::kUpPacingGain;
  m_.cwnd_gain = BbrState::kUpCwndGain;
  raise_inflight_longterm_slope();
}

void Bbr::update_probe_bw_cycle_phase(const AckSample& rs) {
  if (!m_.full_bw_reached) return;
  if (adapt_long_term_model(rs)) return;
  switch (m_.phase) {
    case Phase::down:
      if (!is_time_to_probe_bw(rs.now) && is_time_to_cruise(rs)) start_cruise();
      break;
    case Phase::cruise:
      (void)is_time_to_probe_bw(rs.now);
      break;
    case Phase::refill:
      if (!m_.round_start) break;
      m_.is_bw_probe_sample = true;
      start_up(rs);
      break;
    case Phase::up:
      if (!is_time_to_go_down(rs)) break;
      m_.prev_probe_too_high = false;
      start_down(rs.now);
      break;
    case Phase::startup:
    case Phase::drain:
    case Phase::probe_rtt:
      break;
  }
}

// --- when

bool Bbr::is_time_to_probe_bw(Instant now) {
  // Reno would need a round per segment of its window to be back where it lost; no window is below four.
  const std::uint32_t reno_rounds = std::max(target_inflight(), min_pipe_cwnd()) / mss_;
  const bool has_elapsed = now > m_.cycle_at + m_.bw_probe_wait;
  if (!has_elapsed && m_.rounds_since_probe_up < std::min(reno_rounds, 63u)) return false;
  start_refill();
  return true;
}

// Randomized, so that flows do not probe together.
void Bbr::pick_probe_wait() {
  m_.rounds_since_probe_up = static_cast<std::uint32_t>(pool_.rng().below(2));
  m_.bw_probe_wait = 2s + Duration(static_cast<std::int64_t>(pool_.rng().below(1'000'000'000)));
}

bool Bbr::is_time_to_cruise(const AckSample& rs) const {
  return rs.in_flight <= inflight_with_headroom() && rs.in_flight <= inflight(max_bw(), 100);
}

bool Bbr::is_time_to_go_down(const AckSample& rs) {
  // In flight before this ACK (after it a window of exactly the bound is never full), in whole segments.
  if (m_.prev_probe_too_high && std::uint64_t{rs.prior_in_flight} + mss_ > m_.inflight_longterm) {
    m_.prev_probe_precautionary = true;
    return true;
  }
  if (rs.is_cwnd_limited && cwnd_ >= m_.inflight_longterm) {
    reset_full_bw(rs.rate.rate);  // the bound is what limits the rate
    return false;
  }
  return m_.full_bw_now;
}

// --- the long-term bound

// It grows by 1, 2, 4, 8 ... segments in each round.
void Bbr::raise_inflight_longterm_slope() {
  const std::uint32_t growth = std::uint32_t{1} << m_.bw_probe_up_rounds;
  m_.bw_probe_up_rounds = static_cast<std::uint8_t>(std::min(m_.bw_probe_up_rounds + 1, 30));
  m_.probe_up_acked_per_inc = std::max<std::uint32_t>(cwnd_ / growth, mss_);
}

void Bbr::probe_inflight_longterm_upward(const AckSample& rs) {
  if (!rs.is_cwnd_limited || cwnd_ < m_.inflight_longterm) return;
  m_.bw_probe_up_acked += rs.acked_bytes;
  if (m_.bw_probe_up_acked >= m_.probe_up_acked_per_inc) {
    const std::uint32_t delta = m_.bw_probe_up_acked / m_.probe_up_acked_per_inc;
    m_.bw_probe_up_acked -= delta * m_.probe_up_acked_per_inc;
    const std::uint64_t raised = m_.inflight_longterm + std::uint64_t{delta} * mss_;
    m_.inflight_longterm =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(raised, BbrState::kNoInflight - 1));
  }
  if (m_.round_start) raise_inflight_longterm_slope();
}

// True: it decided a change of state.
bool Bbr::adapt_long_term_model(const AckSample& rs) {
  if (m_.ack_phase == AckPhase::probe_starting && m_.round_start) m_.ack_phase = AckPhase::probe_feedback;
  if (m_.ack_phase == AckPhase::probe_stopping && m_.round_start) {
    m_.is_bw_probe_sample = false;
    m_.ack_phase = AckPhase::init;
    if (is_in_probe_bw() && !rs.rate.is_app_limited) advance_max_bw_filter();
    if (is_in_probe_bw() && m_.prev_probe_precautionary && !m_.prev_probe_too_high) {
      start_refill();  // the cautious probe met no loss: now in earnest
      return true;
    }
  }
  if (is_inflight_too_high(rs.rate.lost, rs.rate.tx_in_flight, rs.has_sack)) return false;
  if (m_.inflight_longterm == BbrState::kNoInflight) return false;
  m_.inflight_longterm = std::max(m_.inflight_longterm, rs.rate.tx_in_flight);
  if (m_.phase == Phase::up) probe_inflight_longterm_upward(rs);
  return false;
}

bool Bbr::is_inflight_too_high(std::uint32_t lost, std::uint32_t tx_in_flight, bool has_sack) {
  return std::uint64_t{lost} * 100 > std::uint64_t{tx_in_flight} * BbrState::kLossThresh ||
         (lost > 0 && !has_sack);
}

void Bbr::handle_inflight_too_high(Instant now, std::uint32_t tx_in_flight, bool is_app_limited) {
  m_.prev_probe_too_high = true;
  m_.is_bw_probe_sample = false;  // once per probe
  if (!is_app_limited)
    m_.inflight_longterm = std::max(
        tx_in_flight, static_cast<std::uint32_t>(std::uint64_t{target_inflight()} * BbrState::kBeta / 100));
  if (m_.phase != Phase::up) return;
  m_.undo_phase = Phase::up;
  start_down(now);
}

}  // namespace sockeye::tcp
