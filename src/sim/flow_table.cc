// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/flow_table.h"

#include <algorithm>
#include <utility>

#include "packet/transport_checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye::sim {
namespace {

bool read_addresses(Packet& packet, PacketSummary& out) {
  const Bytes first = packet.front(1);
  if (first.empty()) return false;
  const unsigned version = load8(first.data()) >> 4U;
  if (version == 4) {
    const Bytes header = packet.front(kIpv4HeaderMin);
    if (header.empty()) return false;
    out.source = load_ipv4_address(&header[12]);
    out.destination = load_ipv4_address(&header[16]);
    out.protocol = static_cast<IpProtocol>(load8(&header[9]));
    out.fragment = (load16(&header[6]) & 0x3fff) != 0;
    return true;
  }
  const Bytes header = packet.front(kIpv6HeaderBytes);
  if (version != 6 || header.empty()) return false;
  out.source = load_ipv6_address(&header[8]);
  out.destination = load_ipv6_address(&header[24]);
  out.protocol = static_cast<IpProtocol>(load8(&header[6]));
  out.fragment = out.protocol == IpProtocol::fragment;
  return true;
}

void read_transport(Packet& packet, PacketSummary& out) {
  const bool is_tcp = out.protocol == IpProtocol::tcp;
  const std::uint32_t needed = is_tcp ? 20 : out.protocol == IpProtocol::udp ? 8 : 0;
  if (needed == 0) return;
  const Bytes header = packet.front(out.transport_offset + needed);
  if (header.empty()) return;
  const std::byte* at = &header[out.transport_offset];
  out.source_port = load16(at);
  out.destination_port = load16(at + 2);
  if (!is_tcp) return;
  out.seq = load32(at + 4);
  out.tcp_flags = load8(at + 13);
  const std::uint32_t headers = out.transport_offset + (load8(at + 12) >> 4U) * 4U;
  out.tcp_payload = packet.size() > headers ? packet.size() - headers : 0;
}

}  // namespace

std::optional<PacketSummary> summarize(Packet& packet) {
  PacketSummary summary;
  if (!read_addresses(packet, summary)) return std::nullopt;
  const auto place = find_transport(packet);
  if (!place) {  // behind IPv6 extension headers there may be a fragment as well
    summary.fragment = summary.fragment || summary.destination.is_v6();
    return summary;
  }
  summary.protocol = place->protocol;
  summary.transport_offset = place->offset;
  read_transport(packet, summary);
  return summary;
}

FlowTable::FlowTable(std::uint64_t seed, std::size_t flows_max) : seed_(mix64(seed)), flows_max_(flows_max) {}
FlowTable::~FlowTable() = default;

std::size_t FlowTable::KeyHash::operator()(const Key& key) const {
  const std::uint64_t words[] = {key.low.address.high(), key.low.address.low(), key.high.address.high(),
                                 key.high.address.low(),
                                 std::uint64_t{key.low.port} << 24 | std::uint64_t{key.high.port} << 8 |
                                     static_cast<std::uint8_t>(key.protocol)};
  return siphash13(SipKey{0x736f636b, 0x657965}, words);  // the order of the table is never seen
}

FlowTable::Flow& FlowTable::find(const Key& key) {
  auto [entry, is_new] = flows_.try_emplace(key);
  if (is_new) {
    entry->second = std::make_unique<Flow>();
    entry->second->key = key;
  }
  Flow& flow = *entry->second;
  flow.unlink();
  by_use_.push_back(flow);
  if (flows_.size() > flows_max_) flows_.erase(Key(by_use_.front().key));
  return flow;
}

void FlowTable::open(Flow& flow, const PacketSummary& packet, std::uint64_t from, std::uint64_t to) {
  const Endpoint source{packet.source, packet.source_port};
  flow.low = flow.high = Side();
  flow.opened_by_low = source == flow.key.low;
  const std::uint64_t service =
      std::uint64_t{packet.destination_port} << 8 | static_cast<std::uint8_t>(packet.protocol);
  const std::uint64_t towards =
      mix64(mix64(mix64(seed_ ^ from) ^ to) ^ service ^ (packet.source.is_v4() ? 0U : 1U << 30));
  flow.id = mix64(towards ^ ++opened_[towards]);
}

Fate FlowTable::fate_of(const PacketSummary& packet, std::uint8_t transmission, std::uint64_t from,
                        std::uint64_t to) {
  const Endpoint source{packet.source, packet.source_port};
  const Endpoint destination{packet.destination, packet.destination_port};
  const auto [low, high] = std::minmax(source, destination);
  Flow& flow = find(Key{low, high, packet.protocol});
  const bool is_low = source == flow.key.low;
  const bool is_syn = (packet.tcp_flags & (PacketSummary::kSyn | PacketSummary::kAck)) == PacketSummary::kSyn;
  const auto& before = is_low ? flow.low : flow.high;
  if (flow.id == 0 ||
      (is_syn && before.first_seq != packet.seq && !(flow.opened_by_low != is_low && !before.first_seq)))
    open(flow, packet, from, to);
  Side& side = is_low ? flow.low : flow.high;
  Fate fate;
  fate.flow = mix64(flow.id ^ (is_low == flow.opened_by_low ? 1U : 2U));
  if (!packet.has_sequence_space()) {
    fate.packet = mix64(1 + 2 * side.counted++);
    return fate;
  }
  if (!side.first_seq) side.first_seq = packet.seq;
  const std::uint64_t offset = packet.seq - *side.first_seq;
  // Neither PSH nor a FIN behind data counts: they depend on when the program wrote and closed.
  const bool bare_fin = packet.tcp_payload == 0 && (packet.tcp_flags & PacketSummary::kSyn) == 0;
  const std::uint64_t place =
      mix64(2 * (offset << 9 | std::uint64_t{transmission} << 1 | (bare_fin ? 1U : 0U)));
  // Should a sender repeat itself without counting, it must not meet the same loss for ever.
  side.repeats = place == side.last_data ? side.repeats + 1 : 0;
  side.last_data = place;
  fate.packet = mix64(place ^ side.repeats);
  return fate;
}

}  // namespace sockeye::sim
