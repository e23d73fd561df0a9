// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The checksum of a whole packet: filled in, verified, and what is left alone.
#include "packet/whole_packets.h"

namespace sockeye {
namespace {

class TransportChecksums : public WholePackets {};

// RFC 9293 3.1 MUST-2, MUST-3
TEST_F(TransportChecksums, FillThenVerifyAndOneBitFlips) {
  for (const bool is_v6 : {false, true}) {
    TcpPacket from = plain(101);
    from.is_v6 = is_v6;
    PacketPtr packet = make(from);
    EXPECT_TRUE(verify_checksum(*packet)) << "absent: trusted";
    EXPECT_EQ(packet->checksum, ChecksumState::absent);
    fill_checksum(*packet);
    EXPECT_EQ(packet->checksum, ChecksumState::present);
    const Raw good = raw_of(*packet);
    EXPECT_TRUE(verify_checksum(*packet));
    EXPECT_EQ(packet->checksum, ChecksumState::verified);
    const std::size_t addresses = is_v6 ? 8 : 12;
    for (std::size_t bit = 8 * addresses; bit < 8 * good.size(); bit += 3) {
      Raw damaged = good;
      damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      PacketPtr received = pool.from_bytes(damaged);
      EXPECT_FALSE(verify_checksum(*received)) << "bit " << bit;
      EXPECT_EQ(received->checksum, ChecksumState::present);
    }
  }
}

TEST_F(TransportChecksums, VerifyAfterTheIpHeaderIsGone) {
  PacketPtr packet = make(plain(33));
  fill_checksum(*packet);
  PacketPtr received = pool.from_bytes(raw_of(*packet));
  received->consume(20);
  EXPECT_FALSE(
      verify_checksum(*received, IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 3), IpProtocol::tcp));
  EXPECT_TRUE(
      verify_checksum(*received, IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2), IpProtocol::tcp));
}

// RFC 768 and RFC 8200 8.1: zero means "none" over IPv4 and is wrong over IPv6.
TEST_F(TransportChecksums, UdpZeroChecksum) {
  EXPECT_TRUE(verify_checksum(*udp_packet(pool, false, 0, "hello")));
  EXPECT_FALSE(verify_checksum(*udp_packet(pool, true, 0, "hello")));
  EXPECT_FALSE(verify_checksum(*udp_packet(pool, false, 0x1234, "hello")));
  PacketPtr packet = udp_packet(pool, true, 0, "hello");
  fill_checksum(*packet);
  EXPECT_TRUE(verify_checksum(*packet));
}

TEST_F(TransportChecksums, UdpSumOfZeroIsSentAsOnes) {
  // Of all two-byte payloads one makes the sum zero.
  for (unsigned value = 0; value < 0x10000; ++value) {
    const std::string data = {static_cast<char>(value >> 8), static_cast<char>(value)};
    PacketPtr packet = udp_packet(pool, false, 0, data);
    fill_checksum(*packet);
    const std::uint16_t field = load16(packet->front(28).data() + 26);
    ASSERT_NE(field, 0);
    if (field != 0xffff) continue;
    EXPECT_TRUE(verify_checksum(*packet));
    return;
  }
  FAIL() << "none did";
}

TEST_F(TransportChecksums, FragmentsAndShortPacketsAreLeftAlone) {
  Raw raw = raw_of(*make(plain(40)));
  raw[6] = std::byte{0x20};  // more fragments
  PacketPtr fragment = pool.from_bytes(raw);
  EXPECT_TRUE(verify_checksum(*fragment));
  fill_checksum(*fragment);
  EXPECT_EQ(raw_of(*fragment), raw);
  for (std::size_t size = 0; size < 52; ++size) {
    Raw cut = raw_of(*make(plain(40)));
    cut.resize(size);
    PacketPtr packet = pool.from_bytes(cut);
    (void)verify_checksum(*packet);
    fill_checksum(*packet);
    EXPECT_EQ(packet->size(), size);
  }
}

}  // namespace
}  // namespace sockeye
