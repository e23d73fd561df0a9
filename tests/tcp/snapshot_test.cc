// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A connection leaves one stack as bytes and goes on in another: nothing is lost, nothing is said twice,
// and bytes that are no snapshot are refused.
#include "tcp/snapshot.h"

#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(Snapshot, BytesInFlightUnsentAndUnreadMoveAlong) {
  TcpBench t;
  t.establish();
  t.peer("P. 1:501(500) ack 1 win 2000");
  t.expect(". 1:1(0) ack 501");
  EXPECT_EQ(t.app.send(5000), 5000);
  t.expect(". 1:1461(1460) ack 501");
  t.move_to_another_stack(3s);
  // Where does the peer stand? (Linux's window probe after TCP_REPAIR.)
  t.expect(". 0:0(0) ack 501");
  EXPECT_EQ(t.readable(), 500u);
  EXPECT_EQ(t.app.receive(), 500);
  t.peer(". 501:501(0) ack 1461 win 65535");  // what was under way had arrived
  t.expect(". 1461:2921(1460) ack 501");
  t.expect(". 2921:4381(1460) ack 501");
  t.expect("P. 4381:5001(620) ack 501");
  t.peer("P. 501:601(100) ack 5001");
  t.expect(". 5001:5001(0) ack 601");
  EXPECT_EQ(t.app.receive(), 100);
  EXPECT_GE(t.discard(), 0u);
}

TEST(Snapshot, WhatWasLostInBetweenIsSentAgain) {
  TcpBench t;
  t.establish();
  EXPECT_EQ(t.app.send(1000), 1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.move_to_another_stack(1s);
  t.expect(". 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");  // the answer: nothing came
  t.after(3s);               // RFC 6298 5.7: nothing is measured here yet
  t.expect("P. 1:1001(1000) ack 1");
  t.peer(". 1:1(0) ack 1001");
  EXPECT_EQ(t.connection().unacknowledged_bytes(), 0u);
}

TEST(Snapshot, OptionsAndTimestampsGoOn) {
  TcpBench t({.peer_options = "mss 1400,sackOK,TS val 700 ecr 0,nop,wscale 7"});
  t.establish();
  const std::uint32_t before = t.last_timestamp();
  t.move_to_another_stack(5s);
  t.discard();
  EXPECT_EQ(t.info().send_mss, 1388u);
  EXPECT_TRUE(t.info().sack);
  EXPECT_TRUE(t.info().timestamps);
  EXPECT_EQ(t.info().send_window_scale, 7u);
  EXPECT_GE(static_cast<std::int32_t>(t.last_timestamp() - before), 0);  // PAWS at the peer
  t.peer("P. 1:11(10) ack 1 win 100 <nop,nop,TS val 701 ecr 0>");
  EXPECT_EQ(t.readable(), 10u);
  EXPECT_EQ(t.info().send_window, 100u << 7);
  t.discard();
}

TEST(Snapshot, TheWindowThatWasPromisedIsKept) {
  TcpBench t;
  t.establish();
  const std::uint32_t window = t.info().receive_window;
  t.peer(". 1:1001(1000) ack 1");
  t.discard();
  t.move_to_another_stack(1s);
  t.discard();
  EXPECT_GE(t.info().receive_window, window - 1000);
}

// Accurate ECN: both halves go on counting where they stood.
TEST(Snapshot, EcnMovesAlong) {
  BenchOptions options{.peer_options = "mss 1000,sackOK"};
  options.config.ecn = 3;
  options.config.ecn_option = 0;
  TcpBench t(options);
  t.open_active();
  t.expect("SEWA 0:0(0)");
  t.peer("S.W 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(".W 1:1(0) ack 1");
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P.EA 1:101(100) ack 1 win 65535");
  t.expect(".WA 1:1(0) ack 101");
  t.app.send(2000);
  EXPECT_EQ(t.discard(), 2u);
  t.peer_ip_ecn = kNotEct;
  t.peer(".WA 101:101(0) ack 1001 win 65535");  // one of ours was marked
  EXPECT_EQ(t.info().delivered_ce, 1u);
  t.move_to_another_stack(1s);
  t.expect(".WA 1000:1000(0) ack 101");
  EXPECT_EQ(t.info().ecn_mode, EcnMode::accurate);
  EXPECT_EQ(t.info().received_ce, 1u);
  EXPECT_EQ(t.info().delivered_ce, 1u);
  EXPECT_EQ(t.info().bytes_received, 100u);
  t.peer(".WA 101:101(0) ack 2001 win 65535");
  EXPECT_EQ(t.info().delivered_ce, 1u) << "none is counted twice";
  t.app.send(100);
  EXPECT_EQ(t.sent_ip_ecn(), kEct0);
  t.expect("P.WA 2001:2101(100) ack 101");
}

// Classic: the echo that is owed until CWR comes.
TEST(Snapshot, AnEchoThatIsOwedMovesAlong) {
  TcpBench t;
  t.listen();
  t.peer("SEW 0:0(0) win 30000 <mss 1000>");
  t.expect("S.E 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P. 1:101(100) ack 1");
  t.expect(".E 1:1(0) ack 101");
  t.move_to_another_stack(1s);
  t.expect(".E 0:0(0) ack 101");
  t.peer_ip_ecn = kEct0;
  t.peer("P.W 101:201(100) ack 1");
  t.expect(". 1:1(0) ack 201");
}

// Every synchronized state before TIME_WAIT, and what ends the connection from there.
TEST(Snapshot, EveryStateMoves) {
  {
    TcpBench t;
    t.establish();
    t.app.close();
    t.expect("F. 1:1(0) ack 1");
    t.move_to_another_stack(100ms);
    EXPECT_EQ(t.state(), State::fin_wait_1);
    t.expect(". 0:0(0) ack 1");
    t.after(3s);
    t.expect("F. 1:1(0) ack 1");
    t.peer(". 1:1(0) ack 2");
    EXPECT_EQ(t.state(), State::fin_wait_2);
    t.move_to_another_stack(100ms);
    EXPECT_EQ(t.state(), State::fin_wait_2);
    t.discard();
    t.peer("F. 1:1(0) ack 2");
    t.expect(". 2:2(0) ack 2");
    EXPECT_EQ(t.state(), State::time_wait);
  }
  {
    TcpBench t;
    t.establish();
    t.peer("F. 1:1(0) ack 1");
    t.expect(". 1:1(0) ack 2");
    t.move_to_another_stack(100ms);
    EXPECT_EQ(t.state(), State::close_wait);
    t.discard();
    EXPECT_EQ(t.app.receive(), 0);
    EXPECT_EQ(t.app.send(10), 10);
    t.expect("P. 1:11(10) ack 2");
    t.app.close();
    t.expect("F. 11:11(0) ack 2");
    t.move_to_another_stack(100ms);
    EXPECT_EQ(t.state(), State::last_ack);
    t.discard();
    t.peer(". 2:2(0) ack 12");
    EXPECT_EQ(t.state(), State::closed);
  }
  {
    TcpBench t;
    t.establish();
    t.app.close();
    t.expect("F. 1:1(0) ack 1");
    t.peer("F. 1:1(0) ack 1");
    t.expect(". 2:2(0) ack 2");
    t.move_to_another_stack(100ms);
    EXPECT_EQ(t.state(), State::closing);
    t.discard();
    t.peer(". 2:2(0) ack 2");
    EXPECT_EQ(t.state(), State::time_wait);
  }
}

TEST(Snapshot, NoneWhileOpeningOrAfterTheEnd) {
  TcpBench t;
  t.open_active();
  t.discard();
  EXPECT_EQ(t.connection().snapshot(t.now()).error(), Errno::inval);
  t.peer("R. 0:0(0) ack 1");
  EXPECT_EQ(t.connection().snapshot(t.now()).error(), Errno::inval);
}

TEST(Snapshot, BytesThatAreNoneAreRefused) {
  TcpBench t;
  t.establish();
  t.app.send(100);
  t.discard();
  const auto bytes = to_bytes(*t.connection().snapshot(t.now()));
  ASSERT_TRUE(snapshot_from_bytes(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(snapshot_from_bytes(Bytes(bytes).first(size))) << size;
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(snapshot_from_bytes(longer));
  auto version = bytes;
  version[5] = std::byte{99};
  EXPECT_FALSE(snapshot_from_bytes(version));
  // Any byte changed: refused, or something that a connection can be made of.
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] ^= std::byte{0xff};
    const auto read = snapshot_from_bytes(changed);
    if (!read) continue;
    PacketPool pool;
    SeededRng secret(1), open(2);
    Config config;
    Resources resources(config, pool.chunks(), secret, open);
    Connection other(resources, read->tuple, Path{}, read->settings);
    if (!other.restore(t.now(), *read)) continue;
    Segment segment;
    for (int i = 0; i < 100; ++i) {
      PacketPtr packet = pool.allocate();
      if (!other.poll_transmit(t.now(), segment, *packet)) break;
    }
  }
}

}  // namespace
}  // namespace sockeye::tcp
