// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "icmp/icmp_layer.h"

#include <algorithm>

#include "packet/transport_checksum.h"
#include "wire/checksum.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kQuoteMaxV4 = 576 - kIpv4HeaderMin - kIcmpHeaderBytes;  // RFC 1812 4.3.2.3
constexpr std::uint32_t kQuoteMaxV6 = kIpv6MinimumMtu - kIpv6HeaderBytes - kIcmpHeaderBytes;
constexpr std::uint32_t kQuoteRead = 128;  // as much of a quote as we look at: headers, and eight bytes

std::uint16_t checksum_of(const Packet& packet, std::uint32_t offset) {
  Checksum sum;
  sum.add(packet.head().subspan(offset));
  for (const Slice& slice : packet.slices()) sum.add(slice.bytes());
  return sum.finish();
}

bool is_error(bool is_v6, std::uint8_t type) {
  if (is_v6) return type < 128;
  return type != IcmpType::kEchoReply && type != IcmpType::kEchoRequest && (type < 13 || type > 18);
}

}  // namespace

bool IcmpRateLimit::take(Bucket& bucket, Instant now, Duration per_token, unsigned burst, unsigned count) {
  const std::int64_t cost = to_ns(per_token);
  const std::int64_t full = cost * burst;
  const std::int64_t elapsed = std::min(std::max<std::int64_t>(to_ns(now - bucket.at), 0), full);
  bucket.tokens_ns = std::min(bucket.tokens_ns + elapsed, full);
  bucket.at = now;
  if (bucket.tokens_ns < cost) return false;
  bucket.tokens_ns = std::max<std::int64_t>(bucket.tokens_ns - cost * count, 0);
  return true;
}

bool IcmpRateLimit::allow(Instant now, const IpAddress& peer) {
  if (!take(common_, now, 1ms, 50, 1u + static_cast<unsigned>(open_.below(3)))) return false;
  auto found = peers_.find(peer);
  if (found == peers_.end()) {
    if (peers_.size() >= kPeersMax)  // the one that was quiet longest makes room
      peers_.erase(std::min_element(peers_.begin(), peers_.end(),
                                    [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
    found = peers_.emplace(peer, Bucket{to_ns(1s) * 6, now}).first;
  }
  return take(found->second, now, 1s, 6, 1);
}

std::optional<IcmpError> IcmpLayer::receive(Instant now, PacketPtr& packet, const IpArrival& arrival) {
  const bool is_v6 = arrival.source.is_v6();
  const Bytes front = packet->front(arrival.header_bytes + kIcmpHeaderBytes);
  if (front.empty()) {
    drops_.count(Drop::bad_icmp);
    return std::nullopt;
  }
  // ICMPv6 was verified with the other transports; ICMP's sum has no pseudo header.
  if (!is_v6 && packet->checksum == ChecksumState::present &&
      checksum_of(*packet, arrival.header_bytes) != 0) {
    drops_.count(Drop::bad_checksum);
    return std::nullopt;
  }
  const IcmpHeader header = parse_icmp(front.subspan(arrival.header_bytes));
  if (header.type == (is_v6 ? Icmpv6Type::kEchoRequest : IcmpType::kEchoRequest)) {
    if (arrival.is_group)
      drops_.count(Drop::bad_icmp);  // smurf (C2)
    else
      reply_to_echo(now, std::move(packet), arrival);
    return std::nullopt;
  }
  const auto meaning =
      is_v6 ? meaning_of_icmpv6(header.type, header.code) : meaning_of_icmp(header.type, header.code);
  if (!meaning) {
    // RFC 9293 3.9.2.2 MUST-55
    drops_.count(Drop::ignored_icmp);
    return std::nullopt;
  }
  auto error = read_error(*packet, arrival);
  if (!error) {
    drops_.count(Drop::bad_icmp);
    return std::nullopt;
  }
  error->error = meaning->error;
  error->hard = meaning->hard;
  error->type = header.type;
  error->code = header.code;
  error->is_v6 = is_v6;
  error->offender = arrival.source;
  if (meaning->error == Errno::msgsize) {
    error->mtu = is_v6 ? header.rest : header.rest & 0xffff;
    // RFC 1191 5: a router that does not say. The next plateau below the quoted packet would do; the
    // clamp's minimum is safe.
    if (error->mtu == 0) error->mtu = 1;
  }
  return error;
}

std::optional<IcmpError> IcmpLayer::read_error(Packet& packet, const IpArrival& arrival) {
  const std::uint32_t begin = arrival.header_bytes + kIcmpHeaderBytes;
  const std::uint32_t room = std::min(packet.size(), std::min(begin + kQuoteRead, Packet::kHeadBytes));
  const Bytes quote = packet.front(room).subspan(begin);
  const auto quoted = arrival.source.is_v6() ? parse_icmpv6_quote(quote) : parse_icmp_quote(quote);
  if (!quoted || !ip_.is_local(quoted->source)) return std::nullopt;
  IcmpError error;
  error.protocol = static_cast<IpProtocol>(quoted->protocol);
  error.local = {quoted->source, load16(quoted->transport.data())};
  error.remote = {quoted->destination, load16(quoted->transport.data() + 2)};
  error.sequence = load32(quoted->transport.data() + 4);
  error.payload = quoted->transport.subspan(8);
  return error;
}

void IcmpLayer::reply_to_echo(Instant now, PacketPtr packet, const IpArrival& arrival) {
  const bool is_v6 = arrival.source.is_v6();
  packet->consume(arrival.header_bytes);
  const Bytes front = packet->front(kIcmpHeaderBytes);
  IcmpHeader header = parse_icmp(front);
  header.type = is_v6 ? Icmpv6Type::kEchoReply : IcmpType::kEchoReply;
  header.checksum = 0;
  emit_icmp(header, packet->mutable_head().first(kIcmpHeaderBytes));
  packet->checksum = ChecksumState::absent;
  packet->segment_size = 0;
  packet->transmission = 0;
  if (!is_v6) {
    header.checksum = checksum_of(*packet, 0);
    emit_icmp(header, packet->mutable_head().first(kIcmpHeaderBytes));
  }
  IpSend how;
  how.source = arrival.destination;
  how.destination = arrival.source;
  how.protocol = is_v6 ? IpProtocol::icmpv6 : IpProtocol::icmp;
  how.tos = arrival.tos;
  how.dont_fragment = false;
  how.may_cut = true;
  const auto route = ip_.route(how.destination, how.source, 0);
  if (!route) {
    drops_.count(Drop::no_route);
    return;
  }
  how.interface = route->interface;
  if (!ip_.send(now, std::move(packet), how)) drops_.count(Drop::no_memory);
}

// RFC 1122 3.2.2 and RFC 4443 2.4 e: about what no error is ever sent.
bool IcmpLayer::may_complain(const IpComplaint& complaint) const {
  const IpArrival& arrival = complaint.arrival;
  const bool is_v6 = arrival.source.is_v6();
  if (arrival.is_group && !complaint.even_multicast) return false;
  if (arrival.source.is_unspecified() || arrival.source.is_multicast() || ip_.is_broadcast(arrival.source))
    return false;
  if (arrival.protocol == static_cast<std::uint8_t>(is_v6 ? IpProtocol::icmpv6 : IpProtocol::icmp)) {
    const Bytes front = complaint.packet->front(arrival.header_bytes + 1);
    if (front.empty() || is_error(is_v6, load8(front.data() + arrival.header_bytes))) return false;
  }
  return true;
}

void IcmpLayer::send_error(Instant now, IpComplaint complaint) {
  const IpArrival& arrival = complaint.arrival;
  const bool is_v6 = arrival.source.is_v6();
  if (!may_complain(complaint)) return;
  const bool own_host = arrival.interface != nullptr && arrival.interface->is_loopback;
  if (!own_host && !limit_.allow(now, arrival.source)) {
    drops_.count(Drop::icmp_rate_limited);
    return;
  }
  const bool to_us = !arrival.is_group && ip_.is_local(arrival.destination);
  const auto route = ip_.route(arrival.source, to_us ? arrival.destination : IpAddress(), 0);
  PacketPtr packet = pool_.allocate();
  complaint.packet->truncate(is_v6 ? kQuoteMaxV6 : kQuoteMaxV4);
  const std::uint32_t quoted = complaint.packet->size();
  ChunkRef chunk = packet ? pool_.chunks().allocate(quoted) : ChunkRef();
  if (!route || !chunk) {
    drops_.count(route ? Drop::no_memory : Drop::no_route);
    return;
  }
  complaint.packet->serialize(chunk->tail().first(quoted));
  chunk->commit(quoted);
  packet->append(Slice(std::move(chunk), 0, quoted));
  IcmpHeader header{complaint.type, complaint.code, 0, complaint.rest};
  packet->push_front(kIcmpHeaderBytes);
  emit_icmp(header, packet->mutable_head());
  if (!is_v6) {
    header.checksum = checksum_of(*packet, 0);
    emit_icmp(header, packet->mutable_head());
  }
  IpSend how;
  how.source = route->source;
  how.destination = arrival.source;
  how.protocol = is_v6 ? IpProtocol::icmpv6 : IpProtocol::icmp;
  how.interface = route->interface;
  how.dont_fragment = false;
  how.may_cut = true;
  if (!ip_.send(now, std::move(packet), how)) drops_.count(Drop::no_memory);
}

void IcmpLayer::send_port_unreachable(Instant now, const IpArrival& arrival, PacketPtr packet) {
  const bool is_v6 = arrival.source.is_v6();
  send_error(now, {is_v6 ? Icmpv6Type::kUnreachable : IcmpType::kUnreachable,
                   is_v6 ? Icmpv6Code::kPort : IcmpCode::kPort, 0, arrival, std::move(packet), false});
}

void IcmpLayer::send_protocol_unreachable(Instant now, const IpArrival& arrival, PacketPtr packet) {
  const bool is_v6 = arrival.source.is_v6();
  // RFC 8200 4: an unknown next header is a parameter problem, code 1, at the byte that names it. Only
  // without extension headers do we know its place here.
  send_error(now, {is_v6 ? Icmpv6Type::kParameterProblem : IcmpType::kUnreachable,
                   is_v6 ? std::uint8_t{1} : IcmpCode::kProtocol, is_v6 ? 6u : 0u, arrival, std::move(packet),
                   false});
}

}  // namespace sockeye
