// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Whether a packet waits to become a larger one (Linux: tcp_tso_should_defer, net.ipv4.tcp_tso_win_divisor):
// where the window takes only a part of what could be one packet, and an ACK that opens it further is due at
// any moment. Something is in flight then, so the next chance comes by that ACK or by its time-out; there is
// no timer for it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

struct TsoSituation {
  std::uint32_t bytes = 0;       // of the packet, if nothing limited it
  std::uint32_t window = 0;      // that the peer's window still takes
  std::uint32_t congestion = 0;  // that the congestion window still takes
  std::uint32_t whole = 0;       // the smaller of both windows when nothing is in flight
  std::uint32_t largest = 0;     // a packet of this size is as good as any
  std::uint32_t mss = 536;
  std::uint32_t window_divisor = 3;  // this part of the whole window is worth a packet; 0: four segments are
  bool is_tail = true;               // no more data is behind it
  bool is_closed = false;            // a FIN goes with it, or a record ends: it gets no larger
  Duration since_sent{};             // the last data
  Duration flight_time{};            // of the oldest segment in flight
  Duration round_trip{};             // smoothed
};

constexpr bool should_defer(const TsoSituation& s) {
  constexpr std::uint32_t kDeferredMost = 3;  // segments, so that no more than one ACK is waited for
  constexpr Duration kSoon = 1ms;
  const std::uint32_t limit = std::min(s.window, s.congestion);
  if (s.since_sent > kSoon || limit >= s.largest) return false;
  if (!s.is_tail && limit >= s.bytes) return false;
  if (s.window_divisor != 0 ? limit >= s.whole / s.window_divisor : limit > kDeferredMost * s.mss)
    return false;
  if (s.round_trip - s.flight_time > std::min(s.round_trip / 2, kSoon)) return false;
  return limit <= s.bytes || !s.is_closed;
}

}  // namespace sockeye::tcp
