// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// IpLayer::receive(): RFC 1122 3.2.1 and RFC 8200 in the order in which a packet shows its header,
// its addresses, its extensions and its fragment fields.
#include <algorithm>
#include <cstring>

#include "ip/ip_layer.h"
#include "wire/icmp.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye {
namespace {

constexpr std::uint8_t kReassemblyTimeExceeded = 1;  // code of time exceeded, both families

// The least that a first fragment must hold of its transport (RFC 1858, RFC 7112).
std::uint32_t transport_minimum(std::uint8_t protocol) {
  return static_cast<IpProtocol>(protocol) == IpProtocol::tcp ? 20 : 8;
}

bool is_class_e(const IpAddress& address) {
  return address.is_v4() && address.to_v4() >> 28 == 0xf;
}
bool is_this_network(const IpAddress& address) {
  return address.is_v4() && address.to_v4() >> 24 == 0;
}

bool is_extension(std::uint8_t protocol) {
  switch (static_cast<IpProtocol>(protocol)) {
    case IpProtocol::hop_by_hop:
    case IpProtocol::routing:
    case IpProtocol::fragment:
    case IpProtocol::destination_options:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IpLayer::receive(Instant now, Interface& from, PacketPtr& packet, IpArrival& arrival) {
  arrival = IpArrival{};
  arrival.interface = &from;
  const Bytes first = packet->front(1);
  std::optional<Drop> drop = Drop::truncated;
  if (!first.empty()) {
    const unsigned version = load8(first.data()) >> 4;
    drop = version == 4   ? receive_v4(now, packet, arrival)
           : version == 6 ? receive_v6(now, packet, arrival)
                          : std::optional(Drop::bad_version);
  }
  if (drop) {
    drops_.count(*drop);
    packet.reset();
  }
  return packet != nullptr;
}

// RFC 1122 3.2.1.3: who may be a source, and which destinations are ours (weak host model, as Linux).
std::optional<Drop> IpLayer::check_addresses(IpArrival& arrival) const {
  Interface& from = *arrival.interface;
  if (from.any_address || from.was_in_order(arrival.source, arrival.destination)) return std::nullopt;
  const auto drop = check_new_addresses(arrival);
  if (!drop && !arrival.is_group) {
    from.last_source = arrival.source;
    from.last_destination = arrival.destination;
  }
  return drop;
}

std::optional<Drop> IpLayer::check_new_addresses(IpArrival& arrival) const {
  const Interface& from = *arrival.interface;
  const IpAddress& source = arrival.source;
  const IpAddress& destination = arrival.destination;
  arrival.is_group =
      destination.is_multicast() || destination.is_limited_broadcast() || from.is_broadcast(destination);
  // RFC 9293 3.9.2.3 MUST-63
  if (source.is_multicast() || source.is_unspecified() || is_class_e(source) || is_this_network(source) ||
      from.is_broadcast(source))
    return Drop::martian_source;
  if (from.is_loopback) {
    if (!is_local(source)) return Drop::martian_source;
    return is_local(destination) ? std::nullopt : std::optional(Drop::martian_destination);
  }
  if (source.is_loopback()) return Drop::martian_source;
  if (destination.is_loopback()) return Drop::martian_destination;
  if (is_local(source)) return Drop::martian_source;  // LAND, or somebody has our address
  if (from.has_address(destination) || is_local(destination)) return std::nullopt;
  if (destination.is_multicast() || destination.is_unspecified() ||
      (is_class_e(destination) && !arrival.is_group))
    return Drop::martian_destination;
  return arrival.is_group ? std::nullopt : std::optional(Drop::not_for_us);
}

std::optional<Drop> IpLayer::receive_v4(Instant now, PacketPtr& packet, IpArrival& arrival) {
  Bytes header = packet->front(kIpv4HeaderMin);
  if (header.empty()) return Drop::truncated;
  const std::uint32_t header_bytes = ipv4_header_bytes(header);
  if (header_bytes == 0) return Drop::bad_ip_header;
  if (header_bytes != kIpv4HeaderMin) header = packet->front(header_bytes);
  if (header.empty()) return Drop::truncated;
  Ipv4Header ip;
  if (auto drop = parse_ipv4(header, packet->size(), packet->checksum != ChecksumState::absent, ip))
    return drop;
  packet->truncate(ip.total_bytes);
  // From the packet, not from `ip`: what was just stored there by halves would be waited for.
  arrival.source = load_ipv4_address(header.data() + 12);
  arrival.destination = load_ipv4_address(header.data() + 16);
  arrival.header_bytes = header_bytes;
  arrival.protocol = ip.protocol;
  arrival.ttl = ip.ttl;
  arrival.tos = ip.tos;
  if (auto drop = check_addresses(arrival)) return drop;
  if (!ip.is_fragment()) return std::nullopt;

  const std::uint32_t length = ip.total_bytes - header_bytes;
  if (length == 0 || (ip.more_fragments && length % 8 != 0)) return Drop::bad_fragment;
  if (ip.fragment_offset == 0 && length < transport_minimum(ip.protocol)) return Drop::bad_fragment;
  FragmentReassembler::Fragment fragment;
  fragment.key = {ip.source, ip.destination, ip.identification, ip.protocol};
  fragment.offset = ip.fragment_offset;
  fragment.more = ip.more_fragments;
  fragment.data_at = header_bytes;
  if (fragment.offset == 0) {
    fragment.header.resize(kIpv4HeaderMin);
    Ipv4Header whole = ip;
    whole.more_fragments = false;
    whole.total_bytes = kIpv4HeaderMin;
    emit_ipv4(whole, fragment.header);
  }
  return add_fragment(now, std::move(fragment), packet, arrival);
}

std::optional<Drop> IpLayer::receive_v6(Instant now, PacketPtr& packet, IpArrival& arrival) {
  const Bytes fixed = packet->front(kIpv6HeaderBytes);
  if (fixed.empty()) return Drop::truncated;
  Ipv6Header ip;
  if (auto drop = parse_ipv6(fixed, packet->size(), ip)) return drop;
  const std::uint32_t packet_bytes = kIpv6HeaderBytes + ip.payload_bytes;
  packet->truncate(packet_bytes);
  arrival.source = ip.source;
  arrival.destination = ip.destination;
  arrival.header_bytes = kIpv6HeaderBytes;
  arrival.protocol = ip.next_header;
  arrival.ttl = ip.hop_limit;
  arrival.tos = ip.traffic_class;
  if (auto drop = check_addresses(arrival)) return drop;
  if (!is_extension(ip.next_header)) return std::nullopt;

  const Bytes front = packet->front(std::min(packet_bytes, Packet::kHeadBytes));
  const Ipv6Walk walk = walk_ipv6_extensions(front, packet_bytes, ip);
  if (walk.drop) {
    if (walk.problem)
      complain(arrival, std::move(packet), Icmpv6Type::kParameterProblem, walk.problem->code,
               walk.problem->pointer, walk.problem->even_multicast);
    return walk.drop;
  }
  arrival.header_bytes = walk.header_bytes;
  arrival.protocol = walk.protocol;
  const bool is_atomic = walk.fragment && walk.fragment->offset == 0 && !walk.fragment->more;
  if (!walk.fragment || is_atomic) return std::nullopt;  // RFC 6946: an atomic fragment stands alone

  const std::uint32_t data_at = walk.fragment_at + kIpv6FragmentHeaderBytes;
  const std::uint32_t length = packet_bytes - data_at;
  const auto refuse = [&](std::uint8_t code, std::uint32_t pointer) {
    complain(arrival, std::move(packet), Icmpv6Type::kParameterProblem, code, pointer);
    return Drop::bad_fragment;
  };
  if (length == 0) return Drop::bad_fragment;
  if (walk.fragment->more && length % 8 != 0) return refuse(0, 4);
  if (walk.fragment->offset + length > 65535) return refuse(0, walk.fragment_at + 2);
  if (walk.fragment->offset == 0 && packet_bytes - walk.header_bytes < transport_minimum(walk.protocol))
    return refuse(3, 0);
  FragmentReassembler::Fragment fragment;
  fragment.key = {ip.source, ip.destination, walk.fragment->identification, 0};
  fragment.offset = walk.fragment->offset;
  fragment.more = walk.fragment->more;
  fragment.data_at = data_at;
  if (fragment.offset == 0) {
    fragment.header.assign(front.begin(), front.begin() + walk.fragment_at);
    fragment.header[walk.fragment_link_at] = static_cast<std::byte>(walk.fragment->next_header);
  }
  return add_fragment(now, std::move(fragment), packet, arrival);
}

// The datagram may now be complete: then it goes the whole way again, as one packet (B30).
std::optional<Drop> IpLayer::add_fragment(Instant now, FragmentReassembler::Fragment fragment,
                                          PacketPtr& packet, IpArrival& arrival) {
  const bool is_v4 = fragment.key.source.is_v4();
  FragmentReassembler::Outcome outcome = reassembler_.add(now, std::move(fragment), std::move(packet));
  packet = nullptr;
  for (std::uint32_t i = 0; i < outcome.evicted; ++i) drops_.count(Drop::fragment_limit);
  if (outcome.drop || !outcome.complete) return outcome.drop;
  packet = std::move(outcome.complete);
  const auto total = static_cast<std::uint16_t>(packet->size());
  MutableBytes header = packet->mutable_head().first(outcome.header_bytes);
  Interface& from = *arrival.interface;
  arrival = IpArrival{};
  arrival.interface = &from;
  if (!is_v4) {
    store16(header.data() + 4, static_cast<std::uint16_t>(total - kIpv6HeaderBytes));
    return receive_v6(now, packet, arrival);
  }
  Ipv4Header ip;
  if (auto drop = parse_ipv4(header, total, false, ip)) return drop;
  ip.total_bytes = total;
  emit_ipv4(ip, header);
  return receive_v4(now, packet, arrival);
}

void IpLayer::on_timer(Instant now) {
  while (auto expired = reassembler_.next_expired(now)) {
    for (std::size_t i = 0; i < expired->pieces; ++i) drops_.count(Drop::fragment_timeout);
    if (!expired->first) continue;  // RFC 792, RFC 4443 3.3: only when the first fragment had come
    PacketPtr packet = std::move(expired->first);
    IpArrival arrival;
    arrival.interface = interfaces_.front().get();
    const Bytes front = packet->front(1);
    const bool is_v4 = load8(front.data()) >> 4 == 4;
    const Bytes header = packet->front(is_v4 ? kIpv4HeaderMin : kIpv6HeaderBytes);
    arrival.source = is_v4 ? load_ipv4_address(header.data() + 12) : load_ipv6_address(header.data() + 8);
    arrival.destination =
        is_v4 ? load_ipv4_address(header.data() + 16) : load_ipv6_address(header.data() + 24);
    arrival.protocol = load8(header.data() + (is_v4 ? 9 : 6));
    arrival.is_group = arrival.destination.is_multicast() || is_broadcast(arrival.destination);
    complain(arrival, std::move(packet), is_v4 ? IcmpType::kTimeExceeded : Icmpv6Type::kTimeExceeded,
             kReassemblyTimeExceeded, 0);
  }
}

}  // namespace sockeye
