// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// SYN cookies (RFC 4987 3.6): what a SYN queue without room answers, and what it believes.
#include "tcp/syn_cookie.h"

#include <gtest/gtest.h>

#include "core/rng.h"
#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

constexpr SipKey kKey{3, 5};
constexpr Instant kStart = Instant{} + 1'000'030s;

FiveTuple tuple_of(std::uint16_t port, bool is_v6 = false) {
  if (is_v6) return {{*IpAddress::parse("fd00::1"), 80}, {*IpAddress::parse("fd00::2"), port}};
  return {{IpAddress::v4(10, 0, 0, 1), 80}, {IpAddress::v4(10, 0, 0, 2), port}};
}

TEST(SynCookie, KeepsTheMssRoundedDown) {
  const auto through = [](std::uint16_t mss, bool is_v6) {
    const SeqNum cookie = make_syn_cookie(kKey, tuple_of(7, is_v6), SeqNum(99), kStart, mss);
    return read_syn_cookie(kKey, tuple_of(7, is_v6), SeqNum(99), cookie, kStart + 20s);
  };
  EXPECT_EQ(through(100, false), 536);
  EXPECT_EQ(through(1299, false), 536);
  EXPECT_EQ(through(1400, false), 1300);
  EXPECT_EQ(through(1440, false), 1440);
  EXPECT_EQ(through(65000, false), 1460);
  EXPECT_EQ(through(1220, true), 1220);
  EXPECT_EQ(through(9000, true), 8940);
}

TEST(SynCookie, IsGoodForTheMinuteItWasMadeInAndTheNext) {
  for (const Duration into : {0s, 29s, 59s}) {
    const Instant made = Instant{} + 1'000'020s + into;  // a whole minute and some seconds
    const SeqNum cookie = make_syn_cookie(kKey, tuple_of(7), SeqNum(99), made, 1460);
    const Instant end = Instant{} + 1'000'020s + 120s;
    EXPECT_TRUE(read_syn_cookie(kKey, tuple_of(7), SeqNum(99), cookie, made));
    EXPECT_TRUE(read_syn_cookie(kKey, tuple_of(7), SeqNum(99), cookie, end - 1ns));
    EXPECT_FALSE(read_syn_cookie(kKey, tuple_of(7), SeqNum(99), cookie, end));
  }
}

TEST(SynCookie, BelongsToOneTupleOneNumberAndOneKey) {
  const SeqNum cookie = make_syn_cookie(kKey, tuple_of(7), SeqNum(99), kStart, 1460);
  EXPECT_FALSE(read_syn_cookie(kKey, tuple_of(8), SeqNum(99), cookie, kStart));
  EXPECT_FALSE(read_syn_cookie(kKey, tuple_of(7), SeqNum(100), cookie, kStart));
  EXPECT_FALSE(read_syn_cookie({3, 6}, tuple_of(7), SeqNum(99), cookie, kStart));
}

// Hostile E12: 2^24 times 128 to 4 for each guess.
TEST(SynCookie, GuessesAreNotBelieved) {
  SeededRng random(1);
  for (int i = 0; i < 200'000; ++i) {
    const SeqNum guess(static_cast<std::uint32_t>(random.next()));
    ASSERT_FALSE(read_syn_cookie(kKey, tuple_of(7), SeqNum(99), guess, kStart)) << i;
  }
}

TEST(SynCookie, TheStampRemembersAndLiesBackLessThan64Milliseconds) {
  for (std::uint32_t clock = 1000; clock < 1200; ++clock)
    for (const bool sack : {false, true})
      for (const bool ecn : {false, true})
        for (unsigned scale = 0; scale <= 15; ++scale) {
          CookieOptions options;
          if (scale < 15) options.peer_window_scale = static_cast<std::uint8_t>(scale);
          options.sack = sack;
          options.ecn = ecn;
          const std::uint32_t stamp = stamp_cookie_options(clock, options);
          ASSERT_LE(stamp, clock);
          ASSERT_LT(clock - stamp, 64u);
          ASSERT_EQ(read_cookie_options(stamp), options);
        }
}

// --- through the queue; a backlog of 0 is full from the start (Linux)

TEST(SynCookieQueue, KeepsEverythingInTheAnswer) {
  TcpBench t;
  t.listen(0);
  t.peer("S 0:0(0) win 30000 <mss 1350,sackOK,TS val 5 ecr 0,wscale 2>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val * ecr 5,wscale 7>");
  EXPECT_EQ(t.syn_queue().size(), 0u);
  EXPECT_FALSE(t.syn_queue().next_timer());
  const std::string echo = std::to_string(t.last_timestamp());
  t.after(50s);
  t.expect_nothing();  // nothing is repeated
  t.peer("P. 1:11(10) ack 1 win 1000 <TS val 6 ecr " + echo + '>');
  t.discard();
  ASSERT_TRUE(t.has_connection());
  EXPECT_EQ(t.app.receive(), 10);
  const Info info = t.info();
  EXPECT_EQ(info.state, State::established);
  EXPECT_EQ(info.send_mss, 1288u);  // 1300, without the timestamp
  EXPECT_EQ(info.send_window, 4000u);
  EXPECT_TRUE(info.sack);
  EXPECT_TRUE(info.timestamps);
  EXPECT_EQ(t.counters()[Counter::syncookies_sent], 1u);
  EXPECT_EQ(t.counters()[Counter::syncookies_recv], 1u);
  EXPECT_EQ(t.counters()[Counter::req_q_full_do_cookies], 1u);
}

TEST(SynCookieQueue, WithoutTimestampsOnlyTheMssSurvives) {
  TcpBench t;
  t.listen(0);
  t.peer("S 0:0(0) win 30000 <mss 1350,sackOK,wscale 2>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.peer(". 1:1(0) ack 1 win 1000");
  ASSERT_TRUE(t.has_connection());
  const Info info = t.info();
  EXPECT_EQ(info.send_mss, 1300u);
  EXPECT_EQ(info.send_window, 1000u);
  EXPECT_FALSE(info.sack);
  EXPECT_FALSE(info.window_scaling);
}

TEST(SynCookieQueue, AWrongCookieIsReset) {
  TcpBench t;
  t.listen(0);
  t.peer("S 0:0(0) win 30000 <mss 1350>");
  t.expect("S. 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 2");
  t.expect("R 2:2(0)");
  t.peer(". 2:2(0) ack 1");
  t.expect("R 1:1(0)");
  EXPECT_FALSE(t.has_connection());
  EXPECT_EQ(t.counters()[Counter::syncookies_failed], 2u);
  EXPECT_EQ(t.drops(), "listen_no_syn 2");
}

TEST(SynCookieQueue, AnOldCookieIsReset) {
  TcpBench t;
  t.listen(0);
  t.peer("S 0:0(0) win 30000 <mss 1350>");
  t.expect("S. 0:0(0) ack 1");
  t.after(121s);
  t.peer(". 1:1(0) ack 1");
  t.expect("R 1:1(0)");
  EXPECT_EQ(t.counters()[Counter::syncookies_failed], 0u) << "no overflow lately: not even looked at";
}

TEST(SynCookieQueue, AFullAcceptQueueDropsTheAckAndTheSyn) {
  TcpBench t;
  t.listen(0);
  t.peer("S 0:0(0) win 30000 <mss 1350>");
  t.expect("S. 0:0(0) ack 1");
  t.accept_queue_full = true;
  t.peer(". 1:1(0) ack 1");
  t.peer("S 0:0(0) win 30000 <mss 1350>");
  t.expect_nothing();
  EXPECT_EQ(t.drops(), "accept_queue_full 2");
  EXPECT_EQ(t.counters()[Counter::listen_overflows], 2u);
  t.accept_queue_full = false;
  t.peer(". 1:1(0) ack 1");  // the client speaks again: nothing was lost
  EXPECT_TRUE(t.has_connection());
}

TEST(SynCookieQueue, OffDropsTheSyn) {
  TcpBench t;
  t.config().syncookies = 0;
  t.listen(0);
  t.peer("S 0:0(0) win 30000 <mss 1350>");
  t.expect_nothing();
  EXPECT_EQ(t.drops(), "syn_queue_full 1");
  EXPECT_EQ(t.counters()[Counter::req_q_full_drop], 1u);
}

TEST(SynCookieQueue, AlwaysNeedsNoOverflow) {
  TcpBench t;
  t.config().syncookies = 2;
  t.listen(100);
  t.peer("S 0:0(0) win 30000 <mss 1350>");
  t.expect("S. 0:0(0) ack 1");
  EXPECT_EQ(t.syn_queue().size(), 0u);
  t.peer(". 1:1(0) ack 1");
  EXPECT_TRUE(t.has_connection());
}

TEST(SynCookieQueue, EcnIsKeptInTheStamp) {
  TcpBench t;
  t.listen(0);
  t.peer("SEW 0:0(0) win 30000 <mss 1350,sackOK,TS val 5 ecr 0>");
  t.expect("S.E 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1 <TS val 6 ecr " + std::to_string(t.last_timestamp()) + '>');
  ASSERT_TRUE(t.has_connection());
  t.app.send(10);
  EXPECT_EQ(t.sent_ip_ecn(), kEct0);
  t.expect("P. 1:11(10) ack 1");
}

}  // namespace
}  // namespace sockeye::tcp
