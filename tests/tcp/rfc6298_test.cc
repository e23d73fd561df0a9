// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 6298 where the estimator alone (rtt_estimator_test.cc) does not show it: the timer of a connection.
#include <gtest/gtest.h>

#include "tcp/rtt_estimator.h"
#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

// RFC 6298 3 MUST-5: every ACK of something sent once is a measurement.
TEST(Rfc6298, EveryRoundTripIsMeasured) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  std::uint32_t at = 1;
  for (const Duration rtt : {100ms, 20ms, 150ms, 50ms}) {
    t.app.send(100);
    t.discard();
    t.after(rtt);
    const Duration before = t.info().srtt;
    at += 100;
    t.peer(". 1:1(0) ack " + std::to_string(at));
    EXPECT_NE(t.info().srtt, before);
  }
}

// RFC 6298 4 MUST-6
TEST(Rfc6298, NoVariationIsStillATick) {
  RttEstimator estimator;
  const RtoLimits limits{.min = 1s, .min_of_sum = true};
  SeqNum una(1);
  for (int i = 0; i < 1000; ++i) estimator.on_sample(2s, una += 100, una + 100, limits);
  EXPECT_EQ(estimator.srtt(), 2s);
  EXPECT_GT(estimator.rto(limits), 2s);
  EXPECT_LT(estimator.rto(limits), 2001ms);
}

// RFC 6298 5.1 SHLD-4
TEST(Rfc6298, TheTimerRunsWhileSomethingIsUnacknowledged) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  EXPECT_EQ(t.connection().next_timer(), kNever);
  t.app.send(2000);
  EXPECT_EQ(t.discard(), 2u);
  const Instant first = t.connection().next_timer();
  t.after(10ms);
  t.peer(". 1:1(0) ack 1001");  // restarts it
  EXPECT_EQ(t.connection().next_timer(), t.now() + t.info().rto);
  EXPECT_NE(t.connection().next_timer(), first);
  t.peer(". 1:1(0) ack 2001");  // stops it
  EXPECT_EQ(t.connection().next_timer(), kNever);
}

// RFC 6298 5.7 MUST-9
TEST(Rfc6298, DataAfterALostSynWaitsThreeSeconds) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(1s);
  t.expect("S 0:0(0)");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.info().rto, 3s);
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
  t.after(3s - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect("P. 1:101(100) ack 1");
}

// The echo tells which of two SYNs was answered, so there is a measurement and nothing to distrust.
// RFC 6298 3 MUST-4
TEST(Rfc6298, ATimestampMeasuresARepeatedSyn) {
  TcpBench t{{.peer_options = "mss 1000,TS val 700 ecr 0"}};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(1s);
  t.expect("S 0:0(0)");
  t.after(30ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,TS val 700 ecr " + std::to_string(t.last_timestamp()) + '>');
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.info().srtt, 30ms);
  EXPECT_LT(t.info().rto, 1s);
}

}  // namespace
}  // namespace sockeye::tcp
