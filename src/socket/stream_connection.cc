// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/stream_connection.h"

#include <algorithm>

#include "socket/listener.h"
#include "socket/stream_socket.h"

namespace sockeye {

StreamConnection::StreamConnection(SocketHost& host, const FiveTuple& tuple, const tcp::Path& path,
                                   const tcp::Settings& settings, Interface& interface, const PortUse& claim)
    : host_(host),
      tcp_(host.tcp, tuple, path, settings),
      interface_(&interface),
      use_(host.stream_ports.add_shared(claim)),
      serial_(host.next_cookie()),
      created_(host.now),
      ttl_(host.limits.ttl) {
  host_.connections.insert(tuple, *this);
}

StreamConnection::~StreamConnection() {
  if (!is_retired()) discard();
}

void StreamConnection::discard() {
  if (is_retired()) return;
  host_.timers.cancel(*this);
  host_.pacing.erase(*this);
  host_.connections.erase(tuple(), *this);
  host_.stream_ports.remove(use_);
  use_ = nullptr;
}

void StreamConnection::on_segment(const tcp::Segment& segment, Packet& packet) {
  if (const auto drop = tcp_.on_segment(host_.now, segment, packet)) host_.drops.count(*drop);
  host_.touch(*this);
}

void StreamConnection::on_icmp_error(Errno error, bool hard, SeqNum sequence, std::uint32_t mtu) {
  if (mtu != 0) {
    // RFC 5927 7: believed only when it quotes something that is under way.
    if (!tcp_.is_in_flight(sequence)) {
      host_.drops.count(Drop::bad_icmp);
      return;
    }
    const IpAddress& peer = tuple().remote.address;
    if (!host_.ip.path_mtus().lower(host_.now, peer, mtu, interface_->capabilities.mtu)) return;
    tcp_.on_path_change(host_.now, host_.path_to(peer, *interface_));
  } else {
    tcp_.on_icmp_error(host_.now, error, hard, sequence);
  }
  host_.touch(*this);
}

void StreamConnection::on_timer(Instant now) {
  // An ACK may have moved the deadline (D14): the entry fires early and arms again in settle().
  if (const auto next = tcp_.next_timer(); next && *next <= now) tcp_.on_timer(now);
  host_.touch(*this);
}

bool StreamConnection::transmit_one() {
  PacketPtr packet = host_.take_spare();
  if (!packet) {
    host_.starved = true;
    return false;
  }
  tcp::Segment segment;
  if (!tcp_.poll_transmit(host_.now, segment, *packet)) {
    host_.give_spare(std::move(packet));
    return false;
  }
  emit_tcp(segment, packet->push_front(tcp_emit_size(segment)));
  IpSend how;
  how.source = tuple().local.address;
  how.destination = tuple().remote.address;
  how.protocol = IpProtocol::tcp;
  // RFC 9293 3.9.1.9 MUST-48, SHLD-21, SHLD-22; RFC 9293 3.9.2 MUST-49
  how.ttl = ttl_;
  how.tos = static_cast<std::uint8_t>((tos_ & ~3u) | segment.ip_ecn);
  how.interface = interface_;
  how.identification = identification_;
  const std::uint32_t pieces =
      packet->segment_size == 0 ? 1
                                : (packet->payload_size() + packet->segment_size - 1) / packet->segment_size;
  identification_ = static_cast<std::uint16_t>(identification_ + pieces);
  if (!host_.ip.send(host_.now, std::move(packet), how))  // the way became narrower meanwhile
    tcp_.on_path_change(host_.now, host_.path_to(how.destination, *interface_));
  return true;
}

void StreamConnection::tell_waiters() {
  const Readiness events = tcp_.take_events();
  if (!any(events)) return;
  if (socket_ != nullptr) socket_->waiters().notify(events);
}

void StreamConnection::rearm() {
  if (const auto release = tcp_.next_release())
    host_.pacing.set(*this, *release);
  else
    host_.pacing.erase(*this);
  const auto next = tcp_.next_timer();
  if (!next) return;  // an armed entry fires for nothing, once
  if (!is_armed() || *next < deadline()) host_.timers.arm(*this, *next);
}

void StreamConnection::retire() {
  const PortUse claim = *use_;
  const bool time_wait = tcp_.state() == tcp::State::time_wait;
  discard();
  if (time_wait) host_.add_time_wait(tcp_.make_time_wait(host_.now), claim);
  if (socket_ != nullptr) socket_->on_connection_finished();
}

bool StreamConnection::settle(std::size_t& budget) {
  std::size_t share = std::min(budget, kPacketsPerVisit);
  if (!is_retired()) {
    while (share > 0 && transmit_one()) {
      --share;
      --budget;
    }
    if (tcp_.is_finished()) retire();
  }
  tell_waiters();
  if (is_retired()) {
    if (socket_ == nullptr && listener_ == nullptr) delete this;
    return true;
  }
  rearm();
  return share > 0 && !host_.starved;
}

void StreamConnection::orphan(bool abort) {
  socket_ = nullptr;
  listener_ = nullptr;
  ListHook<AcceptTag>::unlink();
  if (is_retired()) {
    delete this;
    return;
  }
  tcp_.close(host_.now, abort);
  host_.touch(*this);
}

}  // namespace sockeye
