// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// SYN cookies (RFC 4987 3.6, after D. J. Bernstein): while a listener's SYN queue is full the SYN-ACK
// carries in its sequence number all that must be remembered, and nothing is kept here.
//
//   cookie = H(tuple) + peer's ISN + (minute << 24) + (H(tuple, peer's ISN, minute, i) * 4 + i) mod 2^24
//
// where i, two bits, tells the MSS. (Linux adds i to its hash; then a number beside the right one passes
// for another MSS.) The lower part changes every minute; a cookie is good for the minute it was made in
// and the next. What else was agreed upon lies in the low six bits of our timestamp, if there is one,
// which the peer's ACK echoes: window scale, SACK, ECN. Without timestamps only the MSS survives, and
// the SYN-ACK offers nothing else.
#pragma once

#include <cstdint>
#include <optional>

#include "core/ip_address.h"
#include "core/seqnum.h"
#include "core/siphash.h"
#include "core/time.h"

namespace sockeye::tcp {

// How long after the last overflow a cookie is believed (Linux: TCP_SYNCOOKIE_VALID): two of its minutes.
inline constexpr Duration kSynCookieValid = 120s;

// `peer_mss` is rounded down to one of four values.
SeqNum make_syn_cookie(const SipKey& key, const FiveTuple& tuple, SeqNum peer_iss, Instant now,
                       std::uint16_t peer_mss);
// The MSS that make_syn_cookie() put in; empty: not a cookie of ours, or an old one.
std::optional<std::uint16_t> read_syn_cookie(const SipKey& key, const FiveTuple& tuple, SeqNum peer_iss,
                                             SeqNum cookie, Instant now);

// What a timestamp remembers.
struct CookieOptions {
  std::optional<std::uint8_t> peer_window_scale{};  // at most 14
  bool sack = false;
  bool ecn = false;
  friend bool operator==(const CookieOptions&, const CookieOptions&) = default;
};
// Our clock (without the connection's offset), moved back by less than 64 ms so that its low bits say
// what was agreed upon.
std::uint32_t stamp_cookie_options(std::uint32_t clock_ms, const CookieOptions& options);
CookieOptions read_cookie_options(std::uint32_t clock_ms);

}  // namespace sockeye::tcp
