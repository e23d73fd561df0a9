// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The life of a datagram socket, what reaches it, and the questions about it; sending and receiving
// have their own file.
#include "socket/datagram_socket.h"

namespace sockeye {

DatagramSocket::DatagramSocket(SocketHost& host, bool is_v6) : BaseSocket(host, Kind::datagram, is_v6) {}

DatagramSocket::~DatagramSocket() {
  DatagramSocket::close();
}

Result<> DatagramSocket::listen(int) {
  return Errno::opnotsupp;
}
Result<SocketRef> DatagramSocket::accept() {
  return Errno::opnotsupp;
}

void DatagramSocket::dissolve() {
  if (!remote_) return;
  remote_.reset();
  if (use() != nullptr) {
    use()->state = PortUse::State::bound;
    use()->remote = {};
  }
  if (!address_is_explicit()) set_bound_address(wildcard());
  if (!port_is_explicit()) forget_port();
}

Result<> DatagramSocket::connect(std::optional<Endpoint> to) {
  if (!to) {
    dissolve();
    return {};
  }
  if (auto checked = check_family(to->address); !checked) return checked;
  if (auto bound_now = bind_automatically(); !bound_now) return Errno::again;
  const Endpoint peer{resolve_unspecified(to->address), to->port};
  if (!options().broadcast && host_.ip.is_broadcast(peer.address)) return Errno::acces;
  const IpAddress source = address_is_explicit() ? bound().address : IpAddress();
  if (!source.is_unspecified() && source.is_v4() != peer.address.is_v4()) return Errno::inval;
  const auto route = host_.route({{source, bound().port}, peer}, IpProtocol::udp, options().device);
  if (!route) return route.error();
  remote_ = peer;
  set_bound_address(route->source);
  use()->state = PortUse::State::connected;
  use()->remote = peer;
  return {};
}

Result<> DatagramSocket::shutdown(int how) {
  if (how < 0 || how > 2) return Errno::inval;
  if (how != 1) read_shut_ = true;
  if (how != 0) write_shut_ = true;
  waiters().notify(readiness());
  if (!remote_) return Errno::notconn;  // as Linux: said, and done nevertheless
  return {};
}

void DatagramSocket::close() {
  queue_.clear();
  errors_.reset();
  release_port();
  ListHook<WriterTag>::unlink();
  ListHook<SocketListTag>::unlink();
}

// --- from the network

std::uint32_t DatagramSocket::receive_buffer_bytes() const {
  return options().receive_buffer != 0 ? options().receive_buffer : host_.limits.datagram_receive_buffer;
}
std::uint32_t DatagramSocket::send_buffer_bytes() const {
  return options().send_buffer != 0 ? options().send_buffer : host_.limits.datagram_send_buffer;
}

void DatagramSocket::on_datagram(udp::Datagram datagram) {
  if (!queue_.push(std::move(datagram), receive_buffer_bytes())) {
    host_.drops.count(Drop::receive_buffer_full);
    return;
  }
  waiters().notify(Readiness::in);
}

void DatagramSocket::set_error(Errno error) {
  error_ = error;
  waiters().notify(Readiness::in | Readiness::out | Readiness::err);
}

bool DatagramSocket::wants_errors(bool v6) const {
  return v6 ? options().receive_errors_v6 : options().receive_errors;
}

void DatagramSocket::on_icmp_error(const IcmpError& error) {
  Errno meaning = error.error;
  bool hard = error.hard;
  if (error.mtu != 0) {
    // ip_no_pmtu_disc = 3: what a datagram's quote says cannot be checked.
    if (!error.is_v6 && host_.ip.path_mtus().rules().no_discovery == 3) return;
    const auto route = host_.ip.route(error.remote.address, error.local.address, 0);
    if (!route) return;
    host_.ip.path_mtus().lower(host_.now, error.remote.address, error.mtu,
                               route->interface->capabilities.mtu);
    const auto mode = error.is_v6 ? options().mtu_discover_v6 : options().mtu_discover;
    if (mode == PathMtuDiscovery::dont) return;
    meaning = Errno::msgsize;
    hard = true;
  }
  if (wants_errors(error.is_v6)) {
    if (!errors_) errors_ = std::make_unique<ErrorQueue>();
    QueuedError queued;
    queued.report.error = meaning;
    queued.report.origin = error.is_v6 ? 3 : 2;
    queued.report.type = error.type;
    queued.report.code = error.code;
    queued.report.info = error.mtu;
    queued.report.offender = Endpoint{error.offender, 0};
    queued.destination = error.remote;
    queued.payload.assign(error.payload.begin(), error.payload.end());
    (void)errors_->push(std::move(queued));
  } else if (!hard || !remote_) {
    return;
  }
  set_error(meaning);
}

void DatagramSocket::on_flush() {
  waiters().notify(Readiness::out);
}

// --- questions

bool DatagramSocket::is_writable() const {
  return unsent_flush_ != host_.flushes || unsent_bytes_ < send_buffer_bytes();
}

std::optional<Errno> DatagramSocket::take_error() {
  return std::exchange(error_, std::nullopt);
}

std::optional<std::uint32_t> DatagramSocket::path_mtu() const {
  if (!remote_) return std::nullopt;
  const auto route = host_.route({bound(), *remote_}, IpProtocol::udp, options().device);
  if (!route) return std::nullopt;
  return host_.ip.path_mtu(host_.now, remote_->address, *route->interface);
}

Readiness DatagramSocket::readiness() const {
  Readiness ready = Readiness::none;
  if (!queue_.empty() || read_shut_) ready |= Readiness::in;
  if (read_shut_) ready |= Readiness::rdhup;
  if (read_shut_ && write_shut_) ready |= Readiness::hup;
  if (error_ || (errors_ && !errors_->empty())) ready |= Readiness::err;
  if (is_writable()) ready |= Readiness::out;
  return ready;
}

Result<int> DatagramSocket::control(unsigned long request) {
  constexpr unsigned long kFionread = 0x541b, kSiocOutq = 0x5411;
  if (request == kFionread) return queue_.empty() ? 0 : static_cast<int>(queue_.front().packet->size());
  if (request == kSiocOutq) return unsent_flush_ == host_.flushes ? static_cast<int>(unsent_bytes_) : 0;
  return Errno::notty;
}

SocketReport DatagramSocket::report() const {
  SocketReport report;
  report.is_v6 = is_v6();
  report.v6only = is_v6() && options().v6only;
  report.state = remote_ ? tcp::State::established : tcp::State::closed;
  report.receive_queue = queue_.charged();
  report.send_queue = unsent_flush_ == host_.flushes ? unsent_bytes_ : 0;
  report.local = bound();
  if (remote_) report.remote = *remote_;
  report.cookie = cookie();
  report.mark = options().mark;
  return report;
}

}  // namespace sockeye
