// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What few connections need, and keep while they are idle (decisions.md D13: it costs the others a bit).
// Made when the need arises, gone with the connection; looked up by it, never walked.
#pragma once

#include <cstdint>

#include "tcp/acc_ecn.h"
#include "tcp/mtu_probe.h"

namespace sockeye::tcp {

// Of the retransmission timer, for TCP_INFO (tcpi_total_rto and its companions).
struct Timeouts {
  std::uint16_t count = 0;
  std::uint16_t recoveries = 0;   // rows of them that ended with an acknowledgment
  std::uint32_t recovery_ms = 0;  // how long these took
};

struct Rare {
  MtuProbe mtu{};
  AccEcn accurate_ecn{};
  Timeouts timeouts{};
};

}  // namespace sockeye::tcp
