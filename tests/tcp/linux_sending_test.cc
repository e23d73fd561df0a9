// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What Linux does beyond the RFCs when it sends: how large packets are and which say PSH, MSG_MORE,
// TCP_NODELAY over TCP_CORK, when the congestion window counts as used, the first answer's quick ACK. The
// expectations are those of packetdrill's scripts for Linux.
#include <gtest/gtest.h>

#include <string>

#include "tcp/pacer.h"
#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(PacketGoal, IsAMillisecondOfTheRate) {
  EXPECT_EQ(packet_goal(292'000, 100'000, 2, 1460), 2920u) << "at least two segments";
  EXPECT_EQ(packet_goal(292'000, 100'000, 1, 1460), 1460u) << "net.ipv4.tcp_min_tso_segs";
  EXPECT_EQ(packet_goal(10'240'000, 100'000, 2, 1000), 10'000u);
  EXPECT_EQ(packet_goal(kUnlimitedRate, 0, 2, 1460), 44u * 1460) << "64 KiB at most";
}

TEST(PacketGoal, IsLargeForNearPeers) {
  EXPECT_TRUE(is_near(511));
  EXPECT_FALSE(is_near(512));
  EXPECT_FALSE(is_near(0)) << "not measured";
  EXPECT_EQ(packet_goal(0, 511, 2, 1000), 65'000u);
  EXPECT_EQ(packet_goal(0, 600, 2, 1000), 32'000u);
  EXPECT_EQ(packet_goal(0, 1100, 2, 1000), 16'000u);
  EXPECT_EQ(packet_goal(0, 100'000, 2, 1000), 2'000u);
}

// A window of ten segments in 100 ms is no rate for large packets; on a near path half of it goes at once.
TEST(LargePackets, FollowThePath) {
  TcpBench far{large_packets()};
  far.open_active();
  far.expect("S 0:0(0)");
  far.after(100ms);
  far.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  far.expect(". 1:1(0) ack 1");
  far.app.send(4500);
  far.expect("P. 1:2001(2000) ack 1");
  far.expect("P. 2001:4001(2000) ack 1");
  far.expect("P. 4001:4501(500) ack 1");
  TcpBench near{large_packets()};
  near.establish();
  near.app.send(20'000);
  near.expect("P. 1:5001(5000) ack 1");
  near.expect("P. 5001:10001(5000) ack 1");
}

// A single segment in the middle says nothing; sent again, only what the program had pushed says it again.
TEST(Push, OfLargePacketsIsNotRepeated) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(4000);
  t.expect("P. 1:4001(4000) ack 1");
  t.peer(". 1:1(0) ack 1 win 65535 <sack 1001:4001>");
  t.expect(". 1:1001(1000) ack 1");
}

// Half of the peer's largest window, once in as much, within one call; at the end of a full packet.
TEST(Push, IsSaidWithinALargeCall) {
  BenchOptions options;
  options.peer_options = "mss 1000,sackOK";
  options.peer_window = 2000;
  TcpBench t{options};
  t.establish();
  t.app.send(4500);
  t.expect(". 1:1001(1000) ack 1");
  t.expect("P. 1001:2001(1000) ack 1");
  t.peer(". 1:1(0) ack 2001 win 2000");
  t.expect(". 2001:3001(1000) ack 1");
  t.expect("P. 3001:4001(1000) ack 1");
  t.peer(". 1:1(0) ack 4001 win 2000");
  t.expect("P. 4001:4501(500) ack 1");
  t.app.send(1000);  // not more than half: nothing within
  t.expect("P. 4501:5501(1000) ack 1");
}

// While the call goes on, what has left makes room in the packet that is being filled: two segments leave one
// by one (half of the congestion window each), so that the first packet of 16 ends 18 behind the beginning.
TEST(Push, MarksAPacketThatGrowsWhileItIsSent) {
  BenchOptions options = large_packets();
  options.config.initial_window = 2;
  options.peer_window = 32896;
  TcpBench t{options};
  t.establish();
  t.app.send(60'000);
  t.expect(". 1:1001(1000) ack 1");
  t.expect(". 1001:2001(1000) ack 1");
  for (unsigned end = 3001; end < 30'000; end += 1000) {
    t.after(2ms);
    t.peer(". 1:1(0) ack " + std::to_string(end - 2000) + " win 2000");
    const std::string range = std::to_string(end - 1000) + ':' + std::to_string(end) + "(1000) ack 1";
    t.expect((end == 18'001 ? "P. " : ". ") + range);
  }
}

TEST(Push, IsNotSaidWhileMoreFollows) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
  t.app.send_more(200);
  t.expect_nothing();
  t.peer(". 1:1(0) ack 101 win 65535");
  t.expect(". 101:301(200) ack 1");  // MSG_MORE holds it until the next ACK, no longer
}

TEST(Push, OnDemandOvercomesTheCork) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.set([](Settings& s) { s.cork = true; });
  t.app.send(40);
  t.expect_nothing();
  t.connection().push();  // TCP_NODELAY was set
  t.app.set([](Settings& s) { s.nodelay = true; });
  t.expect("P. 1:41(40) ack 1");
  t.peer(". 1:1(0) ack 41 win 65535");
  t.app.send(50);  // the cork is still in
  t.expect_nothing();
  t.after(150ms);
  t.connection().push();
  t.app.set([](Settings& s) { s.nodelay = true; });
  t.expect("P. 41:91(50) ack 1");
}

// Ten segments fill the window, although nothing more waits: it may grow by all that is acknowledged.
TEST(WindowUse, AFullWindowIsUsed) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(10'000);
  t.expect("P. 1:5001(5000) ack 1");
  t.expect("P. 5001:10001(5000) ack 1");
  for (int i = 1; i <= 5; ++i) t.peer(". 1:1(0) ack " + std::to_string(2000 * i + 1) + " win 65535");
  EXPECT_EQ(t.info().cwnd_segments, 20u);
  EXPECT_EQ(t.info().delivered_segments, 11u) << "the SYN and ten";
}

// A closed window is no idleness: the congestion window is judged when it opens.
TEST(WindowUse, AClosedWindowIsNoIdleness) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(10'000);
  t.expect("P. 1:5001(5000) ack 1");
  t.expect("P. 5001:10001(5000) ack 1");
  t.peer(". 1:1(0) ack 10001 win 0");
  t.app.send(5000);
  const std::uint32_t cwnd = t.info().cwnd_segments;
  for (int i = 0; i < 3; ++i) {
    t.after(1s);
    t.discard();  // its probes
  }
  EXPECT_EQ(t.info().cwnd_segments, cwnd);
  t.peer(". 1:1(0) ack 10001 win 65535");
  t.expect("P. 10001:15001(5000) ack 1");
  EXPECT_EQ(t.info().cwnd_segments, 10u);
}

// Who has only asked so far is in no conversation.
TEST(QuickAck, AnswersTheFirstAnswer) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(517);
  t.expect("P. 1:518(517) ack 1");
  t.peer(". 1:1(0) ack 518 win 65535");
  t.peer("P. 1:144(143) ack 518 win 65535");
  t.expect(". 518:518(0) ack 144");
}

}  // namespace
}  // namespace sockeye::tcp
