// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/rng.h"

namespace sockeye {
namespace {

std::vector<std::byte> random_bytes(SeededRng& rng, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(rng.next());
  return bytes;
}

// RFC 1071 4.1, word by word.
std::uint16_t slow_checksum(Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(load8(bytes.data() + i)) << 8;
    if (i + 1 < bytes.size()) sum += load8(bytes.data() + i + 1);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

std::uint16_t fast_checksum(Bytes bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.finish();
}

// RFC 1071 3: the bytes 00 01 f2 03 f4 f5 f6 f7 sum to ddf2.
TEST(Checksum, TheRfcsExample) {
  const unsigned char raw[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(fast_checksum(std::as_bytes(std::span(raw))), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Checksum, EveryLengthAndAlignment) {
  SeededRng rng(1);
  const auto bytes = random_bytes(rng, 900);
  for (std::size_t offset = 0; offset < 9; ++offset)
    for (std::size_t size = 0; size + offset <= bytes.size(); ++size) {
      const Bytes piece = Bytes(bytes).subspan(offset, size);
      ASSERT_EQ(fast_checksum(piece), slow_checksum(piece)) << offset << " " << size;
    }
}

TEST(Checksum, AllOnesDoNotLoseCarries) {
  for (const std::size_t size : {64u, 1460u, 65534u, 65535u}) {
    const std::vector<std::byte> bytes(size, std::byte{0xff});
    EXPECT_EQ(fast_checksum(bytes), slow_checksum(bytes)) << size;
  }
}

// Words are summed as signed ones where that is faster: the extremes of both signs, for longer than any
// packet.
TEST(Checksum, NoWordOverflowsALane) {
  for (const unsigned word : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0xffffu})
    for (const std::size_t size : {128u, 1448u, 65536u, 2000001u}) {
      std::vector<std::byte> bytes(size);
      for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 2 == 0 ? word >> 8 : word);
      EXPECT_EQ(fast_checksum(bytes), slow_checksum(bytes)) << word << " " << size;
    }
}

TEST(Checksum, PiecesOfAnyLengthAddUp) {
  SeededRng rng(2);
  for (int round = 0; round < 2000; ++round) {
    const auto bytes = random_bytes(rng, rng.below(300));
    Checksum sum;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t step = std::min<std::size_t>(rng.below(40), bytes.size() - at);
      sum.add(Bytes(bytes).subspan(at, step));
      at += step;
    }
    ASSERT_EQ(sum.finish(), slow_checksum(bytes));
  }
}

// A UDP datagram that another implementation made: 192.0.2.1:1000 to 192.0.2.2:2000, "hi".
TEST(Checksum, PseudoHeaderV4) {
  const unsigned char datagram[] = {0x03, 0xe8, 0x07, 0xd0, 0x00, 0x0a, 0x00, 0x00, 'h', 'i'};
  Checksum sum;
  sum.add_pseudo_header(IpAddress::v4(192, 0, 2, 1), IpAddress::v4(192, 0, 2, 2), IpProtocol::udp, 10);
  sum.add(std::as_bytes(std::span(datagram)));
  // c000+0201+c000+0202+0011+000a + 03e8+07d0+000a+6869 = 1f8 49 -> by hand: f849+1 = f84a
  std::uint32_t by_hand =
      0xc000 + 0x0201 + 0xc000 + 0x0202 + 0x0011 + 0x000a + 0x03e8 + 0x07d0 + 0x000a + 0x6869;
  by_hand = (by_hand & 0xffff) + (by_hand >> 16);
  EXPECT_EQ(sum.finish(), static_cast<std::uint16_t>(~by_hand));
}

TEST(Checksum, PseudoHeaderV6HasA32BitLength) {
  const auto source = *IpAddress::parse("2001:db8::1");
  const auto destination = *IpAddress::parse("2001:db8::2");
  Checksum sum;
  sum.add_pseudo_header(source, destination, IpProtocol::tcp, 0x12345);
  std::uint32_t by_hand = 2 * (0x2001 + 0x0db8) + 1 + 2 + 6 + 0x1 + 0x2345;
  by_hand = (by_hand & 0xffff) + (by_hand >> 16);
  EXPECT_EQ(sum.finish(), static_cast<std::uint16_t>(~by_hand));
}

TEST(Checksum, WithItsOwnValueInPlaceItIsCorrect) {
  SeededRng rng(3);
  auto bytes = random_bytes(rng, 101);
  store16(bytes.data() + 16, 0);
  store16(bytes.data() + 16, fast_checksum(bytes));
  Checksum sum;
  sum.add(bytes);
  EXPECT_TRUE(sum.is_correct());
  bytes[50] ^= std::byte{0x10};
  Checksum damaged;
  damaged.add(bytes);
  EXPECT_FALSE(damaged.is_correct());
}

}  // namespace
}  // namespace sockeye
