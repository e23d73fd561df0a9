// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What TCP_INFO says after each step of a dialogue. The numbers are those that Linux reported for the
// same segments through a TUN device (times, pacing and delivery rates aside).
#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

BenchOptions as_on_the_tun() {
  BenchOptions options;
  options.peer_options = "mss 1460,nop,wscale 7";
  options.settings.nodelay = true;
  return options;
}

TEST(Info, TellsWhatTheKernelTells) {
  TcpBench t(as_on_the_tun());
  t.establish();
  Info info = t.info();
  EXPECT_EQ(info.state, State::established);
  EXPECT_FALSE(info.timestamps);
  EXPECT_FALSE(info.sack);
  EXPECT_TRUE(info.window_scaling);
  EXPECT_EQ(info.send_mss, 1460u);
  EXPECT_EQ(info.receive_mss, 536u);
  EXPECT_EQ(info.advertised_mss, 1460u);
  EXPECT_EQ(info.path_mtu, 1500u);
  EXPECT_EQ(info.cwnd_segments, 10u);
  EXPECT_EQ(info.ssthresh_bytes, 0xffffffffu);
  EXPECT_EQ(info.receive_space, 14600u);
  EXPECT_EQ(info.delayed_ack, Duration::zero());  // no data yet
  EXPECT_EQ(info.bytes_acked, 1u);                // the SYN
  EXPECT_EQ(info.segments_out, 2u);
  EXPECT_EQ(info.segments_in, 1u);
  EXPECT_EQ(info.send_window, 65535u);

  EXPECT_EQ(t.app.send(3000), 3000);
  EXPECT_EQ(t.discard(), 3u);
  info = t.info();
  EXPECT_EQ(info.unacked_segments, 3u);
  EXPECT_EQ(info.segments_out, 5u);
  EXPECT_EQ(info.data_segments_out, 3u);
  EXPECT_EQ(info.bytes_sent, 3000u);
  EXPECT_EQ(info.notsent_bytes, 0u);

  t.peer(". 1:1(0) ack 1461");
  info = t.info();
  EXPECT_EQ(info.unacked_segments, 2u);
  EXPECT_EQ(info.bytes_acked, 1461u);
  EXPECT_EQ(info.segments_in, 2u);
  EXPECT_EQ(info.send_window, 8388480u);

  t.peer("P. 1:101(100) ack 3001");
  t.discard();
  info = t.info();
  EXPECT_EQ(info.delayed_ack, 40ms);
  EXPECT_EQ(info.unacked_segments, 0u);
  EXPECT_EQ(info.bytes_acked, 3001u);
  EXPECT_EQ(info.bytes_received, 100u);
  EXPECT_EQ(info.data_segments_in, 1u);

  t.peer("P. 201:301(100) ack 3001");
  t.discard();
  EXPECT_EQ(t.info().out_of_order_segments, 1u);
  EXPECT_EQ(t.info().bytes_received, 100u);
  t.peer("P. 101:201(100) ack 3001");
  t.discard();
  info = t.info();
  EXPECT_EQ(info.bytes_received, 300u);
  EXPECT_EQ(info.data_segments_in, 3u);
  EXPECT_EQ(info.out_of_order_segments, 1u);
}

TEST(Info, CountsRetransmissionsAndTheFin) {
  TcpBench t(as_on_the_tun());
  t.establish();
  EXPECT_EQ(t.app.send(2000), 2000);
  t.discard();
  while (t.discard() == 0) t.after(10ms);
  Info info = t.info();
  EXPECT_EQ(info.congestion_state, 4u);  // TCP_CA_Loss
  EXPECT_EQ(info.retransmits, 1u);
  EXPECT_EQ(info.back_offs, 1u);
  EXPECT_EQ(info.cwnd_segments, 1u);
  EXPECT_EQ(info.total_retransmits, 1u);
  EXPECT_EQ(info.bytes_retransmitted, 1460u);
  EXPECT_EQ(info.bytes_sent, 3460u);
  t.peer("F. 1:1(0) ack 2001");
  t.discard();
  info = t.info();
  EXPECT_EQ(info.state, State::close_wait);
  EXPECT_EQ(info.retransmits, 0u);
  EXPECT_EQ(info.bytes_acked, 2001u);
  EXPECT_EQ(info.bytes_received, 1u);  // the FIN
  t.app.close();
  t.discard();
  t.peer(". 2:2(0) ack 2002");
}

TEST(Info, ABackOffOfThePersistTimerCounts) {
  TcpBench t(as_on_the_tun());
  t.establish();
  t.peer(". 1:1(0) ack 1 win 0");
  EXPECT_EQ(t.app.send(100), 100);
  EXPECT_EQ(t.info().back_offs, 0u);
  while (t.discard() == 0) t.after(10ms);
  EXPECT_EQ(t.info().probes, 1u);
  EXPECT_EQ(t.info().back_offs, 1u);
  EXPECT_EQ(t.info().notsent_bytes, 100u);
}

// RFC 4898: busy, and what kept it from sending more.
TEST(Info, SaysWhatLimitedTheSender) {
  TcpBench t(as_on_the_tun());
  t.establish();
  t.after(1s);
  EXPECT_EQ(t.info().busy, Duration::zero());
  EXPECT_EQ(t.app.send(1000), 1000);
  t.discard();
  t.after(50ms);
  EXPECT_NEAR(static_cast<double>(to_us(t.info().busy)), static_cast<double>(to_us(50ms)), 64);  // its unit
  t.peer(". 1:1(0) ack 1001 win 0");
  t.after(1s);
  EXPECT_NEAR(static_cast<double>(to_us(t.info().busy)), static_cast<double>(to_us(50ms)),
              64);  // its unit  // nothing to do
  EXPECT_EQ(t.app.send(1000), 1000);
  t.after(100ms);
  EXPECT_NEAR(static_cast<double>(to_us(t.info().receive_window_limited)), static_cast<double>(to_us(100ms)),
              64);                                                                                // its unit
  EXPECT_NEAR(static_cast<double>(to_us(t.info().busy)), static_cast<double>(to_us(150ms)), 64);  // its unit
  t.peer(". 1:1(0) ack 1001 win 512");
  t.discard();
  t.after(30ms);
  EXPECT_NEAR(static_cast<double>(to_us(t.info().receive_window_limited)), static_cast<double>(to_us(100ms)),
              64);                                                                                // its unit
  EXPECT_NEAR(static_cast<double>(to_us(t.info().busy)), static_cast<double>(to_us(180ms)), 64);  // its unit
  EXPECT_EQ(t.info().send_buffer_limited, Duration::zero());
}

TEST(Info, SaysWhenTheSendBufferWasTooSmall) {
  BenchOptions options = as_on_the_tun();
  options.settings.send_buffer = 4000;
  options.settings.send_buffer_locked = true;
  TcpBench t(options);
  t.establish();
  EXPECT_EQ(t.app.send(10'000), 2920);  // two packets and what they count beside their bytes
  t.discard();
  t.after(40ms);
  EXPECT_EQ(t.info().send_buffer_limited, 40ms);
  EXPECT_EQ(t.info().busy, 40ms);
  t.peer(". 1:1(0) ack 2921");
  t.after(1s);
  EXPECT_EQ(t.info().send_buffer_limited, 40ms);
}

// tcpi_total_rto and its companions: rows of time-outs, and how long they took.
TEST(Info, CountsTimeouts) {
  BenchOptions options;
  options.config.tail_loss_probe = false;
  TcpBench t{options};
  t.establish();
  t.app.send(100);
  t.discard();
  const Instant begin = t.now() + t.info().rto;
  t.after(t.info().rto);
  EXPECT_EQ(t.discard(), 1u);
  t.after(t.info().rto);
  EXPECT_EQ(t.discard(), 1u);
  EXPECT_EQ(t.info().timeouts, 2);
  EXPECT_EQ(t.info().timeout_recoveries, 0);
  t.after(20ms);
  t.peer(". 1:1(0) ack 101 win 65535");
  EXPECT_EQ(t.info().timeout_recoveries, 1);
  EXPECT_EQ(t.info().timeout_recovery, t.now() - begin);
}

}  // namespace
}  // namespace sockeye::tcp
