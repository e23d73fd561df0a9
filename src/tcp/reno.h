// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 5681 in its plain form: slow start, one segment per window in congestion avoidance, half the
// window at a loss. What happens during a recovery is the caller's.
#pragma once

#include "tcp/congestion_control.h"

namespace sockeye::tcp {

class Reno final : public CongestionControl {
 public:
  const char* name() const override { return "reno"; }
  // RFC 5681 3.1 MUST-4
  void on_ack(const AckSample& sample) override {
    if (sample.is_app_limited) return;
    std::uint32_t bytes = sample.acked_bytes;
    if (in_slow_start()) bytes = slow_start(bytes);
    acked_bytes_ += bytes;
    while (acked_bytes_ >= cwnd_ && cwnd_ < kInfinite - mss_) {
      acked_bytes_ -= cwnd_;
      cwnd_ += mss_;
    }
  }

 protected:
  std::uint32_t ssthresh_after_loss(Instant /*now*/) override {
    acked_bytes_ = 0;
    return cwnd_ / 2;
  }

 private:
  std::uint32_t acked_bytes_ = 0;  // towards the next segment
};

}  // namespace sockeye::tcp
