// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The IPv6 header and its extension headers (RFC 8200 3, 4). walk_ipv6_extensions() goes from the
// fixed header to the transport header or to a fragment header, within limits (at most 8 headers and
// 200 bytes of options, RFC 8504 5.3), and says what is wrong in the words of an ICMPv6 Parameter
// Problem. Not here: the Authentication Header and ESP (unknown protocols), jumbograms (RFC 2675:
// refused).
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/drop.h"
#include "core/ip_address.h"

namespace sockeye {

inline constexpr std::uint32_t kIpv6HeaderBytes = 40;
inline constexpr std::uint32_t kIpv6FragmentHeaderBytes = 8;
inline constexpr std::uint32_t kIpv6ExtensionBytesMax = 200;
inline constexpr unsigned kIpv6ExtensionsMax = 8;
inline constexpr std::uint32_t kIpv6MinimumMtu = 1280;

struct Ipv6Header {
  IpAddress source{};
  IpAddress destination{};
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 64;
  std::uint8_t next_header = 0;
  std::uint16_t payload_bytes = 0;  // everything behind the fixed header
  std::uint32_t flow_label = 0;
};

struct Ipv6Fragment {
  std::uint8_t next_header = 0;
  std::uint16_t offset = 0;  // in bytes
  bool more = false;
  std::uint32_t identification = 0;
};

// `header` holds 40 bytes; `packet_bytes` is what arrived. Empty: fine, and `out` is filled.
std::optional<Drop> parse_ipv6(Bytes header, std::size_t packet_bytes, Ipv6Header& out);
void emit_ipv6(const Ipv6Header& header, MutableBytes out);               // 40 bytes
void emit_ipv6_fragment(const Ipv6Fragment& fragment, MutableBytes out);  // 8 bytes

// What an ICMPv6 Parameter Problem about a packet says (RFC 4443 3.4).
struct Ipv6Problem {
  std::uint8_t code = 0;      // 0 erroneous field, 1 unknown next header, 2 unknown option, 3 first fragment
  std::uint32_t pointer = 0;  // offset in the packet
  bool even_multicast = false;  // RFC 4443 2.4 (e.3): may be sent although the destination is multicast
};

struct Ipv6Walk {
  std::optional<Drop> drop{};
  std::optional<Ipv6Problem> problem{};
  std::uint32_t header_bytes = kIpv6HeaderBytes;  // up to the transport header
  std::uint32_t next_header_at = 6;               // where the final next-header byte stands
  std::uint8_t protocol = 0;
  std::optional<Ipv6Fragment> fragment{};
  std::uint32_t fragment_at = 0;       // where the fragment header begins
  std::uint32_t fragment_link_at = 0;  // where the next-header byte stands that leads to it
};

// `front` is the beginning of the packet (at least 40 bytes), as much of it as may hold headers;
// `packet_bytes` its true length without padding. Behind the fragment header of a first or an atomic
// fragment the walk goes on; that of a later fragment ends it.
Ipv6Walk walk_ipv6_extensions(Bytes front, std::uint32_t packet_bytes, const Ipv6Header& header);

IpAddress load_ipv6_address(const std::byte* at);
void store_ipv6_address(std::byte* at, const IpAddress& address);

}  // namespace sockeye
