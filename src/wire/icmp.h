// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// ICMP for IPv4 (RFC 792, RFC 1122 3.2.2, RFC 1191): the eight bytes that every message begins with,
// and the beginning of the packet that an error message quotes.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/ip_address.h"

namespace sockeye {

inline constexpr std::uint32_t kIcmpHeaderBytes = 8;

struct IcmpType {
  static constexpr std::uint8_t kEchoReply = 0, kUnreachable = 3, kSourceQuench = 4, kRedirect = 5,
                                kEchoRequest = 8, kTimeExceeded = 11, kParameterProblem = 12;
};
struct IcmpCode {  // of kUnreachable
  static constexpr std::uint8_t kNet = 0, kHost = 1, kProtocol = 2, kPort = 3, kFragmentationNeeded = 4;
};

// The same layout serves ICMP and ICMPv6.
struct IcmpHeader {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t checksum = 0;
  std::uint32_t rest = 0;  // identifier and sequence, pointer, or next-hop MTU
};

inline IcmpHeader parse_icmp(Bytes header) {
  const std::byte* at = header.data();
  return {load8(at), load8(at + 1), load16(at + 2), load32(at + 4)};
}
inline void emit_icmp(const IcmpHeader& header, MutableBytes out) {
  std::byte* at = out.data();
  store8(at, header.type);
  store8(at + 1, header.code);
  store16(at + 2, header.checksum);
  store32(at + 4, header.rest);
}

// What an error message quotes: the packet that we are said to have sent.
struct QuotedPacket {
  IpAddress source{};
  IpAddress destination{};
  std::uint8_t protocol = 0;
  Bytes transport{};              // at least 8 bytes
  std::uint32_t total_bytes = 0;  // of the quoted packet, as its header says
};

// Empty: quotes too little, or a fragment other than the first.
std::optional<QuotedPacket> parse_icmp_quote(Bytes quote);

}  // namespace sockeye
