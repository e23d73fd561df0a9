// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/unreachable.h"

#include <algorithm>
#include <vector>

#include "packet/transport_checksum.h"
#include "wire/checksum.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye::sim {
namespace {

bool may_be_answered(Packet& about, const PacketSummary& summary) {
  const IpAddress& to = summary.destination;
  const IpAddress& from = summary.source;
  if (to.is_multicast() || to.is_limited_broadcast() || to.is_unspecified()) return false;
  if (from.is_multicast() || from.is_unspecified() || from.is_loopback()) return false;
  const bool is_icmp = summary.protocol == IpProtocol::icmp || summary.protocol == IpProtocol::icmpv6;
  if (summary.transport_offset == 0) return !summary.fragment && !is_icmp;
  if (!is_icmp) return true;
  const Bytes front = about.front(summary.transport_offset + 1);
  if (front.empty()) return false;
  const std::uint8_t type = load8(&front[summary.transport_offset]);
  return summary.protocol == IpProtocol::icmpv6 ? type >= 128 : type == IcmpType::kEchoRequest;
}

PacketPtr wrap(Packet& about, std::vector<std::byte>& message) {
  PacketPtr packet = about.pool().allocate();
  if (!packet) return nullptr;
  ChunkRef chunk = about.pool().chunks().copy_of(Bytes(message).subspan(kIcmpHeaderBytes));
  if (!chunk) return nullptr;
  const MutableBytes header = packet->push_front(kIcmpHeaderBytes);
  std::copy_n(message.begin(), kIcmpHeaderBytes, header.begin());
  packet->append(Slice(std::move(chunk), 0, static_cast<std::uint32_t>(message.size()) - kIcmpHeaderBytes));
  return packet;
}

// `header`: type, code and the rest, in the numbers of the family.
PacketPtr make_error(Packet& about, const PacketSummary& summary, IcmpHeader header) {
  if (!may_be_answered(about, summary)) return nullptr;
  const bool is_v4 = summary.destination.is_v4();
  // RFC 1812 4.3.2.3: 576 bytes in all; RFC 4443 3.1: up to the minimum MTU.
  const std::uint32_t ip_header = is_v4 ? kIpv4HeaderMin : kIpv6HeaderBytes;
  const std::uint32_t quote_max = (is_v4 ? 576 : kIpv6MinimumMtu) - ip_header - kIcmpHeaderBytes;
  std::vector<std::byte> whole(about.size());
  about.serialize(whole);
  const std::size_t quoted = std::min<std::size_t>(whole.size(), quote_max);
  std::vector<std::byte> message(kIcmpHeaderBytes + quoted);
  std::copy_n(whole.begin(), quoted, message.begin() + kIcmpHeaderBytes);
  emit_icmp(header, message);
  Checksum sum;
  if (!is_v4)
    sum.add_pseudo_header(summary.destination, summary.source, IpProtocol::icmpv6,
                          static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  header.checksum = sum.finish();
  emit_icmp(header, message);

  PacketPtr packet = wrap(about, message);
  if (!packet) return nullptr;
  if (is_v4) {
    Ipv4Header ip;
    ip.source = summary.destination;
    ip.destination = summary.source;
    ip.protocol = static_cast<std::uint8_t>(IpProtocol::icmp);
    ip.total_bytes = static_cast<std::uint16_t>(packet->size() + kIpv4HeaderMin);
    emit_ipv4(ip, packet->push_front(kIpv4HeaderMin));
  } else {
    Ipv6Header ip;
    ip.source = summary.destination;
    ip.destination = summary.source;
    ip.next_header = static_cast<std::uint8_t>(IpProtocol::icmpv6);
    ip.payload_bytes = static_cast<std::uint16_t>(packet->size());
    emit_ipv6(ip, packet->push_front(kIpv6HeaderBytes));
  }
  packet->checksum = ChecksumState::present;
  return packet;
}

}  // namespace

PacketPtr make_unreachable(Packet& about, const PacketSummary& summary) {
  IcmpHeader header;
  const bool is_v4 = summary.destination.is_v4();
  header.type = is_v4 ? IcmpType::kUnreachable : Icmpv6Type::kUnreachable;
  header.code = is_v4 ? IcmpCode::kHost : Icmpv6Code::kAddress;
  return make_error(about, summary, header);
}

PacketPtr make_too_big(Packet& about, const PacketSummary& summary, std::uint32_t mtu) {
  IcmpHeader header;
  const bool is_v4 = summary.destination.is_v4();
  header.type = is_v4 ? IcmpType::kUnreachable : Icmpv6Type::kPacketTooBig;
  header.code = is_v4 ? IcmpCode::kFragmentationNeeded : std::uint8_t{0};
  header.rest = mtu;
  return make_error(about, summary, header);
}

}  // namespace sockeye::sim
