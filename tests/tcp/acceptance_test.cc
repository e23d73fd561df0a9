// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What is believed and what is not: sequence and acknowledgment numbers, RFC 5961, PAWS, flags.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

// RFC 5961 3.2 MUST-1, MUST-2, MUST-3 (hostile E1).
TEST(Acceptance, AResetMustHitTheExactNumber) {
  TcpBench t;
  t.establish();
  t.peer("R 100:100(0)");
  t.expect(". 1:1(0) ack 1");
  t.peer("R 4000000:4000000(0)");
  t.expect_nothing();
  EXPECT_EQ(t.state(), State::established);
  EXPECT_EQ(t.drops(), "rst_out_of_window 2");
  t.peer("R 1:1(0)");
  EXPECT_EQ(t.state(), State::closed);
}

// RFC 9293 3.4: numbers are modulo 2^32 (hostile E9).
TEST(Acceptance, ThePeersNumbersWrap) {
  TcpBench t{{.peer_iss = SeqNum(0xffffff00)}};
  t.establish();
  t.peer("P. 101:301(200) ack 1");  // across the wrap, ahead of its turn
  t.expect(". 1:1(0) ack 1 <nop,nop,sack 101:301>");
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 301");
  EXPECT_EQ(t.app.receive(), 300);
  t.peer("R 0:0(0)");  // before the window, which lies beyond the wrap
  t.expect_nothing();
  EXPECT_EQ(t.state(), State::established);
}

// RFC 5961 4.2 MUST-4, MUST-5 (hostile E2, E17): the peer that lost its memory answers the challenge with a
// RST.
TEST(Acceptance, ASynIsChallenged) {
  TcpBench t;
  t.establish();
  t.peer("S 500:500(0) win 1000 <mss 1460>");
  t.expect(". 1:1(0) ack 1");
  t.after(500ms);
  t.peer("S 9000000:9000000(0) win 1000 <mss 1460>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), State::established);
}

// RFC 5961 7 SHLD-1, SHLD-2 (hostile E4, E20): a limit per connection.
TEST(Acceptance, ChallengesAreLimited) {
  TcpBench t;
  t.establish();
  std::size_t answers = 0;
  for (int i = 0; i < 10; ++i) {
    t.peer("S 500:500(0) win 1000");
    answers += t.discard();
  }
  EXPECT_EQ(answers, 1u);
  EXPECT_EQ(t.drops(), "syn_in_window 1, challenge_limited 9");
  EXPECT_EQ(t.counters()[Counter::syn_challenge], 1u);
  EXPECT_EQ(t.counters()[Counter::ack_skipped_challenge], 9u);
  t.after(500ms);
  t.peer("S 500:500(0) win 1000");
  t.expect(". 1:1(0) ack 1");
}

// RFC 5961 5.2 MUST-6 (hostile E3, E13).
TEST(Acceptance, AcknowledgmentsMustBeOfWhatWasSent) {
  TcpBench t;
  t.establish();
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
  t.peer("P. 1:11(10) ack 102");
  t.expect(". 101:101(0) ack 1");
  t.after(500ms);
  while (t.sent_count() > 0) EXPECT_EQ(t.take_sent().substr(0, 12), "P. 1:101(100");  // retransmissions
  t.peer("P. 1:11(10) ack -70000");
  t.expect(". 101:101(0) ack 1");
  EXPECT_EQ(t.readable(), 0u);
  EXPECT_EQ(t.drops(), "bad_ack 2");
  t.after(1ms);
  t.peer("P. 1:11(10) ack -1000");  // old, but no older than the window
  t.expect(". 101:101(0) ack 11");
  EXPECT_EQ(t.readable(), 10u);
}

TEST(Acceptance, DataBeyondTheWindowIsAnswered) {
  TcpBench t{{.settings = {.receive_buffer = 4000, .receive_buffer_locked = true}}};
  t.establish();
  t.peer("P. 5001:5011(10) ack 1");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.drops(), "out_of_window 1");
  t.peer("P. 3501:4501(1000) ack 1");  // the first half is inside
  t.expect(". 1:1(0) ack 1 <sack 3501:4001>");
}

TEST(Acceptance, WhatWasReceivedBeforeIsReported) {  // RFC 2883
  TcpBench t;
  t.establish();
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 101");
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 101 <sack 1:101>");
  EXPECT_EQ(t.drops(), "duplicate_data 1");
  t.peer("P. 51:151(100) ack 1");
  t.expect(". 1:1(0) ack 151 <sack 51:101>");
  EXPECT_EQ(t.app.receive(), 150);
}

TEST(Acceptance, SegmentsWithoutAckAreDropped) {
  TcpBench t;
  t.establish();
  t.peer("P 1:11(10)");
  t.peer("- 1:11(10)");
  EXPECT_EQ(t.drops(), "no_ack 2");
  EXPECT_EQ(t.readable(), 0u);
}

// RFC 7323 5.3 MUST-16 (hostile E8).
TEST(Acceptance, OldTimestampsAreRefused) {
  TcpBench t{{.peer_options = "mss 1460,sackOK,TS val 1000 ecr 0"}};
  t.establish();
  t.peer("P. 1:11(10) ack 1 <TS val 1010 ecr 0>");
  t.expect(". 1:1(0) ack 11 <nop,nop,TS val * ecr 1010>");
  t.peer("P. 11:21(10) ack 1 <TS val 999 ecr 0>");
  t.expect(". 1:1(0) ack 11");
  EXPECT_EQ(t.drops(), "paws 1");
  t.peer("R 11:11(0) <TS val 1 ecr 0>");  // resets are exempt
  EXPECT_EQ(t.state(), State::closed);
}

// RFC 7323 4.3 MUST-14
TEST(Acceptance, TheRecentTimestampIsOfTheSegmentThatCoversTheAck) {
  TcpBench t{{.peer_options = "mss 1460,sackOK,TS val 1000 ecr 0"}};
  t.establish();
  t.peer("P. 101:201(100) ack 1 <TS val 1020 ecr 0>");  // out of order: not echoed
  t.expect(". 1:1(0) ack 1 <nop,nop,TS val * ecr 1000,nop,nop,sack 101:201>");
  t.peer("P. 1:101(100) ack 1 <TS val 1010 ecr 0>");
  t.expect(". 1:1(0) ack 201 <nop,nop,TS val * ecr 1010>");
}

TEST(Acceptance, KeepAliveProbesAreAnswered) {
  TcpBench t;
  t.establish();
  t.peer(". 0:0(0) ack 1");
  t.expect(". 1:1(0) ack 1");
  t.peer(". 0:1(1) ack 1");  // with a byte, as some do
  t.expect(". 1:1(0) ack 1");
}

// Hostile D14: no combination of flags in any synchronized state may upset the connection or answer
// with more than one segment.
TEST(Acceptance, EveryFlagByteIsSurvived) {
  for (int phase = 0; phase < 4; ++phase) {
    for (unsigned flags = 0; flags < 256; ++flags) {
      TcpBench t;
      t.establish();
      if (phase >= 2) {
        t.peer("F. 1:1(0) ack 1");
        t.discard();
      }
      if (phase % 2 == 1) {
        t.app.shutdown_write();
        t.discard();
      }
      Segment segment;
      segment.source_port = 40000;
      segment.destination_port = 8080;
      segment.seq = SeqNum(1'000'001 + (phase >= 2 ? 1 : 0));
      segment.ack = t.iss() + 1u;
      segment.window = 1000;
      segment.urgent_pointer = 0xffff;
      segment.flags = {(flags & 1) != 0,  (flags & 2) != 0,  (flags & 4) != 0,  (flags & 8) != 0,
                       (flags & 16) != 0, (flags & 32) != 0, (flags & 64) != 0, (flags & 128) != 0};
      t.inject(segment);
      EXPECT_LE(t.discard(), 1u) << "flags " << flags << " phase " << phase;
      if (segment.flags.rst) {
        EXPECT_EQ(t.state(), State::closed) << "flags " << flags << " phase " << phase;
      } else {
        EXPECT_NE(t.state(), State::closed) << "flags " << flags << " phase " << phase;
      }
      t.after(0ms);
    }
  }
}

// --- data out of order

// RFC 5681 3.2 SHLD-3, SHLD-4
// RFC 2018 4 MUST-4, SHLD-1
// RFC 9293 3.10.7.4 SHLD-31
TEST(Order, HolesAreReportedAndFilled) {
  TcpBench t;
  t.establish();
  t.peer("P. 501:1001(500) ack 1");
  t.expect(". 1:1(0) ack 1 <sack 501:1001>");
  t.peer("P. 1501:2001(500) ack 1");
  t.expect(". 1:1(0) ack 1 <sack 1501:2001 501:1001>");
  EXPECT_EQ(t.readable(), 0u);
  t.peer("P. 1:501(500) ack 1");
  t.expect(". 1:1(0) ack 1001 <sack 1501:2001>");
  EXPECT_EQ(t.app.receive(), 1000);
  t.peer("P. 1001:1501(500) ack 1");
  t.expect(". 1:1(0) ack 2001 <>");
  EXPECT_EQ(t.app.receive(), 1000);
}

// A peer without SACK counts duplicates: every segment out of order gets its own ACK (RFC 5681 4.2),
// also when several came in one turn.
// RFC 2018 4 MUST-3
TEST(Order, EveryArrivalIsAnsweredWithoutSack) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer({"P. 1001:2001(1000) ack 1", "P. 2001:3001(1000) ack 1", "P. 3001:4001(1000) ack 1"});
  for (int i = 0; i < 3; ++i) t.expect(". 1:1(0) ack 1");
}

// RFC 2018 4 SHLD-2
TEST(Order, DataOutOfOrderRidesNotWithData) {
  TcpBench t;
  t.establish();
  t.peer({"P. 501:1001(500) ack 1"});
  t.expect(". 1:1(0) ack 1 <sack 501:1001>");
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1 <>");
}

// Hostile F12: one byte here, one byte there.
TEST(Order, ManyTinyHolesAreBounded) {
  TcpBench t{{.settings = {.receive_buffer = 60'000, .receive_buffer_locked = true}}};
  t.establish();
  for (int i = 0; i < 5000; ++i) {
    const int at = 3 + i * 2;
    t.peer("P. " + std::to_string(at) + ":" + std::to_string(at + 1) + "(1) ack 1");
    t.discard();
  }
  EXPECT_NE(t.drops().find("reassembly_full"), std::string::npos);
  std::uint32_t at = 1;
  // The peer sends everything again, in order: the stream goes on.
  for (; at < 10'003; at += 1000) {
    t.peer("P. " + std::to_string(at) + ":" + std::to_string(at + 1000) + "(1000) ack 1");
    t.discard();
  }
  t.discard();
  EXPECT_EQ(t.app.receive(100'000), static_cast<long>(at - 1));
  t.discard();
}

}  // namespace
}  // namespace sockeye::tcp
