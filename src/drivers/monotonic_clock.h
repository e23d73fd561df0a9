// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The machine's clock for embedding programs: CLOCK_MONOTONIC, read when asked, and a wait that sleeps
// until an absolute time (clock_nanosleep, so a signal or a slow wake-up shifts nothing). Nothing can
// come in while it sleeps; a program with devices of its own gives a clock that waits on them.
#pragma once

#include "posix/hosts.h"

namespace sockeye::drivers {

class MonotonicClock final : public posix::Clock {
 public:
  Instant now() override;
  void wait_until(Instant until) override;
  bool has_outside() const override { return false; }
};

}  // namespace sockeye::drivers
