// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The first congestion window: RFC 6928's ten segments (Linux), or RFC 5681 3.1's two to four; one segment
// when the handshake lost too much.
#pragma once

#include <cstdint>

#include "tcp/config.h"

namespace sockeye::tcp {

// RFC 5681 3.1 MUST-2: the upper bound by segment size, in bytes.
constexpr std::uint32_t initial_window_of_rfc5681(std::uint32_t mss) {
  if (mss > 2190) return 2 * mss;
  return mss > 1095 ? 3 * mss : 4 * mss;
}

// `lost`: SYNs or SYN-ACKs of this end that were sent again. RFC 5681 3.1 MUST-3: after one, a segment; Linux
// forgives the first, which RFC 6298's shorter time-out made likely.
inline bool handshake_was_lossy(const Config& config, unsigned lost) {
  return lost > (config.initial_window == 0 ? 0u : 1u);
}

inline std::uint32_t initial_window_bytes(const Config& config, std::uint32_t mss) {
  return config.initial_window == 0 ? initial_window_of_rfc5681(mss) : config.initial_window * mss;
}

}  // namespace sockeye::tcp
