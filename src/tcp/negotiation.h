// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a SYN offers and what the two offers come to: MSS (RFC 9293 3.7.1), window scale and
// timestamps (RFC 7323 2.2, 3.2), SACK (RFC 2018 2). An option counts only when both SYNs carried it;
// one that appears later for the first time is ignored (hostile.md D8) because nobody asks here again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "tcp/config.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

inline constexpr std::uint8_t kWindowScaleMax = 14;   // RFC 7323 2.3
inline constexpr std::uint32_t kMssFloor = 48;        // hostile.md F16: no peer makes us send crumbs
inline constexpr std::uint32_t kTimestampBytes = 12;  // the option with its padding
// RFC 9293 3.7.1 MUST-15: when the SYN says nothing.
constexpr std::uint16_t default_mss(bool is_v6) {
  return is_v6 ? 1220 : 536;
}

// The shift with which `window_max` bytes can be advertised in 16 bits; Linux chooses it so that the
// largest buffer auto-tuning may reach is expressible.
constexpr std::uint8_t window_scale_for(std::uint32_t window_max) {
  std::uint8_t shift = 0;
  while (shift < kWindowScaleMax && (window_max >> shift) > 0xffff) ++shift;
  return shift;
}

// The MSS option we send: what the MTU can carry without options, or less (TCP_MAXSEG).
// RFC 9293 3.7.1 MUST-67
constexpr std::uint16_t offered_mss(std::uint32_t mtu, bool is_v6, std::uint16_t max_segment) {
  const std::uint32_t headers = (is_v6 ? 40u : 20u) + kTcpHeaderMin;
  std::uint32_t mss = mtu > headers + kMssFloor ? std::min(mtu - headers, 65535u) : kMssFloor;
  if (max_segment != 0) mss = std::min<std::uint32_t>(mss, max_segment);
  return static_cast<std::uint16_t>(mss);
}

// RFC 9293 3.7.1 MUST-16
// Payload per segment that we may send: Eff.snd.MSS. `option_bytes` are in every segment
// (timestamps); SACK blocks are taken off by whoever sends them together with data.
constexpr std::uint32_t effective_send_mss(std::uint16_t peer_mss, std::uint32_t mtu, bool is_v6,
                                           std::uint16_t max_segment, std::uint32_t option_bytes) {
  const std::uint32_t ours = offered_mss(mtu, is_v6, max_segment);
  const std::uint32_t mss = std::max(std::min<std::uint32_t>(peer_mss, ours), kMssFloor + option_bytes);
  return mss - option_bytes;
}

struct Offer {
  std::uint16_t mss = 536;
  bool sack = true;
  bool timestamps = true;
  bool window_scaling = true;
  std::uint8_t window_scale = 0;
};

// `signature_bytes`: of a signature in every segment. TCP-MD5 leaves no room for timestamps (Linux).
inline Offer make_offer(const Config& config, const Settings& settings, std::uint32_t mtu, bool is_v6,
                        std::uint32_t signature_bytes = 0) {
  constexpr std::uint32_t kNoRoom = 20;
  Offer offer;
  offer.mss = offered_mss(mtu, is_v6, settings.max_segment);
  offer.sack = config.sack;
  offer.timestamps = config.timestamps && signature_bytes < kNoRoom;
  offer.window_scaling = config.window_scaling;
  std::uint32_t window_max = std::max(settings.receive_buffer, config.receive_buffer_max);
  if (settings.window_clamp != 0) window_max = std::min(window_max, settings.window_clamp);
  offer.window_scale = offer.window_scaling ? window_scale_for(window_max) : std::uint8_t{0};
  return offer;
}

// Options of our SYN. `ts_value` is our clock; a SYN echoes nothing.
// RFC 9293 3.2 MUST-65; RFC 9293 3.7.1 MUST-14, SHLD-5; RFC 2018 2 MUST-1
inline TcpOptions syn_options(const Offer& offer, std::uint32_t ts_value) {
  TcpOptions options;
  options.mss = offer.mss;
  options.sack_permitted = offer.sack;
  if (offer.timestamps) options.timestamps = TcpTimestamps{ts_value, 0};
  if (offer.window_scaling) options.window_scale = offer.window_scale;
  return options;
}

// What both ends have agreed on, seen from this end.
struct Negotiated {
  std::uint16_t peer_mss = 536;
  std::optional<std::uint8_t> peer_window_scale{};  // empty: neither direction is scaled
  std::uint8_t our_window_scale = 0;
  bool sack = false;
  bool timestamps = false;
  std::uint32_t timestamp_recent = 0;
};

// What a SYN says; one that says nothing, or 0, gets the default.
inline std::uint16_t mss_of_peer(const TcpOptions& theirs, bool is_v6) {
  return theirs.mss.value_or(0) == 0 ? default_mss(is_v6) : *theirs.mss;
}

// RFC 7323 2.2 MUST-1, MUST-2; RFC 7323 2.3 MUST-5
inline Negotiated negotiate(const Offer& ours, const TcpOptions& theirs, bool is_v6) {
  Negotiated result;
  result.peer_mss = mss_of_peer(theirs, is_v6);
  if (ours.window_scaling && theirs.window_scale) {
    result.peer_window_scale = std::min(*theirs.window_scale, kWindowScaleMax);
    result.our_window_scale = ours.window_scale;
  }
  result.sack = ours.sack && theirs.sack_permitted;
  result.timestamps = ours.timestamps && theirs.timestamps.has_value();
  if (result.timestamps) result.timestamp_recent = theirs.timestamps->value;
  return result;
}

// Options of our SYN-ACK: only what the SYN offered. RFC 7323 3.2 MUST-10
inline TcpOptions syn_ack_options(const Offer& offer, const Negotiated& agreed, std::uint32_t ts_value) {
  TcpOptions options;
  options.mss = offer.mss;
  options.sack_permitted = agreed.sack;
  if (agreed.timestamps) options.timestamps = TcpTimestamps{ts_value, agreed.timestamp_recent};
  if (agreed.peer_window_scale) options.window_scale = offer.window_scale;
  return options;
}

}  // namespace sockeye::tcp
