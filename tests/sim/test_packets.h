// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Packets made by hand, as a stack would hand them to its link: headers in the head, payload in a
// slice, no transport checksum yet.
#pragma once

#include <vector>

#include "packet/packet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

namespace sockeye::sim {

inline PacketPtr with_ip(PacketPtr packet, const IpAddress& from, const IpAddress& to, IpProtocol protocol) {
  if (to.is_v4()) {
    Ipv4Header ip;
    ip.source = from;
    ip.destination = to;
    ip.protocol = static_cast<std::uint8_t>(protocol);
    ip.total_bytes = static_cast<std::uint16_t>(packet->size() + kIpv4HeaderMin);
    ip.dont_fragment = true;
    emit_ipv4(ip, packet->push_front(kIpv4HeaderMin));
  } else {
    Ipv6Header ip;
    ip.source = from;
    ip.destination = to;
    ip.next_header = static_cast<std::uint8_t>(protocol);
    ip.payload_bytes = static_cast<std::uint16_t>(packet->size());
    emit_ipv6(ip, packet->push_front(kIpv6HeaderBytes));
  }
  return packet;
}

inline PacketPtr with_payload(PacketPool& pool, std::size_t bytes) {
  PacketPtr packet = pool.allocate();
  if (bytes == 0) return packet;
  std::vector<std::byte> payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::byte>(i * 7);
  packet->append(Slice(pool.chunks().copy_of(payload), 0, static_cast<std::uint32_t>(bytes)));
  return packet;
}

inline PacketPtr udp_packet(PacketPool& pool, const Endpoint& from, const Endpoint& to, std::size_t bytes) {
  PacketPtr packet = with_payload(pool, bytes);
  emit_udp({from.port, to.port, static_cast<std::uint16_t>(bytes + kUdpHeaderBytes), 0},
           packet->push_front(kUdpHeaderBytes));
  return with_ip(std::move(packet), from.address, to.address, IpProtocol::udp);
}

inline PacketPtr tcp_packet(PacketPool& pool, const Endpoint& from, const Endpoint& to, TcpFlags flags,
                            std::uint32_t seq, std::size_t bytes) {
  PacketPtr packet = with_payload(pool, bytes);
  TcpHeader tcp;
  tcp.source_port = from.port;
  tcp.destination_port = to.port;
  tcp.seq = SeqNum(seq);
  tcp.flags = flags;
  tcp.window = 1000;
  emit_tcp(tcp, packet->push_front(tcp_emit_size(tcp)));
  return with_ip(std::move(packet), from.address, to.address, IpProtocol::tcp);
}

inline std::vector<std::byte> bytes_of(const Packet& packet) {
  std::vector<std::byte> bytes(packet.size());
  packet.serialize(bytes);
  return bytes;
}

}  // namespace sockeye::sim
