// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The two windows: zero-window probes, silly windows on both sides, Nagle and cork, buffers.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

BenchOptions plain() {
  return {.peer_options = "mss 1000"};
}

// RFC 9293 3.8.6.1 MUST-36, SHLD-29, SHLD-30, MUST-37: probes back off, and a peer that answers is never
// given up.
TEST(Window, AClosedWindowIsProbedForEver) {
  TcpBench t{plain()};
  t.config().retries2 = 3;
  t.establish();
  t.peer(". 1:1(0) ack 1 win 0");
  EXPECT_EQ(t.app.send(100), 100);
  t.expect_nothing();
  EXPECT_STREQ(t.info().timer, "persist");
  Duration wait = t.info().rto;
  t.after(wait - 1ns);
  t.expect_nothing();
  t.after(1ns);
  t.expect(". 0:0(0) ack 1");  // an old number, as Linux
  t.peer(". 1:1(0) ack 1 win 0");
  for (int i = 0; i < 12; ++i) {
    wait = std::min<Duration>(wait * 2, 120s);
    t.after(wait - 1ns);
    t.expect_nothing();
    t.after(1ns);
    t.expect(". 0:0(0) ack 1");
    t.peer(". 1:1(0) ack 1 win 0");
  }
  EXPECT_EQ(t.state(), State::established);
  t.peer(". 1:1(0) ack 1 win 1000");
  t.expect("P. 1:101(100) ack 1");
}

TEST(Window, ProbesThatNobodyAnswersEndTheConnection) {  // hostile F7
  TcpBench t{plain()};
  t.config().retries2 = 3;
  t.establish();
  t.peer(". 1:1(0) ack 1 win 0");
  t.app.send(100);
  t.after(100s);
  EXPECT_EQ(t.discard(), 3u);
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

TEST(Window, UserTimeoutEndsTheWaitForAPeerThatNeverOpens) {  // hostile F6
  TcpBench t{plain()};
  t.establish();
  t.app.set([](Settings& s) { s.user_timeout = 5s; });
  t.peer(". 1:1(0) ack 1 win 0");
  t.app.send(100);
  for (int i = 0; i < 20 && t.state() == State::established; ++i) {
    t.after(500ms);
    if (t.discard() > 0) t.peer(". 1:1(0) ack 1 win 0");
  }
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

TEST(Window, ALostWindowUpdateIsRevivedByAProbe) {  // hostile G7
  TcpBench t{plain()};
  t.establish();
  t.peer(". 1:1(0) ack 1 win 0");
  t.app.send(100);
  t.after(t.info().rto);
  t.expect(". 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1 win 500");
  t.expect("P. 1:101(100) ack 1");
}

TEST(Window, AClosedWindowHoldsTheFinToo) {
  TcpBench t{plain()};
  t.establish();
  t.peer(". 1:1(0) ack 1 win 0");
  t.app.shutdown_write();
  t.expect_nothing();
  t.after(t.info().rto);
  t.expect(". 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1 win 10");
  t.expect("F. 1:1(0) ack 1");
}

// RFC 9293 3.8.6.2.1 MUST-38: not the crumbs that fit, but what fits after a while.
TEST(Window, TheSenderAvoidsSillySegments) {
  TcpBench t{plain()};
  t.establish();
  t.peer(". 1:1(0) ack 1 win 100");
  t.app.send(500);
  t.expect_nothing();
  t.after(t.info().rto);
  t.expect(". 1:101(100) ack 1");
  t.peer(". 1:1(0) ack 101 win 65535");
  t.expect("P. 101:501(400) ack 1");
}

TEST(Window, APeerWithASmallWindowIsServed) {
  TcpBench t{{.peer_options = "mss 1000", .peer_window = 100}};
  t.establish();
  t.app.send(500);
  t.expect(". 1:101(100) ack 1");
  t.peer(". 1:1(0) ack 101 win 60");  // at least half of the largest it ever offered
  t.expect(". 101:161(60) ack 1");
}

// RFC 9293 3.8.6 SHLD-15, SHLD-16, SHLD-17, MUST-34, MUST-35 (hostile F17).
TEST(Window, SurvivesAShrinkingWindow) {
  TcpBench t{plain()};
  t.establish();
  t.app.send(5000);
  EXPECT_EQ(t.discard(), 5u);
  t.peer(". 1:1(0) ack 1001 win 1000");  // the edge moves left from 65536 to 2001
  t.app.send(1000);
  t.expect_nothing();
  t.after(t.info().rto);
  t.expect(". 1001:2001(1000) ack 1");
  t.peer(". 1:1(0) ack 2001 win 0");
  t.expect(". 2001:3001(1000) ack 1");  // serves as a probe
  t.after(100s);
  for (std::string line = t.take_sent(); !line.empty(); line = t.take_sent())
    EXPECT_EQ(line.substr(0, 15), ". 2001:3001(100") << line;
  t.peer(". 1:1(0) ack 3001 win 65535");
  t.expect("P. 5001:6001(1000) ack 1");  // F-RTO asks whether the rest was only late
  t.peer(". 1:1(0) ack 3001 win 65535");
  t.expect(". 3001:4001(1000) ack 1");
  t.expect("P. 4001:5001(1000) ack 1");  // a write ended here
  EXPECT_EQ(t.state(), State::established);
}

// Hostile E21.
TEST(Window, AnOldSegmentDoesNotChangeTheWindow) {
  TcpBench t{plain()};
  t.establish();
  t.peer("P. 1:11(10) ack 1 win 5000");
  t.expect(". 1:1(0) ack 11");
  t.peer(". 11:11(0) ack 1 win 6000");
  EXPECT_EQ(t.info().send_window, 6000u);
  t.peer(". 1:1(0) ack 1 win 1");
  t.discard();
  EXPECT_EQ(t.info().send_window, 6000u);
}

// --- our window

// RFC 9293 3.8.6 SHLD-14
// RFC 9293 3.8.6.2.2 MUST-39
TEST(Window, NeverShrinksAndClosesWhenNobodyReads) {
  TcpBench t{
      {.settings = {.receive_buffer = 4000, .receive_buffer_locked = true}, .peer_options = "mss 1000"}};
  t.establish();
  std::uint32_t edge = 0;
  for (int i = 0; i < 8; ++i) {
    const int from = 1 + i * 500;
    t.peer(". " + std::to_string(from) + ":" + std::to_string(from + 500) + "(500) ack 1");
    t.discard();
    t.after(200ms);
    t.discard();
    const std::uint32_t now = t.info().receive_window + t.readable();
    EXPECT_GE(now, edge);
    edge = now;
  }
  EXPECT_EQ(t.readable(), 4000u);
  EXPECT_EQ(t.info().receive_window, 0u);
  t.peer(". 4001:4501(500) ack 1");
  t.expect(". 1:1(0) ack 4001 win 0");
  EXPECT_EQ(t.drops(), "zero_window 1");
  // RFC 9293 3.8.6.2.2: a few bytes of room are not announced, a useful amount is.
  EXPECT_EQ(t.app.receive(100), 100);
  t.expect_nothing();
  EXPECT_EQ(t.app.receive(1400), 1400);
  t.expect(". 1:1(0) ack 4001 win 1436");  // what is free less the charge for the slice
}

TEST(Window, AnsweresAProbeWithTheWindow) {
  TcpBench t{
      {.settings = {.receive_buffer = 1000, .receive_buffer_locked = true}, .peer_options = "mss 1000"}};
  t.establish();
  t.peer("P. 1:1001(1000) ack 1");
  t.expect(". 1:1(0) ack 1001 win 0");
  t.peer(". 1000:1000(0) ack 1");
  t.expect(". 1:1(0) ack 1001 win 0");
  t.peer(". 1001:1002(1) ack 1");
  t.expect(". 1:1(0) ack 1001 win 0");
  EXPECT_EQ(t.app.receive(), 1000);
  t.expect(". 1:1(0) ack 1001 win 1000");
}

// decisions.md D17: what a carrier holds counts until the program has read it.
TEST(Window, BytesInACarrierCount) {
  TcpBench t{
      {.settings = {.receive_buffer = 4000, .receive_buffer_locked = true}, .peer_options = "mss 1000"}};
  t.establish();
  t.peer(". 1:1001(1000) ack 1");
  t.expect(". 1:1(0) ack 1001");
  // What a gate does at once: take the bytes, and say that the program has not read them yet.
  std::byte room[1000];
  for (std::uint32_t held = 1000; held < 4000; held += 1000) {
    (void)t.connection().receive(t.now(), room, false, false);
    t.connection().set_external_unread(t.now(), held);
    t.peer(". " + std::to_string(held + 1) + ":" + std::to_string(held + 1001) + "(1000) ack 1");
    t.discard();
    t.after(50ms);
    t.discard();
    EXPECT_LE(t.info().receive_window, 4000 - held - 1000);
  }
  EXPECT_EQ(t.info().receive_window, 0u);
  (void)t.connection().receive(t.now(), room, false, false);
  t.connection().set_external_unread(t.now(), 4000);
  t.connection().set_external_unread(t.now(), 0);
  t.after(0ms);
  t.peer(". 4001:4001(0) ack 1");
  t.expect(". 1:1(0) ack 4001 win 4000");
}

TEST(Window, GrowsWithAReaderAndNotWithoutOne) {
  for (const bool reads : {true, false}) {
    TcpBench t{{.peer_options = "mss 1460,sackOK,wscale 7"}};
    t.establish();
    const auto before = t.info().receive_limit;
    std::uint32_t next = 1;
    for (int round = 0; round < 40; ++round) {
      const std::uint32_t window = std::min(t.info().receive_window, 60'000u);
      if (window >= 1460) {
        t.peer("P. " + std::to_string(next) + ":" + std::to_string(next + window) + "(" +
               std::to_string(window) + ") ack 1");
        next += window;
      }
      t.discard();
      t.after(10ms);
      t.discard();
      if (reads) t.app.receive();
      t.discard();
    }
    if (reads) {
      EXPECT_GT(t.info().receive_limit, before);
    } else {
      EXPECT_EQ(t.info().receive_limit, before);
    }
  }
}

// --- Nagle, cork, buffers

// RFC 9293 3.7.4 SHLD-7
TEST(Nagle, AShortSegmentWaitsForAnEarlierOne) {
  TcpBench t{plain()};
  t.establish();
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.app.send(10);
  t.app.send(10);
  t.expect_nothing();
  t.peer(". 1:1(0) ack 11");
  t.expect("P. 11:31(20) ack 1");
}

TEST(Nagle, AFullSegmentDoesNotWait) {
  TcpBench t{plain()};
  t.establish();
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.app.send(1500);
  t.expect(". 11:1011(1000) ack 1");
  t.peer(". 1:1(0) ack 1011");
  t.expect("P. 1011:1511(500) ack 1");
}

// RFC 9293 3.7.4 MUST-17
TEST(Nagle, NodelayDoesNotWaitAndPushesWhatWaited) {
  TcpBench t{plain()};
  t.establish();
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.app.send(10);
  t.app.set([](Settings& s) { s.nodelay = true; });
  t.expect("P. 11:21(10) ack 1");
  t.app.send(10);
  t.expect("P. 21:31(10) ack 1");
}

TEST(Nagle, CorkHoldsUntilPulledOrTwoHundredMilliseconds) {
  TcpBench t{plain()};
  t.establish();
  t.app.set([](Settings& s) { s.cork = true; });
  t.app.send(10);
  t.expect_nothing();
  t.app.send(1000);
  t.expect(". 1:1001(1000) ack 1");
  t.peer(". 1:1(0) ack 1001");
  t.app.set([](Settings& s) { s.cork = false; });
  t.expect("P. 1001:1011(10) ack 1");
  t.peer(". 1:1(0) ack 1011");
  t.app.set([](Settings& s) { s.cork = true; });
  t.app.send(5);
  t.after(t.info().rto);
  t.expect("P. 1011:1016(5) ack 1");
}

TEST(Nagle, MoreHoldsOneCall) {
  TcpBench t{plain()};
  t.establish();
  t.app.send_more(10);
  t.expect_nothing();
  t.app.send(10);
  t.expect("P. 1:21(20) ack 1");
}

TEST(Nagle, AFinLetsTheRestGo) {
  TcpBench t{plain()};
  t.establish();
  t.app.set([](Settings& s) { s.cork = true; });
  t.app.send(10);
  t.app.close();
  t.expect("FP. 1:11(10) ack 1");
}

// Linux: nine packets of 1000 bytes cost 16,488, a tenth is begun, and then the limit is passed.
TEST(SendBuffer, IsFullAtItsLimitAndWritableAgainAtAThird) {
  TcpBench t{{.settings = {.send_buffer = 16'500, .send_buffer_locked = true}, .peer_options = "mss 1000"}};
  t.establish();
  EXPECT_EQ(t.app.send(20'000), 10'000);
  EXPECT_EQ(t.discard(), 10u);
  EXPECT_EQ(t.app.send(1), -EAGAIN);
  EXPECT_EQ(t.connection().readiness(), Readiness::none);
  EXPECT_EQ(t.connection().unacknowledged_bytes(), 10'000u);
  (void)t.events();
  t.peer(". 1:1(0) ack 3001");
  EXPECT_EQ(t.connection().readiness(), Readiness::none);  // Linux: free at least half of used
  EXPECT_FALSE(any(t.events() & Readiness::out));
  t.peer(". 1:1(0) ack 4001");
  EXPECT_EQ(t.connection().readiness(), Readiness::out);
  EXPECT_TRUE(any(t.events() & Readiness::out));
}

TEST(SendBuffer, NotsentLowWaterLimitsWhatWaits) {
  TcpBench t{plain()};
  t.establish();
  t.app.set([](Settings& s) { s.notsent_low_water = 2000; });
  t.peer(". 1:1(0) ack 1 win 0");
  EXPECT_EQ(t.app.send(1500), 1500);
  EXPECT_EQ(t.connection().readiness(), Readiness::none);  // wakes at half the mark
  EXPECT_EQ(t.app.send(50'000), 500);                      // what is begun is filled; the mark is reached
  EXPECT_EQ(t.app.send(1), -EAGAIN);
  EXPECT_EQ(t.connection().unsent_bytes(), 2000u);
}

// A small write of a connection with room to spare is taken without send_room()'s divisions: never more than
// it would say.
TEST(SendBuffer, SmallWritesAreTakenAsSendRoomSays) {
  SeededRng rng(7);
  std::uint32_t refused = 0;
  for (int round = 0; round < 60; ++round) {
    TcpBench t{plain()};
    t.establish();
    const std::uint32_t limit = 4608 + static_cast<std::uint32_t>(rng.below(40'000));
    const std::uint32_t low_water = static_cast<std::uint32_t>(rng.below(2) * rng.below(20'000));
    t.app.set([&](Settings& s) {
      s.send_buffer = limit;
      s.send_buffer_locked = true;
      s.notsent_low_water = low_water;
    });
    std::uint32_t acked = 1;
    for (int step = 0; step < 60; ++step) {
      const auto bytes = 1 + static_cast<std::uint32_t>(rng.below(1460));
      const std::uint32_t room = t.connection().send_room();
      const long taken = t.app.send(bytes);
      ASSERT_EQ(taken, room == 0 ? -EAGAIN : static_cast<long>(std::min(bytes, room)))
          << "limit " << limit << " low water " << low_water << " step " << step;
      if (room < bytes) ++refused;
      t.discard();
      if (rng.below(4) != 0) continue;
      acked += (t.connection().unacknowledged_bytes() - t.connection().unsent_bytes()) / 2;
      t.peer(". 1:1(0) ack " + std::to_string(acked));
      t.discard();
    }
  }
  EXPECT_GT(refused, 100u) << "the limits must matter";
}

TEST(SendBuffer, GrowsWithTheCongestionWindow) {
  TcpBench t{plain()};
  t.establish();
  const auto before = t.connection().send_room();
  std::uint32_t sent = 0;
  for (int round = 0; round < 8; ++round) {
    const long taken = t.app.send(400'000);
    if (taken > 0) sent += static_cast<std::uint32_t>(taken);
    t.discard();
    const auto flight = t.connection().unacknowledged_bytes() - t.connection().unsent_bytes();
    t.peer(". 1:1(0) ack " + std::to_string(sent - t.connection().unsent_bytes() + 1));
    t.discard();
    EXPECT_GT(flight, 0u);
  }
  (void)before;
  EXPECT_GT(t.info().cwnd_bytes, 43'520u);
  EXPECT_GT(t.connection().send_room() + t.connection().unacknowledged_bytes(), before);
}

// Restart after idle (RFC 5681 4.1).
TEST(Congestion, IdleShrinksTheWindow) {
  TcpBench t{plain()};
  t.establish();
  std::uint32_t acked = 1;
  for (int i = 0; i < 4; ++i) {
    t.app.send(40'000);
    t.discard();
    t.after(10ms);
    acked = 1 + static_cast<std::uint32_t>(t.info().bytes_sent);
    t.peer(". 1:1(0) ack " + std::to_string(acked));
    t.discard();
  }
  t.after(10ms);
  acked = 1 + static_cast<std::uint32_t>(t.info().bytes_sent);
  t.peer(". 1:1(0) ack " + std::to_string(acked));
  t.discard();
  EXPECT_GT(t.info().cwnd_segments, 20u);
  t.after(60s);
  t.discard();
  t.app.send(1000);
  t.discard();
  EXPECT_LE(t.info().cwnd_segments, 10u);
}

}  // namespace
}  // namespace sockeye::tcp
