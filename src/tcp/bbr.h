// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR version 3 (draft-ietf-ccwg-bbr): instead of waiting for losses it models the path, as a bandwidth
// (the largest delivery rate of late) and a round-trip time (the smallest of late), paces at the one and
// keeps the product of both in flight. Losses correct the model: for the present by the short-term bounds,
// and for the next probe by inflight_longterm, what the path took with less than 2 % loss.
//
//   STARTUP --full or lossy--> DRAIN --queue gone--> PROBE_BW: DOWN -> CRUISE -> REFILL -> UP -> DOWN ...
//      ^                                                |  5 s without a lower RTT (from any state)
//      +------- not full yet ------ PROBE_RTT <---------+  200 ms at half the BDP, then back
//
// bbr.cc has the events, the control of rate and window, STARTUP, DRAIN and PROBE_RTT; bbr_model.cc the
// path model; bbr_probe_bw.cc the cycle and the long-term bound. The functions are the draft's, in its
// names and order. In bytes, bytes per second and nanoseconds; gains in percent, so that every compiler
// computes the same.
//
// Left out: ECN, as in the draft.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/rng.h"
#include "tcp/congestion_control.h"

namespace sockeye::tcp {

struct BbrState;

// Blocks of model state, for connections that selected BBR only: an idle connection of another algorithm
// costs none (decisions.md D13). Taken when the algorithm is chosen, not on the data path.
class BbrPool {
 public:
  explicit BbrPool(Rng& open) : rng_(open) {}
  ~BbrPool();
  BbrPool(const BbrPool&) = delete;
  BbrPool& operator=(const BbrPool&) = delete;

  BbrState* acquire();
  void release(BbrState* block);
  std::size_t in_use() const { return in_use_; }
  Rng& rng() { return rng_; }

 private:
  static constexpr std::size_t kKeep = 64;  // free blocks
  Rng& rng_;                                // public: when to probe
  BbrState* free_ = nullptr;
  std::size_t free_count_ = 0;
  std::size_t in_use_ = 0;
};

class Bbr final : public CongestionControl {
 public:
  // The pool outlives this.
  explicit Bbr(BbrPool& pool) : pool_(pool), m_(*pool.acquire()) {}
  ~Bbr() override { pool_.release(&m_); }
  Bbr(const Bbr&) = delete;
  Bbr& operator=(const Bbr&) = delete;

  const char* name() const override { return "bbr"; }
  void on_ack(const AckSample& sample) override;
  void on_loss(const LossEvent& loss) override;
  bool owns_recovery() const override { return true; }
  void enter_recovery(Instant now) override;
  void on_rto(Instant now, bool first) override;
  void on_recovery_end() override;
  void undo(Instant now) override;
  void on_idle(Instant, Duration, Duration, std::uint32_t) override {}
  void on_restart_from_idle(Instant now, bool is_app_limited) override;
  bool needs_pacing() const override { return true; }
  std::uint64_t pacing_rate(Duration srtt, unsigned, unsigned) const override;
  bool marks_app_limited() const override;
  std::optional<PathModel> path_model() const override;
  Memory memory(Instant now) const override;
  void remember(Instant now, const Memory& memory) override;

  const BbrState& state() const { return m_; }

 protected:
  std::uint32_t ssthresh_after_loss(Instant) override { return ssthresh_; }

 private:
  // bbr.cc
  void start(Instant now);
  void enter_startup();
  void check_startup_done(const AckSample& rs);
  void check_startup_high_loss(const AckSample& rs);
  void enter_drain();
  void check_drain_done(const AckSample& rs);
  void check_probe_rtt(const AckSample& rs);
  void enter_probe_rtt();
  void handle_probe_rtt(const AckSample& rs);
  void check_probe_rtt_done(Instant now);
  void exit_probe_rtt(Instant now);
  std::uint32_t probe_rtt_cwnd() const;
  void set_pacing_rate_with_gain(unsigned percent);
  void set_bbr_cwnd(const AckSample& rs);
  void bound_cwnd_for_model();
  void save_cwnd();
  void restore_cwnd();
  void save_state_upon_loss();

  // bbr_model.cc
  void start_round();
  void update_round(const AckSample& rs);
  void update_max_bw(const AckSample& rs);
  void advance_max_bw_filter();
  std::uint64_t max_bw() const;
  void update_latest_delivery_signals(const AckSample& rs);
  void advance_latest_delivery_signals(const AckSample& rs);
  void update_congestion_signals(const AckSample& rs);
  void reset_congestion_signals();
  void reset_short_term_model();
  void adapt_lower_bounds_from_congestion();
  void update_ack_aggregation(const AckSample& rs);
  std::uint32_t extra_acked() const;
  void reset_full_bw(std::uint64_t baseline);
  void check_full_bw_reached(const AckSample& rs);
  void update_min_rtt(const AckSample& rs);
  std::uint32_t min_pipe_cwnd() const { return 4u * mss_; }
  std::uint32_t bdp_multiple(std::uint64_t bw, unsigned percent) const;
  std::uint32_t quantization_budget(std::uint32_t inflight_cap) const;
  std::uint32_t inflight(std::uint64_t bw, unsigned percent) const;
  std::uint32_t inflight_with_headroom() const;
  std::uint32_t target_inflight() const;

  // bbr_probe_bw.cc
  bool is_in_probe_bw() const;
  bool is_probing_bw() const;
  void enter_probe_bw(Instant now);
  void start_down(Instant now);
  void start_cruise();
  void start_refill();
  void start_up(const AckSample& rs);
  void update_probe_bw_cycle_phase(const AckSample& rs);
  bool is_time_to_probe_bw(Instant now);
  bool is_time_to_cruise(const AckSample& rs) const;
  bool is_time_to_go_down(const AckSample& rs);
  void pick_probe_wait();
  void raise_inflight_longterm_slope();
  void probe_inflight_longterm_upward(const AckSample& rs);
  bool adapt_long_term_model(const AckSample& rs);
  static bool is_inflight_too_high(std::uint32_t lost, std::uint32_t tx_in_flight, bool has_sack);
  void handle_inflight_too_high(Instant now, std::uint32_t tx_in_flight, bool is_app_limited);

  BbrPool& pool_;
  BbrState& m_;
};

}  // namespace sockeye::tcp
