// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a hostile peer may do to the sender's recovery, and what it costs (hostile.md D6, E13, E14, E22,
// F12, F14, F15, F16, F29): entries in flight looked at per ACK, entries held, bytes sent again.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/rng.h"
#include "tcp/rack.h"
#include "tcp/reassembly_queue.h"
#include "tcp/sack_scoreboard.h"
#include "tcp/sent_queue.h"
#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint16_t kMss = 1000;
const Instant kStart = Instant{} + 100s;

// A sender of `segments` in packets of 64 KiB, as far as SACK blocks touch it.
class HostileSack : public ::testing::Test {
 protected:
  void send(std::uint32_t segments) {
    for (std::uint32_t i = 0; i < segments; i += 60, nxt = nxt + 60u * kMss)
      queue.on_sent(nxt, nxt + 60u * kMss, kStart + Duration(i), kMss);
  }
  void sack(SackBlock block) {
    board.add(block, una, nxt, [&](SackBlock newly) {
      queue.on_sacked(newly, block, board,
                      [&](const SentSegment& s) { rack.on_delivered(s, kStart + 1s, 0ms, false); });
    });
    if (rack.take_advanced()) (void)rack.detect(kStart + 1s, window, queue);
  }
  SentQueue queue;
  SackScoreboard board;
  Rack rack;
  Duration window = 0ms;
  SeqNum una{0xff000000};
  SeqNum nxt{0xff000000};
};

// F12, F15: every other segment, then the same blocks again and again.
TEST_F(HostileSack, AStormOfRepeatedBlocksIsReadOnce) {
  send(8'000);
  for (std::uint32_t i = 1; i < 8'000; i += 2) sack({una + i * kMss, una + (i + 1) * kMss});
  const std::uint64_t once = queue.steps();
  EXPECT_LT(once, 10u * 8'000) << "a few entries an ACK";
  for (int round = 0; round < 4; ++round)
    for (std::uint32_t i = 1; i < 8'000; i += 2) sack({una + i * kMss, una + (i + 1) * kMss});
  EXPECT_EQ(queue.steps(), once);
  EXPECT_LE(queue.size(), 8'040u);
}

// The same from above, which declares everything below lost at once and nothing twice.
TEST_F(HostileSack, DownwardsItCostsNoMore) {
  send(8'000);
  for (std::uint32_t i = 7'999; i > 2; i -= 2) sack({una + i * kMss, una + (i + 1) * kMss});
  EXPECT_LT(queue.steps(), 10u * 8'000);
}

// A window that lets everything wait: an ACK looks at 64 of those who wait, not at all.
TEST_F(HostileSack, WhoWaitsIsNotWalked) {
  window = 3600s;
  for (std::uint32_t i = 0; i < 10'000; ++i, nxt = nxt + kMss) queue.on_sent(nxt, nxt + kMss, kStart, 0);
  for (std::uint32_t i = 9'999; i > 9'000; --i) sack({una + i * kMss, una + (i + 1) * kMss});
  EXPECT_LT(queue.steps(), 1000u * 70);
  EXPECT_EQ(queue.lost_bytes(), 0u);
}

// F14, F16: reports of single bytes make no small entries and so no small retransmissions.
TEST_F(HostileSack, SingleBytesSplitNothing) {
  send(6000);
  const std::size_t packets = queue.size();
  for (std::uint32_t at = 0; at < 100'000; at += 2) sack({una + at, una + (at + 1)});
  EXPECT_EQ(queue.size(), packets);
  EXPECT_EQ(queue.sacked_bytes(), 0u);
  EXPECT_LE(board.range_count(), SackScoreboard::kRangesMax);
}

// 100,000 gaps: every other segment of 200,000 is reported, in random order, with retransmissions between.
// The cost of an ACK stays that of a few entries, and the time below the catalogue's 20 us.
TEST_F(HostileSack, AHundredThousandGaps) {
  constexpr std::uint32_t kGaps = 100'000;
  send(2 * kGaps);
  SeededRng rng(7);
  std::vector<std::uint32_t> places(kGaps);
  for (std::uint32_t i = 0; i < kGaps; ++i) places[i] = 2 * i + 1;
  for (std::uint32_t i = kGaps; i > 1; --i) std::swap(places[i - 1], places[rng.below(i)]);
  std::uint64_t worst = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < kGaps; ++i) {
    const std::uint64_t before = queue.steps();
    sack({una + places[i] * kMss, una + (places[i] + 1) * kMss});
    if (i > 500) worst = std::max(worst, queue.steps() - before);
    if (const auto range = queue.next_lost(65'535, kMss))
      queue.on_retransmit(range->begin, range->end, kStart + 2s, kMss);
  }
  const auto each = (std::chrono::steady_clock::now() - begin) / kGaps;
  EXPECT_LT(each, 20us);
  EXPECT_LT(queue.steps(), kGaps * 200u);
  EXPECT_LE(queue.size(), 4u * SackScoreboard::kRangesMax + 2 * kGaps / 60);
  EXPECT_LE(board.range_count(), SackScoreboard::kRangesMax);
  EXPECT_LT(worst, 5000u);
}

void establish(TcpBench& t) {
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(100ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(". 1:1(0) ack 1");
}

// D6, E13: blocks that cannot be are ignored, and acknowledge nothing.
TEST(HostileRecovery, ImpossibleBlocks) {
  TcpBench t{{.peer_options = "mss 1000,sackOK"}};
  t.establish();
  t.app.send(5000);
  EXPECT_EQ(t.discard(), 5u);
  const auto cwnd = t.info().cwnd_bytes;
  for (const char* blocks : {"4001:9001", "3001:2001", "2001:2001", "100001:200001"})
    t.peer(std::string(". 1:1(0) ack 1 win 65535 <sack ") + blocks + '>');
  EXPECT_EQ(t.info().sacked_segments, 0u);
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().cwnd_bytes, cwnd);
  t.peer(". 1:1(0) ack 5001");
}

// E14: an ACK divided into many, and duplicates without new SACK information, let nothing out.
TEST(HostileRecovery, DuplicatesWithoutEvidence) {
  TcpBench t;
  establish(t);
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.after(100ms);
  t.peer(". 1:1(0) ack 1001 win 65535");
  t.app.send(20'000);
  EXPECT_EQ(t.discard(), 10u);
  t.after(100ms);
  for (int i = 0; i < 100; ++i) t.peer(". 1:1(0) ack 1001 win 65535");
  t.expect_nothing();
  t.peer(". 1:1(0) ack 1001 win 65535 <sack 3001:4001>");
  t.expect(". 11001:12001(1000) ack 1");
  for (int i = 0; i < 100; ++i) t.peer(". 1:1(0) ack 1001 win 65535 <sack 3001:4001>");
  t.expect_nothing();
  EXPECT_EQ(t.info().congestion_state, 1);
  const auto cwnd = t.info().cwnd_bytes;
  std::size_t sent = 0;
  for (int i = 1; i <= 100; ++i) {
    t.peer(". 1:1(0) ack " + std::to_string(1001 + i * 10) + " win 65535 <sack 3001:4001>");
    sent += t.discard();
  }
  EXPECT_LE(t.info().cwnd_bytes, cwnd + 1000) << "a segment acknowledged in a hundred pieces is one segment";
  EXPECT_LE(sent, 2u);
  t.peer(". 1:1(0) ack 12001 win 65535");
  t.discard();
  t.peer(". 1:1(0) ack 21001 win 65535");
  t.discard();
}

// E22, RFC 2018 8: what was SACKed and is not kept goes out again, and the connection ends well.
TEST(HostileRecovery, Reneging) {
  TcpBench t;
  establish(t);
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.after(100ms);
  t.peer(". 1:1(0) ack 1001");
  t.app.send(4000);
  EXPECT_EQ(t.discard(), 4u);
  t.after(100ms);
  t.peer(". 1:1(0) ack 1001 <sack 2001:5001>");
  t.expect(". 1001:2001(1000) ack 1");
  t.after(100ms);
  t.peer(". 1:1(0) ack 2001");  // and not 5001
  t.after(51ms);                // half a round trip of patience
  t.expect(". 2001:3001(1000) ack 1");
  EXPECT_EQ(t.info().sacked_segments, 0u);
  t.peer(". 1:1(0) ack 3001");
  EXPECT_GE(t.discard(), 1u);
  t.peer(". 1:1(0) ack 5001");
  EXPECT_EQ(t.info().unacked_segments, 0u);
}

// RFC 2883: reports of duplicates of everything, in every ACK, neither reduce nor restore anything.
TEST(HostileRecovery, AFloodOfDuplicateReports) {
  TcpBench t{{.peer_options = "mss 1000,sackOK"}};
  t.establish();
  t.app.send(5000);
  EXPECT_EQ(t.discard(), 5u);
  const auto before = t.info().cwnd_bytes;
  for (int i = 0; i < 70'000; ++i) t.peer(". 1:1(0) ack 1 win 65535 <sack 0:1>");
  EXPECT_EQ(t.info().duplicates_reported, 65'535u) << "the counter stops";
  EXPECT_EQ(t.info().cwnd_bytes, before);
  t.peer(". 1:1(0) ack 5001");
}

}  // namespace
}  // namespace sockeye::tcp
