// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/network.h"

#include <algorithm>

#include "packet/ecn_mark.h"
#include "packet/gso.h"
#include "packet/transport_checksum.h"
#include "sim/unreachable.h"

namespace sockeye::sim {
namespace {

constexpr std::uint32_t kAnswers = 0;  // member of Port::arrivals_: the network's own messages

std::uint64_t identity_of(const std::string& name) {
  return siphash(SipKey{0x686f7374, 0x6e616d65}, std::as_bytes(std::span(name)));
}

}  // namespace

struct Port::Direction {
  Direction(Port& sender, Port& receiver, const NetSpec& spec)
      : from(sender), to(receiver), impairment(spec) {}
  Port& from;
  Port& to;
  Impairment impairment;
  bool apart = false;
  bool hop_is_silent = false;
  std::uint32_t hop_mtu = 0;  // 0: as the spec says
};

Port::Port(Network& network, std::string name, std::vector<IpAddress> addresses, std::uint32_t index)
    : network_(network),
      name_(std::move(name)),
      addresses_(std::move(addresses)),
      identity_(identity_of(name_)),
      index_(index) {}

LinkCapabilities Port::capabilities() const {
  const NetSpec& spec = network_.spec();
  return {.mtu = spec.effective_mtu(),
          .largest_packet = Packet::kLargest,
          .checksum_trusted = !spec.carries_real_packets()};
}

void Port::transmit(Instant now, PacketList& packets) {
  while (PacketPtr packet = packets.pop_front()) {
    if (up_) network_.accept(now, *this, std::move(packet));
  }
}

void Port::receive(Instant now, PacketList& packets, std::size_t limit) {
  while (limit-- > 0 && arrivals_.next() <= now) {
    const std::uint32_t member = arrivals_.front();
    PacketPtr packet;
    Instant next = kNever;
    if (member == kAnswers) {
      packet = answers_.pop_front();
      if (!answers_.empty()) next = answers_.front().due;
    } else {
      Impairment& impairment = incoming_.find(member - 1)->second->impairment;
      packet = impairment.take_due(now);
      next = impairment.next_due();
    }
    network_.refresh(*this, member, next);
    network_.look(now, {.port = *this, .outbound = false}, *packet);
    packets.push_back(std::move(packet));
  }
}

Network::Network(const NetSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed), flows_(seed) {}
Network::~Network() = default;

Port& Network::attach(std::string name, std::vector<IpAddress> addresses) {
  const auto index = static_cast<std::uint32_t>(ports_.size());
  ports_.emplace_back(new Port(*this, std::move(name), std::move(addresses), index));
  Port& port = *ports_.back();
  for (const IpAddress& address : port.addresses_) {
    const bool is_new = by_address_.emplace(address, &port).second;
    SOCKEYE_ASSERT(is_new);
  }
  return port;
}

Port& Network::attach_loopback(std::string name) {
  Port& port = attach(std::move(name), {});
  port.loops_ = true;
  return port;
}

void Network::set_up(Port& port, bool up) {
  port.up_ = up;
  if (up) return;
  port.answers_.clear();
  refresh(port, kAnswers, kNever);
  for (const auto& sender : ports_) {
    const auto found = port.incoming_.find(sender->index_);
    if (found == port.incoming_.end()) continue;
    found->second->impairment.clear();
    refresh(port, sender->index_ + 1, kNever);
  }
}

void Network::set_partition(const Port& from, const Port& to, bool apart) {
  direction(*ports_[from.index_], *ports_[to.index_]).apart = apart;
}

void Network::set_hop(const Port& from, const Port& to, std::uint32_t mtu, bool is_silent) {
  SOCKEYE_ASSERT(spec_.carries_real_packets());  // others are larger than any hop's MTU
  Port::Direction& way = direction(*ports_[from.index_], *ports_[to.index_]);
  way.hop_mtu = mtu;
  way.hop_is_silent = is_silent;
}

void Network::set_spec(const Port& from, const Port& to, const NetSpec& spec) {
  SOCKEYE_ASSERT(spec_.carries_real_packets() || !spec.corrupt);  // nobody would notice
  direction(*ports_[from.index_], *ports_[to.index_]).impairment.set_spec(spec);
}

Port* Network::find(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

Port::Direction& Network::direction(Port& from, Port& to) {
  auto& slot = to.incoming_[from.index_];
  if (!slot) slot = std::make_unique<Port::Direction>(from, to, spec_);
  return *slot;
}

void Network::refresh(Port& to, std::uint32_t member, Instant due) {
  const Instant before = to.arrivals_.next();
  to.arrivals_.set(member, due);
  const Instant after = to.arrivals_.next();
  if (after == before) return;
  deadlines_.set(to.index_, after);
  if (after < before) to.wake();
}

void Network::look(Instant now, const PacketEvent& event, const Packet& packet) {
  if (tap_ != nullptr) tap_->on_packet(now, event, packet);
}

void Network::discard(Instant now, const Port& from, const Packet& packet, Drop reason) {
  drops_.count(reason);
  look(now, {.port = from, .drop = reason}, packet);
}

// What a stack hands over, cut to what a wire would carry.
void Network::accept(Instant now, Port& from, PacketPtr packet) {
  if (!spec_.carries_real_packets()) return route(now, from, std::move(packet));
  PacketList pieces = packet->segment_size != 0 ? segment(std::move(packet), true) : PacketList();
  if (packet) pieces.push_back(std::move(packet));
  if (pieces.empty()) drops_.count(Drop::no_memory);
  while (PacketPtr piece = pieces.pop_front()) {
    if (piece->checksum == ChecksumState::absent) fill_checksum(*piece);
    route(now, from, std::move(piece));
  }
}

void Network::route(Instant now, Port& from, PacketPtr packet) {
  const auto summary = summarize(*packet);
  if (!summary) return discard(now, from, *packet, Drop::truncated);
  // Reassembly must not take the word of fragments whose whole was never summed up.
  if (spec_.carries_real_packets() && !summary->fragment) packet->checksum = ChecksumState::present;
  if (packet->size() > spec_.effective_mtu()) return discard(now, from, *packet, Drop::too_big);
  Port* to = from.loops_ ? &from : find(summary->destination);
  if (to == nullptr) return refuse(now, from, std::move(packet), *summary);
  if (!to->up_) return discard(now, from, *packet, Drop::host_down);
  impair(now, from, *to, std::move(packet), *summary);
}

void Network::impair(Instant now, Port& from, Port& to, PacketPtr packet, const PacketSummary& summary) {
  Port::Direction& way = direction(from, to);
  if (way.apart) return discard(now, from, *packet, Drop::partition);
  if (way.hop_mtu != 0 && packet->size() > way.hop_mtu) {
    discard(now, from, *packet, Drop::too_big);
    if (!way.hop_is_silent) answer(now, from, make_too_big(*packet, summary, way.hop_mtu));
    return;
  }
  Fate fate;
  if (way.impairment.spec().draws())
    fate = flows_.fate_of(summary, packet->transmission, from.identity_, to.identity_);
  PacketPtr copy;
  if (way.impairment.duplicates(fate)) copy = packet->clone();
  carry(now, way, std::move(packet), fate, false);
  if (copy) carry(now, way, std::move(copy), fate.of_copy(), true);
}

void Network::carry(Instant now, Port::Direction& way, PacketPtr packet, const Fate& fate, bool is_copy) {
  Impairment::Decision decision = way.impairment.decide(now, packet->size(), fate);
  if (decision.drop) drops_.count(*decision.drop);
  const bool marked = !decision.drop && decision.congested && mark_congestion(*packet);
  look(now,
       {.port = way.from,
        .drop = decision.drop,
        .corrupted = decision.corrupted,
        .marked = marked,
        .duplicate = is_copy,
        .late = decision.late},
       *packet);
  if (decision.drop) return;
  if (decision.corrupted && !Impairment::corrupt(*packet, fate)) return drops_.count(Drop::no_memory);
  way.impairment.enter(std::move(packet), decision);
  refresh(way.to, way.from.index_ + 1, way.impairment.next_due());
}

void Network::refuse(Instant now, Port& from, PacketPtr packet, const PacketSummary& summary) {
  discard(now, from, *packet, Drop::host_unreachable);
  answer(now, from, make_unreachable(*packet, summary));
}

void Network::answer(Instant now, Port& from, PacketPtr error) {
  if (!error) return;
  error->due = now;
  from.answers_.push_back(std::move(error));
  refresh(from, kAnswers, from.answers_.front().due);
}

}  // namespace sockeye::sim
