// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What few connections need, and keep while they are idle (decisions.md D13: it costs the others a bit).
// Made when the need arises, gone with the connection; looked up by it, never walked.
#pragma once

#include <cstdint>

#include "tcp/mtu_probe.h"

namespace sockeye::tcp {

struct Rare {
  MtuProbe mtu{};
};

}  // namespace sockeye::tcp
