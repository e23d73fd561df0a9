// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Path MTU: a report that makes segments smaller (RFC 1191), and probing for the largest packet that
// passes (RFC 4821, net.ipv4.tcp_mtu_probing), as the kernel does it.
#include "tcp/mtu_probe.h"

#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(MtuProbe, SearchesByHalves) {
  MtuProbe probe;
  const Instant now{};
  probe.start(now, 1064, 1500);
  EXPECT_EQ(probe.next(8), 1282u);
  probe.on_sent(1282, SeqNum(100), SeqNum(1342));
  EXPECT_EQ(probe.next(8), 0u);  // one at a time
  EXPECT_FALSE(probe.on_una(SeqNum(1341)));
  EXPECT_TRUE(probe.on_una(SeqNum(1342)));
  EXPECT_EQ(probe.low(), 1282u);
  probe.on_sent(probe.next(8), SeqNum(2000), SeqNum(3351));
  probe.on_lost();
  EXPECT_EQ(probe.high(), 1390u);
  EXPECT_EQ(probe.next(8), 1336u);
  probe.limit(1289);
  EXPECT_EQ(probe.next(8), 0u);  // close enough
  EXPECT_FALSE(probe.reopen(now + 599s, 600s, 1282, 1500));
  EXPECT_TRUE(probe.reopen(now + 600s, 600s, 1282, 1500));
  EXPECT_EQ(probe.next(8), 1391u);
}

TEST(MtuProbe, AReportMakesSegmentsSmallerAndSendsThemAgain) {
  TcpBench t;
  t.establish();
  EXPECT_EQ(t.app.send(2920), 2920);
  t.expect(". 1:1461(1460) ack 1");
  t.expect("P. 1461:2921(1460) ack 1");
  const std::uint32_t cwnd = t.info().cwnd_segments;
  t.connection().on_path_change(t.now(), Path{.mtu = 1000, .largest_packet = 1000});
  t.peer(". 1:1(0) ack 1 win 65534");
  EXPECT_EQ(t.info().send_mss, 960u);
  EXPECT_EQ(t.info().cwnd_segments, cwnd);  // it was no congestion
  t.expect(". 1:961(960) ack 1");
  t.expect(". 961:1461(500) ack 1");  // packet by packet, as Linux cuts them
  t.expect(". 1461:2421(960) ack 1");
  t.expect("P. 2421:2921(500) ack 1");
}

BenchOptions probing(unsigned mode) {
  BenchOptions options;
  options.config.mtu_probing = mode;
  options.config.tail_loss_probe = false;
  options.settings.send_buffer = 1 << 20;
  options.settings.nodelay = true;
  options.path.largest_packet = 65535;
  return options;
}

// Acknowledges everything, segment by segment, until the window is 11 segments or more.
void open_window(TcpBench& t) {
  EXPECT_EQ(t.app.send(10 * 1024), 10 * 1024);
  for (std::uint32_t end = 1025; end <= 10 * 1024 + 1; end += 1024) t.discard();
  t.peer(". 1:1(0) ack 10241");
}

TEST(MtuProbe, ModeTwoBeginsAtTheBaseAndProbesUpward) {
  TcpBench t(probing(2));
  t.establish();
  EXPECT_EQ(t.info().send_mss, 1024u);
  open_window(t);
  // (1500 + 1064) / 2 = 1282 bytes of packet in one piece, and enough behind it.
  EXPECT_EQ(t.app.send(8 * 1024), 8 * 1024);
  t.expect(". 10241:11483(1242) ack 1");
  t.expect("P. 11483:18433(6950) ack 1");
  const std::uint32_t cwnd = t.info().cwnd_bytes;
  t.peer(". 1:1(0) ack 11483");
  EXPECT_EQ(t.info().send_mss, 1242u);
  EXPECT_LE(t.info().cwnd_bytes, cwnd + 1242);  // bytes stay, segments are fewer
}

TEST(MtuProbe, ALostProbeIsNoCongestion) {
  TcpBench t(probing(2));
  t.establish();
  open_window(t);
  const std::uint32_t cwnd = t.info().cwnd_bytes;
  EXPECT_EQ(t.app.send(8 * 1024), 8 * 1024);
  t.expect(". 10241:11483(1242) ack 1");
  t.expect("P. 11483:18433(6950) ack 1");
  t.peer({". 1:1(0) ack 10241 <sack 11483:12507,nop,nop>", ". 1:1(0) ack 10241 <sack 11483:13531,nop,nop>",
          ". 1:1(0) ack 10241 <sack 11483:14555,nop,nop>"});
  // Again, as segments of the size that passes; nothing but the probe.
  t.expect("P. 10241:11483(1242) ack 1");  // which the link cuts at the MSS
  EXPECT_EQ(t.info().cwnd_bytes, cwnd);
  EXPECT_EQ(t.info().ssthresh_bytes, 0xffffffffu);
  EXPECT_EQ(t.info().send_mss, 1024u);
}

TEST(MtuProbe, ModeOneFallsBackWhenFullSegmentsGoUnanswered) {
  TcpBench t(probing(1));
  t.establish();
  EXPECT_EQ(t.info().send_mss, 1460u);
  EXPECT_EQ(t.app.send(1460), 1460);
  t.expect("P. 1:1461(1460) ack 1");
  // Four time-outs of 200 ms and their doubles: R1, 3 s after the first retransmission (Linux).
  t.after(200ms);
  t.expect("P. 1:1461(1460) ack 1");
  t.after(400ms);
  t.expect("P. 1:1461(1460) ack 1");
  t.after(800ms);
  t.expect("P. 1:1461(1460) ack 1");
  t.after(1600ms);
  t.expect("P. 1:1461(1460) ack 1");
  t.after(3200ms);
  EXPECT_EQ(t.info().send_mss, 1024u);
  t.expect(". 1:1025(1024) ack 1");
  t.after(6400ms);  // and once more: half of it
  EXPECT_EQ(t.info().send_mss, 512u);
  t.expect(". 1:513(512) ack 1");
  t.peer(". 1:1(0) ack 513");
  EXPECT_GE(t.discard(), 1u);
}

TEST(MtuProbe, ModeZeroKeepsItsSegments) {
  TcpBench t(probing(0));
  t.establish();
  EXPECT_EQ(t.app.send(1460), 1460);
  t.expect("P. 1:1461(1460) ack 1");
  for (const Duration wait : {200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms}) {
    t.after(wait);
    t.expect("P. 1:1461(1460) ack 1");
  }
}

}  // namespace
}  // namespace sockeye::tcp
