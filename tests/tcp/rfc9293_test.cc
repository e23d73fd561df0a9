// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Requirements of RFC 9293 that no test of another subject shows. docs/rfc-coverage.md lists them all.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

// --- 3.1 to 3.6: segments

// RFC 9293 3.1 MUST-1, REC-1
TEST(Rfc9293, TheWindowIsUnsigned) {
  TcpBench t{{.peer_options = "mss 1460", .peer_window = 40'000}};
  t.establish();
  EXPECT_EQ(t.info().send_window, 40'000u);
  TcpBench scaled{{.peer_options = "mss 1460,wscale 14", .peer_window = 65'535}};
  scaled.establish();
  scaled.peer(". 1:1(0) ack 1 win 65535");
  EXPECT_EQ(scaled.info().send_window, 65'535u << 14);
}

// RFC 9293 3.1 MUST-5
TEST(Rfc9293, OptionsMayComeWithAnySegment) {
  TcpBench t{{.peer_options = "mss 1460,sackOK"}};
  t.establish();
  const std::uint32_t mss = t.info().send_mss;
  t.peer("P. 1:11(10) ack 1 win 65535 <mss 500,nop,wscale 3>");
  t.expect(". 1:1(0) ack 11");
  EXPECT_EQ(t.info().send_mss, mss);  // it means nothing here
  EXPECT_FALSE(t.info().window_scaling);
  t.peer("F. 11:11(0) ack 1 win 65535 <nop,nop,sack 1:1>");
  t.expect(". 1:1(0) ack 12");
  EXPECT_EQ(t.drops(), "");
}

// A peer that may send nothing may still end the connection, and say that something is urgent.
// RFC 9293 3.4 MUST-66
TEST(Rfc9293, ResetAndUrgentCountAtAWindowOfZero) {
  BenchOptions options{.peer_options = "mss 1000"};
  options.settings.receive_buffer = 4000;
  options.settings.receive_buffer_locked = true;
  TcpBench t{options};
  t.establish();
  std::uint32_t sent = 0;
  for (; t.info().receive_window > 0 && sent < 20'000; sent += 500) {
    const std::string at = std::to_string(1 + sent);
    t.peer("P. " + at + ':' + std::to_string(501 + sent) + "(500) ack 1 win 65535");
    t.discard();
    t.after(200ms);
    t.discard();
  }
  ASSERT_EQ(t.info().receive_window, 0u);
  (void)t.events();
  const std::string next = std::to_string(t.readable() + 1);
  t.peer("U. " + next + ':' + next + "(0) ack 1 win 65535 urg 5");
  EXPECT_TRUE(any(t.events() & Readiness::pri));
  t.discard();
  t.peer("R " + next + ':' + next + "(0)");
  EXPECT_EQ(t.error(), ECONNRESET);
}

// RFC 9293 3.5.3 SHLD-2
TEST(Rfc9293, AResetMayCarryData) {
  TcpBench t;
  t.establish();
  t.peer("R. 1:41(40) ack 1");
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.error(), ECONNRESET);
  EXPECT_EQ(t.app.receive(), 0);  // nothing of it is data
}

// RFC 9293 3.6 MUST-12
TEST(Rfc9293, ACloseAndAnAbortAreToldApart) {
  TcpBench closed;
  closed.establish();
  closed.peer("F. 1:1(0) ack 1");
  closed.expect(". 1:1(0) ack 2");
  EXPECT_EQ(closed.app.receive(), 0);
  EXPECT_EQ(closed.error(), 0);
  TcpBench aborted;
  aborted.establish();
  aborted.peer("R 1:1(0)");
  EXPECT_EQ(aborted.app.receive(), -ECONNRESET);
}

// --- 3.8 and 3.9: data

// RFC 9293 3.8.4 MUST-27, MUST-28
TEST(Rfc9293, KeepAlivesComeAfterTwoHoursUnlessSet) {
  BenchOptions options{.peer_options = "mss 1000"};
  options.settings.keepalive = true;
  TcpBench t{options};
  t.establish();
  t.after(7200s - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(". 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");
  t.app.set([](Settings& s) { s.keepalive_idle = 60s; });
  t.after(60s);
  t.expect(". 0:0(0) ack 1");
}

// Each write would have been a segment with PSH; what waits leaves in full segments, with one at the end.
// RFC 9293 3.9.1.2 SHLD-27, SHLD-28, MUST-61
TEST(Rfc9293, WhatWaitsIsCollapsed) {
  TcpBench t{{.peer_options = "mss 1000", .peer_window = 0}};
  t.establish();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(t.app.send(500), 500);
  t.expect_nothing();
  t.peer(". 1:1(0) ack 1 win 65535");
  t.expect(". 1:1001(1000) ack 1");
  t.expect(". 1001:2001(1000) ack 1");
  t.expect("P. 2001:2501(500) ack 1");
}

// RFC 9293 3.9.1.2 MUST-60
TEST(Rfc9293, NothingIsHeldForEver) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.app.send_more(10);  // the program says that more will follow, and then does nothing
  t.expect_nothing();
  t.after(200ms);
  t.expect("P. 1:11(10) ack 1");
}

// RFC 9293 3.8.5 MUST-31, MUST-32, MUST-33
TEST(Rfc9293, UrgentDataOfAnyLength) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  (void)t.events();
  t.peer("U. 1:1001(1000) ack 1 win 65535 urg 2500");
  t.expect(". 1:1(0) ack 1001");
  EXPECT_TRUE(any(t.events() & Readiness::pri));  // told before the end of it has come
  t.peer({"U. 1001:2001(1000) ack 1 win 65535 urg 1500", "U. 2001:3001(1000) ack 1 win 65535 urg 500"});
  t.discard();
  // What is in front of the mark is how much is left (SIOCINQ), until it stands there (SIOCATMARK).
  EXPECT_EQ(t.readable(), 2499u);
  EXPECT_EQ(t.app.receive(2000), 2000);
  EXPECT_EQ(t.readable(), 499u);
  EXPECT_FALSE(t.connection().at_urgent_mark());
  EXPECT_EQ(t.app.receive(499), 499);
  EXPECT_TRUE(t.connection().at_urgent_mark());
  t.discard();
}

}  // namespace
}  // namespace sockeye::tcp
