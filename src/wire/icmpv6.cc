// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/icmpv6.h"

#include "wire/ipv6.h"

namespace sockeye {

std::optional<QuotedPacket> parse_icmpv6_quote(Bytes quote) {
  if (quote.size() < kIpv6HeaderBytes || load8(quote.data()) >> 4 != 6) return std::nullopt;
  Ipv6Header header;
  header.payload_bytes = load16(quote.data() + 4);
  header.next_header = load8(quote.data() + 6);
  const auto total = kIpv6HeaderBytes + std::uint32_t{header.payload_bytes};
  const auto there = static_cast<std::uint32_t>(quote.size());
  const Ipv6Walk walk = walk_ipv6_extensions(quote, total < there ? total : there, header);
  if (walk.drop || (walk.fragment && walk.fragment->offset != 0)) return std::nullopt;
  if (there < walk.header_bytes + 8) return std::nullopt;
  QuotedPacket packet;
  packet.source = load_ipv6_address(quote.data() + 8);
  packet.destination = load_ipv6_address(quote.data() + 24);
  packet.protocol = walk.protocol;
  packet.transport = quote.subspan(walk.header_bytes);
  packet.total_bytes = total;
  return packet;
}

}  // namespace sockeye
