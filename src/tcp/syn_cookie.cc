// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/syn_cookie.h"

#include <array>
#include <span>

namespace sockeye::tcp {
namespace {

constexpr std::uint32_t kLowBits = 24;
constexpr std::uint32_t kLowMask = (1u << kLowBits) - 1;
constexpr std::uint32_t kMinutesValid = 2;
constexpr std::uint32_t kStampBits = 6;
constexpr std::uint32_t kScaleMask = 0xf, kSackBit = 0x10, kEcnBit = 0x20;

// Linux's: what most SYNs offer, so that rounding down costs little.
constexpr std::array<std::uint16_t, 4> kMssV4 = {536, 1300, 1440, 1460};
constexpr std::array<std::uint16_t, 4> kMssV6 = {1220, 1420, 1440, 8940};

const std::array<std::uint16_t, 4>& mss_table(const FiveTuple& tuple) {
  return tuple.remote.address.is_v4() ? kMssV4 : kMssV6;
}

std::uint32_t minute_of(Instant now) {
  return static_cast<std::uint32_t>(to_ns(now.time_since_epoch()) / 60'000'000'000);
}

std::uint32_t hash(const SipKey& key, const FiveTuple& tuple, std::uint64_t label, std::uint64_t more) {
  const std::array<std::uint64_t, 7> words = {
      tuple.local.address.high(),
      tuple.local.address.low(),
      tuple.remote.address.high(),
      tuple.remote.address.low(),
      static_cast<std::uint64_t>(tuple.local.port) << 16 | tuple.remote.port,
      label,
      more};
  return static_cast<std::uint32_t>(siphash(key, std::as_bytes(std::span(words))));
}

// Hides what follows, so that numbers of one tuple do not tell the minute.
std::uint32_t cover(const SipKey& key, const FiveTuple& tuple) {
  return hash(key, tuple, 0, 0);
}

// The lower 24 bits.
std::uint32_t proof(const SipKey& key, const FiveTuple& tuple, SeqNum peer_iss, std::uint32_t minute,
                    std::uint32_t index) {
  const std::uint64_t more = static_cast<std::uint64_t>(peer_iss.value()) << 2 | index;
  return (hash(key, tuple, 1ull << 32 | minute, more) << 2 | index) & kLowMask;
}

}  // namespace

SeqNum make_syn_cookie(const SipKey& key, const FiveTuple& tuple, SeqNum peer_iss, Instant now,
                       std::uint16_t peer_mss) {
  const auto& table = mss_table(tuple);
  std::uint32_t index = 3;
  while (index > 0 && table[index] > peer_mss) --index;
  const std::uint32_t minute = minute_of(now);
  const std::uint32_t low = proof(key, tuple, peer_iss, minute, index);
  return SeqNum(cover(key, tuple) + peer_iss.value() + (minute << kLowBits) + low);
}

std::optional<std::uint16_t> read_syn_cookie(const SipKey& key, const FiveTuple& tuple, SeqNum peer_iss,
                                             SeqNum cookie, Instant now) {
  const std::uint32_t rest = cookie.value() - cover(key, tuple) - peer_iss.value();
  const std::uint32_t age = (minute_of(now) - (rest >> kLowBits)) & (0xffffffffu >> kLowBits);
  if (age >= kMinutesValid) return std::nullopt;
  const std::uint32_t index = rest & 3;
  if (proof(key, tuple, peer_iss, minute_of(now) - age, index) != (rest & kLowMask)) return std::nullopt;
  return mss_table(tuple)[index];
}

std::uint32_t stamp_cookie_options(std::uint32_t clock_ms, const CookieOptions& options) {
  const std::uint32_t bits =
      (options.peer_window_scale ? *options.peer_window_scale & kScaleMask : kScaleMask) |
      (options.sack ? kSackBit : 0) | (options.ecn ? kEcnBit : 0);
  const std::uint32_t stamped = (clock_ms >> kStampBits << kStampBits) | bits;
  return stamped > clock_ms ? stamped - (1u << kStampBits) : stamped;
}

CookieOptions read_cookie_options(std::uint32_t clock_ms) {
  CookieOptions options;
  if ((clock_ms & kScaleMask) != kScaleMask)
    options.peer_window_scale = static_cast<std::uint8_t>(clock_ms & kScaleMask);
  options.sack = (clock_ms & kSackBit) != 0;
  options.ecn = (clock_ms & kEcnBit) != 0;
  return options;
}

}  // namespace sockeye::tcp
