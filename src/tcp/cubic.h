// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// CUBIC (RFC 9438): after a loss the window returns along a cubic curve to where the loss was (W_max),
// lingers there, and only then probes beyond. At least as fast as Reno would be (4.3), and quicker to
// give way to newcomers (fast convergence, 4.7). The first slow start is HyStart++'s (RFC 9406), later
// ones the standard one.
//
//   cwnd                                   .
//   W_max |- - - - - - - . . - - . .' - -
//         |          .              K = time to return to W_max
//         |      .                  W(t) = C (t - K)^3 + W_max,  C = 0.4, beta = 0.7
//         |   .
//         +---------------+----------------> t since the epoch began
//
// Integers only: bytes and milliseconds, with 128-bit intermediate products.
#pragma once

#include "tcp/congestion_control.h"
#include "tcp/hystart.h"

namespace sockeye::tcp {

class Cubic final : public CongestionControl {
 public:
  Cubic() : hystart_() {}
  const char* name() const override { return "cubic"; }
  void on_ack(const AckSample& sample) override;
  Memory memory(Instant now) const override;
  void remember(Instant now, const Memory& memory) override;

 protected:
  std::uint32_t ssthresh_after_loss(Instant now) override;
  void on_restart(Instant now, bool after_timeout) override;

 private:
  // The epoch in congestion avoidance; begins with the first loss or HyStart++'s end.
  struct Curve {
    std::uint32_t cwnd_prior = 0;  // bytes, before the last reduction
    std::uint32_t epoch_ms = 0;    // 0: the next ACK begins an epoch
    std::uint32_t k_ms = 0;
    std::uint32_t w_est = 0;  // bytes: what Reno would have
  };

  void begin_epoch(std::uint32_t now_ms);
  std::uint32_t window_at(std::uint32_t t_ms) const;
  void grow_reno_estimate(std::uint32_t acked_bytes);
  std::uint32_t first_slow_start(const AckSample& sample);
  void leave_first_slow_start();

  std::uint16_t estimate_fraction_ : 15 = 0;  // of w_est, in 1/32768 bytes
  std::uint16_t has_curve_ : 1 = 0;           // curve_ is the one that lives; else hystart_
  std::uint32_t w_max_ = 0;                   // bytes; 0: no loss so far
  union {
    HyStart hystart_;
    Curve curve_;
  };
};

// The largest r with r^3 <= value.
std::uint32_t cube_root(std::uint64_t value);

}  // namespace sockeye::tcp
