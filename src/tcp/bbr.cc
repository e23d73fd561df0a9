// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR's events and control (draft-ietf-ccwg-bbr 5.2, 5.6), STARTUP and DRAIN (5.3.1, 5.3.2), PROBE_RTT
// (5.3.4), restart from idle (5.4), undo (5.5.11).
#include "tcp/bbr.h"

#include <algorithm>

#include "core/assert.h"
#include "tcp/bbr_state.h"

namespace sockeye::tcp {

using Phase = BbrState::Phase;

BbrPool::~BbrPool() {
  SOCKEYE_ASSERT(in_use_ == 0);
  while (free_ != nullptr) {
    BbrState* next = free_->next_free;
    delete free_;
    free_ = next;
  }
}

BbrState* BbrPool::acquire() {
  ++in_use_;
  if (free_ == nullptr) return new BbrState();
  BbrState* block = free_;
  free_ = block->next_free;
  --free_count_;
  *block = BbrState();
  return block;
}

void BbrPool::release(BbrState* block) {
  --in_use_;
  if (free_count_ >= kKeep) {
    delete block;
    return;
  }
  block->next_free = free_;
  free_ = block;
  ++free_count_;
}

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::startup:
      return "startup";
    case Phase::drain:
      return "drain";
    case Phase::down:
      return "probe_bw_down";
    case Phase::cruise:
      return "probe_bw_cruise";
    case Phase::refill:
      return "probe_bw_refill";
    case Phase::up:
      return "probe_bw_up";
    case Phase::probe_rtt:
      return "probe_rtt";
  }
  return "";
}

// OnInit(): what needs the time, at the first event that brings it.
void Bbr::start(Instant now) {
  if (m_.is_started) return;
  m_.is_started = true;
  m_.min_rtt_at = m_.probe_rtt_min_at = m_.extra_acked_interval_start = now;
  m_.initial_cwnd = cwnd_;
}

// UpdateOnACK()
void Bbr::on_ack(const AckSample& sample) {
  start(sample.now);
  m_.in_recovery = sample.in_recovery;
  if (m_.pacing_rate == 0) m_.pacing_rate = pacing_rate(sample.srtt, 0, 0);
  m_.delivered = sample.rate.total_delivered;
  if (!sample.rate.has_data) return;
  update_latest_delivery_signals(sample);
  update_congestion_signals(sample);
  update_ack_aggregation(sample);
  check_full_bw_reached(sample);
  check_startup_done(sample);
  check_drain_done(sample);
  update_probe_bw_cycle_phase(sample);
  update_min_rtt(sample);
  check_probe_rtt(sample);
  advance_latest_delivery_signals(sample);
  m_.bw = std::min(max_bw(), m_.bw_shortterm);  // BoundBWForModel()
  set_pacing_rate_with_gain(m_.pacing_gain);
  m_.send_quantum = pacing_quantum(m_.pacing_rate, mss_);
  set_bbr_cwnd(sample);
}

// --- control

// InitPacingRate(): before any bandwidth is known, the initial window in a round trip, or a millisecond.
std::uint64_t Bbr::pacing_rate(Duration srtt, unsigned, unsigned) const {
  if (m_.pacing_rate != 0) return m_.pacing_rate;
  const auto us =
      static_cast<std::uint64_t>(to_us(srtt > Duration::zero() ? std::max<Duration>(srtt, 1us) : 1ms));
  return std::max<std::uint64_t>(std::uint64_t{cwnd_} * BbrState::kStartupPacingGain * 10'000u / us, 1);
}

void Bbr::set_pacing_rate_with_gain(unsigned percent) {
  const std::uint64_t rate = m_.bw / 10'000 * percent * (100 - BbrState::kPacingMargin) +
                             m_.bw % 10'000 * percent * (100 - BbrState::kPacingMargin) / 10'000;
  if (rate > 0 && (m_.full_bw_reached || rate > m_.pacing_rate)) m_.pacing_rate = rate;
}

void Bbr::set_bbr_cwnd(const AckSample& rs) {
  const std::uint64_t wanted = std::uint64_t{bdp_multiple(m_.bw, m_.cwnd_gain)} + extra_acked();
  m_.max_inflight =
      quantization_budget(static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, kInfinite)));
  const std::uint32_t grown = cwnd_ + std::min(rs.acked_bytes, kInfinite - cwnd_);
  if (m_.full_bw_reached) {
    cwnd_ = std::min(grown, m_.max_inflight);
  } else if (cwnd_ < m_.max_inflight || rs.rate.total_delivered < m_.initial_cwnd) {
    cwnd_ = grown;
  }
  cwnd_ = std::max(cwnd_, min_pipe_cwnd());
  if (m_.phase == Phase::probe_rtt) cwnd_ = std::min(cwnd_, probe_rtt_cwnd());
  bound_cwnd_for_model();
}

void Bbr::bound_cwnd_for_model() {
  std::uint32_t cap = BbrState::kNoInflight;
  if (is_in_probe_bw() && m_.phase != Phase::cruise)
    cap = m_.inflight_longterm;
  else if (m_.phase == Phase::probe_rtt || m_.phase == Phase::cruise)
    cap = inflight_with_headroom();
  cap = std::max(std::min(cap, m_.inflight_shortterm), min_pipe_cwnd());
  cwnd_ = std::min(cwnd_, cap);
}

void Bbr::save_cwnd() {
  if (!m_.in_recovery && m_.phase != Phase::probe_rtt)
    m_.prior_cwnd = cwnd_;
  else
    m_.prior_cwnd = std::max(m_.prior_cwnd, cwnd_);
}

void Bbr::restore_cwnd() {
  cwnd_ = std::max(cwnd_, m_.prior_cwnd);
}

// --- losses

void Bbr::save_state_upon_loss() {
  save_cwnd();
  m_.undo_phase = Phase::drain;
  m_.undo_bw_shortterm = m_.bw_shortterm;
  m_.undo_inflight_shortterm = m_.inflight_shortterm;
  m_.undo_inflight_longterm = m_.inflight_longterm;
}

void Bbr::enter_recovery(Instant now) {
  start(now);
  save_cwnd();
  save_state_upon_loss();
  m_.in_recovery = true;
}

void Bbr::on_rto(Instant now, bool first) {
  start(now);
  save_cwnd();
  if (first) save_state_upon_loss();
  m_.in_recovery = true;
  cwnd_ = mss_;  // nothing counts as in flight
}

void Bbr::on_recovery_end() {
  m_.in_recovery = false;
  restore_cwnd();
}

// HandleLostPacket()
void Bbr::on_loss(const LossEvent& loss) {
  start(loss.now);
  m_.delivered = loss.total_delivered;
  if (!m_.is_loss_in_round) {  // NoteLoss()
    m_.loss_round_delivered = loss.total_delivered;
    save_state_upon_loss();
  }
  m_.is_loss_in_round = true;
  if (loss.begins_range && m_.loss_events_in_round < 255) ++m_.loss_events_in_round;
  if (!m_.is_bw_probe_sample) return;
  if (!is_inflight_too_high(loss.lost_since, loss.tx_in_flight, loss.has_sack)) return;
  // InflightAtLoss(): which part of this packet was still within the threshold?
  const std::uint32_t inflight_prev = loss.tx_in_flight - std::min(loss.tx_in_flight, loss.bytes);
  const std::uint32_t lost_prev = loss.lost_since - std::min(loss.lost_since, loss.bytes);
  const std::uint64_t allowed = std::uint64_t{inflight_prev} * BbrState::kLossThresh;
  const std::uint64_t lost = std::uint64_t{lost_prev} * 100;
  const std::uint64_t prefix = allowed > lost ? (allowed - lost) / (100 - BbrState::kLossThresh) : 0;
  handle_inflight_too_high(loss.now, inflight_prev + static_cast<std::uint32_t>(prefix), loss.is_app_limited);
}

// HandleSpuriousLossDetection()
void Bbr::undo(Instant now) {
  start(now);
  m_.in_recovery = false;
  restore_cwnd();
  m_.is_loss_in_round = false;
  reset_full_bw(0);
  m_.bw_shortterm = std::max(m_.bw_shortterm, m_.undo_bw_shortterm);
  m_.inflight_shortterm = std::max(m_.inflight_shortterm, m_.undo_inflight_shortterm);
  m_.inflight_longterm = std::max(m_.inflight_longterm, m_.undo_inflight_longterm);
  if (m_.undo_phase == Phase::startup && m_.phase != Phase::startup) {
    m_.full_bw_reached = false;
    if (m_.phase != Phase::probe_rtt) enter_startup();
  } else if (m_.undo_phase == Phase::up && m_.phase != Phase::up) {
    if (m_.phase != Phase::probe_rtt) start_refill();
  }
  m_.undo_phase = Phase::drain;
}

// --- moving to another stack: the path as it was found, from a new cycle on

CongestionControl::Memory Bbr::memory(Instant now) const {
  (void)now;
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v & 0xffffffff); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  const bool has_rtt = m_.min_rtt != BbrState::kNoRtt;
  const auto us =
      static_cast<std::uint32_t>(has_rtt ? std::clamp<std::int64_t>(to_us(m_.min_rtt), 1, kInfinite) : 0);
  return {{low(m_.bw_now), high(m_.bw_now), low(m_.bw_previous), high(m_.bw_previous), us,
           m_.inflight_longterm, m_.full_bw_reached ? 1u : 0u, 0}};
}

void Bbr::remember(Instant now, const Memory& memory) {
  const auto& words = memory.words;
  if (words[4] == 0) return;  // nothing was measured
  start(now);
  m_.bw_now = std::uint64_t{words[1]} << 32 | words[0];
  m_.bw_previous = std::uint64_t{words[3]} << 32 | words[2];
  m_.min_rtt = m_.probe_rtt_min_delay = std::chrono::microseconds(words[4]);
  m_.inflight_longterm = std::clamp(words[5], min_pipe_cwnd(), BbrState::kNoInflight);
  m_.bw = max_bw();
  if (words[6] != 1) return;
  m_.full_bw_reached = m_.full_bw_now = true;
  enter_probe_bw(now);
  set_pacing_rate_with_gain(m_.pacing_gain);
}

// --- STARTUP and DRAIN

void Bbr::enter_startup() {
  m_.phase = Phase::startup;
  m_.pacing_gain = BbrState::kStartupPacingGain;
  m_.cwnd_gain = BbrState::kDefaultCwndGain;
}

void Bbr::check_startup_done(const AckSample& rs) {
  check_startup_high_loss(rs);
  if (m_.phase == Phase::startup && m_.full_bw_reached) enter_drain();
}

// 5.3.1.3: a full round in recovery, more than 2 % of it lost, at six places or more. Without SACK one loss
// is all that a round trip can show, and enough.
void Bbr::check_startup_high_loss(const AckSample& rs) {
  const bool is_enough =
      rs.has_sack ? m_.loss_round_start && m_.loss_events_in_round >= BbrState::kStartupFullLossCount
                  : m_.loss_events_in_round > 0;
  const bool is_high = !m_.full_bw_reached && m_.phase == Phase::startup && rs.in_recovery && is_enough &&
                       is_inflight_too_high(rs.rate.lost, rs.rate.tx_in_flight, rs.has_sack);
  if (m_.loss_round_start) m_.loss_events_in_round = 0;
  if (!is_high) return;
  m_.undo_phase = Phase::startup;
  m_.full_bw_reached = m_.full_bw_now = true;
  m_.inflight_longterm = std::max(bdp_multiple(m_.bw, 100), m_.inflight_latest);
}

void Bbr::enter_drain() {
  m_.phase = Phase::drain;
  m_.pacing_gain = BbrState::kDrainPacingGain;
  m_.cwnd_gain = BbrState::kDefaultCwndGain;
  m_.drain_start_round = m_.round_count;
}

void Bbr::check_drain_done(const AckSample& rs) {
  if (m_.phase != Phase::drain) return;
  if (rs.in_flight <= inflight(m_.bw, 100) || m_.round_count > m_.drain_start_round + 3)
    enter_probe_bw(rs.now);
}

// --- PROBE_RTT

void Bbr::check_probe_rtt(const AckSample& rs) {
  if (m_.phase != Phase::probe_rtt && m_.probe_rtt_expired && !m_.idle_restart) {
    enter_probe_rtt();
    start_round();
  }
  if (m_.phase == Phase::probe_rtt) handle_probe_rtt(rs);
  if (rs.rate.delivered > 0) m_.idle_restart = false;
}

void Bbr::enter_probe_rtt() {
  save_cwnd();
  m_.phase = Phase::probe_rtt;
  m_.pacing_gain = 100;
  m_.cwnd_gain = BbrState::kProbeRttCwndGain;
  m_.has_probe_rtt_done_at = false;
  m_.ack_phase = BbrState::AckPhase::probe_stopping;
}

void Bbr::handle_probe_rtt(const AckSample& rs) {
  if (!m_.has_probe_rtt_done_at) {
    if (rs.in_flight > probe_rtt_cwnd()) return;
    m_.has_probe_rtt_done_at = true;
    m_.probe_rtt_done_at = rs.now + BbrState::kProbeRttDuration;
    m_.probe_rtt_round_done = false;
    start_round();
    return;
  }
  if (m_.round_start) m_.probe_rtt_round_done = true;
  if (m_.probe_rtt_round_done) check_probe_rtt_done(rs.now);
}

void Bbr::check_probe_rtt_done(Instant now) {
  if (!m_.has_probe_rtt_done_at || now <= m_.probe_rtt_done_at) return;
  m_.probe_rtt_min_at = now;  // schedules the next one
  restore_cwnd();
  exit_probe_rtt(now);
}

void Bbr::exit_probe_rtt(Instant now) {
  reset_short_term_model();
  if (m_.full_bw_reached) {
    start_down(now);
    start_cruise();
  } else {
    enter_startup();
  }
}

std::uint32_t Bbr::probe_rtt_cwnd() const {
  return std::max(bdp_multiple(m_.bw, BbrState::kProbeRttCwndGain), min_pipe_cwnd());
}

// MarkConnectionAppLimited() of HandleProbeRTT()
bool Bbr::marks_app_limited() const {
  return m_.phase == Phase::probe_rtt;
}

// HandleRestartFromIdle()
void Bbr::on_restart_from_idle(Instant now, bool is_app_limited) {
  if (!m_.is_started || !is_app_limited) return;
  m_.idle_restart = true;
  m_.extra_acked_interval_start = now;
  if (is_in_probe_bw())
    set_pacing_rate_with_gain(100);
  else if (m_.phase == Phase::probe_rtt)
    check_probe_rtt_done(now);
}

std::optional<PathModel> Bbr::path_model() const {
  PathModel model;
  model.bandwidth = m_.bw;
  model.min_rtt = m_.min_rtt == BbrState::kNoRtt ? Duration::zero() : m_.min_rtt;
  model.pacing_gain_percent = m_.pacing_gain;
  model.cwnd_gain_percent = m_.cwnd_gain;
  model.phase = name_of(m_.phase);
  return model;
}

}  // namespace sockeye::tcp
