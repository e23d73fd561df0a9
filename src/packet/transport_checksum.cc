// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "packet/transport_checksum.h"

#include <algorithm>

#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye {
namespace {

// Where the checksum field stands in the transport header; 0: this protocol has none of ours.
std::uint32_t field_offset(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::tcp:
      return 16;
    case IpProtocol::udp:
      return 6;
    case IpProtocol::icmpv6:
      return 2;
    default:
      return 0;
  }
}

std::optional<TransportPlace> find_in_ipv4(Packet& packet) {
  const Bytes first = packet.front(kIpv4HeaderMin);
  if (first.empty()) return std::nullopt;
  const std::uint32_t header = ipv4_header_bytes(first);
  const std::uint32_t total = std::min<std::uint32_t>(load16(first.data() + 2), packet.size());
  const bool is_fragment = (load16(first.data() + 6) & 0x3fff) != 0;  // MF or an offset
  if (header == 0 || total < header || is_fragment) return std::nullopt;
  return TransportPlace{load_ipv4_address(first.data() + 12), load_ipv4_address(first.data() + 16),
                        static_cast<IpProtocol>(load8(first.data() + 9)), header, total - header};
}

std::optional<TransportPlace> find_in_ipv6(Packet& packet) {
  Bytes front = packet.front(kIpv6HeaderBytes);
  if (front.empty()) return std::nullopt;
  const std::uint32_t total =
      std::min<std::uint32_t>(kIpv6HeaderBytes + load16(front.data() + 4), packet.size());
  TransportPlace place{load_ipv6_address(front.data() + 8), load_ipv6_address(front.data() + 24)};
  std::uint8_t next = load8(front.data() + 6);
  std::uint32_t at = kIpv6HeaderBytes;
  for (unsigned headers = 0; headers <= kIpv6ExtensionsMax; ++headers) {
    const auto protocol = static_cast<IpProtocol>(next);
    const bool is_extension = protocol == IpProtocol::hop_by_hop || protocol == IpProtocol::routing ||
                              protocol == IpProtocol::destination_options;
    if (!is_extension) {
      if (protocol == IpProtocol::fragment || protocol == IpProtocol::no_next_header) return std::nullopt;
      place.protocol = protocol;
      place.offset = at;
      place.bytes = total - at;
      return place;
    }
    front = packet.front(at + 8);
    if (front.empty() || at + 8 > total) return std::nullopt;
    next = load8(front.data() + at);
    at += (load8(front.data() + at + 1) + 1u) * 8u;
    if (at > total) return std::nullopt;
  }
  return std::nullopt;
}

// UDP's own length may leave out the packet's last bytes (RFC 768).
std::uint32_t covered_bytes(const Packet& packet, IpProtocol protocol, std::uint32_t offset,
                            std::uint32_t bytes) {
  if (protocol != IpProtocol::udp || bytes < 8) return bytes;
  const std::uint16_t length = load16(packet.head().data() + offset + 4);
  return length < 8 ? bytes : std::min<std::uint32_t>(length, bytes);
}

bool is_correct(Packet& packet, const TransportPlace& place) {
  const std::uint32_t field = field_offset(place.protocol);
  if (field == 0) return true;
  if (place.bytes < field + 2) return false;
  const Bytes header = packet.front(place.offset + std::max(field + 2, 8u));
  if (header.empty()) return false;
  if (place.protocol == IpProtocol::udp && load16(header.data() + place.offset + field) == 0)
    return place.source.is_v4();
  const std::uint32_t bytes = covered_bytes(packet, place.protocol, place.offset, place.bytes);
  return transport_checksum(packet, place.offset, bytes, place.source, place.destination, place.protocol) ==
         0;
}

}  // namespace

std::uint16_t transport_checksum(const Packet& packet, std::uint32_t offset, std::uint32_t bytes,
                                 const IpAddress& source, const IpAddress& destination, IpProtocol protocol) {
  Checksum sum;
  sum.add_pseudo_header(source, destination, protocol, bytes);
  const auto add = [&](Bytes piece) {
    const std::size_t skip = std::min<std::size_t>(offset, piece.size());
    offset -= static_cast<std::uint32_t>(skip);
    piece = piece.subspan(skip);
    piece = piece.first(std::min<std::size_t>(piece.size(), bytes));
    bytes -= static_cast<std::uint32_t>(piece.size());
    sum.add(piece);
  };
  add(packet.head());
  for (const Slice& slice : packet.slices()) {
    if (bytes == 0) break;
    add(slice.bytes());
  }
  return sum.finish();
}

std::optional<TransportPlace> find_transport(Packet& packet) {
  const Bytes first = packet.front(1);
  if (first.empty()) return std::nullopt;
  const unsigned version = load8(first.data()) >> 4;
  if (version == 4) return find_in_ipv4(packet);
  if (version == 6) return find_in_ipv6(packet);
  return std::nullopt;
}

void fill_checksum(Packet& packet) {
  const auto place = find_transport(packet);
  if (!place) return;
  const std::uint32_t field = field_offset(place->protocol);
  if (field == 0 || place->bytes < std::max(field + 2, 8u)) return;
  if (packet.front(place->offset + std::max(field + 2, 8u)).empty()) return;
  std::byte* at = packet.mutable_head().data() + place->offset + field;
  store16(at, 0);
  const std::uint32_t bytes = covered_bytes(packet, place->protocol, place->offset, place->bytes);
  std::uint16_t value =
      transport_checksum(packet, place->offset, bytes, place->source, place->destination, place->protocol);
  if (value == 0 && place->protocol == IpProtocol::udp) value = 0xffff;
  store16(at, value);
  packet.checksum = ChecksumState::present;
}

bool verify_checksum(Packet& packet) {
  if (packet.checksum != ChecksumState::present) return true;
  const auto place = find_transport(packet);
  if (!place || field_offset(place->protocol) == 0) return true;  // not ours to judge: stays `present`
  if (!is_correct(packet, *place)) return false;
  packet.checksum = ChecksumState::verified;
  return true;
}

bool verify_checksum(Packet& packet, const IpAddress& source, const IpAddress& destination,
                     IpProtocol protocol) {
  if (packet.checksum != ChecksumState::present) return true;
  if (!is_correct(packet, {source, destination, protocol, 0, packet.size()})) return false;
  packet.checksum = ChecksumState::verified;
  return true;
}

}  // namespace sockeye
