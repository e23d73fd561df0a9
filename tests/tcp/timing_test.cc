// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Delayed ACKs, keep-alive, urgent data.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

// Uses up the quick ACKs of the beginning, and leaves the peer's segment size known.
std::uint32_t warm_up(TcpBench& t) {
  std::uint32_t at = 1;
  for (int i = 0; i < 40; ++i) {
    t.peer(". " + std::to_string(at) + ":" + std::to_string(at + 1000) + "(1000) ack 1");
    at += 1000;
    t.discard();
    t.app.receive();
    t.discard();
    t.after(1ms);
    t.discard();
  }
  t.after(50ms);
  t.discard();
  return at;
}

std::string data(std::uint32_t at, std::uint32_t bytes) {
  return "P. " + std::to_string(at) + ":" + std::to_string(at + bytes) + "(" + std::to_string(bytes) +
         ") ack 1";
}

TEST(DelayedAck, TheFirstSegmentsAreAcknowledgedAtOnce) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer(data(1, 1000));
  t.expect(". 1:1(0) ack 1001");
  t.peer(data(1001, 1000));
  t.expect(". 1:1(0) ack 2001");
}

// RFC 9293 3.8.6.3 SHLD-18, SHLD-19, MUST-40
// RFC 5681 4.2 SHLD-8, SHLD-9, MUST-12
TEST(DelayedAck, EverySecondSegmentOrFortyMilliseconds) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  const std::uint32_t at = warm_up(t);
  t.peer(data(at, 1000));
  t.expect_nothing();
  t.peer(data(at + 1000, 1000));
  t.expect(". 1:1(0) ack " + std::to_string(at + 2000));
  t.peer(data(at + 2000, 1000));
  t.after(39ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect(". 1:1(0) ack " + std::to_string(at + 3000));
}

// A program that reads at once gets no ACK for every full segment, but one for the short one at the end.
TEST(DelayedAck, ReadingAcknowledgesAShortSegment) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  const std::uint32_t at = warm_up(t);
  t.peer(data(at, 1000));
  EXPECT_EQ(t.app.receive(), 1000);
  t.expect_nothing();
  t.after(40ms);
  t.expect(". 1:1(0) ack " + std::to_string(at + 1000));
  t.peer(data(at + 1000, 10));
  t.expect_nothing();
  EXPECT_EQ(t.app.receive(), 10);
  t.expect(". 1:1(0) ack " + std::to_string(at + 1010));
}

TEST(DelayedAck, RidesOnData) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  const std::uint32_t at = warm_up(t);
  t.peer(data(at, 500));
  t.app.send(10);
  t.expect("P. 1:11(10) ack " + std::to_string(at + 500));
  t.after(100ms);
  t.expect_nothing();
}

TEST(DelayedAck, AConversationDoesWithoutQuickAcks) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer(data(1, 10));
  t.expect(". 1:1(0) ack 11");
  EXPECT_EQ(t.app.receive(), 10);
  t.app.send(10);
  t.expect("P. 1:11(10) ack 11");
  t.peer("P. 11:21(10) ack 11");
  t.expect_nothing();
  EXPECT_EQ(t.app.receive(), 10);
  t.expect_nothing();
  t.app.send(10);
  t.expect("P. 11:21(10) ack 21");
}

// RFC 5681 4.2 MUST-13
TEST(DelayedAck, SeveralSegmentsInOneTurnAreOneAck) {  // RFC 9293 3.10.7.4 MUST-58, MUST-59
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer({data(1, 1000), data(1001, 1000), data(2001, 1000), data(3001, 1000)});
  t.expect(". 1:1(0) ack 4001");
}

TEST(DelayedAck, QuickAckAsksForIt) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  const std::uint32_t at = warm_up(t);
  t.peer(data(at, 100));
  t.expect_nothing();
  t.app.quick_ack(1);
  t.expect(". 1:1(0) ack " + std::to_string(at + 100));
  t.peer(data(at + 100, 100));  // not for ever: as Linux, it only ends a conversation
  t.expect_nothing();
  t.app.quick_ack(1);  // each time anew
  t.expect(". 1:1(0) ack " + std::to_string(at + 200));
  EXPECT_TRUE(t.info().quick_ack);
  t.app.quick_ack(0);
  EXPECT_FALSE(t.info().quick_ack);
  t.peer(data(at + 200, 100));
  t.app.quick_ack(2);  // what waits, and nothing else
  t.expect(". 1:1(0) ack " + std::to_string(at + 300));
  EXPECT_FALSE(t.info().quick_ack);
}

// Switched off before connect(): the third packet of the handshake waits for data (Linux), 200 ms at most.
TEST(DelayedAck, QuickAckOffSavesTheThirdPacket) {
  for (const bool sends : {true, false}) {
    TcpBench t{{.settings = {.quick_ack_off = true}, .peer_options = "mss 1000"}};
    t.open_active();
    t.expect("S 0:0(0)");
    t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect_nothing();
    if (sends) {
      t.app.send(100);
      t.expect("P. 1:101(100) ack 1");
      t.peer(". 1:1(0) ack 101");
    } else {
      t.after(199ms);
      t.expect_nothing();
      t.after(1ms);
      t.expect(". 1:1(0) ack 1");
    }
  }
}

// --- RFC 9293 3.8.4

BenchOptions keepalive() {
  BenchOptions options{.peer_options = "mss 1000"};
  options.settings.keepalive = true;
  options.settings.keepalive_idle = 10s;
  options.settings.keepalive_interval = 2s;
  options.settings.keepalive_count = 3;
  return options;
}

// RFC 9293 3.8.4 MUST-26, MUST-29, SHLD-12
TEST(KeepAlive, ProbesAnIdlePeerAndGoesOn) {
  TcpBench t{keepalive()};
  t.establish();
  t.after(10s - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(". 0:0(0) ack 1");  // SHLD-12: without data
  t.after(2s);
  t.expect(". 0:0(0) ack 1");  // MUST-29: one lost answer is no death
  t.peer(". 1:1(0) ack 1");
  t.after(10s - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(". 0:0(0) ack 1");
}

TEST(KeepAlive, EndsAConnectionNobodyAnswers) {
  TcpBench t{keepalive()};
  t.establish();
  t.after(10s);
  t.expect(". 0:0(0) ack 1");
  t.after(2s);
  t.expect(". 0:0(0) ack 1");
  t.after(2s);
  t.expect(". 0:0(0) ack 1");
  t.after(2s - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect("R. 1:1(0) ack 1");
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

// RFC 9293 3.8.4 MUST-24, MUST-25
TEST(KeepAlive, IsOffByDefaultAndCanBeSwitchedOnLater) {
  BenchOptions options = keepalive();
  options.settings.keepalive = false;
  TcpBench t{options};
  t.establish();
  t.after(86'400s);
  t.expect_nothing();
  EXPECT_EQ(t.connection().next_timer(), kNever);
  t.app.set([](Settings& s) { s.keepalive = true; });
  t.after(0ms);
  t.expect(". 0:0(0) ack 1");  // it has been idle long enough
}

// RFC 9293 3.8.4 MUST-26
TEST(KeepAlive, DataUnderWayNeedsNoProbe) {
  TcpBench t{keepalive()};
  t.establish();
  t.after(9s);
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.after(10s);
  std::string line;
  while (!(line = t.take_sent()).empty()) EXPECT_EQ(line.substr(0, 8), "P. 1:11(") << line;
}

TEST(KeepAlive, UserTimeoutOverridesTheCount) {
  BenchOptions options = keepalive();
  options.settings.user_timeout = 13s;
  TcpBench t{options};
  t.establish();
  t.after(10s);
  t.expect(". 0:0(0) ack 1");
  t.after(2s);
  t.expect(". 0:0(0) ack 1");
  t.after(2s);
  t.expect("R. 1:1(0) ack 1");
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

// --- RFC 9293 3.8.5; every answer as the kernel gave it

std::string read(TcpBench& t, bool peek = false, bool oob = false) {
  std::byte room[100];
  const auto got = t.connection().receive(t.now(), room, peek, oob);
  if (!got) return std::string(name_of(got.error()));
  return std::to_string(*got) + (*got == 1 ? ":" + std::to_string(std::to_integer<int>(room[0])) : "");
}

// RFC 9293 3.8.5 MUST-30, MUST-33
TEST(Urgent, TheByteIsTakenOutOfBand) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  EXPECT_EQ(read(t, false, true), "EINVAL");
  t.peer("PU. 1:3(2) ack 1 win 65535 urg 2");  // bytes 1 and 2 of the pattern; the second is urgent
  t.discard();
  EXPECT_EQ(t.connection().readiness(), Readiness::in | Readiness::pri | Readiness::out);
  EXPECT_TRUE(any(t.events() & Readiness::pri));
  EXPECT_EQ(t.readable(), 1u);
  EXPECT_FALSE(t.connection().at_urgent_mark());
  EXPECT_EQ(read(t), "1:1");
  EXPECT_TRUE(t.connection().at_urgent_mark());
  EXPECT_EQ(t.readable(), 0u);
  EXPECT_EQ(t.connection().readiness(), Readiness::pri | Readiness::out);
  EXPECT_EQ(read(t, true, true), "1:2");
  EXPECT_EQ(read(t, false, true), "1:2");
  EXPECT_EQ(read(t, false, true), "EINVAL");
  EXPECT_EQ(t.connection().readiness(), Readiness::out);
  EXPECT_EQ(read(t), "EAGAIN");
  EXPECT_FALSE(t.connection().at_urgent_mark());
  t.after(0ms);
  t.discard();
}

TEST(Urgent, ReadingPastTheMarkSkipsTheByte) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer("PU. 1:6(5) ack 1 win 65535 urg 3");
  t.discard();
  EXPECT_EQ(read(t), "2");  // stops before the mark
  EXPECT_EQ(read(t), "2");  // passes over byte 3
  EXPECT_EQ(read(t, false, true), "EINVAL");
  EXPECT_EQ(t.connection().readable_bytes(), 0u);
}

TEST(Urgent, InlineLeavesItInTheStream) {
  TcpBench t{{.settings = {.oob_inline = true}, .peer_options = "mss 1000"}};
  t.establish();
  t.peer("PU. 1:3(2) ack 1 win 65535 urg 2");
  t.discard();
  EXPECT_EQ(t.readable(), 2u);
  EXPECT_EQ(read(t), "1:1");
  EXPECT_TRUE(t.connection().at_urgent_mark());
  EXPECT_EQ(t.connection().readiness(), Readiness::in | Readiness::pri | Readiness::out);
  EXPECT_EQ(read(t), "1:2");
  EXPECT_EQ(read(t, false, true), "EINVAL");
  EXPECT_EQ(t.connection().readiness(), Readiness::out);
}

// RFC 9293 3.8.5 MUST-32
TEST(Urgent, IsAnnouncedBeforeTheByteComes) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer("U. 1:1(0) ack 1 win 65535 urg 101");
  EXPECT_TRUE(any(t.events() & Readiness::pri));
  EXPECT_EQ(read(t, false, true), "EAGAIN");
  t.peer("P. 1:101(100) ack 1");
  t.discard();
  EXPECT_EQ(read(t, false, true), "EAGAIN");
  t.peer("P. 101:111(10) ack 1");
  t.discard();
  EXPECT_EQ(read(t, false, true), "1:101");
}

TEST(Urgent, ASecondMarkPassesOverTheFirstByte) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  t.peer("PU. 1:3(2) ack 1 win 65535 urg 2");
  t.discard();
  EXPECT_EQ(read(t), "1:1");
  t.peer("PU. 3:5(2) ack 1 win 65535 urg 2");  // byte 4 now; byte 2 was never fetched
  t.discard();
  EXPECT_EQ(read(t), "1:3");
  EXPECT_EQ(read(t, false, true), "1:4");
}

// MUST-62: the pointer names the octet after the urgent byte.
// RFC 9293 3.8.5 MUST-62
TEST(Urgent, IsSentWithItsPointer) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  EXPECT_EQ(t.app.send_urgent(7), 7);
  t.expect("PU. 1:8(7) ack 1 urg 7");
  t.app.send(1000);
  t.expect("P. 8:1008(1000) ack 1");
}

// RFC 9293 3.8.5 MUST-31
TEST(Urgent, FarAwayIsAnnouncedAsFarAsTheFieldReaches) {
  TcpBench t{{.settings = {.send_buffer = 200'000}, .peer_options = "mss 1000"}};
  t.establish();
  EXPECT_EQ(t.app.send_urgent(100'000), 100'000);
  t.expect("U. 1:1001(1000) ack 1 urg 65535");
  t.discard();
}

// Hostile D15.
TEST(Urgent, WildPointersAreOnlyCompared) {
  TcpBench t{{.peer_options = "mss 1000"}};
  t.establish();
  for (const char* line : {"U. 1:11(10) ack 1 urg 0", "U. 11:21(10) ack 1 urg 65535",
                           "U. 21:31(10) ack 1 urg 1", "U. 5:15(10) ack 1 urg 2"}) {
    t.peer(line);
    t.discard();
  }
  std::uint64_t total = 0;
  for (;;) {
    const std::string got = read(t);
    if (got[0] == 'E') break;
    total += std::stoul(got);
  }
  EXPECT_GE(total, 28u);
  EXPECT_LE(total, 30u);
}

}  // namespace
}  // namespace sockeye::tcp
