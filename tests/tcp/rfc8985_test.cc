// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 8985 where recovery_test.cc does not show it: bounds, timers, and what the profiles do otherwise.
#include <gtest/gtest.h>

#include "recovery_steps.h"
#include "tcp/rack.h"

namespace sockeye::tcp {
namespace {

std::string sack(std::uint32_t number, const std::string& blocks) {
  return ack_with(number, "sack " + blocks);
}

// RFC 8985 3.3.2 MUST-3, SHLD-4
TEST(Rfc8985, TheReorderingWindowIsAtMostARoundTrip) {
  Reordering history;
  history.on_reordering(4, 300);
  EXPECT_EQ(Rack::window(history, false, 80ms, 100ms), 20ms);
  for (int i = 0; i < 1000; ++i) history.widen_window();
  EXPECT_EQ(Rack::window(history, false, 80ms, 100ms), 100ms);
}

// RFC 8985 3.3.2 SHLD-2: nothing is known of the round trip.
TEST(Rfc8985, WithoutARoundTripThereIsNoWindow) {
  EXPECT_EQ(Rack::window(Reordering(), false, 0ms, 0ms), 0ms);
}

void round_trip(TcpBench& t, std::uint32_t& at, Duration rtt) {
  t.app.send(1000);
  EXPECT_EQ(t.discard(), 1u);
  t.after(rtt);
  t.peer(ack_with(at += 1000, ""));
}

// RFC 8985 6.2 SHLD-5: the path became longer (net.ipv4.tcp_min_rtt_wlen).
TEST(Rfc8985, TheSmallestRoundTripIsForgottenInTime) {
  TcpBench t{with_sack()};
  establish(t);
  std::uint32_t at = 1;
  round_trip(t, at, 100ms);
  t.after(299s);
  round_trip(t, at, 150ms);
  EXPECT_EQ(t.info().min_rtt, 100ms);
  t.after(20s);
  round_trip(t, at, 150ms);
  EXPECT_EQ(t.info().min_rtt, 150ms);
  round_trip(t, at, 140ms);
  EXPECT_EQ(t.info().min_rtt, 140ms);
}

// RFC 8985 7.2 SHLD-7: the SYN was repeated, so nothing was measured.
TEST(Rfc8985, WithoutARoundTripTheProbeComesAfterASecond) {
  TcpBench t{with_sack()};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(1s);
  t.expect("S 0:0(0)");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(". 1:1(0) ack 1");
  t.app.send(1000);
  t.expect(data(1, 1001, true));
  t.after(1s - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(data(1, 1001, true));
  EXPECT_EQ(t.info().congestion_state, 0);
  t.peer(ack_with(1001, ""));
}

// How long after four segments the probe comes, with round trips of 100 ms.
Duration silence_before_a_probe(const BenchOptions& options) {
  TcpBench t{options};
  establish(t);
  measure(t);
  send_segments(t, 1001, 4);
  const Instant begin = t.now();
  while (t.discard() == 0) t.after(1ms);
  EXPECT_EQ(t.info().congestion_state, 0) << "a probe, not a time-out";
  return t.now() - begin;
}

// RFC 8985 7.2 SHLD-11 (linux profile)
TEST(Rfc8985, LinuxWaitsTwoRoundTripsAndALittle) {
  EXPECT_EQ(silence_before_a_probe(with_sack()), 202ms);
}
// RFC 8985 7.2 SHLD-11 (rfc profile)
TEST(Rfc8985, RfcWaitsTwoRoundTrips) {
  EXPECT_EQ(silence_before_a_probe({.config = Config::rfc(), .peer_options = "mss 1000,sackOK"}), 200ms);
}

// RFC 8985 7.3 MUST-9: a probe is a retransmission like any other. What is SACKed sooner after it than a
// round trip takes was the original, so nothing of what was sent before the probe counts as overtaken by it.
TEST(Rfc8985, AProbeIsTimedLikeAnyTransmission) {
  for (const bool too_early : {true, false}) {
    TcpBench t{with_sack()};
    establish(t);
    measure(t);
    send_segments(t, 1001, 3);
    t.after(202ms);
    t.expect(data(3001, 4001, true));
    t.after(too_early ? 8ms : 100ms);
    t.peer(sack(1001, "3001:4001"));
    EXPECT_EQ(t.info().lost_segments, too_early ? 0u : 2u);
    t.discard();
  }
}

// RFC 8985 9.3 MUST-11: all of a flight but its end is lost, and known to be; it leaves as the window says.
TEST(Rfc8985, WhatIsLostWaitsForTheWindow) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 10);
  t.after(100ms);
  t.peer(sack(1001, "8001:11001"));
  EXPECT_EQ(t.info().lost_segments, 7u);
  const auto left = t.discard();
  EXPECT_GE(left, 1u);
  EXPECT_LE(left * 1000, t.info().cwnd_bytes);
  EXPECT_LT(left, 7u);
  t.after(100ms);
  t.peer(ack_with(11'001, ""));
}

// A probe was needless, and its ACK (which Karn's rule does not let measure) says so. When does the next
// flight, unanswered, send again?
Duration silence_after_a_needless_probe(TcpBench& t) {
  establish(t);
  measure(t);
  send_segments(t, 1001, 3);
  t.after(202ms);
  t.expect(data(3001, 4001, true));
  t.peer(ack_with(4001, ""));
  t.peer(sack(4001, "3001:4001"));
  t.app.send(3000);
  EXPECT_EQ(t.discard(), 3u);
  const Instant begin = t.now();
  while (t.discard() == 0) t.after(1ms);
  return t.now() - begin;
}

// RFC 8985 7.3 MUST-4 (linux profile)
TEST(Rfc8985, LinuxProbesAgainWithoutANewRoundTrip) {
  TcpBench t{with_sack()};
  EXPECT_EQ(silence_after_a_needless_probe(t), 202ms);
}
// RFC 8985 7.3 MUST-4, MUST-5 (rfc profile)
TEST(Rfc8985, RfcLeavesTheNextProbeToTheTimer) {
  TcpBench t{{.config = Config::rfc(), .peer_options = "mss 1000,sackOK"}};
  const Duration silence = silence_after_a_needless_probe(t);
  EXPECT_EQ(silence, t.info().rto / 2);
  EXPECT_EQ(t.info().congestion_state, 4);
}

// RFC 8985 8 SHLD-10: while the reordering window passes, the retransmission timer does not run. Round
// trips of 1 s and many reports of duplicates make the window longer than that timer.
TEST(Rfc8985, TheReorderingTimerReplacesTheRetransmissionTimer) {
  TcpBench t{with_sack()};
  t.open_active();
  t.discard();
  t.after(990ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.discard();
  std::uint32_t at = 1;
  for (int i = 0; i < 20; ++i) round_trip(t, at, 1s);
  for (int i = 0; i < 4; ++i) {  // late, sent again for nothing, reported: the window grows
    t.app.send(3000);
    t.discard();
    t.after(1s);
    t.peer(sack(at, numbers(at + 1000, at + 3000)));
    while (t.discard() == 0) t.after(10ms);
    t.peer(ack_with(at + 3000, ""));
    t.peer(sack(at + 3000, numbers(at, at + 1000)));
    at += 3000;
    t.discard();
    round_trip(t, at, 1s);
  }
  t.app.send(3000);
  EXPECT_EQ(t.discard(), 3u);
  t.after(1s);
  t.peer(sack(at, numbers(at + 1000, at + 3000)));
  while (t.discard() == 0) t.after(10ms);
  EXPECT_EQ(t.info().congestion_state, 3) << "a recovery, not a time-out";
  t.peer(ack_with(at + 3000, ""));
}

// net.ipv4.tcp_reordering: six reports instead of three.
TEST(Reordering, TheThresholdIsASetting) {
  BenchOptions options = with_sack();
  options.config.reordering = 6;
  TcpBench t{options};
  establish(t);
  measure(t);
  send_segments(t, 1001, 10);
  t.after(100ms);
  t.peer(sack(1001, "2001:7001"));
  t.expect_nothing();
  t.peer(sack(1001, "2001:8001"));
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().reordering, 6u);
  t.peer(ack_with(11'001, ""));
}

// net.ipv4.tcp_max_reordering bounds what is learned.
TEST(Reordering, WhatIsLearnedIsBounded) {
  Reordering history(3);
  history.on_reordering(50, 20);
  EXPECT_EQ(history.degree(), 20u);
}

// net.ipv4.tcp_dsack 0: what came twice is acknowledged and not reported (RFC 2883).
TEST(DuplicateReports, CanBeSwitchedOff) {
  for (const bool on : {true, false}) {
    BenchOptions options = with_sack();
    options.config.dsack = on;
    TcpBench t{options};
    t.establish();
    t.peer("P. 1:501(500) ack 1 win 65535");
    t.discard();
    t.peer("P. 1:501(500) ack 1 win 65535");
    t.expect(on ? ". 1:1(0) ack 501 <nop,nop,sack 1:501>" : ". 1:1(0) ack 501 <>");
  }
}

}  // namespace
}  // namespace sockeye::tcp
