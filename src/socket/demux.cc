// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/demux.h"

#include "socket/datagram_socket.h"
#include "socket/listener.h"
#include "socket/stream_connection.h"
#include "socket/stream_socket.h"
#include "tcp/signature.h"
#include "wire/tcp.h"
#include "wire/udp.h"

namespace sockeye {
namespace {

// Takes the headers off; `headers`: where they stood, IP's and TCP's, valid while the packet is not changed.
// False: counted.
bool read_segment(SocketHost& host, Packet& packet, const IpArrival& arrival, tcp::Segment& segment,
                  Bytes& headers) {
  const Bytes minimum = packet.front(arrival.header_bytes + kTcpHeaderMin);
  const std::uint32_t header_bytes =
      minimum.empty() ? 0 : tcp_header_bytes(minimum.subspan(arrival.header_bytes));
  const Bytes header = header_bytes == 0 ? Bytes() : packet.front(arrival.header_bytes + header_bytes);
  if (header.empty()) {
    host.drops.count(Drop::bad_transport_header);
    return false;
  }
  if (!parse_tcp(header.subspan(arrival.header_bytes), segment)) {
    host.drops.count(Drop::bad_transport_header);
    return false;
  }
  headers = header;
  packet.consume(arrival.header_bytes + header_bytes);
  segment.payload_bytes = packet.size();
  segment.ip_ecn = arrival.tos & 3;
  return true;
}

// Everybody who may answer must have looked at the signature before. `position`: asked when there are keys.
// False: counted.
template <class Position>
bool is_genuine(SocketHost& host, const tcp::KeyRing* keys, const FiveTuple& tuple,
                const tcp::Segment& segment, Bytes header, const Packet& packet, Position position) {
  if (keys == nullptr && segment.options.signature.kind == TcpSignature::Kind::none) return true;
  const std::optional<tcp::SignedPosition> at = position();
  const auto drop = tcp::check_signature(keys, tuple, segment, header, packet, at ? &*at : nullptr);
  if (drop) host.drops.count(*drop);
  return !drop;
}

std::optional<tcp::SignedPosition> nowhere() {
  return std::nullopt;
}

void refuse_segment(SocketHost& host, const FiveTuple& tuple, const tcp::Segment& segment) {
  host.drops.count(Drop::no_socket);
  if (const auto reset = tcp::reset_for(segment)) host.send_segment(tuple, *reset, host.limits.ttl, 0);
}

}  // namespace

void receive_stream(SocketHost& host, PacketPtr packet, const IpArrival& arrival) {
  if (arrival.is_group) {
    // RFC 9293 3.9.2.3 MUST-57
    host.drops.count(Drop::multicast_syn);
    return;
  }
  tcp::Segment segment;
  Bytes headers;
  if (!read_segment(host, *packet, arrival, segment, headers)) return;
  const Bytes header = headers.subspan(arrival.header_bytes);
  const FiveTuple tuple{{arrival.destination, segment.destination_port},
                        {arrival.source, segment.source_port}};
  if (StreamConnection* connection = host.connections.find(tuple)) {
    const tcp::KeyRing* keys = connection->settings().keys.get();
    const auto position = [&] { return std::optional(connection->signed_position()); };
    if (!is_genuine(host, keys, tuple, segment, header, *packet, position)) return;
    if (keys != nullptr) connection->on_genuine(segment.options.signature);
    connection->on_segment(segment, *packet);
    return;
  }
  std::optional<SeqNum> beyond;  // a new connection over an old one in TIME_WAIT (RFC 6191)
  if (host.time_waits.size() > 0) {
    const SocketHost::SignedTimeWait* kept = host.signed_time_wait(tuple);
    const tcp::KeyRing* keys = kept != nullptr ? kept->keys.get() : nullptr;
    const auto position = [&] { return std::optional(kept->position); };
    if (kept != nullptr && !segment.flags.syn &&
        !is_genuine(host, keys, tuple, segment, header, *packet, position))
      return;
    if (const auto verdict = host.time_waits.on_segment(host.now, tuple, segment)) {
      if (verdict->drop) host.drops.count(*verdict->drop);
      if (verdict->reply)
        host.send_segment(tuple, *verdict->reply, host.limits.ttl, 0, keys,
                          kept != nullptr ? &kept->position : nullptr);
      if (!verdict->reopen_beyond) return;
      beyond = verdict->reopen_beyond;
    }
  }
  if (arrival.interface->any_address && tuple.local.port == host.service_point->port &&
      host.service_point->listener != nullptr) {
    host.service_point->listener->listener()->on_segment(tuple, segment, *packet, *arrival.interface, beyond,
                                                         headers);
    return;
  }
  const PortUse* use =
      host.stream_ports.find(tuple.local, tuple.remote, arrival.interface->index, &host.connections);
  if (use == nullptr) {
    refuse_segment(host, tuple, segment);
    return;
  }
  auto& owner = *static_cast<StreamSocket*>(use->owner);
  if (!is_genuine(host, owner.settings().keys.get(), tuple, segment, header, *packet, nowhere)) return;
  owner.listener()->on_segment(tuple, segment, *packet, *arrival.interface, beyond, headers);
}

bool receive_datagram(SocketHost& host, PacketPtr& packet, const IpArrival& arrival) {
  const Bytes front = packet->front(arrival.header_bytes + kUdpHeaderBytes);
  UdpHeader header;
  std::optional<Drop> drop = Drop::bad_transport_header;
  if (!front.empty())
    drop = parse_udp(front.subspan(arrival.header_bytes), packet->size() - arrival.header_bytes, header);
  if (drop) {
    host.drops.count(*drop);
    packet.reset();
    return true;
  }
  const Endpoint local{arrival.destination, header.destination_port};
  const Endpoint remote{arrival.source, header.source_port};
  const auto deliver = [&](Socket* owner, PacketPtr copy) {
    copy->consume(arrival.header_bytes + kUdpHeaderBytes);
    copy->truncate(header.length - kUdpHeaderBytes);
    udp::Datagram datagram;
    datagram.packet = std::move(copy);
    datagram.from = remote;
    datagram.to = arrival.destination;
    datagram.interface_index = arrival.interface->index;
    datagram.ttl = arrival.ttl;
    datagram.tos = arrival.tos;
    static_cast<DatagramSocket*>(owner)->on_datagram(std::move(datagram));
  };
  if (arrival.interface->any_address && local.port == host.service_point->port) {
    packet->consume(arrival.header_bytes + kUdpHeaderBytes);
    packet->truncate(header.length - kUdpHeaderBytes);
    host.answer_as_service(std::move(packet), {local, remote});
    return true;
  }
  if (arrival.is_group) {  // everybody who may hear it gets a copy
    bool anybody = false;
    host.datagram_ports.for_each_on(local.port, [&](const PortUse& use) {
      if (!use.is_wildcard() && use.address != local.address) return;
      if (local.address.is_v4() ? use.v6only : use.address.is_v4()) return;
      if (use.state == PortUse::State::connected && use.remote != remote) return;
      if (use.owner == nullptr) return;
      anybody = true;
      if (PacketPtr copy = packet->clone())
        deliver(use.owner, std::move(copy));
      else
        host.drops.count(Drop::no_memory);
    });
    if (!anybody) host.drops.count(Drop::no_socket);
    packet.reset();
    return true;
  }
  const PortUse* use = host.datagram_ports.find(local, remote, arrival.interface->index, &host.connections);
  if (use == nullptr) {
    host.drops.count(Drop::no_socket);
    return false;
  }
  deliver(use->owner, std::move(packet));
  return true;
}

void receive_icmp_error(SocketHost& host, const IcmpError& error) {
  const FiveTuple tuple{error.local, error.remote};
  if (error.protocol == IpProtocol::tcp) {
    if (StreamConnection* connection = host.connections.find(tuple)) {
      connection->on_icmp_error(error);
      return;
    }
    const PortUse* use = host.stream_ports.find(tuple.local, tuple.remote, 0, &host.connections);
    if (use != nullptr) {
      if (error.mtu != 0) return;  // a SYN-ACK is never too big (Linux: tcp_req_err)
      static_cast<StreamSocket*>(use->owner)
          ->listener()
          ->half_open()
          .on_icmp_error(tuple, SeqNum(error.sequence));
      return;
    }
  } else if (error.protocol == IpProtocol::udp) {
    const PortUse* use = host.datagram_ports.find(tuple.local, tuple.remote, 0, &host.connections);
    if (use != nullptr) {
      static_cast<DatagramSocket*>(use->owner)->on_icmp_error(error);
      return;
    }
  }
  host.drops.count(Drop::no_socket);
}

}  // namespace sockeye
