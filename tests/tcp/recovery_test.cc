// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Loss recovery with SACK: RACK (RFC 8985 6), tail loss probes (7), proportional rate reduction (RFC
// 9937), as traces. Round trips take 100 ms.
#include <gtest/gtest.h>

#include <cstdio>

#include "recovery_steps.h"
#include "tcp/prr.h"

namespace sockeye::tcp {
namespace {

std::string ack(std::uint32_t number, const std::string& sack = "") {
  return ack_with(number, sack.empty() ? "" : "sack " + sack);
}

// --- RACK

// RFC 8985 6.2 step 4: as long as no reordering was seen, three SACKed segments make the window zero;
// step 5: everything that was sent before them is lost, also between SACKed segments.
// RFC 2018 5 SHLD-5; RFC 2018 5.1 MUST-7; RFC 8985 3.3.2 SHLD-1; RFC 8985 1 REC-4; RFC 8985 4 MUST-8
TEST(Rack, ThreeReportsAreEnoughWithoutReordering) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 10);
  t.after(100ms);
  t.peer(ack(1001, "2001:3001"));
  EXPECT_EQ(t.info().congestion_state, 1);
  t.peer(ack(1001, "2001:3001 4001:5001"));
  t.expect_nothing();
  t.peer(ack(1001, "2001:3001 4001:6001"));
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().congestion_state, 3);
  EXPECT_EQ(t.info().lost_segments, 2u);
  EXPECT_EQ(t.info().sacked_segments, 3u);
  EXPECT_EQ(t.info().retransmitted_segments, 1u);
  t.peer(ack(1001, "2001:3001 4001:7001"));
  t.expect(data(3001, 4001));
  t.peer(ack(1001, "2001:3001 4001:11001"));
  t.after(100ms);
  t.peer(ack(11'001));
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().total_retransmits, 2u);
  EXPECT_EQ(t.info().reordering_seen, 0u);
  EXPECT_EQ(t.info().cwnd_segments, t.info().ssthresh_bytes / 1000);
}

// Two reports are not enough, but the reordering window (min RTT / 4) passes.
// RFC 8985 3.3.2 SHLD-2; RFC 8985 4 MUST-2; RFC 8985 6.2 REC-2
TEST(Rack, TheTimerFindsWhatTooFewReportsDoNot) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 3);
  t.after(100ms);
  t.peer(ack(1001, "2001:4001"));
  t.after(24ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().congestion_state, 3);
  t.after(100ms);
  t.peer(ack(4001));
  EXPECT_EQ(t.info().congestion_state, 0);
}

// Step 3: a hole that is filled by its original was reordering; from then on three reports alone are no
// loss, the window is.
TEST(Rack, ReorderingIsRemembered) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 5);
  t.after(100ms);
  t.peer(ack(1001, "2001:4001"));
  t.peer(ack(4001));  // 1001 was only late
  EXPECT_EQ(t.info().reordering_seen, 1u);
  EXPECT_EQ(t.info().reordering, 3u);
  t.peer(ack(6001));
  send_segments(t, 6001, 8);
  t.after(100ms);
  t.peer(ack(6001, "7001:11001"));  // four reports
  t.expect_nothing();
  t.after(10ms);
  t.peer(ack(11'001));  // and it was only late again, this time by more
  EXPECT_EQ(t.info().reordering, 5u);
  EXPECT_EQ(t.info().reordering_seen, 2u);
  EXPECT_EQ(t.info().total_retransmits, 0u);
}

// Step 5 applies to retransmissions: one that is overtaken by what was sent after it is lost again.
// RFC 8985 9.2 MUST-10
TEST(Rack, ALostRetransmissionIsNoticed) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 10);
  t.after(100ms);
  t.peer(ack(1001, "2001:5001"));
  t.expect(data(1001, 2001));
  t.peer(ack(1001, "2001:11001"));
  t.app.send(2000);
  t.expect(data(11'001, 12'001));
  t.expect(data(12'001, 13'001, true));
  t.after(101ms);
  t.peer(ack(1001, "2001:12001"));  // sent after the retransmission
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().total_retransmits, 2u);
  t.after(100ms);
  t.peer(ack(13'001));
  EXPECT_EQ(t.info().congestion_state, 0);
}

// Step 2: an ACK that comes sooner after a retransmission than a round trip takes is the original's.
TEST(Rack, AnAnswerTooEarlyIsNotTheRetransmissions) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 10);
  t.after(100ms);
  t.peer(ack(1001, "2001:5001"));
  t.expect(data(1001, 2001));
  t.after(10ms);
  t.peer(ack(5001));  // the original after all: nothing sent after it can be called late
  t.after(10ms);
  t.expect_nothing();
  EXPECT_EQ(t.info().total_retransmits, 1u);
  t.peer(ack(11'001));
}

// Step 4: a report of a needless retransmission widens the window by a quarter of a round trip.
// RFC 8985 3.3.2 SHLD-3; RFC 8985 4 REC-1
TEST(Rack, DuplicateReportsWidenTheWindow) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 5);
  t.after(100ms);
  t.peer(ack(1001, "2001:4001"));
  t.after(25ms);
  t.expect(data(1001, 2001));  // needlessly
  t.peer(ack(4001));
  t.after(25ms);
  t.peer(ack(6001));
  send_segments(t, 6001, 3);
  t.after(100ms);
  t.peer(ack(6001, "7001:9001"));
  t.peer(ack(9001));  // reordering
  EXPECT_EQ(t.info().reordering_seen, 1u);
  send_segments(t, 9001, 3);
  t.peer(ack(9001, "1001:2001"));  // now the report about the first
  EXPECT_EQ(t.info().duplicates_reported, 1u);
  t.after(100ms);
  t.peer(ack(9001, "10001:12001"));
  t.after(49ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect(data(9001, 10'001));
  t.peer(ack(12'001));
}

// hostile F29: a packet of many segments that is SACKed in part is sent again in part.
TEST(Rack, AHoleInALargePacketIsSentAlone) {
  TcpBench t{{.config = {.min_tso_segs = 5},
              .path = {.mtu = 1040, .largest_packet = 65535, .is_v6 = false},
              .peer_options = "mss 1000,sackOK"}};
  establish(t);
  measure(t);
  t.app.send(8000);
  t.expect(data(1001, 6001, true));
  t.expect(data(6001, 9001, true));
  t.after(100ms);
  t.peer(ack(3001, "4001:9001"));
  t.expect(data(3001, 4001));
  t.after(100ms);
  t.peer(ack(9001));
  EXPECT_EQ(t.info().bytes_retransmitted, 1000u);
}

// RFC 3042 and 6675: what has left the network makes room for new data.
TEST(Rack, LimitedTransmit) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  t.app.send(20'000);
  EXPECT_EQ(t.discard(), 10u);
  t.after(100ms);
  t.peer(ack(1001, "2001:3001"));
  t.expect(data(11'001, 12'001));
  t.peer(ack(1001, "2001:4001"));
  t.expect(data(12'001, 13'001));
  t.peer(ack(1001, "2001:5001"));
  t.expect(data(1001, 2001));
  t.discard();
}

// --- tail loss probes

// RFC 8985 7.2, 7.3: after two round trips the last segment again; its SACK shows what is missing.
// RFC 8985 7.2 SHLD-6; RFC 8985 7.3 SHLD-9
TEST(TailLoss, AProbeFindsTheLoss) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 4);
  t.after(100ms);
  t.peer(ack(2001));
  t.after(201ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect(data(4001, 5001, true));
  EXPECT_EQ(t.info().congestion_state, 0);
  t.after(100ms);
  t.peer(ack(2001, "4001:5001"));  // and RACK does the rest
  t.expect(data(2001, 3001));
  EXPECT_EQ(t.info().lost_segments, 2u);
  t.after(100ms);
  t.peer(ack(3001, "4001:5001"));
  t.expect(data(3001, 4001));
  t.after(100ms);
  t.peer(ack(5001));
  EXPECT_EQ(t.info().congestion_state, 0);
}

// A lone segment's ACK may be delayed, so its probe waits longer.
// RFC 8985 7.2 MAY-1
TEST(TailLoss, ALoneSegmentWaitsForADelayedAck) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  t.app.send(500);
  t.expect(data(1001, 1501, true));
  const Duration probe = std::min<Duration>(2 * t.info().srtt + 200ms, t.info().rto);
  t.after(probe - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(data(1001, 1501, true));
  EXPECT_EQ(t.info().congestion_state, 0) << "a probe is no time-out";
  t.after(100ms);
  t.peer(ack(1501, "1001:1501"));
}

// 7.3: new data is the better probe, whatever the congestion window says.
// RFC 8985 7.3 SHLD-8
TEST(TailLoss, NewDataProbes) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  t.app.send(15'000);
  EXPECT_EQ(t.discard(), 10u);
  t.after(202ms);
  t.expect(data(11'001, 12'001));
  t.after(100ms);
  t.peer(ack(12'001));
  EXPECT_EQ(t.info().total_retransmits, 0u);
  EXPECT_EQ(t.discard(), 4u);
  t.peer(ack(16'001));
}

// 7.3: one probe, then the timer.
// RFC 8985 7.3 MUST-5, MUST-6
TEST(TailLoss, OneProbeThenTheTimer) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 3);
  t.after(202ms);
  t.expect(data(3001, 4001, true));
  const Duration rto = t.info().rto;
  t.after(rto - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().congestion_state, 4);
  t.peer(ack(4001));
}

// 7.4.2: the probe repaired a loss that nobody reports: the window is reduced for it once.
// RFC 8985 7.4.2 MUST-7, SHLD-12
TEST(TailLoss, ARepairedLossReducesTheWindow) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 4);
  const auto before = t.info().cwnd_bytes;
  t.after(202ms);
  t.expect(data(4001, 5001, true));
  t.after(100ms);
  t.peer(ack(5001));
  EXPECT_EQ(t.info().cwnd_bytes, before) << "it may have been late only";
  send_segments(t, 5001, 1);
  t.after(100ms);
  t.peer(ack(6001));
  EXPECT_LT(t.info().cwnd_bytes, before);
  EXPECT_EQ(t.info().congestion_state, 0);
}

// 7.4.1: a duplicate report for the probe says that the original had arrived.
TEST(TailLoss, ADuplicateOfTheProbeIsNoLoss) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 4);
  const auto before = t.info().cwnd_bytes;
  t.after(202ms);
  t.expect(data(4001, 5001, true));
  t.peer(ack(5001));
  send_segments(t, 5001, 1);
  t.after(50ms);
  t.peer(ack(5001, "4001:5001"));
  t.after(50ms);
  t.peer(ack(6001));
  EXPECT_GE(t.info().cwnd_bytes, before);
  EXPECT_EQ(t.info().duplicates_reported, 1u);
}

// RFC 8985 4 MUST-1
TEST(TailLoss, NotWithoutSack) {
  TcpBench t;
  establish(t, "mss 1000");
  measure(t);
  send_segments(t, 1001, 3);
  t.after(t.info().rto - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(data(1001, 2001));
  t.peer(ack(4001));
}

// --- proportional rate reduction

// RFC 9937 6: above ssthresh seven segments leave for ten that are delivered.
TEST(Prr, Proportional) {
  Prr prr;
  prr.start(20'000, 14'000);
  std::uint32_t pipe = 19'000;
  std::string sent;
  for (int i = 0; i < 10; ++i) {
    const std::uint32_t cwnd = prr.on_ack(1000, pipe, false, 1000);
    const std::uint32_t segments = (cwnd - pipe) / 1000;
    sent += std::to_string(segments);
    prr.on_sent(segments * 1000);
    pipe += segments * 1000 - 1000;
  }
  EXPECT_EQ(sent, "1110110110") << "7 of 10, evenly";
}

// Below it: one for one (CRB), and one more when it is safe (SSRB), up to ssthresh.
TEST(Prr, ReductionBound) {
  Prr prr;
  prr.start(20'000, 14'000);
  EXPECT_EQ(prr.on_ack(1000, 5000, false, 1000), 6000u);
  prr.on_sent(1000);
  EXPECT_EQ(prr.on_ack(1000, 5000, true, 1000), 7000u);
  prr.on_sent(2000);
  EXPECT_EQ(prr.on_ack(9000, 12'000, true, 1000), 14'000u);
}

// RFC 9937 6 to the letter, as the rfc profile has it: nothing is rounded to segments.
TEST(Prr, InBytes) {
  Prr prr;
  prr.start(10'000, 7000, true);
  EXPECT_EQ(prr.on_ack(1000, 9000, true, 1000), 10'000u) << "the fast retransmit";
  prr.on_sent(1000);
  EXPECT_EQ(prr.on_ack(1000, 9000, true, 1000), 9400u);
  prr.start(10'000, 7000);
  (void)prr.on_ack(1000, 9000, true, 1000);
  prr.on_sent(1000);
  EXPECT_EQ(prr.on_ack(1000, 9000, true, 1000), 10'000u);
}

// The fast retransmit itself leaves even when the pipe is full.
TEST(Prr, TheFirstRetransmissionLeaves) {
  Prr prr;
  prr.start(20'000, 1000);
  EXPECT_EQ(prr.on_ack(100, 19'000, false, 1000), 20'000u);
  prr.on_sent(1000);
  EXPECT_EQ(prr.on_ack(100, 19'000, false, 1000), 19'000u);
}

// A whole recovery: the window never jumps, and ends at ssthresh. What is lost leaves as it allows.
// RFC 8985 9.3 REC-3
TEST(Prr, ARecoverySendsAtASmoothRate) {
  TcpBench t{with_sack()};
  establish(t);
  t.app.set([](Settings& s) { std::snprintf(s.congestion_control, sizeof s.congestion_control, "reno"); });
  measure(t);
  t.app.send(40'000);
  EXPECT_EQ(t.discard(), 10u);  // 1001 to 11001
  t.after(100ms);
  for (const char* sack : {"2001:3001", "2001:4001"}) {
    t.peer(ack(1001, sack));
    EXPECT_EQ(t.discard(), 1u) << "limited transmit";
  }
  std::string sent;
  for (std::uint32_t end = 5001; end <= 13'001; end += 1000) {
    t.peer(ack(1001, "2001:" + std::to_string(end)));
    sent += std::to_string(t.discard());
  }
  EXPECT_EQ(sent, "101010012") << "half of what is delivered; below ssthresh what is owed";
  t.after(100ms);
  t.peer(ack(13'001));
  t.discard();
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().cwnd_bytes, 5000u);
  EXPECT_EQ(t.info().ssthresh_bytes, 5000u);
}

}  // namespace
}  // namespace sockeye::tcp
