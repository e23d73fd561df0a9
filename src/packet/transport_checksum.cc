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

// A TransportPlace whose addresses are still in the IP header: they are only summed. Found into a reference:
// returned, its fields would be stored one by one and loaded as words, which the processor waits for.
struct Place {
  std::uint32_t offset = 0;  // 0: none was found
  std::uint32_t bytes = 0;
  IpProtocol protocol = IpProtocol::no_next_header;
  bool is_v6 = false;

  std::uint32_t addresses_at() const { return is_v6 ? 8 : 12; }
  std::uint32_t addresses_bytes() const { return is_v6 ? 32 : 8; }
};

void find_in_ipv4(Packet& packet, Place& place) {
  const Bytes first = packet.front(kIpv4HeaderMin);
  if (first.empty()) return;
  const std::uint32_t header = ipv4_header_bytes(first);
  const std::uint32_t total = std::min<std::uint32_t>(load16(first.data() + 2), packet.size());
  const bool is_fragment = (load16(first.data() + 6) & 0x3fff) != 0;  // MF or an offset
  if (header == 0 || total < header || is_fragment) return;
  place.offset = header;
  place.bytes = total - header;
  place.protocol = static_cast<IpProtocol>(load8(first.data() + 9));
}

void find_in_ipv6(Packet& packet, Place& place) {
  Bytes front = packet.front(kIpv6HeaderBytes);
  if (front.empty()) return;
  const std::uint32_t total =
      std::min<std::uint32_t>(kIpv6HeaderBytes + load16(front.data() + 4), packet.size());
  std::uint8_t next = load8(front.data() + 6);
  std::uint32_t at = kIpv6HeaderBytes;
  for (unsigned headers = 0; headers <= kIpv6ExtensionsMax; ++headers) {
    const auto protocol = static_cast<IpProtocol>(next);
    const bool is_extension = protocol == IpProtocol::hop_by_hop || protocol == IpProtocol::routing ||
                              protocol == IpProtocol::destination_options;
    if (!is_extension) {
      if (protocol == IpProtocol::fragment || protocol == IpProtocol::no_next_header) return;
      place = {at, total - at, protocol, true};
      return;
    }
    front = packet.front(at + 8);
    if (front.empty() || at + 8 > total) return;
    next = load8(front.data() + at);
    at += (load8(front.data() + at + 1) + 1u) * 8u;
    if (at > total) return;
  }
}

// `place` is as constructed, and stays so when there is no transport.
void find_place(Packet& packet, Place& place) {
  const Bytes first = packet.front(1);
  if (first.empty()) return;
  const unsigned version = load8(first.data()) >> 4;
  if (version == 4) find_in_ipv4(packet, place);
  if (version == 6) find_in_ipv6(packet, place);
}

// UDP's own length may leave out the packet's last bytes (RFC 768).
std::uint32_t covered_bytes(const Packet& packet, IpProtocol protocol, std::uint32_t offset,
                            std::uint32_t bytes) {
  if (protocol != IpProtocol::udp || bytes < 8) return bytes;
  const std::uint16_t length = load16(packet.head().data() + offset + 4);
  return length < 8 ? bytes : std::min<std::uint32_t>(length, bytes);
}

// Adds `bytes` bytes of the packet from `offset` on.
void add_packet(Checksum& sum, const Packet& packet, std::uint32_t offset, std::uint32_t bytes) {
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
}

// The transport's checksum field is in the head already.
std::uint16_t sum_of(const Packet& packet, const Place& place) {
  const std::uint32_t bytes = covered_bytes(packet, place.protocol, place.offset, place.bytes);
  Checksum sum;
  sum.add(packet.head().subspan(place.addresses_at(), place.addresses_bytes()));
  sum.add16(static_cast<std::uint16_t>(bytes >> 16));
  sum.add16(static_cast<std::uint16_t>(bytes));
  sum.add16(static_cast<std::uint8_t>(place.protocol));
  add_packet(sum, packet, place.offset, bytes);
  return sum.finish();
}

// Does the header hold what a checksum needs? It is contiguous in the head then.
bool has_field(Packet& packet, IpProtocol protocol, std::uint32_t offset, std::uint32_t bytes) {
  const std::uint32_t field = field_offset(protocol);
  return bytes >= field + 2 && !packet.front(offset + std::max(field + 2, 8u)).empty();
}

// UDP's 0: there is no checksum.
bool has_none(const Packet& packet, IpProtocol protocol, std::uint32_t offset) {
  return protocol == IpProtocol::udp && load16(packet.head().data() + offset + 6) == 0;
}

}  // namespace

std::uint16_t transport_checksum(const Packet& packet, std::uint32_t offset, std::uint32_t bytes,
                                 const IpAddress& source, const IpAddress& destination, IpProtocol protocol) {
  Checksum sum;
  sum.add_pseudo_header(source, destination, protocol, bytes);
  add_packet(sum, packet, offset, bytes);
  return sum.finish();
}

std::optional<TransportPlace> find_transport(Packet& packet) {
  Place place;
  find_place(packet, place);
  if (place.offset == 0) return std::nullopt;
  const std::byte* head = packet.head().data();
  if (place.is_v6)
    return TransportPlace{load_ipv6_address(head + 8), load_ipv6_address(head + 24), place.protocol,
                          place.offset, place.bytes};
  return TransportPlace{load_ipv4_address(head + 12), load_ipv4_address(head + 16), place.protocol,
                        place.offset, place.bytes};
}

void fill_checksum(Packet& packet) {
  Place place;
  find_place(packet, place);
  const std::uint32_t field = field_offset(place.protocol);
  if (place.offset == 0 || field == 0 || place.bytes < std::max(field + 2, 8u)) return;
  if (!has_field(packet, place.protocol, place.offset, place.bytes)) return;
  std::byte* at = packet.mutable_head().data() + place.offset + field;
  if (load16(at) != 0) store16(at, 0);  // its writer has seen to it; a store here would be waited for
  std::uint16_t value = sum_of(packet, place);
  if (value == 0 && place.protocol == IpProtocol::udp) value = 0xffff;
  store16(at, value);
  packet.checksum = ChecksumState::present;
}

bool verify_checksum(Packet& packet) {
  if (packet.checksum != ChecksumState::present) return true;
  Place place;
  find_place(packet, place);
  if (place.offset == 0 || field_offset(place.protocol) == 0) return true;  // not ours to judge: `present`
  if (!has_field(packet, place.protocol, place.offset, place.bytes)) return false;
  if (has_none(packet, place.protocol, place.offset)) {
    if (place.is_v6) return false;
  } else if (sum_of(packet, place) != 0) {
    return false;
  }
  packet.checksum = ChecksumState::verified;
  return true;
}

bool verify_checksum(Packet& packet, const IpAddress& source, const IpAddress& destination,
                     IpProtocol protocol) {
  if (packet.checksum != ChecksumState::present) return true;
  if (field_offset(protocol) != 0) {
    const std::uint32_t size = packet.size();
    if (!has_field(packet, protocol, 0, size)) return false;
    if (has_none(packet, protocol, 0)) {
      if (source.is_v6()) return false;
    } else if (transport_checksum(packet, 0, covered_bytes(packet, protocol, 0, size), source, destination,
                                  protocol) != 0) {
      return false;
    }
  }
  packet.checksum = ChecksumState::verified;
  return true;
}

}  // namespace sockeye
