// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What TCP's socket options do, in virtual time, where no other file tells it: TCP_MAXSEG, TCP_WINDOW_CLAMP,
// SO_RCVBUF; the promise of the window through all of them; and tcpi_rcv_rtt.
#include <gtest/gtest.h>

#include "core/rng.h"
#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(Options, MaxSegmentBoundsBothDirections) {
  TcpBench t{{.settings = {.max_segment = 700}}};
  t.open_active();
  EXPECT_NE(t.take_sent().find("mss 700"), std::string::npos);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.info().send_mss, 700u);
  t.app.send(900);  // of two segments one goes with the rest: Nagle
  EXPECT_EQ(t.discard(), 1u);
  t.peer(". 1:1(0) ack 701");
  t.discard();
  t.peer(". 1:1(0) ack 901");
  // Agreed upon is agreed upon.
  t.app.set([](Settings& s) { s.max_segment = 300; });
  EXPECT_EQ(t.info().send_mss, 700u);
  t.app.send(700);
  t.expect("P. 901:1601(700) ack 1");
  t.peer(". 1:1(0) ack 1601");
}

// From the first segment on, of either side.
TEST(Options, WindowClampBoundsTheWindow) {
  for (const bool passive : {false, true}) {
    TcpBench t{{.settings = {.window_clamp = 5000}, .peer_options = "mss 1000"}};
    if (passive)
      t.establish_passive();
    else
      t.establish();
    EXPECT_EQ(t.info().receive_window, 5000u) << passive;
    for (std::uint32_t at = 1; at < 50'001; at += 1000) {
      t.peer(". " + std::to_string(at) + ":" + std::to_string(at + 1000) + "(1000) ack 1");
      t.discard();
      t.app.receive();
      t.discard();
      EXPECT_LE(t.info().receive_window, 5000u);
    }
    EXPECT_EQ(t.info().bytes_received, 50'000u);
    t.after(1s);
    t.discard();
    t.app.set([](Settings& s) { s.window_clamp = 0; });
    t.peer(". 50001:51001(1000) ack 1");
    t.discard();
    EXPECT_GT(t.info().receive_window, 20'000u);
    t.after(1s);
    t.discard();
  }
}

TEST(Options, ReceiveBufferBoundsWhatWaits) {
  TcpBench t{
      {.settings = {.receive_buffer = 3000, .receive_buffer_locked = true}, .peer_options = "mss 1000"}};
  t.establish();
  EXPECT_EQ(t.info().receive_window, 3000u);
  // Larger later: the window follows at once, by reading or arrival.
  t.app.set([](Settings& s) { s.receive_buffer = 20'000; });
  t.peer("P. 1:1001(1000) ack 1");
  t.expect(". 1:1(0) ack 1001");
  EXPECT_GT(t.info().receive_window, 15'000u);
}

// RFC 9293 3.8.6 SHLD-14: whatever arrives, is read, is clamped, resized or held by a carrier, the right edge
// of the window never moves left.
TEST(Options, TheWindowNeverShrinks) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SeededRng rng(seed);
    TcpBench t{{.peer_options = "mss 1000,sackOK,nop,wscale 4"}};
    t.establish();
    std::uint32_t next = 1;
    std::uint64_t edge = 0;
    for (int step = 0; step < 400; ++step) {
      const auto bytes = static_cast<std::uint32_t>(1 + rng.below(1000));
      switch (rng.below(6)) {
        case 0: {
          const auto value = static_cast<std::uint32_t>(1000 + rng.below(300'000));
          t.app.set([&](Settings& s) { s.receive_buffer = value, s.receive_buffer_locked = true; });
          break;
        }
        case 1: {
          const auto value = static_cast<std::uint32_t>(rng.below(2) * (1152 + rng.below(100'000)));
          t.app.set([&](Settings& s) { s.window_clamp = value; });
          break;
        }
        case 2:
          if (t.readable() > 0) t.app.receive(bytes);
          break;
        case 3:
          t.after(Duration(rng.below(100'000'000)));
          break;
        case 4:
          t.peer(". " + std::to_string(next + 2000) + ":" + std::to_string(next + 2000 + bytes) + "(" +
                 std::to_string(bytes) + ") ack 1");
          break;
        default:
          if (t.info().receive_window < bytes) break;
          t.peer(". " + std::to_string(next) + ":" + std::to_string(next + bytes) + "(" +
                 std::to_string(bytes) + ") ack 1");
          next = 1 + static_cast<std::uint32_t>(t.info().bytes_received);
          break;
      }
      t.discard();
      const std::uint64_t now = t.info().bytes_received + t.info().receive_window;
      ASSERT_GE(now, edge) << "seed " << seed << " step " << step;
      edge = now;
      next = 1 + static_cast<std::uint32_t>(t.info().bytes_received);
    }
  }
}

// Linux's tcpi_rcv_rtt: by the echo of a full segment when there are timestamps, else by how long a window
// takes.
TEST(Options, TheReceiverMeasuresRoundTrips) {
  TcpBench t{{.peer_options = "mss 1012,TS val 100 ecr 0"}};
  t.establish();
  EXPECT_EQ(t.info().receive_rtt, 0ms);
  const std::uint32_t echo = t.last_timestamp();
  t.after(70ms);
  t.peer(". 1:1001(1000) ack 1 win 65535 <nop,nop,TS val 170 ecr " + std::to_string(echo) + ">");
  t.discard();
  EXPECT_EQ(t.info().receive_rtt, 70ms);
  t.app.receive();
  t.discard();
  t.after(50ms);  // the same echo says nothing new
  t.peer(". 1001:2001(1000) ack 1 win 65535 <nop,nop,TS val 220 ecr " + std::to_string(echo) + ">");
  t.discard();
  EXPECT_EQ(t.info().receive_rtt, 70ms);
  t.app.receive();
  t.discard();
  const std::uint32_t later = t.last_timestamp();
  t.after(30ms);
  t.peer(". 2001:3001(1000) ack 1 win 65535 <nop,nop,TS val 250 ecr " + std::to_string(later) + ">");
  t.discard();
  EXPECT_EQ(t.info().receive_rtt, 30ms);
}

TEST(Options, AWindowTakesARoundTrip) {
  TcpBench t{
      {.settings = {.receive_buffer = 4000, .receive_buffer_locked = true}, .peer_options = "mss 1000"}};
  t.establish();
  std::uint32_t at = 1;
  for (int i = 0; i < 9; ++i, at += 1000) {
    t.peer(". " + std::to_string(at) + ":" + std::to_string(at + 1000) + "(1000) ack 1");
    t.discard();
    t.app.receive(t.readable() - 1);  // it is measured while there is something to keep
    t.discard();
    t.after(10ms);
    t.discard();
  }
  EXPECT_GE(t.info().receive_rtt, 20ms);
  EXPECT_LE(t.info().receive_rtt, 50ms);
}

}  // namespace
}  // namespace sockeye::tcp
