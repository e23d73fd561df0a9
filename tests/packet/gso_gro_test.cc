// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Cutting, merging and checksums of whole packets (D20: super-packets carry the same bytes).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/rng.h"
#include "packet/gro.h"
#include "packet/gso.h"
#include "packet/transport_checksum.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace sockeye {
namespace {

using Raw = std::vector<std::byte>;

struct TcpPacket {
  bool is_v6 = false;
  std::uint16_t id = 100;
  bool dont_fragment = true;
  std::uint8_t tos = 0;
  TcpHeader tcp{};
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_from = 0;  // where in the pattern it begins
  std::uint16_t segment_size = 0;
};

std::byte pattern_at(std::uint32_t i) {
  return static_cast<std::byte>(i % 251);
}

Raw raw_of(const Packet& packet) {
  Raw out(packet.size());
  packet.serialize(out);
  return out;
}

class GsoGro : public ::testing::Test {
 protected:
  static TcpPacket plain(std::uint32_t bytes) {
    TcpPacket packet;
    packet.tcp.source_port = 8080;
    packet.tcp.destination_port = 40000;
    packet.tcp.seq = SeqNum(0xfffffc00);  // wraps on the way
    packet.tcp.ack = SeqNum(77);
    packet.tcp.flags.ack = true;
    packet.tcp.window = 500;
    packet.tcp.options.timestamps = TcpTimestamps{5, 6};
    packet.payload_bytes = bytes;
    return packet;
  }

  static void write_ip(const TcpPacket& from, std::uint32_t total, MutableBytes head) {
    std::byte* at = head.data();
    std::fill(head.begin(), head.end(), std::byte{0});
    if (from.is_v6) {
      store32(at, 0x60012345);
      store16(at + 4, static_cast<std::uint16_t>(total - 40));
      store8(at + 6, 6);
      store8(at + 7, 64);
      store8(at + 8, 0xfd);
      store8(at + 23, 1);
      store8(at + 24, 0xfd);
      store8(at + 39, 2);
      return;
    }
    store8(at, 0x45);
    store8(at + 1, from.tos);
    store16(at + 2, static_cast<std::uint16_t>(total));
    store16(at + 4, from.id);
    store16(at + 6, from.dont_fragment ? 0x4000 : 0);
    store8(at + 8, 64);
    store8(at + 9, 6);
    store32(at + 12, 0x0a000001);
    store32(at + 16, 0x0a000002);
    Checksum sum;
    sum.add(head);
    store16(at + 10, sum.finish());
  }

  PacketPtr make(const TcpPacket& from) {
    PacketPtr packet = pool.allocate();
    for (std::uint32_t done = 0; done < from.payload_bytes;) {
      const std::uint32_t step = std::min(from.payload_bytes - done, 5000u);
      Raw bytes(step);
      for (std::uint32_t i = 0; i < step; ++i) bytes[i] = pattern_at(from.payload_from + done + i);
      EXPECT_TRUE(packet->append(Slice(pool.chunks().copy_of(bytes), 0, step)));
      done += step;
    }
    const std::uint32_t tcp_bytes = tcp_emit_size(from.tcp);
    emit_tcp(from.tcp, packet->push_front(tcp_bytes));
    const std::uint32_t ip_bytes = from.is_v6 ? 40 : 20;
    const MutableBytes ip = packet->push_front(ip_bytes);
    write_ip(from, packet->size(), ip);
    packet->segment_size = from.segment_size;
    return packet;
  }

  // What a sender without GSO would have sent instead, with checksums.
  std::vector<Raw> cut_by_hand(const TcpPacket& whole) {
    std::vector<Raw> out;
    for (std::uint32_t done = 0; done < whole.payload_bytes; done += whole.segment_size) {
      TcpPacket piece = whole;
      piece.segment_size = 0;
      piece.payload_bytes = std::min<std::uint32_t>(whole.segment_size, whole.payload_bytes - done);
      piece.payload_from = whole.payload_from + done;
      const bool is_last = done + piece.payload_bytes == whole.payload_bytes;
      piece.id = static_cast<std::uint16_t>(whole.id + (whole.id == 0 ? 0 : out.size()));
      piece.tcp.seq = whole.tcp.seq + done;
      piece.tcp.flags.psh = whole.tcp.flags.psh && is_last;
      piece.tcp.flags.fin = whole.tcp.flags.fin && is_last;
      piece.tcp.flags.cwr = whole.tcp.flags.cwr && done == 0;
      PacketPtr packet = make(piece);
      fill_checksum(*packet);
      out.push_back(raw_of(*packet));
    }
    return out;
  }

  static std::vector<Raw> raws(PacketList list) {
    std::vector<Raw> out;
    while (PacketPtr packet = list.pop_front()) {
      EXPECT_EQ(packet->segment_size, 0);
      out.push_back(raw_of(*packet));
    }
    return out;
  }

  static PacketList list_of(std::vector<PacketPtr> packets) {
    PacketList list;
    for (auto& packet : packets) list.push_back(std::move(packet));
    return list;
  }

  static Raw payload_of(const Packet& packet) {
    Raw out(packet.payload_size());
    packet.copy_payload(out);
    return out;
  }

  PacketPool pool;
};

// --- checksums

// RFC 9293 3.1 MUST-2, MUST-3
TEST_F(GsoGro, FillThenVerifyAndOneBitFlips) {
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

TEST_F(GsoGro, VerifyAfterTheIpHeaderIsGone) {
  PacketPtr packet = make(plain(33));
  fill_checksum(*packet);
  PacketPtr received = pool.from_bytes(raw_of(*packet));
  received->consume(20);
  EXPECT_FALSE(
      verify_checksum(*received, IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 3), IpProtocol::tcp));
  EXPECT_TRUE(
      verify_checksum(*received, IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2), IpProtocol::tcp));
}

PacketPtr udp_packet(PacketPool& pool, bool is_v6, std::uint16_t checksum, const std::string& data) {
  Raw raw(is_v6 ? 48 : 28);
  std::byte* at = raw.data();
  const auto length = static_cast<std::uint16_t>(8 + data.size());
  if (is_v6) {
    store8(at, 0x60);
    store16(at + 4, length);
    store8(at + 6, 17);
  } else {
    store8(at, 0x45);
    store16(at + 2, static_cast<std::uint16_t>(20 + length));
    store8(at + 9, 17);
  }
  std::byte* udp = at + (is_v6 ? 40 : 20);
  store16(udp, 1);
  store16(udp + 2, 2);
  store16(udp + 4, length);
  store16(udp + 6, checksum);
  const Bytes bytes = std::as_bytes(std::span(data));
  raw.insert(raw.end(), bytes.begin(), bytes.end());
  return pool.from_bytes(raw);
}

// RFC 768 and RFC 8200 8.1: zero means "none" over IPv4 and is wrong over IPv6.
TEST_F(GsoGro, UdpZeroChecksum) {
  EXPECT_TRUE(verify_checksum(*udp_packet(pool, false, 0, "hello")));
  EXPECT_FALSE(verify_checksum(*udp_packet(pool, true, 0, "hello")));
  EXPECT_FALSE(verify_checksum(*udp_packet(pool, false, 0x1234, "hello")));
  PacketPtr packet = udp_packet(pool, true, 0, "hello");
  fill_checksum(*packet);
  EXPECT_TRUE(verify_checksum(*packet));
}

TEST_F(GsoGro, UdpSumOfZeroIsSentAsOnes) {
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

TEST_F(GsoGro, FragmentsAndShortPacketsAreLeftAlone) {
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

// --- cutting

TEST_F(GsoGro, CutsIntoWhatASenderWithoutGsoSends) {
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
TEST_F(GsoGro, CwrThatIsPartOfANumberStandsInEveryPiece) {
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

TEST_F(GsoGro, AnAtomicDatagramKeepsItsIdZero) {
  TcpPacket whole = plain(5000);
  whole.segment_size = 1000;
  whole.id = 0;
  EXPECT_EQ(raws(segment(make(whole), true)), cut_by_hand(whole));
}

TEST_F(GsoGro, CuttingSharesThePayload) {
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

TEST_F(GsoGro, TheUrgentPointerCountsFromEachPiece) {
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

TEST_F(GsoGro, WhatNeedsNoCuttingPasses) {
  TcpPacket small = plain(500);
  small.segment_size = 1448;
  const Raw before = raw_of(*make(small));
  EXPECT_EQ(raws(segment(make(small), false)), std::vector<Raw>{before});
  PacketPtr udp = udp_packet(pool, false, 0, std::string(3000, 'x'));
  udp->segment_size = 1000;
  EXPECT_EQ(segment(std::move(udp), false).size(), 1u);
}

TEST_F(GsoGro, AnEmptyPoolLosesThePacketAndNothingElse) {
  PacketPool three(3);
  PacketPtr packet = three.from_bytes(raw_of(*make(plain(8000))));
  packet->segment_size = 1000;
  EXPECT_TRUE(segment(std::move(packet), true).empty());
  EXPECT_EQ(three.packets_in_use(), 0u);
}

// --- merging

TEST_F(GsoGro, WhatWasCutBecomesOneAndIsCutTheSameAgain) {
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
TEST_F(GsoGro, NeighboursThatDifferStayApart) {
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
TEST_F(GsoGro, SignedSegmentsAreNeverMerged) {
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

TEST_F(GsoGro, AWrongChecksumIsNotHiddenByMerging) {
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
TEST_F(GsoGro, ADamagedIpHeaderIsNotMergedNorMended) {
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
TEST_F(GsoGro, AMergeEndsWhereTheSenderPaused) {
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
TEST_F(GsoGro, OrderWithinEachFlowIsKept) {
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

TEST_F(GsoGro, SixtyFourKilobytesIsTheLimit) {
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
