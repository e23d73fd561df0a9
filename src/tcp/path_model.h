// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What an algorithm that models the path believes of it (TCP_CC_INFO's struct tcp_bbr_info).
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

struct PathModel {
  std::uint64_t bandwidth = 0;  // bytes per second
  Duration min_rtt = Duration::zero();
  unsigned pacing_gain_percent = 100;
  unsigned cwnd_gain_percent = 100;
  const char* phase = "";  // in the draft's names, lower case
};

}  // namespace sockeye::tcp
