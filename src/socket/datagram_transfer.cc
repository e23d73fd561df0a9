// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Datagrams out of and into a program, in the order in which Linux finds fault with a call.
#include <algorithm>
#include <cstring>

#include "socket/datagram_socket.h"
#include "udp/datagram.h"
#include "wire/udp.h"

namespace sockeye {

// Where the datagram goes and from which address.
Result<DatagramSocket::Target> DatagramSocket::find_target(const Outgoing& message) {
  if (!message.to && !remote_) return Errno::destaddrreq;
  Target target;
  IpAddress source = address_is_explicit() ? bound().address : IpAddress();
  if (message.to) {
    if (message.to->port == 0) return Errno::inval;
    if (auto checked = check_family(message.to->address); !checked) return checked.error();
    target.peer = {resolve_unspecified(message.to->address), message.to->port};
  } else {
    target.peer = *remote_;
    source = bound().address;
  }
  if (message.from && !message.from->is_unspecified()) {
    if (!host_.ip.is_local(*message.from)) return Errno::inval;
    source = *message.from;
  }
  if (host_.ip.is_broadcast(target.peer.address) && !options().broadcast) return Errno::acces;
  if (!source.is_unspecified() && source.is_v4() != target.peer.address.is_v4()) {
    // A dual-stack socket that is bound to an IPv6 address has no way to IPv4, and the reverse.
    return target.peer.address.is_v4() ? Errno::netunreach : Errno::inval;
  }
  auto route = host_.route({{source, bound().port}, target.peer}, IpProtocol::udp, options().device);
  if (!route) return route.error();
  target.route = *route;
  return target;
}

void DatagramSocket::report_local_error(const Target& target, std::uint32_t mtu) {
  if (!wants_errors(target.peer.address.is_v6())) return;
  if (!errors_) errors_ = std::make_unique<ErrorQueue>();
  QueuedError queued;
  queued.report.error = Errno::msgsize;
  queued.report.origin = 1;
  queued.report.info = mtu;
  queued.destination = target.peer;
  (void)errors_->push(std::move(queued));
  waiters().notify(Readiness::err);
}

Result<std::uint32_t> DatagramSocket::check_size(const Outgoing& message, const Target& target) {
  std::size_t size = 0;
  for (const Bytes& buffer : message.buffers) size += buffer.size();
  const std::uint32_t limit = target.peer.address.is_v4() ? udp::kPayloadMaxV4 : udp::kPayloadMaxV6;
  if (size > limit) return Errno::msgsize;
  return static_cast<std::uint32_t>(size);
}

void DatagramSocket::fill_header(const Outgoing& message, const Target& target, IpSend& how) const {
  const SocketOptions& o = options();
  how.source = target.route.source;
  how.destination = target.peer.address;
  how.protocol = IpProtocol::udp;
  how.interface = target.route.interface;
  how.ttl = message.ttl ? static_cast<std::uint8_t>(*message.ttl) : hop_limit(target.peer.address);
  how.tos = message.tos ? static_cast<std::uint8_t>(*message.tos) : service(target.peer.address);
  const bool is_v4 = target.peer.address.is_v4();
  const PathMtuDiscovery mode = is_v4 ? o.mtu_discover : o.mtu_discover_v6;
  how.dont_fragment =
      mode == PathMtuDiscovery::want || mode == PathMtuDiscovery::always || mode == PathMtuDiscovery::probe;
  how.may_cut =
      mode != PathMtuDiscovery::always && mode != PathMtuDiscovery::probe && (is_v4 || !o.dont_fragment);
  how.ignore_path_mtu = mode == PathMtuDiscovery::probe || mode == PathMtuDiscovery::interface ||
                        mode == PathMtuDiscovery::omit;
}

Result<std::size_t> DatagramSocket::send(const Outgoing& message) {
  if (auto bound_now = bind_automatically(); !bound_now) return Errno::again;  // before anything else
  if ((message.flags & MessageFlags::kOob) != 0) return Errno::opnotsupp;
  auto target = find_target(message);
  if (!target) return target.error();
  const auto size = check_size(message, *target);
  if (!size) return size.error();
  if (error_) return *take_error();
  if (write_shut_) return Errno::pipe;
  if (unsent_flush_ != host_.flushes) {
    unsent_flush_ = host_.flushes;
    unsent_bytes_ = 0;
  }
  if (unsent_bytes_ >= send_buffer_bytes()) {
    host_.wait_for_flush(*this);
    return Errno::again;
  }
  auto packet = udp::make_datagram(host_.pool, bound().port, target->peer.port, message.buffers, *size);
  if (!packet) return packet.error();
  IpSend how;
  fill_header(message, *target, how);
  if (auto sent = host_.ip.send(host_.now, std::move(*packet), how); !sent) {
    if (sent.error() == Errno::msgsize)
      report_local_error(*target,
                         host_.ip.path_mtu(host_.now, target->peer.address, *target->route.interface));
    return sent.error();
  }
  unsent_bytes_ += udp::charge_for(*size);
  if (unsent_bytes_ >= send_buffer_bytes()) host_.wait_for_flush(*this);  // POLLOUT comes back then
  host_.wake();
  return std::size_t{*size};
}

namespace {

// Copies into the buffers as much as there is room; the number of bytes copied.
template <class Copy>
std::size_t scatter(std::span<const MutableBytes> buffers, std::size_t size, Copy copy) {
  std::size_t done = 0;
  for (const MutableBytes& buffer : buffers) {
    const std::size_t step = std::min(buffer.size(), size - done);
    if (step > 0) copy(buffer.first(step), done);
    done += step;
  }
  return done;
}

}  // namespace

Result<std::size_t> DatagramSocket::receive_error(Incoming& message) {
  if (!errors_ || errors_->empty()) return Errno::again;
  QueuedError& queued = errors_->front();
  const std::size_t got =
      scatter(message.buffers, queued.payload.size(), [&](MutableBytes to, std::size_t from) {
        std::memcpy(to.data(), queued.payload.data() + from, to.size());
      });
  message.from = queued.destination;
  message.error_report = queued.report;
  message.full_size = static_cast<std::uint32_t>(queued.payload.size());
  message.truncated = got < queued.payload.size();
  errors_->pop();
  // Linux: SO_ERROR then shows the next one that waits.
  error_ = errors_->empty() ? std::nullopt : std::optional(errors_->front().report.error);
  if (errors_->empty()) errors_.reset();
  return got;
}

Result<std::size_t> DatagramSocket::receive(Incoming& message) {
  message.error_report.reset();
  if ((message.flags & MessageFlags::kErrQueue) != 0) return receive_error(message);
  if (error_) return *take_error();
  if (queue_.empty()) {
    // Linux: only a call that would wait sees the end.
    if (read_shut_ && (message.flags & MessageFlags::kDontWait) == 0) return std::size_t{0};
    return Errno::again;
  }
  const udp::Datagram& datagram = queue_.front();
  const std::uint32_t size = datagram.packet->size();
  const std::size_t got = scatter(message.buffers, size, [&](MutableBytes to, std::size_t from) {
    const Bytes head = datagram.packet->head();  // short datagrams may lie in the head area
    std::size_t at = 0;
    if (from < head.size()) {
      at = std::min(to.size(), head.size() - from);
      std::memcpy(to.data(), head.data() + from, at);
    }
    if (at < to.size())
      datagram.packet->copy_payload(to.subspan(at), static_cast<std::uint32_t>(from + at - head.size()));
  });
  message.from = datagram.from;
  message.to = datagram.to;
  message.ttl = datagram.ttl;
  message.tos = datagram.tos;
  message.interface_index = datagram.interface_index;
  message.full_size = size;
  message.truncated = got < size;
  const bool whole = (message.flags & MessageFlags::kTrunc) != 0;
  if ((message.flags & MessageFlags::kPeek) == 0) queue_.pop();
  return whole ? std::size_t{size} : got;
}

}  // namespace sockeye
