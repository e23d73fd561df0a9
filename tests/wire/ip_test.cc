// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "wire/icmp.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/udp.h"

namespace sockeye {
namespace {

using ByteString = std::vector<std::byte>;

ByteString operator+(ByteString a, const ByteString& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

ByteString hex(std::string_view text) {
  ByteString bytes;
  unsigned value = 0;
  int digits = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 != 0) continue;
    bytes.push_back(static_cast<std::byte>(value));
    value = 0;
  }
  return bytes;
}

// A header as published in many textbooks: 192.168.0.1 to 192.168.0.199, checksum b861.
TEST(Ipv4Header, ReadsAndWritesAKnownHeader) {
  const ByteString known = hex("45000073 00004000 4011b861 c0a80001 c0a800c7");
  Ipv4Header header;
  EXPECT_EQ(parse_ipv4(known, 0x73, true, header), std::nullopt);
  EXPECT_EQ(header.source, IpAddress::v4(192, 168, 0, 1));
  EXPECT_EQ(header.destination, IpAddress::v4(192, 168, 0, 199));
  EXPECT_EQ(header.total_bytes, 0x73);
  EXPECT_EQ(header.protocol, 17);
  EXPECT_TRUE(header.dont_fragment);
  EXPECT_FALSE(header.is_fragment());
  ByteString written(20);
  emit_ipv4(header, written);
  EXPECT_EQ(written, known);
}

TEST(Ipv4Header, FragmentFieldsSurvive) {
  Ipv4Header header;
  header.source = header.destination = IpAddress::v4(10, 0, 0, 1);
  header.identification = 0xbeef;
  header.fragment_offset = 65528;
  header.more_fragments = true;
  header.total_bytes = 28;
  ByteString bytes(20);
  emit_ipv4(header, bytes);
  Ipv4Header read;
  EXPECT_EQ(parse_ipv4(bytes, 28, true, read), std::nullopt);
  EXPECT_EQ(read.fragment_offset, 65528);
  EXPECT_TRUE(read.more_fragments);
  EXPECT_EQ(read.identification, 0xbeef);
}

TEST(Ipv4Header, EverySingleBitFlipIsNoticed) {
  const ByteString known = hex("45000073 00004000 4011b861 c0a80001 c0a800c7");
  for (std::size_t bit = 0; bit < known.size() * 8; ++bit) {
    ByteString damaged = known;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    Ipv4Header header;
    if (ipv4_header_bytes(damaged) != damaged.size()) continue;
    EXPECT_NE(parse_ipv4(damaged, 0x73, true, header), std::nullopt) << bit;
  }
}

TEST(Ipv6Header, RoundTrip) {
  Ipv6Header header;
  header.source = *IpAddress::parse("2001:db8::1");
  header.destination = *IpAddress::parse("2001:db8::2");
  header.traffic_class = 0xb8;
  header.flow_label = 0xabcde;
  header.hop_limit = 3;
  header.next_header = 6;
  header.payload_bytes = 100;
  ByteString bytes(40);
  emit_ipv6(header, bytes);
  EXPECT_EQ(load32(bytes.data()), 0x6b8abcdeu);
  Ipv6Header read;
  EXPECT_EQ(parse_ipv6(bytes, 140, read), std::nullopt);
  EXPECT_EQ(read.source, header.source);
  EXPECT_EQ(read.destination, header.destination);
  EXPECT_EQ(read.traffic_class, 0xb8);
  EXPECT_EQ(read.flow_label, 0xabcdeu);
  EXPECT_EQ(parse_ipv6(bytes, 139, read), Drop::truncated);
}

Ipv6Walk walk(std::uint8_t next_header, const ByteString& behind) {
  ByteString packet(40);
  packet.insert(packet.end(), behind.begin(), behind.end());
  Ipv6Header header;
  header.next_header = next_header;
  return walk_ipv6_extensions(packet, static_cast<std::uint32_t>(packet.size()), header);
}

TEST(Ipv6Extensions, NoneAndSeveral) {
  EXPECT_EQ(walk(6, ByteString(20)).header_bytes, 40u);
  const Ipv6Walk several = walk(0, hex("3c 00 05020000 0100  06 00 01040000 0000") + ByteString(20));
  EXPECT_EQ(several.drop, std::nullopt);
  EXPECT_EQ(several.protocol, 6);
  EXPECT_EQ(several.header_bytes, 56u);
  EXPECT_EQ(several.next_header_at, 48u);
}

TEST(Ipv6Extensions, FragmentHeaders) {
  const Ipv6Walk first = walk(0, hex("2c 00 01040000 0000  11 00 0001 12345678") + ByteString(8));
  ASSERT_TRUE(first.fragment);
  EXPECT_EQ(first.fragment_at, 48u);
  EXPECT_EQ(first.fragment_link_at, 40u);
  EXPECT_EQ(first.header_bytes, 56u);
  EXPECT_EQ(first.fragment->identification, 0x12345678u);
  EXPECT_TRUE(first.fragment->more);
  // A later fragment is not walked into: what follows is no header.
  const Ipv6Walk later = walk(44, hex("3c 00 0008 12345678 ffffffff"));
  EXPECT_EQ(later.drop, std::nullopt);
  EXPECT_EQ(later.fragment->offset, 8);
  EXPECT_EQ(later.header_bytes, 48u);
  // Two fragment headers.
  EXPECT_TRUE(walk(44, hex("2c 00 0000 00000001  11 00 0001 00000002") + ByteString(8)).drop);
}

TEST(Ipv6Extensions, TheChainOfAFirstFragmentMustBeWhole) {
  const Ipv6Walk cut = walk(44, hex("3c 00 0001 00000001  06 03 0104"));
  ASSERT_TRUE(cut.problem);
  EXPECT_EQ(cut.problem->code, 3);
}

// hostile.md B23: whatever the bytes, the walk ends and stays inside.
TEST(Ipv6Extensions, EndOnAnything) {
  std::uint64_t state = 1;
  for (int i = 0; i < 200'000; ++i) {
    ByteString bytes((state = state * 6364136223846793005u + 1) >> 57);
    for (auto& byte : bytes) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const auto value = static_cast<std::uint8_t>(state >> 56);
      static constexpr std::uint8_t kLikely[] = {0, 43, 44, 60, 1, 0, 0, 4};
      byte = static_cast<std::byte>((state >> 40 & 3) != 0 ? kLikely[value % 8] : value);
    }
    static constexpr std::uint8_t kFirst[] = {0, 43, 44, 60};
    const Ipv6Walk result = walk(kFirst[i % 4], bytes);
    EXPECT_LE(result.header_bytes, 40 + bytes.size());
  }
}

TEST(Quotes, OfBothFamilies) {
  const ByteString quote = hex("45000073 00004000 4011b861 c0a80001 c0a800c7  1234 0035 005f 0000");
  const auto packet = parse_icmp_quote(quote);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->source, IpAddress::v4(192, 168, 0, 1));
  EXPECT_EQ(packet->protocol, 17);
  EXPECT_EQ(load16(packet->transport.data()), 0x1234);
  for (std::size_t size = 0; size < quote.size(); ++size)
    EXPECT_FALSE(parse_icmp_quote(Bytes(quote).first(size))) << size;
  ByteString later = quote;
  later[7] = std::byte{1};  // not the first fragment
  EXPECT_FALSE(parse_icmp_quote(later));

  ByteString six(40);
  Ipv6Header header;
  header.source = *IpAddress::parse("fd00::1");
  header.destination = *IpAddress::parse("fd00::2");
  header.next_header = 60;
  header.payload_bytes = 100;
  emit_ipv6(header, six);
  six = six + hex("06 00 01040000 0000  1234 0050 11111111");
  const auto quoted = parse_icmpv6_quote(six);
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->protocol, 6);
  EXPECT_EQ(load32(quoted->transport.data() + 4), 0x11111111u);
  EXPECT_FALSE(parse_icmpv6_quote(Bytes(six).first(six.size() - 1)));
}

TEST(UdpHeader, Lengths) {
  UdpHeader header;
  EXPECT_EQ(parse_udp(hex("0035 1234 000c abcd"), 12, header), std::nullopt);
  EXPECT_EQ(header.source_port, 53);
  EXPECT_EQ(header.checksum, 0xabcd);
  EXPECT_EQ(parse_udp(hex("0035 1234 000c abcd"), 11, header), Drop::bad_transport_header);
  EXPECT_EQ(parse_udp(hex("0035 1234 0007 abcd"), 12, header), Drop::bad_transport_header);
}

}  // namespace
}  // namespace sockeye
