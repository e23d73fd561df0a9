// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One turn of the stack.
#include <algorithm>

#include "packet/gro.h"
#include "packet/transport_checksum.h"
#include "socket/datagram_socket.h"
#include "socket/demux.h"
#include "socket/stream_connection.h"
#include "stack/impl.h"

namespace sockeye {
namespace {

SocketLimits limits_of(const StackConfig& config) {
  SocketLimits limits;
  limits.ephemeral_first = config.ephemeral_first;
  limits.ephemeral_last = config.ephemeral_last;
  limits.unprivileged_port = config.unprivileged_port;
  limits.datagram_receive_buffer = config.udp_receive_buffer;
  limits.datagram_send_buffer = config.udp_send_buffer;
  limits.receive_buffer_limit = config.receive_buffer_limit;
  limits.send_buffer_limit = config.send_buffer_limit;
  limits.sockets_max = config.sockets_max;
  limits.ttl = config.ttl;
  return limits;
}

// Below this MTU merging what one flow sent back to back is worth a look at the batch.
constexpr std::uint32_t kMergeBelow = 16384;
constexpr std::uint32_t kTransportHeaderMin = 8;

}  // namespace

Stack::Impl::Impl(const StackConfig& configuration, PacketPool& packets, Rng& secret, Rng& open,
                  Instant start)
    : StackConfigBase{configuration},
      SocketHost(limits_of(configuration), stack_config.tcp, packets, secret, open, start),
      icmp(ip, packets, open, drops) {
  ip.path_mtus().set_rules(stack_config.path_mtu);
  links_waker_.impl = this;
  reassembly_timer_.impl = this;
  attach(ip.add_interface("lo", loopback.link(),
                          {{IpAddress::loopback_v4(), 8}, {IpAddress::loopback_v6(), 128}}, false, true));
}

Stack::Impl::~Impl() {
  // Who still holds a socket holds something of this host: it must let go first.
  SOCKEYE_ASSERT(socket_count == 0);
  in_turn_ = true;  // nobody is to be woken any more
  std::vector<StreamConnection*> orphans;
  connections.for_each([&](StreamConnection& connection) { orphans.push_back(&connection); });
  for (StreamConnection* orphan : orphans) delete orphan;
  for (const auto& interface : ip.interfaces()) interface->link->set_waker(nullptr);
  timers.cancel(reassembly_timer_);
}

void Stack::Impl::attach(Interface& interface) {
  interface.link->set_waker(&links_waker_);
  has_news_ = true;
}

void Stack::Impl::wake() {
  if (in_turn_ || woken_) return;
  woken_ = true;
  if (waker != nullptr) waker->wake();
}

Instant Stack::Impl::poll(Instant at) {
  if (at > now) now = at;
  if (is_idle()) return next_deadline();
  in_turn_ = true;
  woken_ = false;
  starved = false;
  std::size_t budget_out = stack_config.packets_per_turn;
  std::size_t budget_in = stack_config.packets_per_turn;
  Instant next = now;
  std::size_t budget_before = 0;
  do {
    budget_before = budget_in + budget_out;
    if (next_arrival() <= now) {
      has_news_ = true;
      for (const auto& interface : ip.interfaces()) receive_from(*interface, budget_in);
      if (service_point) receive_from(service_point->interface, budget_in);
    }
    if (timers.next_deadline() <= now) timers.advance(now);
    while (pacing.next() <= now) touch(pacing.pop());
    if (!dirty.empty()) settle_connections(budget_out);
    flush();
    next = next_deadline();
    // A round that moved no packet would not move one again: whatever the links promise, it ends here.
  } while (next <= now && budget_in > 0 && budget_out > 0 && !starved &&
           budget_in + budget_out != budget_before);
  in_turn_ = false;
  return next;
}

// A turn that would find nothing: many are asked for by who turns several stacks in a loop.
bool Stack::Impl::is_idle() {
  return !woken_ && !has_news_ && !starved && next_arrival_ > now && timers.next_deadline() > now &&
         pacing.next() > now && dirty.empty() && writers.empty();
}

// Of all links. They wake the stack when they have something earlier, and are not asked before.
Instant Stack::Impl::next_arrival() {
  if (!has_news_) return next_arrival_;
  has_news_ = false;
  next_arrival_ = kNever;
  const auto ask = [this](Interface& interface) {
    interface.arrival = interface.link->next_arrival();
    next_arrival_ = std::min(next_arrival_, interface.arrival);
  };
  for (const auto& interface : ip.interfaces()) ask(*interface);
  if (service_point) ask(service_point->interface);
  return next_arrival_;
}

Instant Stack::Impl::next_deadline() {
  if (starved) return now + kStarvedPause;
  if (!dirty.empty()) return now;
  const Instant next = std::min({timers.next_deadline(), pacing.next(), next_arrival()});
  return std::max(next, now);
}

void Stack::Impl::receive_from(Interface& interface, std::size_t& budget) {
  if (budget == 0 || interface.arrival > now) return;
  PacketList batch;
  interface.link->receive(now, batch, std::min(budget, kBatch));
  budget -= std::min(budget, batch.size());
  if (batch.size() > 1 && interface.capabilities.mtu < kMergeBelow) merge_batch(batch);
  while (PacketPtr packet = batch.pop_front()) receive(interface, std::move(packet));
}

void Stack::Impl::receive(Interface& interface, PacketPtr packet) {
  IpArrival arrival;
  if (ip.receive(now, interface, packet, arrival)) {
    // What is too short for a header is the transport's to name.
    const bool has_header = packet->size() >= arrival.header_bytes + kTransportHeaderMin;
    if (has_header && !verify_checksum(*packet))
      drops.count(Drop::bad_checksum);
    else
      dispatch(std::move(packet), arrival);
  } else if (const auto next = ip.next_timer(); next && !reassembly_timer_.is_armed()) {
    timers.arm(reassembly_timer_, *next);
  }
  send_complaints();
}

void Stack::Impl::dispatch(PacketPtr packet, const IpArrival& arrival) {
  switch (static_cast<IpProtocol>(arrival.protocol)) {
    case IpProtocol::tcp:
      receive_stream(*this, std::move(packet), arrival);
      return;
    case IpProtocol::udp:
      if (!receive_datagram(*this, packet, arrival))
        icmp.send_port_unreachable(now, arrival, std::move(packet));
      return;
    case IpProtocol::icmp:
    case IpProtocol::icmpv6: {
      const bool is_v6 = arrival.source.is_v6();
      if (is_v6 != (static_cast<IpProtocol>(arrival.protocol) == IpProtocol::icmpv6)) break;
      if (const auto error = icmp.receive(now, packet, arrival)) receive_icmp_error(*this, *error);
      return;
    }
    case IpProtocol::no_next_header:
      return;  // RFC 8200 4.7: nothing follows, nothing is wrong
    default:
      break;
  }
  drops.count(Drop::unknown_protocol);
  icmp.send_protocol_unreachable(now, arrival, std::move(packet));
}

void Stack::Impl::send_complaints() {
  while (auto complaint = ip.take_complaint()) icmp.send_error(now, std::move(*complaint));
}

void Stack::Impl::ReassemblyTimer::on_timer(Instant at) {
  impl->ip.on_timer(at);
  impl->send_complaints();
  if (const auto next = impl->ip.next_timer()) impl->timers.arm(*this, *next);
}

void Stack::Impl::settle_connections(std::size_t& budget) {
  while (!dirty.empty() && budget > 0 && !starved) {
    StreamConnection& connection = dirty.pop_front();
    // After `true` the connection may be gone.
    if (!connection.settle(budget) && !connection.ListHook<DirtyTag>::is_linked())
      dirty.push_back(connection);
  }
}

void Stack::Impl::flush() {
  bool sent = false;
  const auto send = [&](Interface& interface) {
    if (interface.outbound.empty()) return;
    interface.link->transmit(now, interface.outbound);
    sent = true;
  };
  for (const auto& interface : ip.interfaces()) send(*interface);
  if (service_point) send(service_point->interface);
  if (!sent && writers.empty()) return;
  ++flushes;
  while (!writers.empty()) {
    DatagramSocket& writer = writers.pop_front();
    writer.on_flush();
    has_news_ = true;  // who was told may have sent already: the next turn is no idle one
  }
}

}  // namespace sockeye
