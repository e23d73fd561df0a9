// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// CUBIC (RFC 9438): after a loss the window returns along a cubic curve to where the loss was (W_max),
// lingers there, and only then probes beyond. At least as fast as Reno would be (4.3), and quicker to
// give way to newcomers (fast convergence, 4.7). The slow start is the standard one.
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

namespace sockeye::tcp {

class Cubic final : public CongestionControl {
 public:
  const char* name() const override { return "cubic"; }
  void on_ack(const AckSample& sample) override;

 protected:
  std::uint32_t ssthresh_after_loss(Instant now) override;
  void on_restart(Instant now, bool after_timeout) override;

 private:
  void begin_epoch(std::uint32_t now_ms);
  std::uint32_t window_at(std::uint32_t t_ms) const;
  void grow_reno_estimate(std::uint32_t acked_bytes);

  std::uint16_t estimate_fraction_ = 0;  // of w_est_, in 1/65536 bytes
  std::uint32_t w_max_ = 0;              // bytes; 0: no loss so far
  std::uint32_t cwnd_prior_ = 0;         // bytes, before the last reduction
  std::uint32_t epoch_ms_ = 0;           // 0: the next ACK begins an epoch
  std::uint32_t k_ms_ = 0;
  std::uint32_t w_est_ = 0;  // bytes: what Reno would have
};

// The largest r with r^3 <= value.
std::uint32_t cube_root(std::uint64_t value);

}  // namespace sockeye::tcp
