// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a send buffer takes, and whether a packet waits for a larger one. The amounts are Linux 6.18's.
#include "tcp/send_charge.h"

#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"
#include "tcp/tso_deferral.h"

namespace sockeye::tcp {
namespace {

TEST(SendSpace, APacketIsBegunWhileAnythingIsLeft) {
  EXPECT_EQ(1000u, send_space({.limit = 1, .low_water = 0xffffffff, .packet = 1000}));
  EXPECT_EQ(0u, send_space({.charge = 1, .limit = 1, .low_water = 0xffffffff, .packet = 1000}));
  // Three times 988 bytes and their bookkeeping are more than 4608; two are less.
  EXPECT_EQ(3000u, send_space({.limit = 4608, .low_water = 0xffffffff, .packet = 1000, .leaving = 90'000}));
  EXPECT_EQ(2964u, send_space({.limit = 4608, .low_water = 0xffffffff, .packet = 988, .leaving = 1976}));
}

// What the windows let go leaves first; packets begin behind it.
TEST(SendSpace, WhatLeavesDoesNotWait) {
  const SendSpace s{.limit = 262144, .low_water = 4000, .packet = 16'000, .leaving = 10'000};
  EXPECT_EQ(26'000u, send_space(s));
  SendSpace again = s;
  again.charge = send_charge(26'000, 2);
  again.unsent = 26'000;
  EXPECT_EQ(0u, send_space(again)) << "the packet is full, and so is the low-water mark";
  again.unsent = 25'000;
  EXPECT_EQ(1000u, send_space(again)) << "the last packet is filled";
  again.may_fill = false;
  EXPECT_EQ(0u, send_space(again)) << "unless a record ends there";
}

TEST(SendSpace, ManySmallPacketsFillTheBuffer) {
  EXPECT_EQ(
      0u, send_space({.charge = send_charge(100, 10), .limit = 8000, .low_water = 0xffffffff, .packet = 1}));
  EXPECT_TRUE(is_send_space_ample(2000, 3000));
  EXPECT_FALSE(is_send_space_ample(2001, 3000)) << "half of what is used must be free";
  EXPECT_FALSE(is_send_space_ample(3000, 3000));
}

TsoSituation near_the_next_ack() {
  TsoSituation s;
  s.bytes = 16'000;
  s.window = 60'000;
  s.congestion = 4000;
  s.whole = 20'000;
  s.largest = 60'000;
  s.flight_time = 10ms;
  s.round_trip = 10ms;
  return s;
}

TEST(TsoDeferral, WaitsForAnAckThatIsDue) {
  EXPECT_TRUE(should_defer(near_the_next_ack()));
  TsoSituation s = near_the_next_ack();
  s.flight_time = 8ms;
  EXPECT_FALSE(should_defer(s)) << "it is two milliseconds away";
  s = near_the_next_ack();
  s.since_sent = 2ms;
  EXPECT_FALSE(should_defer(s)) << "the program writes now and then";
  s = near_the_next_ack();
  s.congestion = 7000;
  EXPECT_FALSE(should_defer(s)) << "a third of the window is worth a packet";
  s = near_the_next_ack();
  s.bytes = 3000;
  EXPECT_TRUE(should_defer(s)) << "more may be written behind it";
  s.is_tail = false;
  EXPECT_FALSE(should_defer(s));
  s.is_tail = s.is_closed = true;
  EXPECT_FALSE(should_defer(s)) << "it gets no larger";
}

TEST(TsoDeferral, WithoutADivisorThreeSegmentsWait) {
  TsoSituation s = near_the_next_ack();
  s.mss = 1000;
  s.window_divisor = 0;
  s.congestion = 3000;
  EXPECT_TRUE(should_defer(s));
  s.congestion = 4000;
  EXPECT_FALSE(should_defer(s));
}

TEST(TsoDeferral, MakesFewerPacketsOfAcksInARow) {
  BenchOptions options;
  options.peer_options = "mss 1000,sackOK";
  options.path.largest_packet = 65535;
  TcpBench t{options};
  t.establish();
  t.app.send(60'000);
  t.expect("P. 1:5001(5000) ack 1");
  t.expect("P. 5001:10001(5000) ack 1");
  t.peer(". 1:1(0) ack 1001 win 65535");
  t.expect_nothing();  // 2000 of 11,000 are less than a third
  t.peer(". 1:1(0) ack 2001 win 65535");
  t.expect("P. 10001:14001(4000) ack 1");
}

}  // namespace
}  // namespace sockeye::tcp
