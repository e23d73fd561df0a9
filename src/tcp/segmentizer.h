// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How many bytes of new data may go out now, as one packet: the peer's window, the congestion window,
// RFC 9293 3.8.6.2.1 (silly window avoidance of the sender), Nagle's algorithm (3.7.4) in the form that
// Linux and Minshall's draft use (a short segment waits only while an earlier *short* one is
// unacknowledged), TCP_CORK and MSG_MORE, and the largest packet that the link takes in one piece.
//
// What is held back here is never forgotten: with something in flight the ACK brings the next
// decision, with nothing in flight the persist timer does (3.8.6.2.1's override, Linux's 200 ms of
// TCP_CORK). RFC 9293 3.9.1.2 MUST-60
#pragma once

#include <algorithm>
#include <cstdint>

namespace sockeye::tcp {

struct SendSituation {
  std::uint32_t unsent = 0;      // bytes that wait
  std::uint32_t mss = 0;         // payload per segment
  std::uint32_t window = 0;      // bytes the peer's window still takes
  std::uint32_t congestion = 0;  // bytes the congestion window still takes
  std::uint32_t window_max = 0;  // the largest window the peer ever offered
  std::uint32_t packet_max = 0;  // payload that the link takes in one piece, a multiple of mss
  bool nothing_in_flight = false;
  bool short_in_flight = false;  // an earlier segment below mss is unacknowledged
  bool nodelay = false;
  bool corked = false;   // TCP_CORK, or the last send said MSG_MORE
  bool is_last = false;  // a FIN follows these bytes: nothing to wait for
};

struct SendDecision {
  std::uint32_t bytes = 0;          // 0: wait
  bool congestion_limited = false;  // more would go out if the congestion window allowed it
};

constexpr SendDecision decide_send(const SendSituation& s) {
  SendDecision decision;
  const std::uint32_t allowed = std::min(s.window, s.packet_max);
  const std::uint32_t wanted = std::min(s.unsent, allowed);
  if (wanted == 0) return decision;
  std::uint32_t bytes = wanted;
  if (s.congestion < wanted) {  // RFC 5681 3.1 MUST-1
    decision.congestion_limited = true;
    // Only whole segments; with nothing in flight cwnd is at least one.
    bytes = s.congestion / s.mss * s.mss;
    if (bytes == 0 && s.nothing_in_flight) bytes = std::min(wanted, s.mss);
    if (bytes == 0) return decision;
  }
  const std::uint32_t whole = bytes < s.mss ? 0 : bytes == s.mss ? bytes : bytes / s.mss * s.mss;
  if (bytes == whole) {
    decision.bytes = bytes;
    return decision;
  }
  // A short segment at the end of the packet: is it the end of the data, or the edge of the window?
  bool take_short;
  if (bytes == s.unsent) {
    // RFC 9293 3.7.4 SHLD-7, MUST-17
    take_short = s.is_last || (!s.corked && (s.nodelay || !s.short_in_flight));
  } else {
    // RFC 9293 3.8.6.2.1 MUST-38
    take_short = whole == 0 && bytes >= std::max(s.window_max / 2, 1u);
  }
  decision.bytes = take_short ? bytes : whole;
  return decision;
}

}  // namespace sockeye::tcp
