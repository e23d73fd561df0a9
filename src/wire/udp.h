// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The UDP header: RFC 768, RFC 8200 8.1.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/drop.h"

namespace sockeye {

inline constexpr std::uint32_t kUdpHeaderBytes = 8;

struct UdpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t length = 0;    // header and data
  std::uint16_t checksum = 0;  // 0: none was made (IPv4 only)
};

// `header` holds 8 bytes, `available` is what IP delivered. Empty: fine, and `out` is filled.
inline std::optional<Drop> parse_udp(Bytes header, std::size_t available, UdpHeader& out) {
  const std::byte* at = header.data();
  out = {load16(at), load16(at + 2), load16(at + 4), load16(at + 6)};
  if (out.length < kUdpHeaderBytes || out.length > available) return Drop::bad_transport_header;
  return std::nullopt;
}

inline void emit_udp(const UdpHeader& header, MutableBytes out) {
  std::byte* at = out.data();
  store16(at, header.source_port);
  store16(at + 2, header.destination_port);
  store16(at + 4, header.length);
  store16(at + 6, header.checksum);
}

}  // namespace sockeye
