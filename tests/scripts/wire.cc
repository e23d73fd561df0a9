// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "scripts/wire.h"

#include <algorithm>

#include "packet/packet.h"
#include "packet/transport_checksum.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

namespace sockeye::scripts {
namespace {

constexpr std::string_view kCodePoints[] = {"noecn", "ect1", "ect0", "ce"};

std::optional<std::uint8_t> code_point(std::string_view name) {
  const auto* found = std::ranges::find(kCodePoints, name);
  if (found == std::end(kCodePoints)) return std::nullopt;
  return static_cast<std::uint8_t>(found - std::begin(kCodePoints));
}

// "<...>" is packetdrill's word for any options; without it any are right here.
std::string_view without_any(std::string_view line) {
  constexpr std::string_view kAnyOptions = "<...>";
  if (line.ends_with(kAnyOptions)) line.remove_suffix(kAnyOptions.size());
  return trim(line);
}

}  // namespace

std::vector<std::byte> Wire::build(const Event& event, std::string& complaint) {
  auto text = tcp::parse_segment(event.text, theirs(), &complaint);
  if (!text) return {};
  tcp::Segment& segment = text->segment;
  if (segment.options.timestamps && timestamp_base_ && !text->any_ts_echo &&
      segment.options.timestamps->echo != 0)
    segment.options.timestamps->echo += *timestamp_base_;
  segment.source_port = is_client_ ? kPort : kPeerPort;
  segment.destination_port = our_port_;
  Ipv4Header ip;
  ip.source = peer();
  ip.destination = local();
  ip.protocol = static_cast<std::uint8_t>(IpProtocol::tcp);
  const auto ecn = event.ecn.empty() ? std::optional<std::uint8_t>(0) : code_point(event.ecn);
  if (!ecn) {
    complaint = "code points are noecn, ect0, ect1, ce";
    return {};
  }
  ip.tos = *ecn;
  const std::uint32_t header_bytes = tcp_emit_size(segment);
  ip.total_bytes = static_cast<std::uint16_t>(kIpv4HeaderMin + header_bytes + segment.payload_bytes);
  std::vector<std::byte> bytes(ip.total_bytes);
  emit_ipv4(ip, bytes);
  emit_tcp(segment, MutableBytes(bytes).subspan(kIpv4HeaderMin, header_bytes));
  PacketPool pool;
  PacketPtr packet = pool.from_bytes(bytes);
  packet->front(kIpv4HeaderMin + header_bytes);
  fill_checksum(*packet);
  packet->serialize(bytes);
  return bytes;
}

std::optional<Wire::Parsed> Wire::parse(Bytes packet) {
  Ipv4Header ip;
  if (packet.size() < kIpv4HeaderMin + kTcpHeaderMin) return std::nullopt;
  if (parse_ipv4(packet.first(kIpv4HeaderMin), packet.size(), true, ip)) return std::nullopt;
  const Bytes rest = packet.subspan(kIpv4HeaderMin);
  const std::uint32_t header_bytes = tcp_header_bytes(rest.first(kTcpHeaderMin));
  if (header_bytes == 0 || header_bytes > rest.size()) return std::nullopt;
  const auto header = parse_tcp(rest.first(header_bytes));
  if (!header) return std::nullopt;
  Parsed parsed;
  static_cast<TcpHeader&>(parsed.segment) = *header;
  parsed.segment.payload_bytes = static_cast<std::uint32_t>(ip.total_bytes - kIpv4HeaderMin - header_bytes);
  parsed.ecn = ip.tos & 3;
  parsed.source_port = header->source_port;
  return parsed;
}

// A SYN of the host begins a connection.
void Wire::learn(const Parsed& packet) {
  if (!packet.segment.flags.syn) return;
  our_iss_ = packet.segment.seq;
  our_port_ = packet.source_port;
  is_client_ = !packet.segment.flags.ack;
  timestamp_base_.reset();
}

std::uint32_t Wire::missing(const Event& event, Bytes packet) const {
  const auto sent = parse(packet);
  const auto expected = tcp::parse_segment(without_any(event.text), ours());
  if (!sent || !expected || sent->segment.seq != expected->segment.seq) return 0;
  const std::uint32_t wanted = expected->segment.payload_bytes, got = sent->segment.payload_bytes;
  return got > 0 && got < wanted ? wanted - got : 0;
}

std::optional<std::uint32_t> Wire::continues(Bytes before, Bytes packet) {
  const auto first = parse(before), second = parse(packet);
  if (!first || !second || second->segment.payload_bytes == 0) return std::nullopt;
  if (second->segment.seq != first->segment.end()) return std::nullopt;
  return second->segment.payload_bytes;
}

std::string Wire::judge(const Event& event, Bytes packet, std::uint32_t before) {
  auto sent = parse(packet);
  if (!sent) return "not a TCP packet";
  learn(*sent);
  sent->segment.seq = sent->segment.seq - before;
  sent->segment.payload_bytes += before;
  std::string complaint;
  const auto expected = tcp::parse_segment(without_any(event.text), ours(), &complaint);
  if (!expected) return complaint;
  auto& stamps = sent->segment.options.timestamps;
  if (stamps && expected->segment.options.timestamps && !expected->any_ts_value) {
    if (!timestamp_base_) timestamp_base_ = stamps->value - expected->segment.options.timestamps->value;
    stamps->value -= *timestamp_base_;
  }
  if (!tcp::matches(*expected, sent->segment)) return "sends " + describe(packet);
  const auto ecn = code_point(event.ecn);
  if (!event.ecn.empty() && ecn != sent->ecn)
    return "is marked " + std::string(kCodePoints[sent->ecn]) + ", not " + event.ecn;
  return {};
}

std::uint32_t Wire::payload_of(Bytes packet) {
  const auto sent = parse(packet);
  return sent ? sent->segment.payload_bytes : 0;
}

std::string Wire::describe(Bytes packet) {
  const auto sent = parse(packet);
  return sent ? tcp::to_text(sent->segment, ours()) : "what is no TCP packet";
}

}  // namespace sockeye::scripts
