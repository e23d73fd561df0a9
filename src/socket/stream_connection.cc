// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/stream_connection.h"

#include <algorithm>

#include "socket/listener.h"
#include "socket/stream_socket.h"
#include "tcp/signature.h"

namespace sockeye {

StreamConnection::StreamConnection(SocketHost& host, const FiveTuple& tuple, const tcp::Path& path,
                                   const tcp::Settings& settings, Interface& interface, const PortUse& claim)
    : host_(host),
      tcp_(host.tcp, tuple, path, settings),
      interface_(&interface),
      use_(host.stream_ports.add_shared(claim)),
      serial_(static_cast<std::uint32_t>(host.next_cookie())),
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
  forget_orphan();
}

void StreamConnection::on_segment(const tcp::Segment& segment, Packet& packet) {
  if (const auto drop = tcp_.on_segment(host_.now, segment, packet)) host_.drops.count(*drop);
  host_.touch(*this);
}

tcp::SignedPosition StreamConnection::signed_position() const {
  tcp::SignedPosition position = tcp_.signed_position();
  if (has_ao_key_) position.key_id = ao_key_;
  return position;
}

void StreamConnection::on_genuine(const TcpSignature& signature) {
  if (signature.kind != TcpSignature::Kind::ao) return;
  has_ao_key_ = settings().keys->find_ao_sent(tuple().remote.address, signature.next_key_id) != nullptr;
  ao_key_ = signature.next_key_id;
}

void StreamConnection::own_ao_keys(const TcpSignature& first) {
  const auto& shared = settings().keys;
  const IpAddress& peer = tuple().remote.address;
  if (shared == nullptr || !shared->has_ao(peer)) return;
  auto ring = std::make_shared<tcp::KeyRing>(shared->of_connection(peer, true));
  // The peer goes on with the key that it began with until it is asked for another.
  if (ring->find_ao_received(peer, first.key_id) != nullptr) ring->ao_next = first.key_id;
  tcp_.settings().keys = std::move(ring);
  on_genuine(first);
}

void StreamConnection::on_icmp_error(const IcmpError& report) {
  const tcp::KeyRing* keys = settings().keys.get();
  if (keys != nullptr && !keys->ao_accepts_icmp && tcp::is_synchronized(state()) &&
      tcp::ao_distrusts_icmp(report.is_v6, report.type, report.code) &&
      keys->has_ao(tuple().remote.address)) {
    host_.drops.count(Drop::ao_icmp);  // RFC 5925 7.8: it could be anybody's
    ++keys->ao_counters.dropped_icmp;
    return;
  }
  const SeqNum sequence(report.sequence);
  if (report.mtu != 0) {
    // RFC 5927 7: believed only when it quotes something that is under way.
    if (!tcp_.is_in_flight(sequence)) {
      host_.drops.count(Drop::bad_icmp);
      return;
    }
    host_.ip.path_mtus().lower(host_.now, tuple().remote.address, report.mtu, interface_->capabilities.mtu);
    // As Linux: the others use it too, but only from their next retransmission on.
    const bool listens = discovery_ == PathMtuDiscovery::want || discovery_ == PathMtuDiscovery::always ||
                         discovery_ == PathMtuDiscovery::probe;
    refresh_path(listens);
  } else {
    tcp_.on_icmp_error(host_.now, report.error, report.hard, sequence);
  }
  host_.touch(*this);
}

// The host may know more now: this connection's report, another's, or an expiry.
void StreamConnection::refresh_path(bool resend) {
  const IpAddress& peer = tuple().remote.address;
  is_locked_ = host_.ip.path_mtus().is_locked(host_.now, peer);
  const tcp::Path path = host_.path_to(peer, *interface_, settings().keys.get());
  const tcp::Path& known = tcp_.path();
  if (path.mtu != known.mtu || path.signature_bytes != known.signature_bytes)
    tcp_.on_path_change(host_.now, path, resend);
}

void StreamConnection::on_timer(Instant now) {
  // An ACK may have moved the deadline (D14): the entry fires early and arms again in settle().
  if (tcp_.next_timer() <= now) {
    if (is_orphan_ && host_.has_too_many_orphans())
      abort_orphan();
    else
      tcp_.on_timer(now);
  }
  host_.touch(*this);
}

bool StreamConnection::transmit_one() {
  if (tcp_.rest_if_quiet(host_.now)) return false;
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
  const tcp::KeyRing* keys = settings().keys.get();
  tcp::SignedPosition position;
  if (keys != nullptr) {
    position = signed_position();
    tcp::prepare_signature(keys, tuple().remote.address, segment, &position);
  }
  emit_tcp(segment, packet->push_front(tcp_emit_size(segment)));
  if (keys != nullptr) tcp::sign(keys, tuple(), segment, *packet, &position);
  IpSend how;
  how.source = tuple().local.address;
  how.destination = tuple().remote.address;
  how.protocol = IpProtocol::tcp;
  // RFC 9293 3.9.1.9 MUST-48, SHLD-21, SHLD-22; RFC 9293 3.9.2 MUST-49
  how.ttl = ttl_;
  how.tos = static_cast<std::uint8_t>((tos_ & ~3u) | segment.ip_ecn);
  how.interface = interface_;
  how.dont_fragment = discovery_ == PathMtuDiscovery::always ||
                      (discovery_ == PathMtuDiscovery::want && !is_locked_);  // Linux: ip_dont_fragment
  how.identification = identification_;
  const std::uint32_t pieces =
      packet->segment_size == 0 ? 1
                                : (packet->payload_size() + packet->segment_size - 1) / packet->segment_size;
  identification_ = static_cast<std::uint16_t>(identification_ + pieces);
  if (!host_.ip.send(host_.now, std::move(packet), how))  // the way became narrower meanwhile
    refresh_path(true);
  return true;
}

void StreamConnection::tell_waiters() {
  const Readiness events = tcp_.take_events();
  if (!any(events)) return;
  if (any(events & Readiness::err) && tcp_.has_notices()) {
    if (socket_ != nullptr)
      socket_->take_notices();
    else
      tcp_.forget_notices();
  }
  if (socket_ != nullptr) socket_->waiters().notify(events);
}

void StreamConnection::rearm() {
  if (const Instant release = tcp_.next_release(); release != kNever)
    host_.pacing.set(*this, release);
  else
    host_.pacing.erase(*this);
  const Instant next = tcp_.next_timer();
  if (next == kNever) return;  // an armed entry fires for nothing, once
  if (!is_armed() || next < deadline()) host_.timers.arm(*this, next);
}

void StreamConnection::retire() {
  const PortUse claim = *use_;
  const bool time_wait = tcp_.state() == tcp::State::time_wait;
  discard();
  if (time_wait) host_.add_time_wait(tcp_.make_time_wait(host_.now), claim);
  if (time_wait && settings().keys) host_.keep_keys(tuple(), settings().keys, signed_position());
  if (socket_ != nullptr) socket_->on_connection_finished();
}

bool StreamConnection::settle(std::size_t& budget) {
  std::size_t share = std::min(budget, kPacketsPerVisit);
  if (!is_retired()) {
    if (!host_.ip.path_mtus().empty()) refresh_path(true);
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
  is_orphan_ = true;
  host_.count_orphan(1);
  tcp_.close(host_.now, abort);
  if (host_.has_too_many_orphans()) abort_orphan();
  host_.touch(*this);
}

// hostile.md F9 (netkill): peers that never let a close end. As Linux (tcp_check_oom), the one that is closed
// now is reset, and those before it when their timers ask for a packet; the peer learns it by a RST.
void StreamConnection::abort_orphan() {
  if (tcp_.is_finished() || tcp_.state() == tcp::State::closed) return;
  host_.tcp.counters.count(tcp::Counter::abort_on_memory);
  tcp_.close(host_.now, true);
  forget_orphan();
}

void StreamConnection::forget_orphan() {
  if (!is_orphan_) return;
  is_orphan_ = false;
  host_.count_orphan(-1);
}

}  // namespace sockeye
