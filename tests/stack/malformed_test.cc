// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// hostile.md B, C and D11-D13: what a stranger's malformed packet comes to. Each is dropped under its
// own name, and the pools are as before.
#include "stack/packets.h"

namespace sockeye {
namespace {

class Malformed : public Stranger {
 protected:
  Malformed() {
    EXPECT_TRUE(socket = host.udp());
    EXPECT_TRUE(socket->bind(at("0.0.0.0", 53)));
  }
  static Ipv4Header udp_header() {
    Ipv4Header header;
    header.protocol = 17;
    return header;
  }
  SocketRef socket;
};

TEST_F(Malformed, LengthsOfIpv4) {  // B1
  expect_drop(Drop::truncated, bytes_of({0x45}));
  expect_drop(Drop::bad_version, bytes_of({0x05, 0, 0, 20}) + zeros(16));
  ByteString packet = v4(udp_header(), udp(53, 4));
  packet[0] = std::byte{0x44};
  expect_drop(Drop::bad_ip_header, packet);
  packet[0] = std::byte{0x4f};  // the header would be 60 bytes
  expect_drop(Drop::truncated, packet);
  Ipv4Header header = udp_header();
  header.total_bytes = 19;
  expect_drop(Drop::bad_ip_header, v4(header, udp(53, 4)));
  header.total_bytes = 400;
  expect_drop(Drop::truncated, v4(header, udp(53, 4)));
}

TEST_F(Malformed, PaddingNeverReachesTheProgram) {  // A2, B29
  inject(correct(v4(udp_header(), udp(53, 4))) + zeros(20));
  EXPECT_EQ(next_datagram(socket), 4u);
}

TEST_F(Malformed, ChecksumsOfIpv4AndUdp) {  // B3, D11, D12
  ByteString packet = v4(udp_header(), udp(53, 4));
  packet[11] ^= std::byte{1};
  expect_drop(Drop::bad_ip_checksum, packet);
  packet = correct(v4(udp_header(), udp(53, 4)));
  packet.back() ^= std::byte{1};
  expect_drop(Drop::bad_checksum, packet);
  inject(v4(udp_header(), udp(53, 4)));  // no checksum at all: allowed over IPv4
  EXPECT_EQ(next_datagram(socket), 4u);
  expect_drop(Drop::bad_checksum, v6(17, udp(53, 4)));  // and not over IPv6
}

TEST_F(Malformed, LengthsOfUdp) {  // D13
  ByteString datagram = udp(53, 4);
  store16(datagram.data() + 4, 7);
  expect_drop(Drop::bad_transport_header, v4(udp_header(), datagram));
  store16(datagram.data() + 4, 13);
  expect_drop(Drop::bad_transport_header, v4(udp_header(), datagram));
  store16(datagram.data() + 4, 10);  // shorter than the packet: trimmed
  inject(v4(udp_header(), datagram));
  EXPECT_EQ(next_datagram(socket), 2u);
  expect_drop(Drop::bad_transport_header, v4(udp_header(), zeros(7)));
}

TEST_F(Malformed, OptionsOfIpv4) {  // B4, B5
  const auto with_options = [](std::initializer_list<unsigned> options) {
    ByteString packet = v4(udp_header(), bytes_of(options) + udp(53, 4));
    packet[0] = static_cast<std::byte>(0x40 + 5 + options.size() / 4);
    store16(packet.data() + 10, 0);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 20 + options.size(); i += 2) sum += load16(packet.data() + i);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store16(packet.data() + 10, static_cast<std::uint16_t>(~sum));
    return packet;
  };
  expect_drop(Drop::bad_ip_option, with_options({7, 0, 0, 0}));
  expect_drop(Drop::bad_ip_option, with_options({7, 1, 0, 0}));
  expect_drop(Drop::bad_ip_option, with_options({7, 5, 4, 0}));
  expect_drop(Drop::bad_ip_option, with_options({1, 1, 1, 7}));
  expect_drop(Drop::bad_ip_option, with_options({7, 4, 3, 0}));
  expect_drop(Drop::bad_ip_option, with_options({68, 4, 4, 0}));
  expect_drop(Drop::source_route, with_options({131, 3, 4, 0}));
  expect_drop(Drop::source_route, with_options({1, 137, 3, 4}));
  inject(with_options({1, 1, 0, 255}));  // end of list: the rest is padding
  EXPECT_EQ(next_datagram(socket), 4u);
}

TEST_F(Malformed, Martians) {  // B7, B8, B9
  for (const char* source :
       {"224.0.0.1", "255.255.255.255", "10.0.0.255", "127.0.0.1", "0.1.2.3", "240.0.0.1", "10.0.0.2"}) {
    Ipv4Header header = udp_header();
    header.source = *IpAddress::parse(source);
    expect_drop(Drop::martian_source, v4(header, udp(53, 4)));
  }
  Ipv4Header header = udp_header();
  header.destination = *IpAddress::parse("127.0.0.1");
  expect_drop(Drop::martian_destination, v4(header, udp(53, 4)));
  header.destination = *IpAddress::parse("224.0.0.5");
  expect_drop(Drop::martian_destination, v4(header, udp(53, 4)));
  header.destination = *IpAddress::parse("10.0.0.77");
  expect_drop(Drop::not_for_us, v4(header, udp(53, 4)));
}

TEST_F(Malformed, MappedAddressesOnTheWire) {  // B26
  ByteString packet = v6(17, udp(53, 4));
  std::fill(packet.begin() + 8, packet.begin() + 18, std::byte{0});
  packet[18] = packet[19] = std::byte{0xff};
  expect_drop(Drop::mapped_on_wire, packet);
}

TEST_F(Malformed, ExtensionHeaders) {  // B6, B22, B23, B24
  const auto problem = [&](const ByteString& packet, unsigned code, unsigned pointer, Drop reason) {
    const auto before = drops(reason);
    inject(packet);
    EXPECT_EQ(drops(reason), before + 1);
    const auto sent = answers();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(load8(sent[0].data() + 6), 58);
    EXPECT_EQ(load8(sent[0].data() + 40), 4) << "Parameter Problem";
    EXPECT_EQ(load8(sent[0].data() + 41), code);
    EXPECT_EQ(load32(sent[0].data() + 44), pointer);
    advance(10s);  // past the rate limit
  };
  problem(v6(43, bytes_of({17, 2, 0, 1}) + zeros(20) + udp(53, 4)), 0, 42, Drop::routing_header);
  problem(v6(60, bytes_of({0, 0, 1, 4, 0, 0, 0, 0}) + bytes_of({17, 0, 1, 4, 0, 0, 0, 0}) + udp(53, 4)), 1,
          40,
          Drop::bad_extension_header);  // hop by hop not first
  problem(v6(60, bytes_of({17, 0, 0x85, 0, 1, 2, 0, 0}) + udp(53, 4)), 2, 42, Drop::bad_extension_header);
  problem(v6(60, bytes_of({17, 0, 0xc5, 0, 1, 2, 0, 0}) + udp(53, 4)), 2, 42, Drop::bad_extension_header);
  problem(v6(60, bytes_of({17, 200, 1, 4, 0, 0, 0, 0}) + udp(53, 4)), 0, 41, Drop::bad_extension_header);
  expect_drop(Drop::bad_extension_header, v6(60, bytes_of({17, 0, 0x45, 0, 1, 2, 0, 0}) + udp(53, 4)));
  expect_drop(Drop::truncated, v6(60, bytes_of({17, 0, 1})));
  ByteString chain;
  for (int i = 0; i < 9; ++i) chain = chain + bytes_of({60, 0, 1, 4, 0, 0, 0, 0});
  problem(v6(60, chain + udp(53, 4)), 1, 40 + 7 * 8, Drop::bad_extension_header);
  ByteString good = v6(60, bytes_of({17, 0, 0x05, 4, 0, 0, 0, 0}) + udp(53, 4));  // 00: skip
  const auto before = host.stack.drops().total();
  inject(correct(good));
  EXPECT_EQ(host.stack.drops().total(), before + 1);  // no socket: it is bound to IPv4
  EXPECT_EQ(drops(Drop::no_socket), 1u);
}

TEST_F(Malformed, UnknownProtocol) {  // B10, B28
  Ipv4Header header;
  header.protocol = 4;  // IP in IP
  inject(v4(header, zeros(40)));
  EXPECT_EQ(drops(Drop::unknown_protocol), 1u);
  const auto sent = answers();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(load8(sent[0].data() + 20), 3);
  EXPECT_EQ(load8(sent[0].data() + 21), 2);
  header.destination = *IpAddress::parse("10.0.0.255");
  expect_drop(Drop::unknown_protocol, v4(header, zeros(40)));  // C1: never about a broadcast
}

// RFC 9293 3.9.2.2 MUST-55
TEST_F(Malformed, Icmp) {  // C2, C4, C7, C11
  Ipv4Header header;
  header.protocol = 1;
  expect_drop(Drop::bad_icmp, v4(header, zeros(4)));
  expect_drop(Drop::bad_checksum, v4(header, bytes_of({8, 0, 1, 1, 0, 0, 0, 0})));
  const auto icmp = [&](std::initializer_list<unsigned> begin, const ByteString& rest) {
    ByteString message = bytes_of(begin) + rest;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < message.size(); i += 2) sum += load16(message.data() + i);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store16(message.data() + 2, static_cast<std::uint16_t>(~sum));
    return v4(header, message);
  };
  expect_drop(Drop::bad_icmp, icmp({3, 3, 0, 0, 0, 0, 0, 0}, zeros(8)));        // quotes too little
  expect_drop(Drop::ignored_icmp, icmp({4, 0, 0, 0, 0, 0, 0, 0}, zeros(28)));   // source quench
  expect_drop(Drop::ignored_icmp, icmp({13, 0, 0, 0, 0, 0, 0, 0}, zeros(12)));  // timestamp request
  expect_drop(Drop::ignored_icmp, icmp({17, 0, 0, 0, 0, 0, 0, 0}, zeros(4)));   // address mask request
  inject(icmp({8, 0, 0, 0, 0, 1, 0, 2}, bytes_of({1, 2, 3, 4})));
  const auto sent = answers();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(ByteString(sent[0].begin() + 20, sent[0].begin() + 22), bytes_of({0, 0}));
  EXPECT_EQ(ByteString(sent[0].begin() + 24, sent[0].end()), bytes_of({0, 1, 0, 2, 1, 2, 3, 4}));
  header.destination = *IpAddress::parse("10.0.0.255");
  expect_drop(Drop::bad_icmp, icmp({8, 0, 0, 0, 0, 1, 0, 2}, zeros(4)));  // smurf
}

TEST_F(Malformed, ErrorsAreRateLimited) {  // C3
  Ipv4Header header = udp_header();
  for (int i = 0; i < 100; ++i) inject(v4(header, udp(9, 4)));
  EXPECT_LE(answers().size(), 6u);
  EXPECT_GE(drops(Drop::icmp_rate_limited), 94u);
}

// Random bytes behind plausible beginnings: nothing breaks, everything is given back.
TEST_F(Malformed, Noise) {
  SeededRng rng(42);
  SocketRef listener = host.listener(at("0.0.0.0", 80));
  for (int i = 0; i < 20'000; ++i) {
    ByteString bytes(rng.below(120));
    for (auto& byte : bytes) byte = static_cast<std::byte>(rng.next());
    if (!bytes.empty()) bytes[0] = static_cast<std::byte>(rng.below(2) != 0 ? 0x45 : 0x60);
    if (bytes.size() >= 40 && rng.below(4) != 0) {
      if (bytes[0] == std::byte{0x60}) {
        ByteString head = v6(static_cast<std::uint8_t>(rng.below(64)), zeros(bytes.size() - 40));
        std::copy(head.begin(), head.begin() + 40, bytes.begin());
      } else {
        Ipv4Header header;
        header.protocol = static_cast<std::uint8_t>(rng.below(18));
        header.total_bytes = static_cast<std::uint16_t>(bytes.size());
        header.fragment_offset = static_cast<std::uint16_t>(rng.below(3) * 8);
        header.more_fragments = rng.below(8) == 0;
        header.identification = static_cast<std::uint16_t>(rng.below(4));
        ByteString head = v4(header, zeros(bytes.size() - 20));
        std::copy(head.begin(), head.begin() + 20, bytes.begin());
      }
    }
    PacketList packets;
    packets.push_back(pool.from_bytes(bytes));
    if (rng.below(2) != 0) packets.front().checksum = ChecksumState::absent;  // deeper than the checksum
    pipe.left().transmit(now, packets);
    turn();
    (void)answers();
  }
  advance(400s);
  (void)answers();
  while (next_datagram(socket) != kNothing) {
  }
  EXPECT_EQ(pool.packets_in_use(), 0u);
  EXPECT_EQ(pool.chunks().bytes_in_use(), 0u);
}

}  // namespace
}  // namespace sockeye
