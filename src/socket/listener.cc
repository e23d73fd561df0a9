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
  while (!deferred_.empty()) deferred_.pop_front().orphan(true);
}

void Listener::set_backlog(std::uint32_t backlog) {
  backlog_ = backlog;
  half_open_.set_backlog(backlog);
}

void Listener::on_segment(const FiveTuple& tuple, const tcp::Segment& segment, Packet& packet,
                          Interface& interface, std::optional<SeqNum> beyond) {
  const tcp::KeyRing* keys = socket_.settings().keys.get();
  const tcp::Path path = host_.path_to(tuple.remote.address, interface, keys);
  const tcp::ListenVerdict verdict =
      half_open_.on_segment(host_.now, tuple, segment, socket_.settings(), path, is_full(), beyond);
  if (verdict.drop) host_.drops.count(*verdict.drop);
  if (verdict.reply)
    host_.send_segment(tuple, *verdict.reply, socket_.hop_limit(tuple), socket_.service(tuple), keys);
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
  child->set_hops(socket_.hop_limit(tuple), socket_.service(tuple), socket_.path_discovery(tuple));
  child->tcp().open_established(host_.now, handshake);
  child->on_segment(segment, packet);
  if (socket_.options().defer_accept_seconds > 0 && child->tcp().readable_bytes() == 0 &&
      !child->tcp().peer_closed()) {
    deferred_.push_back(*child);
    ++deferred_count_;
    return;
  }
  ready_.push_back(*child);
  ++waiting_;
  socket_.waiters().notify(Readiness::in);
}

void Listener::promote(StreamConnection& child) {
  child.ListHook<AcceptTag>::unlink();
  --deferred_count_;
  ready_.push_back(child);
  ++waiting_;
  socket_.waiters().notify(Readiness::in);
}

void Listener::on_child_event(StreamConnection& child) {
  if (deferred_count_ == 0) return;
  for (StreamConnection* item = deferred_.first(); item != nullptr; item = deferred_.next(*item)) {
    if (item != &child) continue;
    if (any(child.tcp().readiness() & (Readiness::in | Readiness::err))) promote(child);
    return;
  }
}

StreamConnection* Listener::take() {
  if (ready_.empty()) return nullptr;
  StreamConnection& child = ready_.pop_front();
  --waiting_;
  child.set_listener(nullptr);
  return &child;
}

StreamConnection* Listener::next_deferred_expired(Instant now) {
  StreamConnection* child = deferred_.first();
  const Duration patience = std::chrono::seconds(socket_.options().defer_accept_seconds);
  return child != nullptr && child->created() + patience <= now ? child : nullptr;
}

void Listener::on_timer(Instant now) {
  while (const auto due = half_open_.next_due(now))
    host_.send_segment(due->tuple, due->segment, socket_.hop_limit(due->tuple), socket_.service(due->tuple),
                       socket_.settings().keys.get());
  while (StreamConnection* child = next_deferred_expired(now)) promote(*child);
  rearm();
}

void Listener::rearm() {
  std::optional<Instant> next = half_open_.next_timer();
  if (StreamConnection* child = deferred_.first()) {
    const Instant patience = child->created() + std::chrono::seconds(socket_.options().defer_accept_seconds);
    if (!next || patience < *next) next = patience;
  }
  if (next && (!is_armed() || *next < deadline())) host_.timers.arm(*this, *next);
}

}  // namespace sockeye
