// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <algorithm>

#include "core/assert.h"
#include "packet/gso.h"
#include "packet/transport_checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye::fuzz {
namespace {

constexpr int kInet6 = 10, kInet = 2, kStream = 1, kDatagram = 2;

StackConfig config_for_fuzzing() {
  StackConfig config;
  config.sockets_max = 256;
  config.tcp.syn_backlog_max = 64;
  config.tcp.somaxconn = 16;
  config.tcp.time_wait_max = 64;
  return config;
}

std::span<const std::byte> pattern_bytes() {
  static const std::vector<std::byte> kBytes(70000, std::byte{'.'});
  return kBytes;
}

}  // namespace

// What we send must be right in all that a receiver checks.
void FuzzLink::transmit(Instant, PacketList& packets) {
  while (PacketPtr packet = packets.pop_front()) {
    ++sent_;
    SOCKEYE_ASSERT(packet->size() <= Packet::kLargest);
    SOCKEYE_ASSERT(packet->size() <= 1500 || packet->segment_size != 0);
    PacketList pieces;
    if (packet->segment_size != 0)
      pieces = segment(std::move(packet), true);
    else
      pieces.push_back(std::move(packet));
    while (PacketPtr piece = pieces.pop_front()) {
      SOCKEYE_ASSERT(piece->size() <= 1500);
      if (piece->checksum == ChecksumState::absent) fill_checksum(*piece);
      look_at(*piece);
    }
  }
}

void FuzzLink::look_at(Packet& piece) {
  SOCKEYE_ASSERT(verify_checksum(piece));
  const Bytes first = piece.front(20);
  SOCKEYE_ASSERT(!first.empty());
  if (load8(first.data()) >> 4U == 4) {
    const std::uint32_t bytes = ipv4_header_bytes(first);
    Ipv4Header ip;
    SOCKEYE_ASSERT(bytes != 0 && !parse_ipv4(piece.front(bytes), piece.size(), true, ip));
    SOCKEYE_ASSERT(ip.total_bytes == piece.size());
  } else {
    Ipv6Header ip;
    SOCKEYE_ASSERT(piece.size() >= 40 && !parse_ipv6(piece.front(40), piece.size(), ip));
    SOCKEYE_ASSERT(ip.payload_bytes + 40U == piece.size());
  }
  const auto place = find_transport(piece);
  if (!place || place->protocol != IpProtocol::tcp) return;
  const Bytes front = piece.front(place->offset + 20);
  SOCKEYE_ASSERT(!front.empty());
  const std::uint32_t header_bytes = tcp_header_bytes(front.subspan(place->offset));
  const Bytes whole = piece.front(place->offset + header_bytes);
  SOCKEYE_ASSERT(header_bytes != 0 && !whole.empty());
  const auto tcp = parse_tcp(whole.subspan(place->offset));
  SOCKEYE_ASSERT(tcp.has_value());
  Peer& known = peer(tcp->destination_port, tcp->source_port, place->destination.is_v6());
  const std::uint32_t length =
      piece.size() - place->offset - header_bytes + (tcp->flags.syn ? 1U : 0U) + (tcp->flags.fin ? 1U : 0U);
  if (tcp->flags.syn || tcp->seq + length > known.sent) known.sent = tcp->seq + length;
  if (tcp->flags.ack) known.acked = tcp->ack;
  if (tcp->options.timestamps) known.timestamp = tcp->options.timestamps->value;
}

Peer& FuzzLink::peer(std::uint16_t theirs, std::uint16_t ours, bool is_v6) {
  for (Peer& peer : peers_)
    if (peer.port == theirs && peer.ours == ours && peer.is_v6 == is_v6) return peer;
  if (peers_.size() >= 64) peers_.erase(peers_.begin());
  peers_.push_back({.port = theirs, .ours = ours, .is_v6 = is_v6});
  return peers_.back();
}

void FuzzLink::receive(Instant, PacketList& packets, std::size_t limit) {
  while (limit-- > 0 && !inbound_.empty()) packets.push_back(inbound_.pop_front());
}

void FuzzLink::deliver(PacketPtr packet) {
  if (!packet) return;
  inbound_.push_back(std::move(packet));
  wake();
}

IpAddress Harness::us(bool is_v6) {
  return is_v6 ? *IpAddress::parse("fd00::1") : IpAddress::v4(10, 0, 0, 1);
}
IpAddress Harness::them(bool is_v6) {
  return is_v6 ? *IpAddress::parse("fd00::2") : IpAddress::v4(10, 0, 0, 2);
}

Harness::Harness() : stack_(config_for_fuzzing(), pool_, secret_, open_, now_) {
  stack_.add_interface("eth0", link_, {{us(false), 24}, {us(true), 64}});
  stack_.set_privileged(true);
  set_up_sockets();
  connect_both();
}

Harness::~Harness() {
  listener_ = datagrams_ = connected_ = connected_datagrams_ = SocketRef();
  accepted_.clear();
}

void Harness::set_up_sockets() {
  listener_ = *stack_.socket(kInet6, kStream, 0);
  SOCKEYE_ASSERT(listener_->bind({IpAddress::any_v6(), kListening}).has_value());
  SOCKEYE_ASSERT(listener_->listen(4).has_value());
  datagrams_ = *stack_.socket(kInet6, kDatagram, 0);
  SOCKEYE_ASSERT(datagrams_->bind({IpAddress::any_v6(), kDatagrams}).has_value());
  connected_datagrams_ = *stack_.socket(kInet, kDatagram, 0);
  // Ports are bound: choosing one fills a table of 64 Ki numbers, most of an execution's time.
  SOCKEYE_ASSERT(connected_datagrams_->bind({us(false), kOurs}).has_value());
  SOCKEYE_ASSERT(connected_datagrams_->connect(Endpoint{them(false), kTheirs}).has_value());
  connected_ = *stack_.socket(kInet, kStream, 0);
  SOCKEYE_ASSERT(connected_->bind({us(false), kOurs}).has_value());
  (void)connected_->connect(Endpoint{them(false), kTheirs});
  settle();
}

void Harness::connect_both() {
  Peer& peer = link_.peer(kTheirs, kOurs, false);
  TcpHeader syn_ack;
  syn_ack.source_port = kTheirs;
  syn_ack.destination_port = kOurs;
  syn_ack.seq = SeqNum(5000);
  syn_ack.ack = peer.sent;
  syn_ack.flags = {.syn = true, .ack = true};
  syn_ack.window = 30000;
  syn_ack.options.mss = 1460;
  syn_ack.options.sack_permitted = true;
  syn_ack.options.window_scale = 4;
  syn_ack.options.timestamps = TcpTimestamps{1000, peer.timestamp};
  send_segment(syn_ack, false, 0);
}

void Harness::send_segment(const TcpHeader& header, bool is_v6, std::size_t payload) {
  PacketPtr packet = pool_.allocate();
  if (!packet) return;
  payload = std::min<std::size_t>(payload, 1400);
  if (payload != 0) {
    ChunkRef chunk = pool_.chunks().copy_of(pattern_bytes().first(payload));
    if (!chunk) return;
    packet->append(Slice(std::move(chunk), 0, static_cast<std::uint32_t>(payload)));
  }
  emit_tcp(header, packet->push_front(tcp_emit_size(header)));
  if (is_v6) {
    Ipv6Header ip;
    ip.source = them(true);
    ip.destination = us(true);
    ip.next_header = static_cast<std::uint8_t>(IpProtocol::tcp);
    ip.payload_bytes = static_cast<std::uint16_t>(packet->size());
    emit_ipv6(ip, packet->push_front(kIpv6HeaderBytes));
  } else {
    Ipv4Header ip;
    ip.source = them(false);
    ip.destination = us(false);
    ip.protocol = static_cast<std::uint8_t>(IpProtocol::tcp);
    ip.total_bytes = static_cast<std::uint16_t>(packet->size() + kIpv4HeaderMin);
    emit_ipv4(ip, packet->push_front(kIpv4HeaderMin));
  }
  fill_checksum(*packet);
  link_.deliver(std::move(packet));
  settle();
}

void Harness::deliver(Bytes bytes) {
  PacketPtr packet = pool_.from_bytes(bytes);
  if (!packet) return;
  packet->checksum = ChecksumState::present;
  link_.deliver(std::move(packet));
  settle();
}

void Harness::settle() {
  unsigned turns = 0;
  while (stack_.poll(now_) <= now_) SOCKEYE_ASSERT(++turns < 1000);  // it must come to rest
}

void Harness::advance(Duration time) {
  const Instant end = now_ + time;
  for (unsigned steps = 0; steps < 5000; ++steps) {
    const Instant next = stack_.poll(now_);
    if (next > end) break;
    now_ = std::max(next, now_);
  }
  now_ = std::max(now_, end);
  settle();
}

void Harness::call(Input& input) {
  stack_.set_now(now_);
  const unsigned which = input.u8();
  SocketRef socket = which % 4 == 0   ? connected_
                     : which % 4 == 1 ? datagrams_
                     : which % 4 == 2 ? connected_datagrams_
                                      : listener_;
  if (which >= 128 && !accepted_.empty()) socket = accepted_[which % accepted_.size()];
  std::byte buffer[5000];
  const MutableBytes room(buffer, input.u8() * std::size_t{19});
  const Bytes out = pattern_bytes().first(std::min<std::size_t>(room.size() * (which % 16), 70000));
  Incoming in;
  in.buffers = std::span(&room, 1);
  Outgoing message;
  message.buffers = std::span(&out, 1);
  const unsigned what = input.u8();
  switch (what % 16) {
    case 0:
    case 1:
      if (auto child = listener_->accept(); child && accepted_.size() < 32) accepted_.push_back(*child);
      break;
    case 2:
      in.flags = (what & 16U ? MessageFlags::kPeek : 0) | (what & 32U ? MessageFlags::kOob : 0) |
                 (what & 64U ? MessageFlags::kTrunc : 0) | (what & 128U ? MessageFlags::kErrQueue : 0);
      [[fallthrough]];
    case 3:
    case 4:
      (void)socket->receive(in);
      break;
    case 5:
      message.flags = (what & 16U ? MessageFlags::kOob : 0) | (what & 32U ? MessageFlags::kMore : 0);
      [[fallthrough]];
    case 6:
    case 7:
      if (socket->kind() == Socket::Kind::datagram && (what & 64U) != 0)
        message.to = Endpoint{them(socket->is_v6()), kTheirs};
      (void)socket->send(message);
      break;
    case 8:
      (void)socket->shutdown(static_cast<int>(what >> 4U) % 3);
      break;
    case 9:
      close_one(input);
      break;
    case 10: {
      const Bytes value = input.bytes(what >> 4U);
      const unsigned level = input.u8() % 4;
      (void)socket->set_option(level == 0 ? 1 : level == 1 ? 6 : level == 2 ? 0 : 41, input.u8() % 80, value);
      break;
    }
    case 11: {
      const unsigned level = input.u8() % 4;
      (void)socket->get_option(level == 0 ? 1 : level == 1 ? 6 : level == 2 ? 0 : 41, input.u8() % 80, room);
      break;
    }
    case 12:
      (void)socket->control(what & 16U ? 0x541b : what & 32U ? 0x5411 : 0x8905);
      break;
    case 13:
      if (socket->kind() == Socket::Kind::datagram)
        (void)socket->connect(what & 16U ? std::optional<Endpoint>()
                                         : Endpoint{them(socket->is_v6()), kTheirs});
      break;
    default:
      (void)socket->readiness();
      (void)socket->report();
      break;
  }
  settle();
}

void Harness::close_one(Input& input) {
  if (accepted_.empty()) return;
  const std::size_t n = input.u8() % accepted_.size();
  accepted_[n]->close();
  accepted_.erase(accepted_.begin() + static_cast<std::ptrdiff_t>(n));
}

}  // namespace sockeye::fuzz
