// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Merging: what came as neighbours becomes one packet, which cut again gives the same bytes (D20).
#include "core/rng.h"
#include "packet/whole_packets.h"

namespace sockeye {
namespace {

class Gro : public WholePackets {};

TEST_F(Gro, WhatWasCutBecomesOneAndIsCutTheSameAgain) {
  for (const bool is_v6 : {false, true}) {
    TcpPacket whole = plain(14'000);
    whole.is_v6 = is_v6;
    whole.segment_size = 1448;
    whole.tcp.flags.psh = true;
    const auto wire = cut_by_hand(whole);
    PacketList list;
    for (const Raw& raw : wire) list.push_back(pool.from_bytes(raw));
    merge_batch(list);
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list.front().segment_size, 1448);
    EXPECT_EQ(list.front().checksum, ChecksumState::verified);
    EXPECT_EQ(payload_of(list.front()), payload_of(*make(whole)));
    PacketPtr merged = list.pop_front();
    merged->checksum = ChecksumState::absent;
    EXPECT_EQ(raws(segment(std::move(merged), true)), wire);
  }
}

// Every difference that must keep two neighbours apart.
TEST_F(Gro, NeighboursThatDifferStayApart) {
  const TcpPacket first = plain(1000);
  TcpPacket next = plain(1000);
  next.id = 101;
  next.payload_from = 1000;
  next.tcp.seq = first.tcp.seq + 1000;
  const auto merged_count = [&](const TcpPacket& a, const TcpPacket& b) {
    PacketList list;
    list.push_back(make(a));
    list.push_back(make(b));
    merge_batch(list);
    return list.size();
  };
  EXPECT_EQ(merged_count(first, next), 1u);
  const auto apart = [&](const char* what, auto change_first, auto change_next) {
    TcpPacket a = first;
    TcpPacket b = next;
    change_first(a);
    change_next(b);
    EXPECT_EQ(merged_count(a, b), 2u) << what;
  };
  const auto same = [](TcpPacket&) {};
  apart("hole", same, [](TcpPacket& p) { p.tcp.seq += 1; });
  apart("overlap", same, [](TcpPacket& p) { p.tcp.seq = p.tcp.seq - 1u; });
  apart("ack", same, [](TcpPacket& p) { p.tcp.ack += 1; });
  apart("window", same, [](TcpPacket& p) { ++p.tcp.window; });
  apart("timestamp", same, [](TcpPacket& p) { p.tcp.options.timestamps->value += 1; });
  apart("options", same, [](TcpPacket& p) { p.tcp.options.timestamps.reset(); });
  apart("port", same, [](TcpPacket& p) { ++p.tcp.source_port; });
  apart("tos", same, [](TcpPacket& p) { p.tos = 3; });
  apart("id", same, [](TcpPacket& p) { p.id = 105; });
  apart("family", same, [](TcpPacket& p) { p.is_v6 = true; });
  apart("larger than the first", same, [](TcpPacket& p) { p.payload_bytes = 1001; });
  apart("ECE", same, [](TcpPacket& p) { p.tcp.flags.ece = true; });
  apart("URG", same, [](TcpPacket& p) { p.tcp.flags.urg = true; });
  apart("RST", same, [](TcpPacket& p) { p.tcp.flags.rst = true; });
  apart("SYN", same, [](TcpPacket& p) { p.tcp.flags.syn = true; });
  apart(
      "PSH before", [](TcpPacket& p) { p.tcp.flags.psh = true; }, same);
  apart(
      "FIN before", [](TcpPacket& p) { p.tcp.flags.fin = true; }, same);
  apart("no payload", same, [](TcpPacket& p) { p.payload_bytes = 0; });
}

// A forgery that copies the options of a signed segment before it must not take that one down with it.
TEST_F(Gro, SignedSegmentsAreNeverMerged) {
  using Kind = TcpSignature::Kind;
  for (const Kind kind : {Kind::none, Kind::md5, Kind::ao}) {
    for (const bool timestamps : {false, true}) {
      PacketList list;
      for (std::uint16_t i = 0; i < 4; ++i) {
        TcpPacket packet = plain(1000);
        packet.id = static_cast<std::uint16_t>(packet.id + i);
        packet.payload_from = i * 1000u;
        packet.tcp.seq += i * 1000u;
        if (!timestamps) packet.tcp.options.timestamps.reset();
        packet.tcp.options.signature.kind = kind;
        packet.tcp.options.signature.bytes = kind == Kind::md5 ? 18 : kind == Kind::ao ? 16 : 0;
        list.push_back(make(packet));
      }
      merge_batch(list);
      EXPECT_EQ(list.size(), kind == Kind::none ? 1u : 4u) << static_cast<int>(kind);
    }
  }
}

TEST_F(Gro, AWrongChecksumIsNotHiddenByMerging) {
  TcpPacket whole = plain(3000);
  whole.segment_size = 1000;
  auto wire = cut_by_hand(whole);
  wire[1].back() ^= std::byte{1};
  PacketList list;
  for (const Raw& raw : wire) list.push_back(pool.from_bytes(raw));
  merge_batch(list);
  EXPECT_EQ(list.size(), 3u);
  (void)list.pop_front();
  EXPECT_FALSE(verify_checksum(list.front()));
}

// A piece whose IP header is damaged stays alone, and stays damaged: nothing that was merged falls with it.
TEST_F(Gro, ADamagedIpHeaderIsNotMergedNorMended) {
  TcpPacket whole = plain(4000);
  whole.segment_size = 1000;
  for (std::size_t damaged = 0; damaged < 4; ++damaged) {
    auto wire = cut_by_hand(whole);
    wire[damaged][10] ^= std::byte{1};  // of the header's checksum
    PacketList list;
    for (const Raw& raw : wire) list.push_back(pool.from_bytes(raw));
    merge_batch(list);
    std::uint32_t wrong = 0, intact = 0;
    while (PacketPtr packet = list.pop_front()) {
      Checksum sum;
      sum.add(packet->head().first(20));
      (sum.is_correct() ? intact : wrong) += packet->payload_size();
    }
    EXPECT_EQ(wrong, 1000u) << damaged;
    EXPECT_EQ(intact, 3000u) << damaged;
  }
}

// A short piece, or one with PSH, is the last of its packet.
TEST_F(Gro, AMergeEndsWhereTheSenderPaused) {
  PacketList list;
  std::uint32_t offset = 0;
  std::uint16_t id = 1;
  const auto add = [&](std::uint32_t bytes, bool psh) {
    TcpPacket packet = plain(bytes);
    packet.tcp.seq += offset;
    packet.tcp.flags.psh = psh;
    packet.payload_from = offset;
    packet.id = id++;
    offset += bytes;
    list.push_back(make(packet));
  };
  add(1000, false);
  add(1000, true);
  add(1000, false);
  add(400, false);
  add(1000, false);
  add(1000, false);
  merge_batch(list);
  std::string sizes;
  Raw payload;
  while (PacketPtr packet = list.pop_front()) {
    sizes += std::to_string(packet->payload_size()) + " ";
    const Raw part = payload_of(*packet);
    payload.insert(payload.end(), part.begin(), part.end());
  }
  EXPECT_EQ(sizes, "2000 1400 2000 ");
  for (std::uint32_t i = 0; i < payload.size(); ++i) ASSERT_EQ(payload[i], pattern_at(i));
}

// Random traffic of a few flows: each flow's byte stream, and the order of everything else in it, are the
// same before and after.
TEST_F(Gro, OrderWithinEachFlowIsKept) {
  SeededRng rng(9);
  for (int round = 0; round < 300; ++round) {
    std::vector<TcpPacket> flows(12, plain(0));
    for (std::size_t i = 0; i < flows.size(); ++i) {
      flows[i].tcp.source_port = static_cast<std::uint16_t>(1000 + i);
      flows[i].is_v6 = i % 3 == 0;
    }
    std::vector<std::vector<std::uint32_t>> expected(flows.size());  // ends of data, or ack numbers
    PacketList list;
    std::size_t count = 0;
    for (; count < 60; ++count) {
      const std::size_t i = rng.below(flows.size());
      TcpPacket packet = flows[i];
      packet.payload_bytes = rng.below(5) == 0 ? 0 : static_cast<std::uint32_t>(rng.below(2) == 0 ? 100 : 60);
      packet.tcp.flags.psh = rng.below(6) == 0;
      if (packet.payload_bytes == 0) packet.tcp.ack = flows[i].tcp.ack += 1;
      packet.payload_from = packet.tcp.seq.value();
      list.push_back(make(packet));
      flows[i].tcp.seq += packet.payload_bytes;
      ++flows[i].id;
      for (std::uint32_t byte = 0; byte < packet.payload_bytes; ++byte)
        expected[i].push_back((packet.tcp.seq + byte).value());
      if (packet.payload_bytes == 0) expected[i].push_back(packet.tcp.ack.value());
    }
    merge_batch(list);
    EXPECT_LE(list.size(), count);
    std::vector<std::vector<std::uint32_t>> seen(flows.size());
    while (PacketPtr packet = list.pop_front()) {
      const std::uint32_t ip = load8(packet->front(1).data()) >> 4 == 6 ? 40 : 20;
      const Raw raw = raw_of(*packet);
      const auto header = parse_tcp(Bytes(raw).subspan(ip, 32));
      ASSERT_TRUE(header);
      const std::size_t i = header->source_port - 1000u;
      const Raw payload = payload_of(*packet);
      for (std::uint32_t byte = 0; byte < payload.size(); ++byte) {
        seen[i].push_back((header->seq + byte).value());
        ASSERT_EQ(payload[byte], pattern_at((header->seq + byte).value()));
      }
      if (payload.empty()) seen[i].push_back(header->ack.value());
    }
    ASSERT_EQ(seen, expected);
  }
}

TEST_F(Gro, SixtyFourKilobytesIsTheLimit) {
  TcpPacket whole = plain(64'000);
  PacketList list;
  const ChunkRef chunk = pool.chunks().allocate(64'000);
  chunk->commit(64'000);
  for (std::uint32_t done = 0; done < 128'000; done += 1000) {
    TcpPacket piece = plain(0);
    piece.tcp.seq = whole.tcp.seq + done;
    piece.id = static_cast<std::uint16_t>(whole.id + done / 1000);
    PacketPtr packet = make(piece);
    ASSERT_TRUE(packet->append(Slice(chunk, done % 64'000, 1000)));
    store16(packet->mutable_head().data() + 2, 1052);
    list.push_back(std::move(packet));
  }
  merge_batch(list);
  EXPECT_EQ(list.size(), 2u);
  while (PacketPtr packet = list.pop_front()) {
    EXPECT_LE(packet->size(), Packet::kLargest);
    EXPECT_EQ(load16(packet->front(20).data() + 2), packet->size());
  }
}

}  // namespace
}  // namespace sockeye
