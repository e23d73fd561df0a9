// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Paced data leaves in quanta, each at its time; whoever is not paced sends at once.
#include <gtest/gtest.h>

#include "tcp/pacer.h"
#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(Pacer, TheQuantumIsAMillisecondOfTheRate) {
  EXPECT_EQ(pacing_quantum(1'000, 1460), 2920u) << "at least two segments";
  EXPECT_EQ(pacing_quantum(10'000'000, 1000), 10'000u);
  EXPECT_EQ(pacing_quantum(10'000'999, 1460), 8760u) << "whole segments";
  EXPECT_EQ(pacing_quantum(1'250'000'000, 1460), 44u * 1460) << "64 KiB at most";
  EXPECT_EQ(pacing_quantum(kUnlimitedRate, 1460), 44u * 1460);
}

TEST(Pacer, SpacesBySizeAndRate) {
  Pacer pacer;
  const Instant start = Instant{} + 5s;
  EXPECT_TRUE(pacer.may_send(start));
  pacer.on_sent(start, 10'000, 1'000'000);
  EXPECT_EQ(pacer.release_at(), start + 10ms);
  EXPECT_FALSE(pacer.may_send(start + 10ms - 1ns));
  pacer.on_sent(start + 10ms, 10'000, 1'000'000);
  EXPECT_EQ(pacer.release_at(), start + 20ms);
}

// Late by less than half of a quantum's time: the rate is kept. By more: half is the most.
TEST(Pacer, CreditsWhoIsWokenLate) {
  Pacer pacer;
  const Instant start = Instant{} + 5s;
  pacer.on_sent(start, 10'000, 1'000'000);
  pacer.on_sent(start + 12ms, 10'000, 1'000'000);
  EXPECT_EQ(pacer.release_at(), start + 20ms);
  pacer.on_sent(start + 60ms, 10'000, 1'000'000);
  EXPECT_EQ(pacer.release_at(), start + 65ms);
}

// A link that takes 64 KiB at once: what limits the packets is the quantum.
BenchOptions limited(std::uint64_t bytes_per_second) {
  BenchOptions options = large_packets();
  options.settings.max_pacing_rate = bytes_per_second;
  return options;
}

// SO_MAX_PACING_RATE: two segments every 20 ms are 100 kB/s.
TEST(Pacing, TheLimitOfTheSocketIsKept) {
  TcpBench t{limited(100'000)};
  t.establish();
  t.app.send(6000);
  t.expect("P. 1:2001(2000) ack 1");
  EXPECT_EQ(t.connection().next_release(), t.now() + 20ms);
  t.after(19ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("P. 2001:4001(2000) ack 1");
  t.after(19ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("P. 4001:6001(2000) ack 1");
  EXPECT_EQ(t.info().max_pacing_rate, 100'000u);
  EXPECT_EQ(t.info().pacing_rate, 100'000u);
}

// No burst larger than the quantum, whatever the window would allow.
TEST(Pacing, AnOpenedWindowBringsNoBurst) {
  TcpBench t{limited(1'000'000)};
  t.establish();
  t.app.send(60'000);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(t.discard(), 1u) << "two segments in each 2 ms: " << i;
    t.after(2ms);
  }
  t.after(10ms);
  t.expect_nothing();
  t.peer(". 1:1(0) ack 10001");
  t.expect("P. 10001:12001(2000) ack 1");
  t.after(1ms);
  t.expect("P. 12001:14001(2000) ack 1");  // the credit of who came late: half of a quantum's time, once
  t.after(1ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("P. 14001:16001(2000) ack 1");
}

// RFC 8985 7.3: the probe is due two round trips after the last segment, but that one holds the pacer longer.
TEST(Pacing, ATailLossProbeWaitsForItsTime) {
  BenchOptions options = limited(20'000);
  options.config.tail_loss_probe = true;
  TcpBench t{options};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(10ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(". 1:1(0) ack 1");
  t.app.send(2000);
  t.expect("P. 1:2001(2000) ack 1");  // a tenth of a second's worth
  t.after(99ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("P. 1001:2001(1000) ack 1");
  t.peer(". 1:1(0) ack 2001");
  // An answer that comes before is one: no probe at all.
  t.after(100ms);
  t.app.send(2000);
  t.expect("P. 2001:4001(2000) ack 1");
  t.after(90ms);
  t.peer(". 1:1(0) ack 4001");
  t.after(1s);
  t.expect_nothing();
}

TEST(Pacing, WithoutALimitCubicIsNotPaced) {
  TcpBench t{{.peer_options = "mss 1000,sackOK"}};
  t.establish();
  t.app.send(10'000);
  EXPECT_EQ(t.discard(), 10u);
  EXPECT_EQ(t.connection().next_release(), kNever);
  EXPECT_EQ(t.info().max_pacing_rate, kUnlimitedRate);
}

// Config::pacing: every algorithm, at 2 windows a round trip in slow start (tcp_pacing_ss_ratio).
TEST(Pacing, AHostMayPaceEveryAlgorithm) {
  BenchOptions options = large_packets();
  options.config.pacing = true;
  TcpBench t{options};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(100ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.info().pacing_rate, 200'000u) << "10 segments in 100 ms, twice";
  t.app.send(10'000);
  t.expect("P. 1:2001(2000) ack 1");
  t.after(10ms);
  t.expect("P. 2001:4001(2000) ack 1");
  t.after(30ms);
  EXPECT_EQ(t.discard(), 3u);
}

// The limit holds also for a program that waits for each answer, and the wait costs no Active block.
TEST(Pacing, RequestAndResponseAreLimitedToo) {
  TcpBench t{limited(10'000)};
  t.establish();
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.after(1ms);
  t.peer(". 1:1(0) ack 1001");
  t.app.send(1000);
  t.expect_nothing();
  t.after(98ms);
  t.expect_nothing();
  t.after(1ms);
  t.expect("P. 1001:2001(1000) ack 1");
  t.peer(". 1:1(0) ack 2001");
  EXPECT_NE(t.connection().next_release(), kNever);
  t.after(200ms);
  EXPECT_EQ(t.connection().next_release(), kNever);
}

// Nothing in flight and data that waits for its release: no zero-window probe.
TEST(Pacing, WaitingIsNoReasonForAProbe) {
  TcpBench t{limited(1'000)};
  t.establish();
  t.app.send(4000);
  t.expect("P. 1:2001(2000) ack 1");
  t.after(10ms);
  t.peer(". 1:1(0) ack 2001");
  t.after(1900ms);
  t.expect_nothing();
  t.after(100ms);
  t.expect("P. 2001:4001(2000) ack 1");
}

TEST(Pacing, BbrIsPacedFromTheFirstPacket) {
  BenchOptions options = large_packets();
  std::snprintf(options.settings.congestion_control, 16, "bbr");
  TcpBench t{options};
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(100ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_STREQ(t.info().congestion_control, "bbr");
  EXPECT_EQ(t.info().pacing_rate, 277'000u) << "2.77 initial windows in a round trip";
  t.app.send(10'000);
  t.expect("P. 1:2001(2000) ack 1");
  t.expect_nothing();
  t.after(100ms);
  EXPECT_EQ(t.discard(), 4u);
}

// --- docs/decisions/0006: what a window is worth after silence

std::uint32_t window_after_silence(bool restart) {
  BenchOptions options = large_packets();
  options.config.slow_start_after_idle = restart;
  TcpBench t{options};
  t.establish();
  t.app.send(20'000);
  t.discard();
  t.peer(". 1:1(0) ack 10001");
  t.discard();
  t.peer(". 1:1(0) ack 20001");
  t.discard();
  EXPECT_EQ(t.info().cwnd_segments, 20u);
  t.after(10s);
  t.app.send(1000);
  t.discard();
  return t.info().cwnd_segments;
}
TEST(Idle, TheWindowGoesBackUnlessTheHostSaysOtherwise) {
  EXPECT_EQ(window_after_silence(true), 10u);
  EXPECT_EQ(window_after_silence(false), 20u);
}

// --- TCP_INFO: what held the sender back

TEST(Busy, NothingToSendIsIdle) {
  TcpBench t{{.peer_options = "mss 1000,sackOK"}};
  t.establish();
  t.after(100ms);
  EXPECT_EQ(t.info().busy, 0ms);
  t.app.send(1000);
  t.discard();
  t.after(32ms);
  t.peer(". 1:1(0) ack 1001");
  t.after(100ms);
  EXPECT_EQ(t.info().busy, 32ms);
  EXPECT_EQ(t.info().receive_window_limited, 0ms);
}

TEST(Busy, ThePeersWindowIsTheLimit) {
  BenchOptions options = large_packets();
  options.peer_window = 2000;
  TcpBench t{options};
  t.establish();
  t.app.send(5000);
  t.expect(". 1:1001(1000) ack 1");  // half of the window at a time
  t.expect("P. 1001:2001(1000) ack 1");
  t.after(64ms);
  EXPECT_EQ(t.info().receive_window_limited, 64ms);
  t.peer(". 1:1(0) ack 2001 win 60000");
  t.discard();
  t.after(64ms);
  EXPECT_EQ(t.info().receive_window_limited, 64ms);
  EXPECT_EQ(t.info().busy, 128ms);
}

TEST(Busy, TheSendBufferIsTheLimit) {
  BenchOptions options = large_packets();
  options.settings.send_buffer = 4000;
  options.settings.send_buffer_locked = true;
  TcpBench t{options};
  t.establish();
  EXPECT_EQ(t.app.send(12'000), 10'000);  // one large packet is begun, and more than the limit already
  t.discard();
  t.after(64ms);
  EXPECT_EQ(t.info().send_buffer_limited, 64ms);
  t.peer(". 1:1(0) ack 10001");
  t.after(64ms);
  EXPECT_EQ(t.info().send_buffer_limited, 64ms);
  EXPECT_EQ(t.info().busy, 64ms);
}

}  // namespace
}  // namespace sockeye::tcp
