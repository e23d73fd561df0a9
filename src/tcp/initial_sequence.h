// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 9293 3.4.1: ISN = M + F(tuple, secret), with M a clock that ticks every 4 microseconds. The same
// keyed hash gives the offset of a connection's timestamps (RFC 7323 7.1), under another label, so
// that neither tells anything about the other.
#pragma once

#include <array>
#include <cstdint>

#include "core/ip_address.h"
#include "core/seqnum.h"
#include "core/siphash.h"
#include "core/time.h"

namespace sockeye::tcp {

namespace detail {
inline std::uint64_t hash_of_tuple(const SipKey& secret, const FiveTuple& tuple, std::uint64_t label) {
  const std::array<std::uint64_t, 5> words = {
      tuple.local.address.high(), tuple.local.address.low(), tuple.remote.address.high(),
      tuple.remote.address.low(),
      label << 32 | static_cast<std::uint64_t>(tuple.local.port) << 16 | tuple.remote.port};
  // The full SipHash-2-4: the output is seen by the peer.
  return siphash(secret, std::as_bytes(std::span(words)));
}
}  // namespace detail

// RFC 9293 3.4.1 MUST-8, SHLD-1, MUST-9
inline SeqNum initial_sequence(const SipKey& secret, const FiveTuple& tuple, Instant now) {
  const auto clock = static_cast<std::uint64_t>(to_us(now.time_since_epoch())) / 4;
  return SeqNum(static_cast<std::uint32_t>(clock + detail::hash_of_tuple(secret, tuple, 1)));
}

// RFC 7323 7.1 SHLD-5
inline std::uint32_t timestamp_offset(const SipKey& secret, const FiveTuple& tuple) {
  return static_cast<std::uint32_t>(detail::hash_of_tuple(secret, tuple, 2));
}

}  // namespace sockeye::tcp
