// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a router on the way does under congestion (RFC 3168 5): a packet whose transport understands
// ECN gets the mark Congestion Experienced instead of being dropped.
#pragma once

#include "packet/packet.h"
#include "wire/checksum.h"

namespace sockeye {

// For a whole IP packet. False: it has no ECT, or is none, and was left alone.
inline bool mark_congestion(Packet& packet) {
  constexpr std::uint8_t kCe = 3;
  if (packet.front(20).empty()) return false;
  std::byte* at = packet.mutable_head().data();
  const std::uint8_t version = load8(at) >> 4;
  if (version == 6) {
    if ((load8(at + 1) >> 4 & kCe) == 0) return false;
    store8(at + 1, static_cast<std::uint8_t>(load8(at + 1) | kCe << 4));
    return true;
  }
  const std::uint32_t header_bytes = (load8(at) & 0x0fu) * 4u;
  if (version != 4 || header_bytes < 20 || packet.front(header_bytes).empty()) return false;
  at = packet.mutable_head().data();
  if ((load8(at + 1) & kCe) == 0) return false;
  store8(at + 1, load8(at + 1) | kCe);
  store16(at + 10, 0);
  Checksum sum;
  sum.add({at, header_bytes});
  store16(at + 10, sum.finish());
  return true;
}

}  // namespace sockeye
