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
                          Interface& interface, std::optional<SeqNum> beyond, Bytes headers) {
  const SocketOptions& options = socket_.options();
  const bool is_fast_on = fast_limit() > 0;
  half_open_.set_fast_open({is_fast_on, is_fast_on && segment.flags.syn && has_fast_room(),
                            options.fast_open_keys ? &*options.fast_open_keys : nullptr});
  half_open_.set_defer_accept(socket_.options().defer_accept_timeouts);
  const tcp::KeyRing* keys = socket_.settings().keys.get();
  const tcp::Path path = host_.path_to(tuple.remote.address, interface, keys);
  const tcp::ListenVerdict verdict =
      half_open_.on_segment(host_.now, tuple, segment, socket_.settings(), path, is_full(), beyond);
  if (verdict.drop) host_.drops.count(*verdict.drop);
  const bool is_kept = half_open_.contains(tuple) || verdict.is_fast;
  if (options.save_syn != 0 && segment.flags.syn && !segment.flags.ack && is_kept) save_syn(tuple, headers);
  if (verdict.reply) {
    // TCP-AO: the SYN says which key the peer wants to be answered with.
    tcp::SignedPosition asked;
    if (segment.options.signature.kind == TcpSignature::Kind::ao)
      asked.key_id = segment.options.signature.next_key_id;
    host_.send_segment(tuple, *verdict.reply, socket_.hop_limit(tuple), socket_.service(tuple), keys,
                       verdict.reply->flags.syn ? &asked : nullptr);
  }
  if (verdict.handshake)
    add_child(tuple, segment, *verdict.handshake, packet, interface, path, verdict.is_fast);
  rearm();
}

// Bounded as the two queues are: what belongs to neither any more is let go of now and then.
void Listener::save_syn(const FiveTuple& tuple, Bytes headers) {
  if (saved_syns_.size() > 2 * std::size_t{backlog_} + 16)
    std::erase_if(saved_syns_, [&](const auto& item) {
      return !half_open_.contains(item.first) && host_.connections.find(item.first) == nullptr;
    });
  saved_syns_[tuple].assign(headers.begin(), headers.end());
}

std::vector<std::byte> Listener::take_saved_syn(const StreamConnection& child) {
  const auto found = saved_syns_.find(child.tuple());
  if (found == saved_syns_.end()) return {};
  std::vector<std::byte> syn = std::move(found->second);
  saved_syns_.erase(found);
  return syn;
}

std::uint32_t Listener::fast_limit() const {
  const bool everybody = (host_.config.fast_open & tcp::kFastOpenEveryListener) != 0;
  const std::uint32_t own = socket_.options().fast_open_queue;
  return own != 0 || !everybody ? own : backlog_;
}

// Looks at a few of those that were under way: who has finished makes room.
bool Listener::has_fast_room() {
  constexpr int kLooks = 8;
  for (int i = 0; i < kLooks && !fast_opens_.empty(); ++i) {
    fast_cursor_ = fast_cursor_ + 1 < fast_opens_.size() ? fast_cursor_ + 1 : 0;
    const StreamConnection* child = host_.connections.find(fast_opens_[fast_cursor_]);
    if (child != nullptr && child->state() == tcp::State::syn_received) continue;
    fast_opens_[fast_cursor_] = fast_opens_.back();
    fast_opens_.pop_back();
  }
  return fast_opens_.size() < fast_limit();
}

void Listener::add_child(const FiveTuple& tuple, const tcp::Segment& segment, const tcp::Handshake& handshake,
                         Packet& packet, Interface& interface, const tcp::Path& path, bool is_fast) {
  if (host_.connections.find(tuple) != nullptr) return;  // two ACKs in one turn
  PortUse claim = socket_.claim();
  claim.address = tuple.local.address;
  claim.state = PortUse::State::connected;
  claim.owner = nullptr;
  auto* child = new StreamConnection(host_, tuple, path, socket_.settings(), interface, claim);
  child->own_ao_keys(segment.options.signature);
  child->set_listener(this);
  child->set_hops(socket_.hop_limit(tuple), socket_.service(tuple), socket_.path_discovery(tuple));
  if (is_fast) {
    child->tcp().open_fast(host_.now, handshake, segment, packet);
    fast_opens_.push_back(tuple);
    host_.touch(*child);
  } else {
    child->tcp().open_established(host_.now, handshake);
    child->on_segment(segment, packet);
  }
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
    host_.send_segment(due->tuple, due->segment, socket_.hop_limit(due->tuple), socket_.service(due->tuple),
                       socket_.settings().keys.get());
  rearm();
}

void Listener::rearm() {
  const std::optional<Instant> next = half_open_.next_timer();
  if (next && (!is_armed() || *next < deadline())) host_.timers.arm(*this, *next);
}

}  // namespace sockeye
