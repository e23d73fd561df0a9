// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Opening: RFC 9293 3.5 and 3.10.7.3, from both sides and from both at once.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

// RFC 9293 3.7.1 MUST-14, SHLD-5
// RFC 2018 2 MUST-1
// RFC 9293 3.7.1 MUST-14, SHLD-5
TEST(Open, OffersWhatLinuxOffers) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7>");
  EXPECT_EQ(t.state(), State::syn_sent);
  EXPECT_EQ(t.connection().readiness(), Readiness::none);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), State::established);
  EXPECT_TRUE(any(t.events() & Readiness::out));
  EXPECT_EQ(t.connection().readiness(), Readiness::out);
}

// RFC 9293 3.2 MUST-65
TEST(Open, UsesOnlyWhatBothSidesOffered) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  EXPECT_FALSE(t.info().sack);
  EXPECT_FALSE(t.info().timestamps);
  EXPECT_FALSE(t.info().window_scaling);
  EXPECT_EQ(t.info().send_mss, 1000u);
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1 <>");
}

// RFC 7323 2.2 MUST-3; RFC 7323 2.3 MUST-4
TEST(Open, ScalesTheWindowsWhenBothOffer) {
  TcpBench t{{.peer_options = "mss 1000,wscale 3"}};
  t.establish();
  t.peer(". 1:1(0) ack 1 win 1000");
  EXPECT_EQ(t.info().send_window, 8000u);
}

// RFC 9293 3.7.1 MUST-15.
TEST(Open, AssumesTheDefaultSegmentSizeOfTheFamily) {
  TcpBench v4{{.peer_options = ""}};
  v4.establish();
  EXPECT_EQ(v4.info().send_mss, 536u);
  BenchOptions options{.peer_options = ""};
  options.path.is_v6 = true;
  TcpBench v6{options};
  v6.establish();
  EXPECT_EQ(v6.info().send_mss, 1220u);
}

// RFC 7323 3.2 MUST-7, MUST-8
TEST(Open, TimestampsTakeTheirPlaceInEverySegment) {
  TcpBench t{{.peer_options = "mss 1460,TS val 700 ecr 0"}};
  t.establish();
  EXPECT_EQ(t.info().send_mss, 1448u);
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1 <nop,nop,TS val * ecr 700>");
}

// RFC 9293 3.8.3 MUST-22
TEST(Open, RepeatsTheSynAndGivesUp) {
  TcpBench t{{.settings = {.syn_retries = 2}}};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(999ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("S 0:0(0)");
  t.after(1999ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("S 0:0(0)");
  EXPECT_EQ(t.app.send(1), -EAGAIN);
  t.after(4s);
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_TRUE(any(t.connection().readiness() & Readiness::err));
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

TEST(Open, IsRefusedByAReset) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.peer("R. 0:0(0) ack 1");
  EXPECT_EQ(t.state(), State::closed);
  const auto all = Readiness::in | Readiness::out | Readiness::err | Readiness::hup | Readiness::rdhup;
  EXPECT_EQ(t.connection().readiness(), all);
  EXPECT_EQ(t.app.send(1), -ECONNREFUSED);  // once
  EXPECT_EQ(t.app.send(1), -EPIPE);
  EXPECT_EQ(t.app.receive(), 0);
}

// RFC 9293 3.10.7.3: only a RST that acknowledges our SYN counts (hostile E18).
TEST(Open, IgnoresAResetThatDoesNotKnowOurSyn) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.peer("R 0:0(0)");
  t.peer("R. 0:0(0) ack 77");
  EXPECT_EQ(t.state(), State::syn_sent);
  EXPECT_EQ(t.drops(), "bad_ack 1, rst_out_of_window 1");
}

TEST(Open, ResetsAnAnswerToAnOtherSyn) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.peer("S. 0:0(0) ack 500");
  t.expect("R 500:500(0)");
  EXPECT_EQ(t.state(), State::syn_sent);
  t.peer("S. 0:0(0) ack 1");
  t.expect(". 1:1(0) ack 1");
}

// RFC 9293 3.5 MUST-10 (figure 8).
TEST(Open, BothEndsAtOnce) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.peer("S 0:0(0) win 65535 <mss 1460,sackOK>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
  EXPECT_EQ(t.state(), State::syn_received);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
  t.expect(". 1:1(0) ack 1 <nop,nop,sack 0:1>");  // Linux: their SYN came twice
  EXPECT_EQ(t.state(), State::established);
  EXPECT_EQ(t.drops(), "");
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
}

// RFC 9293 3.5 MUST-11: the attempt of a program, which hears of it.
TEST(Open, BothEndsAtOnceRepeatTheSynAck) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.peer("S 0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.after(1s);
  t.expect("S. 0:0(0) ack 1");
  t.peer("R 1:1(0)");
  EXPECT_EQ(t.error(), ECONNRESET);  // as Linux; RFC 9293 3.10.7.4 would call it refused
}

// Hostile E15: a connection to itself is a simultaneous open whose segments come back.
TEST(Open, ToItself) {
  SeededRng secret(1);
  SeededRng open(2);
  PacketPool pool;
  Config config;
  Resources resources(config, pool.chunks(), secret, open);
  const Endpoint self{IpAddress::loopback_v4(), 40000};
  Connection c(resources, {self, self}, Path{}, Settings{});
  const Instant now = Instant{} + 1s;
  c.open_active(now);
  const auto loop = [&] {
    for (int i = 0; i < 100; ++i) {
      Segment segment;
      PacketPtr packet = pool.allocate();
      if (!c.poll_transmit(now, segment, *packet)) return;
      (void)c.on_segment(now, segment, *packet);
    }
    ADD_FAILURE() << "the connection talks to itself for ever";
  };
  loop();
  ASSERT_EQ(c.state(), State::established);
  const std::byte hello[5] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
  EXPECT_EQ(*c.send(now, hello, false, false), 5u);
  loop();
  std::byte got[10];
  EXPECT_EQ(*c.receive(now, got, false, false), 5u);
  EXPECT_EQ(got[4], std::byte{5});
  (void)c.shutdown(now, false, true);
  loop();
  EXPECT_EQ(c.state(), State::time_wait);
}

TEST(Open, AnUnreachableEndsTheAttempt) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  // Not ours (RFC 5927): the quoted number is of nothing in flight.
  t.connection().on_icmp_error(t.now(), Errno::hostunreach, false, SeqNum(12345));
  EXPECT_EQ(t.state(), State::syn_sent);
  const SeqNum iss = t.iss();
  t.connection().on_icmp_error(t.now(), Errno::hostunreach, false, iss);
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.error(), EHOSTUNREACH);
}

TEST(Open, ShutdownInTheMiddleDisconnects) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  EXPECT_EQ(t.app.shutdown_write(), 0);
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.connection().readiness(), Readiness::out | Readiness::err | Readiness::hup);
  EXPECT_EQ(t.error(), ECONNRESET);
}

TEST(Open, CloseInTheMiddleSaysNothing) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.app.close();
  EXPECT_TRUE(t.connection().is_finished());
}

// Linux: the client of TCP_DEFER_ACCEPT, or of a fast open that has more to write, answers the SYN-ACK with
// its data; a bare ACK leaves only when nothing was written in time.
TEST(Open, AWriterAnswersTheSynAckWithData) {
  for (const bool writes : {true, false}) {
    TcpBench t;
    t.open_active();
    t.connection().expect_writer();
    t.expect("S 0:0(0)");
    t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect_nothing();
    if (writes) {
      t.app.send(100);
      t.expect("P. 1:101(100) ack 1");
    } else {
      t.after(199ms);
      t.expect_nothing();
      t.after(1ms);
      t.expect(". 1:1(0) ack 1");
    }
  }
}

// RFC 6191: after TIME_WAIT the new numbers lie beyond the old ones.
TEST(Open, BeginsBeyondAGivenNumber) {
  SeededRng secret(1);
  SeededRng open(2);
  PacketPool pool;
  Config config;
  Resources resources(config, pool.chunks(), secret, open);
  const FiveTuple tuple{{IpAddress::v4(10, 0, 0, 1), 1}, {IpAddress::v4(10, 0, 0, 2), 2}};
  const Instant now = Instant{} + 1s;
  SeqNum natural;
  for (const bool pushed : {false, true}) {
    Connection c(resources, tuple, Path{}, Settings{});
    c.open_active(now, pushed ? std::optional(natural + 1000u) : std::nullopt);
    Segment segment;
    PacketPtr packet = pool.allocate();
    ASSERT_TRUE(c.poll_transmit(now, segment, *packet));
    if (pushed) {
      EXPECT_EQ(segment.seq, natural + 1001u);
    }
    natural = segment.seq;
  }
}

}  // namespace
}  // namespace sockeye::tcp
