// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR's variables (draft-ietf-ccwg-bbr 2) and constants, in the draft's names.
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

struct BbrState {
  // Constants. Gains and shares in percent.
  static constexpr unsigned kStartupPacingGain = 277;
  static constexpr unsigned kDrainPacingGain = 50;
  static constexpr unsigned kDownPacingGain = 90;
  static constexpr unsigned kUpPacingGain = 125;
  static constexpr unsigned kDefaultCwndGain = 200;
  static constexpr unsigned kUpCwndGain = 225;
  static constexpr unsigned kProbeRttCwndGain = 50;
  static constexpr unsigned kPacingMargin = 1;
  static constexpr unsigned kLossThresh = 2;
  static constexpr unsigned kBeta = 70;
  static constexpr unsigned kHeadroom = 15;
  static constexpr unsigned kStartupFullLossCount = 6;
  static constexpr Duration kMinRttFilterLen = 10s;
  static constexpr Duration kProbeRttInterval = 5s;
  static constexpr Duration kProbeRttDuration = 200ms;
  static constexpr std::uint32_t kExtraAckedFilterLen = 10;  // round trips
  static constexpr std::uint32_t kNoInflight = 0x7fffffff;   // Infinity
  static constexpr std::uint64_t kNoBw = ~std::uint64_t{0};
  static constexpr Duration kNoRtt = Duration::max();

  enum class Phase : std::uint8_t { startup, drain, down, cruise, refill, up, probe_rtt };
  enum class AckPhase : std::uint8_t { init, refilling, probe_starting, probe_feedback, probe_stopping };

  // 2.5-2.7: output, rounds
  std::uint64_t pacing_rate = 0;  // 0: not set yet
  std::uint64_t delivered = 0;    // C.delivered, as last heard
  std::uint64_t next_round_delivered = 0;
  std::uint32_t round_count = 0;
  std::uint32_t send_quantum = 0;
  std::uint32_t initial_cwnd = 0;
  std::uint32_t prior_cwnd = 0;
  std::uint16_t pacing_gain = kStartupPacingGain;
  std::uint16_t cwnd_gain = kDefaultCwndGain;
  Phase phase = Phase::startup;
  AckPhase ack_phase = AckPhase::init;
  bool is_started = false;
  bool round_start = false;
  bool idle_restart = false;
  bool in_recovery = false;

  // 2.9: the path
  std::uint64_t bw_now = 0;       // the largest of this PROBE_BW cycle
  std::uint64_t bw_previous = 0;  // ... and of the one before: max_bw is the larger
  std::uint64_t bw_shortterm = kNoBw;
  std::uint64_t bw = 0;
  Duration min_rtt = kNoRtt;
  Instant min_rtt_at{};
  std::uint32_t inflight_longterm = kNoInflight;
  std::uint32_t inflight_shortterm = kNoInflight;
  std::uint32_t max_inflight = 0;

  // 2.10: congestion
  std::uint64_t bw_latest = 0;
  std::uint64_t loss_round_delivered = 0;
  std::uint32_t inflight_latest = 0;
  std::uint8_t loss_events_in_round = 0;
  bool is_loss_in_round = false;
  bool loss_round_start = false;

  // 2.12: aggregation. The maximum over the window in two halves, the newer one first.
  Instant extra_acked_interval_start{};
  std::uint64_t extra_acked_delivered = 0;
  std::uint32_t extra_acked_max[2] = {0, 0};
  std::uint32_t extra_acked_round = 0;  // the newer half began

  // 2.13: is the pipe full?
  std::uint64_t full_bw = 0;
  std::uint32_t drain_start_round = 0;
  std::uint8_t full_bw_count = 0;
  bool full_bw_now = false;
  bool full_bw_reached = false;

  // 2.14: PROBE_BW
  Duration bw_probe_wait{};
  Instant cycle_at{};
  std::uint32_t bw_probe_up_acked = 0;
  std::uint32_t probe_up_acked_per_inc = kNoInflight;
  std::uint32_t rounds_since_probe_up = 0;
  std::uint8_t bw_probe_up_rounds = 0;
  bool is_bw_probe_sample = false;
  bool prev_probe_too_high = false;
  bool prev_probe_precautionary = false;

  // 2.15: undo
  std::uint64_t undo_bw_shortterm = kNoBw;
  std::uint32_t undo_inflight_shortterm = kNoInflight;
  std::uint32_t undo_inflight_longterm = kNoInflight;
  Phase undo_phase = Phase::drain;  // startup or up: the loss made it leave that; else nothing to undo

  // 2.16: PROBE_RTT
  Duration probe_rtt_min_delay = kNoRtt;
  Instant probe_rtt_min_at{};
  Instant probe_rtt_done_at{};
  bool has_probe_rtt_done_at = false;
  bool probe_rtt_expired = false;
  bool probe_rtt_round_done = false;

  BbrState* next_free = nullptr;
};

const char* name_of(BbrState::Phase phase);

}  // namespace sockeye::tcp
