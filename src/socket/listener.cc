// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/listener.h"

#include "socket/stream_socket.h"

namespace sockeye {

Listener::Listener(SocketHost& host, StreamSocket& socket, std::uint32_t backlog)
    : host_(host), socket_(socket), half_open_(host.tcp, backlog), backlog_(backlog) {}

Listener::~Listener() {
  host_.timers.cancel(*this);
  while (!ready_.empty()) ready_.pop_front().orphan(true);
}

void Listener::set_backlog(std::uint32_t backlog) {
  backlog_ = backlog;
  half_open_.set_backlog(backlog);
}

void Listener::on_segment(const FiveTuple& tuple, const tcp::Segment& segment, Packet& packet,
                          Interface& interface, std::optional<SeqNum> beyond) {
  half_open_.set_defer_accept(socket_.options().defer_accept_timeouts);
  const tcp::Path path = host_.path_to(tuple.remote.address, interface);
  const tcp::ListenVerdict verdict =
      half_open_.on_segment(host_.now, tuple, segment, socket_.settings(), path, is_full(), beyond);
  if (verdict.drop) host_.drops.count(*verdict.drop);
  if (verdict.reply)
    host_.send_segment(tuple, *verdict.reply, socket_.hop_limit(tuple), socket_.service(tuple));
  if (verdict.handshake) add_child(tuple, segment, *verdict.handshake, packet, interface, path);
  rearm();
}

void Listener::add_child(const FiveTuple& tuple, const tcp::Segment& segment, const tcp::Handshake& handshake,
                         Packet& packet, Interface& interface, const tcp::Path& path) {
  if (host_.connections.find(tuple) != nullptr) return;  // two ACKs in one turn
  PortUse claim = socket_.claim();
  claim.address = tuple.local.address;
  claim.state = PortUse::State::connected;
  claim.owner = nullptr;
  auto* child = new StreamConnection(host_, tuple, path, socket_.settings(), interface, claim);
  child->set_listener(this);
  child->set_hops(socket_.hop_limit(tuple), socket_.service(tuple));
  child->tcp().open_established(host_.now, handshake);
  child->on_segment(segment, packet);
  ready_.push_back(*child);
  ++waiting_;
  socket_.waiters().notify(Readiness::in);
}

StreamConnection* Listener::take() {
  if (ready_.empty()) return nullptr;
  StreamConnection& child = ready_.pop_front();
  --waiting_;
  child.set_listener(nullptr);
  return &child;
}

void Listener::on_timer(Instant now) {
  while (const auto due = half_open_.next_due(now))
    host_.send_segment(due->tuple, due->segment, socket_.hop_limit(due->tuple), socket_.service(due->tuple));
  rearm();
}

void Listener::rearm() {
  const std::optional<Instant> next = half_open_.next_timer();
  if (next && (!is_armed() || *next < deadline())) host_.timers.arm(*this, *next);
}

}  // namespace sockeye
