// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Fragments out and in, path MTU, and the errors that come of them (hostile.md B11-B19, C5, C6).
#include <netinet/in.h>

#include "stack/packets.h"

namespace sockeye {
namespace {

// --- from strangers

class Fragments : public Stranger {
 protected:
  Fragments() {
    socket = host.udp(kInet6);
    EXPECT_TRUE(socket->bind(at("::", 53)));
  }
  // A datagram of `data` bytes to port 53 in pieces of `step` bytes.
  std::vector<ByteString> cut(std::size_t data, std::size_t step, unsigned id = 7) {
    const ByteString datagram = udp(53, data);
    std::vector<ByteString> pieces;
    for (std::size_t at_byte = 0; at_byte < datagram.size(); at_byte += step) {
      const std::size_t length = std::min(step, datagram.size() - at_byte);
      pieces.push_back(piece(at_byte, at_byte + length < datagram.size(),
                             ByteString(datagram.begin() + static_cast<std::ptrdiff_t>(at_byte),
                                        datagram.begin() + static_cast<std::ptrdiff_t>(at_byte + length)),
                             id));
    }
    return pieces;
  }
  static ByteString piece(std::size_t offset, bool more, const ByteString& data, unsigned id = 7) {
    Ipv4Header header;
    header.protocol = 17;
    header.identification = static_cast<std::uint16_t>(id);
    header.fragment_offset = static_cast<std::uint16_t>(offset);
    header.more_fragments = more;
    return v4(header, data);
  }
  static ByteString piece6(std::size_t offset, bool more, const ByteString& data, unsigned id = 7) {
    ByteString fragment(kIpv6FragmentHeaderBytes);
    emit_ipv6_fragment({17, static_cast<std::uint16_t>(offset), more, id}, fragment);
    return v6(44, fragment + data);
  }
  SocketRef socket;
};

TEST_F(Fragments, InAnyOrderWithRepetitions) {  // B14
  auto pieces = cut(100, 40);
  ASSERT_EQ(pieces.size(), 3u);
  for (const int i : {2, 0, 0, 2, 1}) inject(pieces[static_cast<std::size_t>(i)]);
  EXPECT_EQ(next_datagram(socket), 100u);
  EXPECT_EQ(drops(Drop::duplicate_fragment), 2u);
}

TEST_F(Fragments, OverlapCondemnsTheDatagram) {  // B11, B13
  const auto pieces = cut(100, 40);
  inject(pieces[0]);
  inject(piece(32, true, zeros(16)));  // teardrop
  EXPECT_EQ(drops(Drop::fragment_overlap), 1u);
  inject(pieces[1]);
  inject(pieces[2]);
  EXPECT_EQ(drops(Drop::fragment_overlap), 3u);
  EXPECT_EQ(next_datagram(socket), kNothing);
  inject(piece6(0, true, udp(53, 40)));
  inject(piece6(40, true, zeros(16)));
  EXPECT_EQ(drops(Drop::fragment_overlap), 4u);
  advance(61s);
  for (const auto& fine : cut(100, 40)) inject(fine);  // its time is over: the identification is free
  EXPECT_EQ(next_datagram(socket), 100u);
}

TEST_F(Fragments, PingOfDeath) {  // B12
  inject(piece(0, true, udp(53, 40)));
  const auto before = drops(Drop::bad_fragment);
  inject(piece(65528, false, zeros(100)));
  EXPECT_EQ(drops(Drop::bad_fragment), before + 1);
}

TEST_F(Fragments, ImpossiblePieces) {                          // B15, B16
  expect_drop(Drop::bad_fragment, piece(0, true, zeros(20)));  // no multiple of 8
  expect_drop(Drop::bad_fragment, piece(8, false, zeros(0)));  // empty
  Ipv4Header header;
  header.protocol = 6;
  header.more_fragments = true;
  expect_drop(Drop::bad_fragment, v4(header, zeros(16)));  // half a TCP header
  inject(piece6(0, true, zeros(20)));
  auto sent = answers();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(load8(sent[0].data() + 40), 4);
  EXPECT_EQ(load8(sent[0].data() + 41), 0);
  EXPECT_EQ(load32(sent[0].data() + 44), 4u);
  ByteString fragment(kIpv6FragmentHeaderBytes);
  emit_ipv6_fragment({6, 0, true, 3}, fragment);
  inject(v6(44, fragment + zeros(16)));
  sent = answers();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(load8(sent[0].data() + 41), 3);
}

TEST_F(Fragments, AtomicFragmentStandsAlone) {  // B17
  inject(piece6(0, true, udp(53, 40)));
  ByteString datagram = udp(53, 8);
  ByteString plain = correct(v6(17, datagram));
  inject(piece6(0, false, ByteString(plain.begin() + 40, plain.end())));
  EXPECT_EQ(next_datagram(socket), 8u);
  EXPECT_EQ(drops(Drop::fragment_overlap), 0u);
}

TEST_F(Fragments, TheReassemblerIsBounded) {  // B18, B19
  for (unsigned id = 0; id < 200; ++id) inject(piece(0, true, udp(53, 40), id));
  EXPECT_EQ(drops(Drop::fragment_limit), 136u);  // 64 datagrams of one source
  EXPECT_LT(pool.packets_in_use(), 70u);
  advance(31s);
  EXPECT_EQ(drops(Drop::fragment_timeout), 64u);
  EXPECT_EQ(pool.packets_in_use() - answers().size(), 0u);
  for (const auto& fine : cut(100, 40)) inject(fine);
  EXPECT_EQ(next_datagram(socket), 100u);
}

TEST_F(Fragments, TimeExceededOnlyWhenTheFirstHadCome) {  // B19
  inject(piece(0, true, udp(53, 40), 1));
  inject(piece(40, true, zeros(40), 2));
  advance(31s);
  const auto sent = answers();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(load8(sent[0].data() + 20), 11);
  EXPECT_EQ(load8(sent[0].data() + 21), 1);
}

// --- between hosts

class NarrowLink : public TwoHosts {
 protected:
  NarrowLink() : TwoHosts({.mtu = 1500, .checksum_trusted = false}) {}
};

TEST_F(NarrowLink, LargeDatagramsGoInPieces) {
  for (const auto& [domain, address] : {std::pair{kInet, "10.0.0.2"}, {kInet6, "fd00::2"}}) {
    SocketRef server = right.udp(domain);
    ASSERT_TRUE(server->bind(at(address, 53)));
    SocketRef client = left.udp(domain);
    for (const std::size_t size : {0u, 1u, 1472u, 1473u, 20'000u, 65'487u}) {
      std::string text(size, '\0');
      for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(mix64(i));
      ASSERT_TRUE(send_to(client, text, at(address, 53))) << size;
      settle();
      EXPECT_TRUE(receive(server) == text) << size;
    }
  }
  EXPECT_EQ(right.stack.drops().total(), 0u);
}

TEST_F(NarrowLink, DontFragment) {
  SocketRef client = left.udp();
  ASSERT_TRUE(client->connect(at("10.0.0.2", 53)));
  EXPECT_EQ(int_option(client, IPPROTO_IP, IP_MTU), 1500);
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO));
  EXPECT_EQ(outcome(send(client, std::string(1473, 'x'))), "EMSGSIZE");
  EXPECT_EQ(outcome(send(client, std::string(1472, 'x'))), "ok");
}

TEST_F(NarrowLink, StreamsOverIt) {
  auto [client, server] = connect_pair();
  const std::string text(100'000, 'x');
  std::size_t got = 0;
  std::size_t sent = 0;
  for (int i = 0; i < 1000 && got < text.size(); ++i) {
    if (sent < text.size())
      if (auto n = send(client, std::string_view(text).substr(sent))) sent += *n;
    run(1ms);
    const std::string piece = receive(server);
    if (piece != "EAGAIN") got += piece.size();
  }
  EXPECT_EQ(got, text.size());
}

// --- path MTU

class PathMtu : public Stranger {
 protected:
  // ICMP fragmentation needed about `packet`, which the host has sent.
  ByteString needed(const ByteString& packet, unsigned mtu) {
    ByteString message =
        bytes_of({3, 4, 0, 0, 0, 0, mtu >> 8, mtu & 0xff}) + ByteString(packet.begin(), packet.begin() + 28);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < message.size(); i += 2) sum += load16(message.data() + i);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store16(message.data() + 2, static_cast<std::uint16_t>(~sum));
    Ipv4Header header;
    header.protocol = 1;
    header.source = *IpAddress::parse("10.0.0.9");
    return v4(header, message);
  }
  Result<std::size_t> send(const SocketRef& s, std::size_t size) {
    const ByteString data(size);
    const Bytes bytes(data);
    Outgoing message;
    message.buffers = {&bytes, 1};
    return s->send(message);
  }
};

TEST_F(PathMtu, LearnedClampedAndForgotten) {
  SocketRef s = host.udp();
  ASSERT_TRUE(s->connect(at("10.0.0.9", 1000)));
  ASSERT_TRUE(send(s, 1472));
  turn();
  auto sent = answers();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(load16(sent[0].data() + 6) & 0x4000, 0x4000);  // DF
  inject(needed(sent[0], 1000));
  // Linux: a connected socket hears of it once; then it fragments.
  EXPECT_EQ(send(s, 1472).error(), Errno::msgsize);
  ASSERT_TRUE(send(s, 1472));
  turn();
  sent = answers();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_LE(sent[0].size(), 1000u);
  inject(needed(correct(v4(
                    [] {
                      Ipv4Header header;
                      header.protocol = 17;
                      header.source = *IpAddress::parse("10.0.0.2");
                      header.destination = *IpAddress::parse("10.0.0.9");
                      return header;
                    }(),
                    [&] {
                      ByteString d = udp(1000, 4);
                      store16(d.data(), s->local().port);
                      return d;
                    }())),
                68));
  int mtu = 0;
  ASSERT_TRUE(s->get_option(IPPROTO_IP, IP_MTU, {reinterpret_cast<std::byte*>(&mtu), sizeof mtu}));
  EXPECT_EQ(mtu, 552);  // C6
  advance(601s);
  ASSERT_TRUE(s->get_option(IPPROTO_IP, IP_MTU, {reinterpret_cast<std::byte*>(&mtu), sizeof mtu}));
  EXPECT_EQ(mtu, 1500);
}

}  // namespace
}  // namespace sockeye
