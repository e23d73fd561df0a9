// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Half-open connections: RFC 9293 3.10.7.2 and the kernel's overflow behaviour.
#include "tcp/syn_queue.h"

#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(SynQueue, MakesAConnection) {
  TcpBench t{{.peer_options = "mss 1200,sackOK,TS val 5 ecr 0,wscale 2"}};
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1200,sackOK,TS val 5 ecr 0,wscale 2>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val * ecr 5,wscale 7>");
  EXPECT_EQ(t.syn_queue().size(), 1u);
  t.after(20ms);
  t.peer(". 1:1(0) ack 1 win 1000 <TS val 6 ecr 1>");
  EXPECT_EQ(t.syn_queue().size(), 0u);
  ASSERT_TRUE(t.has_connection());
  EXPECT_EQ(t.state(), State::established);
  const Info info = t.info();
  EXPECT_EQ(info.send_mss, 1188u);
  EXPECT_EQ(info.send_window, 4000u);
  EXPECT_TRUE(info.sack);
  EXPECT_EQ(info.srtt, 20ms);
}

// RFC 9293 3.7.1 SHLD-5
// RFC 7323 3.2 MUST-10
// RFC 9293 3.7.1 SHLD-5
TEST(SynQueue, OffersOnlyWhatTheSynOffered) {
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
}

TEST(SynQueue, TheAckMayCarryData) {
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.peer("P. 1:11(10) ack 1");
  t.discard();
  EXPECT_EQ(t.app.receive(), 10);
}

TEST(SynQueue, RepeatsTheSynAckAndForgets) {
  TcpBench t;
  t.config().syn_ack_retries = 2;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.after(1s);
  t.expect("S. 0:0(0) ack 1");
  t.after(2s);
  t.expect("S. 0:0(0) ack 1");
  t.after(4s);
  t.expect_nothing();
  EXPECT_EQ(t.syn_queue().size(), 0u);
  EXPECT_FALSE(t.syn_queue().next_timer().has_value());
}

TEST(SynQueue, AnswersARepeatedSyn) {
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  EXPECT_EQ(t.syn_queue().size(), 1u);
}

TEST(SynQueue, RefusesWhatOpensNothing) {
  TcpBench t;
  t.listen();
  t.peer("R 0:0(0)");
  t.expect_nothing();
  t.peer(". 5:5(0) ack 77");
  EXPECT_EQ(t.take_sent().substr(0, 2), "R ");
  t.peer("P 5:6(1)");
  t.peer("SF 0:0(0)");
  t.expect_nothing();
  EXPECT_EQ(t.drops(), "listen_no_syn 4");
}

// RFC 9293 3.5 MUST-11: the listener goes on and nobody hears of it.
TEST(SynQueue, AResetRemovesTheEntry) {  // hostile E19
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.peer("R 500:500(0)");  // not exactly: challenged
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.syn_queue().size(), 1u);
  t.peer("R 1:1(0)");
  EXPECT_EQ(t.syn_queue().size(), 0u);
}

TEST(SynQueue, AWrongAckIsReset) {
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 2");
  t.expect("R 2:2(0)");
  t.peer(". 1:1(0) ack 1");
  EXPECT_TRUE(t.has_connection());
}

// Hostile F3: the completing ACK is dropped, the SYN-ACK goes on being repeated, nothing is lost.
TEST(SynQueue, AFullAcceptQueueDropsTheAck) {
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.accept_queue_full = true;
  t.peer("P. 1:11(10) ack 1");
  t.expect_nothing();
  EXPECT_FALSE(t.has_connection());
  EXPECT_EQ(t.drops(), "accept_queue_full 1");
  t.after(1s);
  t.expect("S. 0:0(0) ack 1");
  t.accept_queue_full = false;
  t.peer("P. 1:11(10) ack 1");
  t.discard();
  EXPECT_EQ(t.app.receive(), 10);
}

TEST(SynQueue, AFullAcceptQueueDropsTheSyn) {
  TcpBench t;
  t.listen();
  t.accept_queue_full = true;
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect_nothing();
  EXPECT_EQ(t.drops(), "accept_queue_full 1");
}

TEST(SynQueue, AnErrorForTheSynAckRemovesIt) {
  TcpBench t;
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  FiveTuple tuple;
  t.syn_queue().for_each([&](const FiveTuple& each) { tuple = each; });
  t.syn_queue().on_icmp_error(tuple, t.iss() + 1u);
  EXPECT_EQ(t.syn_queue().size(), 1u);
  t.syn_queue().on_icmp_error(tuple, t.iss());
  EXPECT_EQ(t.syn_queue().size(), 0u);
}

// Hostile F1: bounded, and an entry is found among many whatever was removed before.
TEST(SynQueue, HoldsManyAndNoMoreThanItsLimit) {
  SeededRng secret(1);
  SeededRng open(2);
  PacketPool pool;
  Config config;
  config.syncookies = 0;
  Resources resources(config, pool.chunks(), secret, open);
  SynQueue queue(resources, 1000);
  const auto tuple_of = [](std::uint32_t i) {
    return FiveTuple{{IpAddress::v4(10, 0, 0, 1), 80},
                     {IpAddress::v4(0x0a010000u + i / 50), static_cast<std::uint16_t>(1000 + i % 50)}};
  };
  const Instant now = Instant{} + 5s;
  Segment syn;
  syn.flags.syn = true;
  std::vector<SeqNum> iss;
  for (std::uint32_t i = 0; i < 1200; ++i) {
    const auto verdict = queue.on_segment(now, tuple_of(i), syn, Settings{}, Path{}, false);
    if (i < 1000) {
      ASSERT_TRUE(verdict.reply.has_value());
      iss.push_back(verdict.reply->seq);
    } else {
      EXPECT_EQ(verdict.drop, Drop::syn_queue_full);
    }
  }
  EXPECT_EQ(queue.size(), 1000u);
  for (std::uint32_t i = 0; i < 1000; i += 2) {
    Segment ack;
    ack.flags.ack = true;
    ack.seq = SeqNum(1);
    ack.ack = iss[i] + 1u;
    EXPECT_TRUE(queue.on_segment(now, tuple_of(i), ack, Settings{}, Path{}, false).handshake.has_value())
        << i;
  }
  EXPECT_EQ(queue.size(), 500u);
  std::uint32_t expected = 1;
  queue.for_each([&](const FiveTuple& tuple) {
    EXPECT_EQ(tuple, tuple_of(expected));
    expected += 2;
  });
  std::size_t repeated = 0;
  while (queue.next_due(now + 1s)) ++repeated;
  EXPECT_EQ(repeated, 500u);
}

// TCP_SYNCNT of a listener is how often its SYN-ACKs are repeated (Linux).
TEST(SynQueue, SynCountIsTheListenersToo) {
  TcpBench t{{.settings = {.syn_retries = 1}}};
  t.listen();
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.after(1s);
  t.expect("S. 0:0(0) ack 1");
  t.after(100s);
  t.expect_nothing();
  EXPECT_EQ(t.syn_queue().size(), 0u);
}

// TCP_DEFER_ACCEPT: the bare ACK is dropped, the SYN-ACK comes once more when the time is over, and the
// answer to that completes the handshake (Linux: tcp_check_req, syn_ack_recalc).
TEST(SynQueue, DeferAcceptWaitsForData) {
  TcpBench t;
  t.listen();
  t.syn_queue().set_defer_accept(3);
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");
  t.expect_nothing();
  EXPECT_FALSE(t.has_connection());
  EXPECT_EQ(t.drops(), "accept_deferred 1");
  EXPECT_EQ(t.counters()[Counter::defer_accept_drop], 1u);
  t.after(2900ms);
  t.expect_nothing();  // the time-out of the first second repeats nothing
  t.peer("P. 1:11(10) ack 1");
  t.discard();
  EXPECT_EQ(t.app.receive(), 10);
}

TEST(SynQueue, DeferAcceptEndsWithTheLastRepetition) {
  TcpBench t;
  t.listen();
  t.syn_queue().set_defer_accept(3);
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");
  t.after(2999ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect_nothing();
  t.after(4s);
  t.expect("S. 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");
  EXPECT_TRUE(t.has_connection());
}

// Without the bare ACK the SYN-ACK is repeated as ever.
TEST(SynQueue, DeferAcceptRepeatsTheSynAckUntilItIsAnswered) {
  TcpBench t;
  t.listen();
  t.syn_queue().set_defer_accept(5);
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.after(1s);
  t.expect("S. 0:0(0) ack 1");
  t.after(2s);
  t.expect("S. 0:0(0) ack 1");
}

}  // namespace
}  // namespace sockeye::tcp
