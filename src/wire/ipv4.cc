// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/ipv4.h"

#include "wire/checksum.h"

namespace sockeye {
namespace {

// The one's complement sum of an IPv4 header, which is a multiple of four bytes long.
std::uint16_t header_sum(Bytes header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 4) sum += load32(header.data() + i);
  return fold_checksum(sum);
}

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNop = 1;
constexpr std::uint8_t kOptionRecordRoute = 7;
constexpr std::uint8_t kOptionTimestamp = 68;
constexpr std::uint8_t kOptionLooseRoute = 131;
constexpr std::uint8_t kOptionStrictRoute = 137;

// RFC 9293 3.9.2 MUST-50
std::optional<Drop> check_options(Bytes options) {
  while (!options.empty()) {
    const std::uint8_t kind = load8(options.data());
    if (kind == kOptionEnd) return std::nullopt;
    if (kind == kOptionNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return Drop::bad_ip_option;
    const std::uint8_t length = load8(options.data() + 1);
    if (length < 2 || length > options.size()) return Drop::bad_ip_option;
    if (kind == kOptionLooseRoute || kind == kOptionStrictRoute) return Drop::source_route;
    // The pointer of a recording option counts from 1 and lies behind the option's own header.
    const unsigned pointer_min = kind == kOptionRecordRoute ? 4u : kind == kOptionTimestamp ? 5u : 0u;
    if (pointer_min != 0) {
      if (length < 3) return Drop::bad_ip_option;
      const std::uint8_t pointer = load8(options.data() + 2);
      if (pointer < pointer_min || pointer > length + 1u) return Drop::bad_ip_option;
    }
    options = options.subspan(length);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Drop> parse_ipv4(Bytes header, std::size_t packet_bytes, bool verify_checksum,
                               Ipv4Header& out) {
  const std::byte* at = header.data();
  if (load8(at) >> 4 != 4) return Drop::bad_version;
  out.header_bytes = static_cast<std::uint8_t>((load8(at) & 0x0fu) * 4u);
  if (out.header_bytes < kIpv4HeaderMin || out.header_bytes != header.size()) return Drop::bad_ip_header;
  out.tos = load8(at + 1);
  out.total_bytes = load16(at + 2);
  if (out.total_bytes < out.header_bytes) return Drop::bad_ip_header;
  if (out.total_bytes > packet_bytes) return Drop::truncated;
  if (verify_checksum && header_sum(header) != 0xffff) return Drop::bad_ip_checksum;
  out.identification = load16(at + 4);
  const std::uint16_t fragment = load16(at + 6);
  out.dont_fragment = (fragment & 0x4000) != 0;
  out.more_fragments = (fragment & 0x2000) != 0;
  out.fragment_offset = static_cast<std::uint16_t>((fragment & 0x1fffu) * 8u);
  out.ttl = load8(at + 8);
  out.protocol = load8(at + 9);
  out.source = load_ipv4_address(at + 12);
  out.destination = load_ipv4_address(at + 16);
  if (header.size() > kIpv4HeaderMin) return check_options(header.subspan(kIpv4HeaderMin));
  return std::nullopt;
}

// The checksum comes from the values: bytes just written would have to be waited for.
void emit_ipv4(const Ipv4Header& header, MutableBytes out) {
  std::byte* at = out.data();
  const std::uint32_t flags = (header.dont_fragment ? 0x4000u : 0u) | (header.more_fragments ? 0x2000u : 0u) |
                              (header.fragment_offset / 8u);
  const std::uint32_t first = 0x45000000u | std::uint32_t{header.tos} << 16 | header.total_bytes;
  const std::uint32_t second = std::uint32_t{header.identification} << 16 | flags;
  const std::uint32_t third = std::uint32_t{header.ttl} << 24 | std::uint32_t{header.protocol} << 16;
  const std::uint32_t source = header.source.to_v4();
  const std::uint32_t destination = header.destination.to_v4();
  const std::uint16_t sum = fold_checksum(std::uint64_t{first} + second + third + source + destination);
  store64(at, std::uint64_t{first} << 32 | second);
  store64(at + 8, std::uint64_t{third | static_cast<std::uint16_t>(~sum)} << 32 | source);
  store32(at + 16, destination);
}

}  // namespace sockeye
