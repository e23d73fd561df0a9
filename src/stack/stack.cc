// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "stack/stack.h"

#include "socket/datagram_socket.h"
#include "socket/stream_socket.h"
#include "stack/impl.h"
#include "stack/sysctl.h"

namespace sockeye {

Stack::Stack(const StackConfig& config, PacketPool& pool, Rng& secret, Rng& open, Instant start)
    : impl_(std::make_unique<Impl>(config, pool, secret, open, start)) {}

Stack::~Stack() = default;

void Stack::add_interface(std::string name, Link& link, std::vector<InterfaceAddress> addresses,
                          bool default_route) {
  impl_->attach(impl_->ip.add_interface(std::move(name), link, std::move(addresses), default_route, false));
}

void Stack::replace_loopback(Link& link) {
  Interface& lo = *impl_->ip.interfaces().front();
  lo.link->set_waker(nullptr);
  lo.link = &link;
  lo.capabilities = link.capabilities();
  impl_->attach(lo);
}

// Linux: bits that are no type at all, the family, the type within it, the protocol.
Result<SocketRef> Stack::socket(int domain, int type, int protocol) {
  constexpr int kInet = 2, kInet6 = 10, kStream = 1, kDatagram = 2, kTypeMax = 11, kTypeBits = 0xf;
  if ((type & ~kTypeBits) != 0) return Errno::inval;
  if (domain != kInet && domain != kInet6) return Errno::afnosupport;
  if (type >= kTypeMax) return Errno::inval;
  if (protocol < 0 || protocol > 262) return Errno::inval;
  if (type != kStream && type != kDatagram) return Errno::socktnosupport;
  const int fitting = static_cast<int>(type == kStream ? IpProtocol::tcp : IpProtocol::udp);
  if (protocol != 0 && protocol != fitting) return Errno::protonosupport;
  if (impl_->socket_count >= impl_->limits.sockets_max) return Errno::nfile;
  const bool is_v6 = domain == kInet6;
  if (type == kStream) return SocketRef(new StreamSocket(*impl_, is_v6));
  return SocketRef(new DatagramSocket(*impl_, is_v6));
}

Result<tcp::Snapshot> Stack::take_connection(Socket& socket) {
  if (socket.kind() != Socket::Kind::stream) return Errno::opnotsupp;
  return static_cast<StreamSocket&>(socket).take_connection();
}

Result<SocketRef> Stack::put_connection(const tcp::Snapshot& snapshot) {
  constexpr int kInet = 2, kInet6 = 10, kStream = 1;
  auto made = socket(snapshot.tuple.local.address.is_v4() ? kInet : kInet6, kStream, 0);
  if (!made) return made;
  if (auto put = static_cast<StreamSocket&>(**made).put_connection(snapshot); !put) return put.error();
  return made;
}

Instant Stack::poll(Instant now) {
  return impl_->poll(now);
}

Instant Stack::now() const {
  return impl_->now;
}

void Stack::set_now(Instant now) {
  if (now > impl_->now) impl_->now = now;  // time does not go back (hostile.md I4)
}

void Stack::set_waker(LinkWaker* waker) {
  impl_->waker = waker;
}

const StackConfig& Stack::config() const {
  return impl_->stack_config;
}
Result<> Stack::set_sysctl(std::string_view name, std::string_view value) {
  const Result<> changed = sockeye::set_sysctl(impl_->stack_config, name, value);
  if (changed) impl_->default_settings = tcp::Settings::of(impl_->stack_config.tcp);
  return changed;
}
PacketPool& Stack::pool() {
  return impl_->pool;
}
void Stack::forget_peers() {
  impl_->tcp.fast_open.clear();
}
const tcp::Counters& Stack::tcp_counters() const {
  return impl_->tcp.counters;
}
DropCounters& Stack::drops() {
  return impl_->drops;
}
const DropCounters& Stack::drops() const {
  return impl_->drops;
}

void Stack::set_privileged(bool privileged) {
  impl_->privileged = privileged;
}

std::vector<SocketReport> Stack::report() const {
  return impl_->report();
}

std::vector<InterfaceAddress> Stack::addresses() const {
  std::vector<InterfaceAddress> all;
  for (const auto& interface : impl_->ip.interfaces())
    if (!interface->is_loopback)
      all.insert(all.end(), interface->addresses.begin(), interface->addresses.end());
  return all;
}

bool Stack::has_owner(const Endpoint& end, IpProtocol protocol) const {
  const PortTable& ports = protocol == IpProtocol::tcp ? impl_->stream_ports : impl_->datagram_ports;
  return ports.find(end, {}, 0) != nullptr;
}

SocketRef Stack::set_local_service(LocalService* service, std::uint16_t port) {
  constexpr std::uint32_t kBacklog = 64;
  impl_->service_point.reset();
  if (service == nullptr) return SocketRef();
  impl_->service_point = std::make_unique<ServicePoint>(*service, port);
  impl_->attach(impl_->service_point->interface);
  auto* listener = new StreamSocket(*impl_, true);
  listener->listen_as_service(kBacklog);
  return SocketRef(listener);
}

}  // namespace sockeye
