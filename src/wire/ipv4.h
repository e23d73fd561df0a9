// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The IPv4 header (RFC 791, RFC 1122 3.2.1): a checked reading of untrusted bytes and a value to
// write. Options are walked and checked but not kept: no option changes what this stack does, and
// source routes are refused (RFC 7126). Headers that we write have no options.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/drop.h"
#include "core/ip_address.h"

namespace sockeye {

inline constexpr std::uint32_t kIpv4HeaderMin = 20;
inline constexpr std::uint32_t kIpv4HeaderMax = 60;

struct Ipv4Header {
  IpAddress source{};
  IpAddress destination{};
  std::uint8_t header_bytes = kIpv4HeaderMin;
  std::uint8_t tos = 0;
  std::uint8_t ttl = 64;
  std::uint8_t protocol = 0;
  std::uint16_t total_bytes = 0;  // header and payload
  std::uint16_t identification = 0;
  std::uint16_t fragment_offset = 0;  // in bytes
  bool dont_fragment = false;
  bool more_fragments = false;

  bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

// What the first 20 bytes say about the header's own length; 0 when that is impossible.
inline std::uint32_t ipv4_header_bytes(Bytes first20) {
  const std::uint32_t bytes = (load8(first20.data()) & 0x0fu) * 4u;
  return bytes < kIpv4HeaderMin ? 0 : bytes;
}

// `header` holds exactly the header (ipv4_header_bytes); `packet_bytes` is what arrived, which may be
// longer than the total length (padding) but not shorter. Empty: fine, and `out` is filled.
std::optional<Drop> parse_ipv4(Bytes header, std::size_t packet_bytes, bool verify_checksum, Ipv4Header& out);

// Writes 20 bytes, checksum included.
void emit_ipv4(const Ipv4Header& header, MutableBytes out);

inline IpAddress load_ipv4_address(const std::byte* at) {
  return IpAddress::v4(load32(at));
}
inline void store_ipv4_address(std::byte* at, const IpAddress& address) {
  store32(at, address.to_v4());
}

}  // namespace sockeye
