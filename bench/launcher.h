// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Two ordinary processes (bench/peer.c): once on the kernel's loopback, once under `sockeye pair`.
#pragma once

#include <string>

namespace sockeye::bench {

// The figure that the client printed; negative: could not run. mode: "rr", "bulk" or "connect".
double peer_on_kernel(const std::string& directory, const std::string& mode, double seconds);
double peer_on_sockeye(const std::string& directory, const std::string& mode, double seconds);

}  // namespace sockeye::bench
