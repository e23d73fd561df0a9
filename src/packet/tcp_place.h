// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What cutting and merging both need to know about a TCP packet's headers, and how to correct them.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/packet.h"
#include "packet/transport_checksum.h"
#include "wire/checksum.h"

namespace sockeye {

namespace tcp_byte {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kUrg = 0x20;
inline constexpr std::uint8_t kCwr = 0x80;
}  // namespace tcp_byte

// A whole IP packet that carries TCP. Its headers, `header_bytes` in all, are contiguous in the head.
struct TcpPlace {
  bool is_v4 = false;
  std::uint32_t tcp = 0;  // where the TCP header begins
  std::uint32_t header_bytes = 0;
  std::uint32_t payload_bytes = 0;
};

// Where the transport header begins and how many bytes it has with its payload; tcp_bytes is 0 when it
// is not TCP. The two usual shapes are told by a few bytes; the rest is find_transport()'s.
struct TcpExtent {
  std::uint32_t tcp = 0;
  std::uint32_t tcp_bytes = 0;
};
inline TcpExtent find_tcp_extent(Packet& packet) {
  const Bytes first = packet.front(20);
  if (first.empty()) return {};
  const std::byte* at = first.data();
  const std::uint32_t size = packet.size();
  const bool is_tcp_v4 = load8(at) == 0x45 && load8(at + 9) == 6 && (load16(at + 6) & 0x3fff) == 0;
  if (is_tcp_v4 && load16(at + 2) >= 20 && load16(at + 2) <= size) return {20, load16(at + 2) - 20u};
  const bool is_tcp_v6 = load8(at) >> 4 == 6 && load8(at + 6) == 6;
  if (is_tcp_v6 && size >= 40u + load16(at + 4)) return {40, load16(at + 4)};
  const auto transport = find_transport(packet);
  if (!transport || transport->protocol != IpProtocol::tcp) return {};
  return {transport->offset, transport->bytes};
}

inline std::optional<TcpPlace> find_tcp(Packet& packet) {
  const TcpExtent extent = find_tcp_extent(packet);
  if (extent.tcp_bytes < 20) return std::nullopt;
  const Bytes fixed = packet.front(extent.tcp + 20);
  if (fixed.empty()) return std::nullopt;
  const std::uint32_t header = (load8(fixed.data() + extent.tcp + 12) >> 4) * 4u;
  if (header < 20 || header > extent.tcp_bytes) return std::nullopt;
  TcpPlace place;
  place.is_v4 = load8(fixed.data()) >> 4 == 4;
  place.tcp = extent.tcp;
  place.header_bytes = extent.tcp + header;
  place.payload_bytes = extent.tcp_bytes - header;
  if (packet.front(place.header_bytes).empty()) return std::nullopt;
  return place;
}

// A 16-bit field of a header gets another value, and the header's checksum what follows from it (RFC 1624):
// one that was wrong stays wrong.
inline void replace16(std::byte* at, std::uint16_t value, std::byte* checksum) {
  const std::uint32_t was = load16(at);
  store16(at, value);
  const std::uint32_t sum = (~load16(checksum) & 0xffffu) + (~was & 0xffffu) + value;
  store16(checksum, static_cast<std::uint16_t>(~fold_checksum(sum)));
}

// Writes the IP length of a packet with `payload_bytes` of TCP payload.
inline void write_ip_length(std::byte* head, const TcpPlace& place, std::uint32_t payload_bytes) {
  const std::uint32_t total = place.header_bytes + payload_bytes;
  if (place.is_v4)
    replace16(head + 2, static_cast<std::uint16_t>(total), head + 10);
  else
    store16(head + 4, static_cast<std::uint16_t>(total - 40));
}

}  // namespace sockeye
