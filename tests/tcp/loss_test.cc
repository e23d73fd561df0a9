// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Lost segments: RFC 6298's timer, RFC 5681 and 6582 without SACK. With SACK: recovery_test.cc.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

// Without time there is no round trip to measure: one exchange of 10 ms gives the estimator a sample.
void measure(TcpBench& t) {
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.after(10ms);
  t.peer(". 1:1(0) ack 1001 win 65535");
}

BenchOptions plain() {
  return {.peer_options = "mss 1000"};
}
BenchOptions with_sack() {
  return {.peer_options = "mss 1000,sackOK"};
}

// RFC 6298 5.5 MUST-8; RFC 6298 3 MUST-4; RFC 6298 5 MUST-7. Karn: no sample from what was sent twice.
// RFC 9293 3.8.1 MUST-18
TEST(Loss, TheTimerBacksOffUntilSomethingNewIsMeasured) {
  TcpBench t{plain()};
  t.establish();
  measure(t);
  const Duration rto = t.info().rto;
  EXPECT_GE(rto, 200ms);
  t.app.send(1000);
  t.expect("P. 1001:2001(1000) ack 1");
  t.after(rto - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect("P. 1001:2001(1000) ack 1");
  EXPECT_EQ(t.info().rto, 2 * rto);
  EXPECT_EQ(t.info().congestion_state, 4);
  EXPECT_EQ(t.info().cwnd_segments, 1u);
  t.after(2 * rto);
  t.expect("P. 1001:2001(1000) ack 1");
  t.peer(". 1:1(0) ack 2001 win 65535");
  EXPECT_EQ(t.info().rto, 4 * rto);  // Karn: which of the three was acknowledged?
  t.app.send(1000);
  t.expect("P. 2001:3001(1000) ack 1");
  t.after(10ms);
  t.peer(". 1:1(0) ack 3001 win 65535");
  EXPECT_LT(t.info().rto, rto + 10ms);
  EXPECT_EQ(t.info().total_retransmits, 2u);
  EXPECT_EQ(t.info().bytes_retransmitted, 2000u);
}

// RFC 6298 3 MUST-4
TEST(Loss, TimestampsMeasureARetransmission) {
  TcpBench t{{.peer_options = "mss 1012,sackOK,TS val 1 ecr 0"}};
  t.config().tail_loss_probe = false;
  t.establish();
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  const Duration rto = t.info().rto;
  t.after(rto);
  t.expect("P. 1:1001(1000) ack 1");
  EXPECT_EQ(t.info().rto, 2 * rto);
  t.after(10ms);
  // The echo is the clock at the second transmission, 10 ms ago.
  const auto echo = t.last_timestamp();
  t.peer(". 1:1(0) ack 1001 <TS val 2 ecr " + std::to_string(echo) + ">");
  EXPECT_LT(t.info().rto, 2 * rto);
  EXPECT_LE(t.info().srtt, 11ms);
}

// RFC 9293 3.8.2 MUST-19
TEST(Loss, ATimeoutSendsFromTheBeginningAndGrowsAgain) {
  TcpBench t{plain()};
  t.establish();
  measure(t);
  t.app.send(4000);
  for (const char* line : {". 1001:2001(1000) ack 1", ". 2001:3001(1000) ack 1", ". 3001:4001(1000) ack 1",
                           "P. 4001:5001(1000) ack 1"})
    t.expect(line);
  t.after(t.info().rto);
  t.expect(". 1001:2001(1000) ack 1");
  t.peer(". 1:1(0) ack 2001 win 65535");
  t.expect(". 2001:3001(1000) ack 1");  // slow start: two for one
  t.expect(". 3001:4001(1000) ack 1");
  t.peer(". 1:1(0) ack 5001 win 65535");
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().unacked_segments, 0u);
}

void send_ten(TcpBench& t) {
  t.app.send(10'000);
  for (int i = 0; i < 10; ++i) {
    const std::string from = std::to_string(1001 + i * 1000);
    const std::string to = std::to_string(2001 + i * 1000);
    t.expect((i == 9 ? "P. " : ". ") + from + ":" + to + "(1000) ack 1");
  }
}

// RFC 5681 3.2 SHLD-5, MUST-9, MUST-11; RFC 6582: three duplicates, then one hole per round trip.
TEST(Loss, ThreeDuplicatesAreALossWithoutSack) {
  TcpBench t{plain()};
  t.establish();
  measure(t);
  send_ten(t);
  t.peer(". 1:1(0) ack 1001 win 65535");
  t.peer(". 1:1(0) ack 1001 win 65535");
  t.expect_nothing();
  t.peer(". 1:1(0) ack 1001 win 65535");
  t.expect(". 1001:2001(1000) ack 1");
  EXPECT_EQ(t.info().congestion_state, 3);
  const auto ssthresh = t.info().ssthresh_bytes;
  EXPECT_LT(ssthresh, 10'000u);
  t.after(10ms);
  t.peer(". 1:1(0) ack 4001 win 65535");  // partial: 4001 is lost too
  t.expect(". 4001:5001(1000) ack 1");
  t.peer(". 1:1(0) ack 11001 win 65535");
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().cwnd_bytes, ssthresh);
}

// RFC 5681 3.2 SHLD-6: the first two duplicates each send one new segment.
TEST(Loss, LimitedTransmit) {
  TcpBench t{plain()};
  t.config().initial_window = 10;
  t.establish();
  t.app.send(20'000);
  EXPECT_EQ(t.discard(), 10u);
  t.peer(". 1:1(0) ack 1 win 65535");
  t.expect(". 10001:11001(1000) ack 1");
  t.peer(". 1:1(0) ack 1 win 65535");
  t.expect(". 11001:12001(1000) ack 1");
  t.peer(". 1:1(0) ack 1 win 65535");
  t.expect(". 1:1001(1000) ack 1");
}

// A window that changes makes an ACK no duplicate (RFC 5681 2).
TEST(Loss, WindowUpdatesAreNoDuplicates) {
  TcpBench t{plain()};
  t.establish();
  measure(t);
  send_ten(t);
  for (const char* line : {". 1:1(0) ack 1001 win 60000", ". 1:1(0) ack 1001 win 61000",
                           ". 1:1(0) ack 1001 win 62000", ". 1:1(0) ack 1001 win 63000"})
    t.peer(line);
  t.expect_nothing();
}

// RFC 2018 5 MUST-5; RFC 2018 8 MUST-8: a peer may let go of what it reported, and a time-out must not
// believe it for ever.
TEST(Loss, RenegingIsNoticedAtTheTimeout) {
  TcpBench t{with_sack()};
  t.establish();
  measure(t);
  t.app.send(3000);
  EXPECT_EQ(t.discard(), 3u);
  t.peer(". 1:1(0) ack 1001 win 65535 <sack 2001:3001>");
  t.peer(". 1:1(0) ack 2001 win 65535");  // and yet not 3001
  t.after(t.info().rto);
  t.expect(". 2001:3001(1000) ack 1");
  t.peer(". 1:1(0) ack 3001 win 65535");
  t.expect("P. 3001:4001(1000) ack 1");
}

// RFC 9293 3.8.3 MUST-20
TEST(Loss, GivesUpAfterR2) {
  TcpBench t{plain()};
  t.config().retries2 = 3;
  t.establish();
  measure(t);
  t.app.send(10);
  t.expect("P. 1001:1011(10) ack 1");
  t.after(60s);
  EXPECT_EQ(t.state(), State::closed);
  // Linux's patience with 3 retries is 0.2 + 0.4 + 0.8 + 1.6 s from the first retransmission on.
  EXPECT_EQ(t.discard(), 4u);
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

// RFC 9293 3.9.1.8 MUST-47; RFC 9293 3.9.2.2 MUST-56, SHLD-25: a soft error does not abort, but is what the
// program learns in the end.
TEST(Loss, ASoftErrorExplainsTheTimeout) {
  TcpBench t{plain()};
  t.config().retries2 = 3;
  t.establish();
  measure(t);
  t.app.send(10);
  t.expect("P. 1001:1011(10) ack 1");
  t.connection().on_icmp_error(t.now(), Errno::hostunreach, false, t.iss() + 1001u);
  EXPECT_EQ(t.state(), State::established);
  EXPECT_EQ(t.error(), 0);
  t.after(60s);
  EXPECT_GT(t.discard(), 0u);
  EXPECT_EQ(t.error(), EHOSTUNREACH);
}

TEST(Loss, AHardErrorDoesNotAbortAnOpenConnection) {
  TcpBench t{plain()};
  t.establish();
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.connection().on_icmp_error(t.now(), Errno::connrefused, true, t.iss() + 1u);  // hostile C5
  EXPECT_EQ(t.state(), State::established);
  t.peer(". 1:1(0) ack 11");
  EXPECT_EQ(t.app.send(1), 1);
  t.expect("P. 11:12(1) ack 1");
}

// RFC 9293 3.8.3 MUST-21
TEST(Loss, UserTimeoutEndsItEarlier) {
  TcpBench t{plain()};
  t.establish();
  measure(t);
  t.app.set([](Settings& s) { s.user_timeout = 3s; });
  t.app.send(10);
  t.expect("P. 1001:1011(10) ack 1");
  t.after(2999ms);
  EXPECT_GT(t.discard(), 0u);
  EXPECT_EQ(t.state(), State::established);
  t.after(2ms);
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

// A smaller path MTU: what is in flight was too large and goes out again, without a congestion event.
TEST(Loss, ASmallerPathSendsAgain) {
  TcpBench t{{.peer_options = "mss 1460,sackOK"}};
  t.establish();
  t.app.send(2920);
  EXPECT_EQ(t.discard(), 2u);
  const auto cwnd = t.info().cwnd_segments;
  t.connection().on_path_change(t.now(), {.mtu = 1000, .largest_packet = 1000, .is_v6 = false});
  t.after(0ms);
  t.peer(". 1:1(0) ack 1 win 65000");
  t.expect(". 1:961(960) ack 1");
  t.expect(". 961:1461(500) ack 1");
  t.expect(". 1461:2421(960) ack 1");
  t.expect("P. 2421:2921(500) ack 1");
  EXPECT_EQ(t.info().cwnd_segments, cwnd);
}

// Hostile E13, E14: acknowledging what was not sent, or again and again, wins nothing.
TEST(Loss, AckDivisionDoesNotOpenTheWindow) {
  TcpBench t{plain()};
  t.establish();
  t.app.send(10'000);
  EXPECT_EQ(t.discard(), 10u);
  const auto before = t.info().cwnd_bytes;
  for (int i = 1; i <= 100; ++i) t.peer(". 1:1(0) ack " + std::to_string(1 + i * 10) + " win 65535");
  EXPECT_LE(t.info().cwnd_bytes, before + 1000);
  t.peer(". 1:1(0) ack 20001 win 65535");
  t.expect(". 10001:10001(0) ack 1");
  EXPECT_EQ(t.drops(), "bad_ack 1");
}

}  // namespace
}  // namespace sockeye::tcp
