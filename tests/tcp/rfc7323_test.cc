// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 7323: window scaling and timestamps where no test of another subject shows them.
#include <gtest/gtest.h>

#include "tcp/initial_sequence.h"
#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

constexpr const char* kWithTimestamps = "mss 1000,TS val 700 ecr 0";

// RFC 7323 2.2 MUST-2
TEST(Rfc7323, AScaleWithoutSynMeansNothing) {
  TcpBench t{{.peer_options = "mss 1000,wscale 2"}};
  t.establish();
  t.peer(". 1:1(0) ack 1 win 1000 <nop,wscale 7>");
  EXPECT_EQ(t.info().send_window, 4000u);
  t.peer(". 1:1(0) ack 1 win 1001");
  EXPECT_EQ(t.info().send_window, 4004u);
}

// RFC 7323 3.2 SHLD-1
TEST(Rfc7323, AResetHasATimestamp) {
  TcpBench t{{.peer_options = kWithTimestamps}};
  t.establish();
  t.app.abort();
  t.expect("R. 1:1(0) ack 1 <nop,nop,TS val * ecr 700>");
}

// RFC 7323 3.2 MUST-9
TEST(Rfc7323, AnEchoWithoutAckMeansNothing) {
  TcpBench t{{.peer_options = kWithTimestamps}};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(50ms);
  // A SYN that crosses ours: its echo says nothing about how long ours was under way.
  t.peer("S 0:0(0) win 65535 <mss 1000,TS val 700 ecr " + std::to_string(t.last_timestamp()) + '>');
  t.expect("S. 0:0(0) ack 1");
  EXPECT_EQ(t.info().srtt, Duration::zero());
}

// RFC 7323 3.2 MUST-12
TEST(Rfc7323, TimestampsThatWereNotAgreedMeanNothing) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer("P. 1:11(10) ack 1 <nop,nop,TS val 900 ecr 0>");
  t.expect(". 1:1(0) ack 11 <>");
  t.peer("P. 11:21(10) ack 1 <nop,nop,TS val 5 ecr 0>");  // older, but nobody compares
  t.expect(". 1:1(0) ack 21 <>");
  EXPECT_EQ(t.drops(), "");
}

// RFC 7323 4.1 MUST-13
TEST(Rfc7323, OnlyAnAckOfNewDataMeasures) {
  TcpBench t{{.peer_options = kWithTimestamps}};
  t.establish();
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
  const std::string echo = " ecr " + std::to_string(t.last_timestamp()) + '>';
  t.after(20ms);
  t.peer(". 1:1(0) ack 101 <nop,nop,TS val 701" + echo);
  const Duration srtt = t.info().srtt;
  EXPECT_GT(srtt, 0ms);
  t.after(5s);
  t.peer(". 1:1(0) ack 101 win 60000 <nop,nop,TS val 702" + echo);  // an old echo in a window update
  EXPECT_EQ(t.info().srtt, srtt);
}

// RFC 7323 5.2 MUST-15
TEST(Rfc7323, AResetIsNotJudgedByItsTimestamp) {
  TcpBench t{{.peer_options = kWithTimestamps}};
  t.establish();
  t.peer("R 1:1(0) <nop,nop,TS val 5 ecr 0>");
  EXPECT_EQ(t.error(), ECONNRESET);
  EXPECT_EQ(t.drops(), "");
}

// RFC 7323 7.1 SHLD-5
TEST(Rfc7323, OffsetsDifferByConnectionAndSecret) {
  const SipKey key{1, 2};
  const FiveTuple one{{IpAddress::v4(10, 0, 0, 1), 1}, {IpAddress::v4(10, 0, 0, 2), 2}};
  FiveTuple other = one;
  other.remote.port = 3;
  EXPECT_EQ(timestamp_offset(key, one), timestamp_offset(key, one));
  EXPECT_NE(timestamp_offset(key, one), timestamp_offset(key, other));
  EXPECT_NE(timestamp_offset(key, one), timestamp_offset(SipKey{1, 3}, one));
}

}  // namespace
}  // namespace sockeye::tcp
