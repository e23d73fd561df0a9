// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/host.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "socket/datagram_socket.h"
#include "socket/stream_connection.h"
#include "tcp/signature.h"
#include "udp/datagram.h"
#include "wire/tcp.h"

namespace sockeye {

SocketHost::SocketHost(const SocketLimits& socket_limits, const tcp::Config& tcp_config, PacketPool& packets,
                       Rng& secret, Rng& open, Instant start)
    : limits(socket_limits),
      config(tcp_config),
      default_settings(tcp::Settings::of(tcp_config)),
      pool(packets),
      ip(packets, secret, drops),
      tcp(tcp_config, packets.chunks(), secret, open),
      time_waits(tcp),
      timers(start),
      port_choice(secret, socket_limits.ephemeral_first, socket_limits.ephemeral_last),
      connections(SipKey::draw(secret)),
      now(start) {
  time_wait_timer_.host = this;
}

SocketHost::~SocketHost() {
  timers.cancel(time_wait_timer_);
}

void SocketHost::touch(StreamConnection& connection) {
  if (connection.ListHook<DirtyTag>::is_linked()) return;
  dirty.push_back(connection);
  wake();
}

void SocketHost::wait_for_flush(DatagramSocket& socket) {
  if (!socket.ListHook<WriterTag>::is_linked()) writers.push_back(socket);
  wake();
}

void SocketHost::add_time_wait(const tcp::TimeWait& record, const PortUse& use) {
  if (!time_waits.add(now, record)) {
    drops.count(Drop::time_wait_full);
    return;
  }
  PortUse claim = use;
  claim.state = PortUse::State::time_wait;
  claim.owner = nullptr;
  PortUse* shared = stream_ports.add_shared(claim);
  shared->count = 1;  // stands for any number of records; forgotten when none is left
  if (const auto next = time_waits.next_timer();
      next && (!time_wait_timer_.is_armed() || time_wait_timer_.deadline() > *next))
    timers.arm(time_wait_timer_, *next);
}

void SocketHost::keep_keys(const FiveTuple& tuple, const std::shared_ptr<const tcp::KeyRing>& keys,
                           const tcp::SignedPosition& position) {
  if (signed_time_waits_.size() >= kSignedTimeWaitsMax)
    for (auto at = signed_time_waits_.begin(); at != signed_time_waits_.end();)
      at = time_waits.contains(at->first) ? std::next(at) : signed_time_waits_.erase(at);
  // Beyond that the last ACKs go unsigned, and the peer's FIN has to time out.
  if (signed_time_waits_.size() < kSignedTimeWaitsMax) signed_time_waits_[tuple] = {keys, position};
}

const SocketHost::SignedTimeWait* SocketHost::signed_time_wait(const FiveTuple& tuple) const {
  if (signed_time_waits_.empty() || !time_waits.contains(tuple)) return nullptr;
  const auto found = signed_time_waits_.find(tuple);
  return found == signed_time_waits_.end() ? nullptr : &found->second;
}

void SocketHost::TimeWaitTimer::on_timer(Instant at) {
  host->time_waits.on_timer(at);
  if (const auto next = host->time_waits.next_timer()) host->timers.arm(*this, *next);
}

void SocketHost::refresh_time_wait(std::uint16_t port, bool exactly) {
  if (!stream_ports.has_time_wait(port)) return;
  if (time_waits.count_on_port(port) == 0)
    stream_ports.forget_time_wait(port);
  else if (exactly)
    stream_ports.forget_time_wait_of(port, [&](const Endpoint& local) { return time_waits.holds(local); });
}

bool SocketHost::is_served(const Endpoint& end, IpProtocol protocol) const {
  if (!service_point || end.port != service_point->port || end.address.is_unspecified() ||
      end.address.is_multicast())
    return false;
  if (!ip.is_local(end.address)) return !service_point->service.leaves_alone(end, protocol);
  const PortTable& ports = protocol == IpProtocol::tcp ? stream_ports : datagram_ports;
  return ports.find(end, {}, 0) == nullptr;
}

Result<IpLayer::Route> SocketHost::route(const FiveTuple& ends, IpProtocol protocol, unsigned device) const {
  const IpAddress& to = ends.remote.address;
  if (!is_served(ends.remote, protocol) && !is_served(ends.local, protocol))
    return ip.route(to, ends.local.address, device);
  IpLayer::Route way{&service_point->interface, ends.local.address};
  if (!way.source.is_unspecified()) return way;
  way.source = to.is_v4() ? IpAddress::loopback_v4() : IpAddress::loopback_v6();
  if (to.is_loopback()) return way;
  for (const auto& interface : ip.interfaces())
    for (const InterfaceAddress& own : interface->addresses)
      if (!own.address.is_loopback() && own.address.is_v4() == to.is_v4()) {
        way.source = own.address;
        return way;
      }
  return way;
}

ServicePoint::ServicePoint(LocalService& given, std::uint16_t given_port) : service(given), port(given_port) {
  interface.name = "service";
  interface.link = &loopback.link();
  interface.capabilities = loopback.link().capabilities();
  interface.any_address = true;
}

// `request` is the payload of a datagram to the service's end of `tuple`, its local one.
void SocketHost::answer_as_service(PacketPtr request, const FiveTuple& tuple) {
  std::vector<std::byte> bytes(request->size());
  request->serialize(bytes);
  const std::vector<std::byte> reply = service_point->service.answer(bytes);
  if (reply.empty()) return;
  const Bytes buffers[] = {reply};
  auto packet = udp::make_datagram(pool, tuple.local.port, tuple.remote.port, buffers,
                                   static_cast<std::uint32_t>(reply.size()));
  if (!packet) {
    drops.count(Drop::no_memory);
    return;
  }
  IpSend how;
  how.source = tuple.local.address;
  how.destination = tuple.remote.address;
  how.protocol = IpProtocol::udp;
  how.interface = &service_point->interface;
  (void)ip.send(now, std::move(*packet), how);  // far below that interface's MTU
}

tcp::Path SocketHost::path_to(const IpAddress& destination, const Interface& interface,
                              const tcp::KeyRing* keys) const {
  tcp::Path path;
  path.mtu = ip.path_mtu(now, destination, interface);
  path.largest_packet = std::max(interface.capabilities.largest_packet, path.mtu);
  path.is_v6 = destination.is_v6();
  path.signature_bytes = tcp::signature_bytes(keys, destination);
  if (path.signature_bytes != 0) path.largest_packet = path.mtu;
  return path;
}

PacketPtr SocketHost::take_spare() {
  if (spare_) return std::move(spare_);
  return pool.allocate();
}

void SocketHost::send_segment(const FiveTuple& tuple, tcp::Segment segment, std::uint8_t ttl,
                              std::uint8_t tos, const tcp::KeyRing* keys,
                              const tcp::SignedPosition* position) {
  if (segment.flags.rst) {
    if (config.reset_limit != 0 && !tcp.reset_limit.allow(now, config.reset_limit)) {
      drops.count(Drop::reset_limited);
      return;
    }
    tcp.counters.count(tcp::Counter::out_rsts);
  }
  const auto way = route(tuple, IpProtocol::tcp, 0);
  if (!way) {
    drops.count(Drop::no_route);
    return;
  }
  PacketPtr packet = take_spare();
  if (!packet) {
    drops.count(Drop::no_memory);
    return;
  }
  tcp::prepare_signature(keys, tuple.remote.address, segment, position);
  emit_tcp(segment, packet->push_front(tcp_emit_size(segment)));
  tcp::sign(keys, tuple, segment, *packet, position);
  IpSend how;
  how.source = tuple.local.address;
  how.destination = tuple.remote.address;
  how.protocol = IpProtocol::tcp;
  how.ttl = ttl;
  how.tos = tos;
  how.interface = way->interface;
  (void)ip.send(now, std::move(packet), how);  // a bare segment is never too big
}

}  // namespace sockeye
