// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Cutting: a packet of many segments becomes what a sender without GSO would have sent.
#include "packet/whole_packets.h"

namespace sockeye {
namespace {

class Gso : public WholePackets {};

TEST_F(Gso, CutsIntoWhatASenderWithoutGsoSends) {
  for (const bool is_v6 : {false, true})
    for (const std::uint32_t bytes : {1448u, 1449u, 2896u, 10'000u, 64'000u}) {
      TcpPacket whole = plain(bytes);
      whole.is_v6 = is_v6;
      whole.segment_size = 1448;
      whole.tcp.flags.psh = whole.tcp.flags.fin = whole.tcp.flags.cwr = true;
      const auto by_hand = cut_by_hand(whole);
      EXPECT_EQ(raws(segment(make(whole), true)), by_hand) << bytes;
    }
  EXPECT_EQ(pool.packets_in_use(), 0u);
}

// With Accurate ECN the three bits are a number (RFC 9768 3.2.2), which every piece carries; GRO leaves
// alone what carries CWR.
TEST_F(Gso, CwrThatIsPartOfANumberStandsInEveryPiece) {
  for (const bool is_number : {false, true}) {
    TcpPacket whole = plain(3000);
    whole.segment_size = 1000;
    whole.tcp.flags.cwr = whole.tcp.flags.ae = true;
    PacketPtr packet = make(whole);
    packet->cwr_in_pieces = is_number;
    std::string seen;
    PacketList pieces = segment(std::move(packet), true);
    while (PacketPtr piece = pieces.pop_front()) {
      const std::byte* tcp = piece->front(40).data() + 20;
      seen += std::to_string(load8(tcp + 12) & 1) + std::to_string(load8(tcp + 13) >> 7) + " ";
    }
    EXPECT_EQ(seen, is_number ? "11 11 11 " : "11 10 10 ");
  }
}

TEST_F(Gso, AnAtomicDatagramKeepsItsIdZero) {
  TcpPacket whole = plain(5000);
  whole.segment_size = 1000;
  whole.id = 0;
  EXPECT_EQ(raws(segment(make(whole), true)), cut_by_hand(whole));
}

TEST_F(Gso, CuttingSharesThePayload) {
  TcpPacket whole = plain(4000);
  whole.segment_size = 1000;
  PacketPtr packet = make(whole);
  const Chunk* chunk = packet->slices()[0].chunk();
  PacketList pieces = segment(std::move(packet), false);
  while (PacketPtr piece = pieces.pop_front()) {
    EXPECT_EQ(piece->slices()[0].chunk(), chunk);
    EXPECT_EQ(piece->checksum, ChecksumState::absent);
  }
}

TEST_F(Gso, TheUrgentPointerCountsFromEachPiece) {
  TcpPacket whole = plain(3000);
  whole.segment_size = 1000;
  whole.tcp.flags.urg = true;
  whole.tcp.urgent_pointer = 1500;
  std::string seen;
  PacketList pieces = segment(make(whole), true);
  while (PacketPtr piece = pieces.pop_front()) {
    const std::byte* tcp = piece->front(40).data() + 20;
    seen += std::to_string(load8(tcp + 13) >> 5 & 1) + ":" + std::to_string(load16(tcp + 18)) + " ";
  }
  EXPECT_EQ(seen, "1:1500 1:500 0:0 ");
}

TEST_F(Gso, WhatNeedsNoCuttingPasses) {
  TcpPacket small = plain(500);
  small.segment_size = 1448;
  const Raw before = raw_of(*make(small));
  EXPECT_EQ(raws(segment(make(small), false)), std::vector<Raw>{before});
  PacketPtr udp = udp_packet(pool, false, 0, std::string(3000, 'x'));
  udp->segment_size = 1000;
  EXPECT_EQ(segment(std::move(udp), false).size(), 1u);
}

TEST_F(Gso, AnEmptyPoolLosesThePacketAndNothingElse) {
  PacketPool three(3);
  PacketPtr packet = three.from_bytes(raw_of(*make(plain(8000))));
  packet->segment_size = 1000;
  EXPECT_TRUE(segment(std::move(packet), true).empty());
  EXPECT_EQ(three.packets_in_use(), 0u);
}

}  // namespace
}  // namespace sockeye
