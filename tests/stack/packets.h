// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One host and what a stranger on its link can send: whole IP packets as bytes, and what comes back.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "link/pipe.h"
#include "packet/transport_checksum.h"
#include "stack/two_hosts.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/udp.h"

namespace sockeye {

inline constexpr std::size_t kNothing = ~std::size_t{0};
using ByteString = std::vector<std::byte>;

inline ByteString bytes_of(std::initializer_list<unsigned> values) {
  ByteString bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}
inline ByteString operator+(ByteString a, const ByteString& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline ByteString zeros(std::size_t count) {
  return ByteString(count);
}

class Stranger : public ::testing::Test {
 protected:
  explicit Stranger(std::uint32_t mtu = 1500)
      : pipe({.mtu = mtu, .checksum_trusted = false}), host(StackConfig{}, pool, 5) {
    host.stack.add_interface("eth0", pipe.right(),
                             {{*IpAddress::parse("10.0.0.2"), 24}, {*IpAddress::parse("fd00::2"), 64}});
  }

  // --- building
  static ByteString v4(Ipv4Header header, const ByteString& payload) {
    if (header.source.is_v6()) header.source = *IpAddress::parse("10.0.0.9");
    if (header.destination.is_v6()) header.destination = *IpAddress::parse("10.0.0.2");
    if (header.total_bytes == 0)
      header.total_bytes = static_cast<std::uint16_t>(kIpv4HeaderMin + payload.size());
    ByteString bytes(kIpv4HeaderMin);
    emit_ipv4(header, bytes);
    return bytes + payload;
  }
  static ByteString v6(std::uint8_t next_header, const ByteString& payload) {
    Ipv6Header header;
    header.source = *IpAddress::parse("fd00::9");
    header.destination = *IpAddress::parse("fd00::2");
    header.next_header = next_header;
    header.payload_bytes = static_cast<std::uint16_t>(payload.size());
    ByteString bytes(kIpv6HeaderBytes);
    emit_ipv6(header, bytes);
    return bytes + payload;
  }
  static ByteString udp(unsigned port, std::size_t data) {
    ByteString bytes(kUdpHeaderBytes + data);
    emit_udp({4000, static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(bytes.size()), 0}, bytes);
    return bytes;
  }
  // With the transport's checksum filled in.
  ByteString correct(const ByteString& packet) {
    PacketPtr copy = pool.from_bytes(packet);
    copy->front(std::min<std::uint32_t>(copy->size(), 100));
    fill_checksum(*copy);
    ByteString bytes(copy->size());
    copy->serialize(bytes);
    return bytes;
  }

  // --- sending and looking
  void inject(const ByteString& bytes) {
    PacketList packets;
    packets.push_back(pool.from_bytes(bytes));
    pipe.left().transmit(now, packets);
    turn();
  }
  void turn() {
    for (int i = 0; i < 1000; ++i)
      if (host.stack.poll(now) > now) return;
    ADD_FAILURE() << "no rest";
  }
  void advance(Duration duration) {
    const Instant end = now + duration;
    for (Instant next = host.stack.poll(now); next <= end; next = host.stack.poll(now)) now = next;
    now = end;
    turn();
  }
  // What the host has sent since the last look.
  std::vector<ByteString> answers() {
    PacketList packets;
    pipe.left().receive(now, packets, 1000);
    std::vector<ByteString> all;
    while (PacketPtr packet = packets.pop_front()) {
      all.emplace_back(packet->size());
      packet->serialize(all.back());
    }
    return all;
  }
  // The length of the next datagram, or kNothing.
  static std::size_t next_datagram(const SocketRef& socket) {
    ByteString room(65536);
    const MutableBytes bytes(room);
    Incoming message;
    message.buffers = {&bytes, 1};
    return socket->receive(message).value_or(kNothing);
  }
  std::uint64_t drops(Drop reason) const { return host.stack.drops()[reason]; }
  // Injects and expects exactly this reason to be counted once, and nothing to be answered.
  void expect_drop(Drop reason, const ByteString& packet, int line = __builtin_LINE()) {
    const auto before = drops(reason);
    const auto total = host.stack.drops().total();
    inject(packet);
    EXPECT_EQ(drops(reason), before + 1) << name_of(reason) << " line " << line;
    EXPECT_EQ(host.stack.drops().total(), total + 1) << "line " << line;
    EXPECT_TRUE(answers().empty()) << "line " << line;
  }

  PacketPool pool;
  Pipe pipe;
  Instant now{};
  HostUnderTest host;
};

}  // namespace sockeye
