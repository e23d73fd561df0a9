// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/icmp.h"

#include "wire/ipv4.h"

namespace sockeye {

std::optional<QuotedPacket> parse_icmp_quote(Bytes quote) {
  if (quote.size() < kIpv4HeaderMin) return std::nullopt;
  const std::uint32_t header_bytes = ipv4_header_bytes(quote);
  if (header_bytes == 0 || quote.size() < header_bytes + 8) return std::nullopt;
  // The quoted header may have been cut or rewritten on its way: no length check, no checksum.
  const std::byte* at = quote.data();
  if (load8(at) >> 4 != 4 || (load16(at + 6) & 0x1fff) != 0) return std::nullopt;
  QuotedPacket packet;
  packet.total_bytes = load16(at + 2);
  packet.protocol = load8(at + 9);
  packet.source = load_ipv4_address(at + 12);
  packet.destination = load_ipv4_address(at + 16);
  packet.transport = quote.subspan(header_bytes);
  return packet;
}

}  // namespace sockeye
