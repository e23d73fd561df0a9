// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP Fast Open, RFC 7413: the client's SYN and what follows it, the server's child before the handshake
// is complete, cookies and what is remembered of them. "FO" is the option, with a cookie or asking.
#include "tcp/fast_open.h"

#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

FastOpenCookie cookie_of(std::initializer_list<unsigned> bytes) {
  FastOpenCookie cookie;
  for (const unsigned byte : bytes) cookie.bytes[cookie.size++] = static_cast<std::byte>(byte);
  return cookie;
}

// --- cookies

TEST(FastOpenCookies, BelongToBothAddressesAndTheKey) {
  const FastOpenKeys keys{{1, 2}, SipKey{3, 4}};
  const IpAddress client = IpAddress::v4(10, 0, 0, 1);
  const IpAddress server = IpAddress::v4(10, 0, 0, 2);
  const FastOpenCookie cookie = make_fast_open_cookie(keys.primary, client, server);
  EXPECT_EQ(cookie.size, 8);
  EXPECT_EQ(check_fast_open_cookie(keys, client, server, cookie), 1);
  EXPECT_EQ(check_fast_open_cookie(keys, server, client, cookie), 0);
  EXPECT_EQ(check_fast_open_cookie(keys, IpAddress::v4(10, 0, 0, 3), server, cookie), 0);
  EXPECT_EQ(check_fast_open_cookie(keys, client, server, make_fast_open_cookie({3, 4}, client, server)), 2);
  EXPECT_EQ(check_fast_open_cookie({{3, 5}, {}}, client, server, cookie), 0);
}

// Whatever the byte order of the machine: SipHash-2-4 over the addresses as the packet has them (Linux).
// Vectors of an independent SipHash.
TEST(FastOpenCookies, AreLinuxs) {
  std::array<std::byte, kFastOpenKeyBytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  const SipKey key = read_fast_open_keys(bytes).primary;
  const auto cookie = [&](const char* client, const char* server) {
    return make_fast_open_cookie(key, *IpAddress::parse(client), *IpAddress::parse(server)).bytes;
  };
  const auto given = [](std::initializer_list<unsigned> of) { return cookie_of(of).bytes; };
  EXPECT_EQ(cookie("192.0.2.1", "192.0.2.2"), given({0x36, 0x1b, 0x9e, 0x99, 0x04, 0x4b, 0xa9, 0x81}));
  EXPECT_EQ(cookie("2001:db8::1", "2001:db8::2"), given({0x1c, 0xa0, 0xd8, 0x59, 0x58, 0x97, 0x7d, 0x3a}));
}

TEST(FastOpenCookies, TheCacheForgetsTheLeastRecentlyUsed) {
  FastOpenCache cache;
  for (std::uint32_t i = 0; i < 1024; ++i) cache.set(IpAddress::v4(i + 1), 1400, cookie_of({1, 2, 3, 4}));
  EXPECT_NE(cache.find(IpAddress::v4(1)), nullptr);
  cache.set(IpAddress::v4(5000), 1400, std::nullopt);
  EXPECT_EQ(cache.size(), 1024u);
  EXPECT_NE(cache.find(IpAddress::v4(1)), nullptr);
  EXPECT_EQ(cache.find(IpAddress::v4(2)), nullptr);
}

// --- the client (4.1.3, 4.2.1)

void knows_cookie(TcpBench& t) {
  t.resources().fast_open.set(t.tuple().remote.address, 1000, cookie_of({0xa, 0xb, 0xc, 0xd}));
}

TEST(FastOpenClient, AsksForACookieFirst) {
  TcpBench t;
  t.open_fast(100);
  t.expect("S 0:0(0) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7,FO>");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,FO 01020304>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.app.send(100), 100);
  t.expect("P. 1:101(100) ack 1");
  const auto* known = t.resources().fast_open.find(t.tuple().remote.address);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(t.info().fast_open_failure, 1) << "TFO_COOKIE_UNAVAILABLE";
  EXPECT_EQ(known->cookie, cookie_of({1, 2, 3, 4}));
  EXPECT_EQ(known->mss, 1000);
}

TEST(FastOpenClient, ARepeatedSynIsAFailureOfItsOwn) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.after(1s);
  t.expect("S 0:0(0)");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect("P. 1:101(100) ack 1");
  EXPECT_EQ(t.info().fast_open_failure, 3) << "TFO_SYN_RETRANSMITTED";
}

TEST(FastOpenClient, SendsDataWithTheSyn) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7,FO 0a0b0c0d>");
  t.after(20ms);
  t.peer("S. 0:0(0) ack 101 win 65535 <mss 1000>");
  t.expect(". 101:101(0) ack 1");
  EXPECT_TRUE(t.info().syn_data);
  EXPECT_EQ(t.counters()[Counter::fast_open_active], 1u);
  EXPECT_EQ(t.app.send(50), 50);
  t.expect("P. 101:151(50) ack 1");
  EXPECT_EQ(t.info().bytes_sent, 150u);
}

TEST(FastOpenClient, WhatTheServerDidNotTakeGoesAgain) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,FO 0102030405060708>");
  t.expect("P. 1:101(100) ack 1");
  EXPECT_FALSE(t.info().syn_data);
  EXPECT_EQ(t.info().fast_open_failure, 2) << "TFO_DATA_NOT_ACKED";
  EXPECT_EQ(t.counters()[Counter::fast_open_active_fail], 1u);
  EXPECT_EQ(t.resources().fast_open.find(t.tuple().remote.address)->cookie.size, 8);
  EXPECT_EQ(t.info().retransmitted_segments, 1u) << "as Linux: not as new data";
  t.peer(". 1:1(0) ack 101");
  EXPECT_EQ(t.info().bytes_sent, 200u);
}

// The server's data may come with its SYN-ACK, if we have asked for a fast open at all.
TEST(FastOpenClient, TakesDataOfTheSynAck) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.peer("SF. 0:50(50) ack 101 win 65535 <mss 1000>");
  t.expect(". 101:101(0) ack 52");
  EXPECT_EQ(t.state(), State::close_wait);
  EXPECT_EQ(t.app.receive(), 50);
}

// Linux: a timestamp that no SYN of ours has carried is refused.
TEST(FastOpenClient, TheSynAckEchoesOurTimestamp) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(10ms);
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000,TS val 5 ecr 99>");
  t.expect("R 1:1(0)");
  EXPECT_EQ(t.state(), State::syn_sent);
  EXPECT_EQ(t.drops(), "paws 1");
}

// The option of before the RFC is tried once with a server that leaves RFC 7413's unanswered.
TEST(FastOpenClient, TriesTheExperimentalOptionOnce) {
  using Ask = FastOpenCache::Ask;
  TcpBench first;
  first.open_fast(0);
  first.expect("S 0:0(0) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7,FO>");
  first.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  first.expect(". 1:1(0) ack 1");
  EXPECT_EQ(first.resources().fast_open.find(first.tuple().remote.address)->unanswered, Ask::by_rfc);
  TcpBench second;
  second.resources().fast_open.set(second.tuple().remote.address, 1000, std::nullopt, Ask::by_rfc);
  second.open_fast(0);
  second.expect("S 0:0(0) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7,FOEXP>");
  second.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  second.expect(". 1:1(0) ack 1");
  const auto* known = second.resources().fast_open.find(second.tuple().remote.address);
  EXPECT_EQ(known->unanswered, Ask::by_experiment);
}

TEST(FastOpenClient, ABlockingWriterCarriesTheAck) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(5000);
  t.expect("S 0:960(960)");
  t.connection().expect_writer();
  t.peer("S. 0:0(0) ack 961 win 65535 <mss 1000>");
  t.expect_nothing();
  t.app.send(100);
  t.expect("P. 961:1061(100) ack 1");
  t.peer("P. 1:101(100) ack 1061 win 65535");
  t.expect_nothing();  // it is a conversation
}

TEST(FastOpenClient, AServerMayTakeAPart) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.peer("S. 0:0(0) ack 41 win 65535 <mss 1000>");
  t.expect("P. 41:101(60) ack 1");
}

TEST(FastOpenClient, AnAckOfMoreThanWasSentIsRefused) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.peer("S. 0:0(0) ack 102 win 65535 <mss 1000>");
  t.expect("R 102:102(0)");
  EXPECT_EQ(t.state(), State::syn_sent);
}

// 4.1.3: without option and data; and when that alone got through, the cookie is forgotten.
TEST(FastOpenClient, TheRepeatedSynIsPlain) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.after(1s);
  t.expect("S 0:0(0) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7>");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect("P. 1:101(100) ack 1");
  EXPECT_EQ(t.resources().fast_open.find(t.tuple().remote.address)->cookie.size, 0);
}

// As much as fits into a segment of the server's MSS with all options.
TEST(FastOpenClient, TheSynIsNoLargerThanASegment) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(5000);
  t.expect("S 0:960(960)");
  t.peer("S. 0:0(0) ack 961 win 65535 <mss 1000>");
  t.expect(". 961:961(0) ack 1");
}

// Linux: what is remembered of the server is what it has said, not what this socket makes of it.
TEST(FastOpenClient, TheLimitOfOneSocketIsNotRemembered) {
  TcpBench t{{.settings = {.max_segment = 1040}}};
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100) win 65535 <mss 1040,sackOK,TS val * ecr 0,wscale 7,FO 0a0b0c0d>");
  t.peer("S. 0:0(0) ack 101 win 65535 <mss 1340>");
  t.expect(". 101:101(0) ack 1");
  EXPECT_EQ(t.resources().fast_open.find(t.tuple().remote.address)->mss, 1340);
}

// Both ends have sent a SYN with data. As Linux: of the peer's only the SYN counts, of ours all was sent.
TEST(FastOpenClient, ASynWithDataMeetsAnother) {
  TcpBench t;
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.peer("S 0:50(50) win 65535 <mss 1000,sackOK,FO 01020304>");
  t.expect("S. 0:0(0) ack 1");
  t.peer("S. 0:0(0) ack 101 win 65535 <mss 1000,sackOK>");
  t.expect(". 101:101(0) ack 1 win 65535 <nop,nop,sack 0:1>");
  EXPECT_EQ(t.state(), State::established);
  t.peer("P. 1:51(50) ack 101 win 65535");
  t.expect(". 101:101(0) ack 51");
  EXPECT_EQ(t.app.receive(), 50);
  t.app.send(10);
  t.expect("P. 101:111(10) ack 51");
}

TEST(FastOpenClient, ASynThatMeetsAnotherMayLoseItsData) {
  for (const char* answer : {"S. 0:0(0) ack 41 win 65535 <mss 1000>", ". 1:1(0) ack 41 win 65535"}) {
    TcpBench t;
    knows_cookie(t);
    t.open_fast(100);
    t.expect("S 0:100(100)");
    t.peer("S 0:0(0) win 65535 <mss 1000>");
    t.expect("S. 0:0(0) ack 1");
    t.peer(answer);
    t.expect("P. 41:101(60) ack 1");
    EXPECT_EQ(t.state(), State::established);
    t.peer(". 1:1(0) ack 101");
    EXPECT_EQ(t.info().unacked_segments, 0u);
    t.after(10s);
    t.expect_nothing();
  }
}

TEST(FastOpenClient, WithoutCookieWhereBothAgreed) {
  TcpBench t{{.settings = {.fast_open_no_cookie = true}}};
  t.open_fast(100);
  t.expect("S 0:100(100) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7>");
}

TEST(FastOpenClient, ABlackHolePausesIt) {
  TcpBench t{{.config = {.fast_open_blackhole = 3600s}}};
  knows_cookie(t);
  t.open_fast(100);
  t.expect("S 0:100(100)");
  t.after(1s);
  t.expect("S 0:0(0)");
  t.after(2s);
  t.expect("S 0:0(0)");
  t.after(4s);
  t.expect("S 0:0(0)");
  EXPECT_EQ(t.counters()[Counter::fast_open_blackhole], 1u);
  EXPECT_TRUE(t.resources().fast_open.is_paused(t.now(), 3600s));
  EXPECT_FALSE(t.resources().fast_open.is_paused(t.now() + 3600s, 3600s));
  t.open_fast(100);
  t.expect("S 0:0(0) win 65535 <mss 1460,sackOK,TS val * ecr 0,wscale 7>");
}

// --- the server (4.2.2)

struct Server : TcpBench {
  explicit Server(BenchOptions options = {}) : TcpBench(with_server(options)) {
    listen();
    syn_queue().set_fast_open({true, true, nullptr});
    const FastOpenCookie cookie = make_fast_open_cookie(resources().fast_open_keys.primary,
                                                        tuple().remote.address, tuple().local.address);
    constexpr char kDigits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < cookie.size; ++i) {
      good += kDigits[std::to_integer<unsigned>(cookie.bytes[i]) >> 4];
      good += kDigits[std::to_integer<unsigned>(cookie.bytes[i]) & 15];
    }
  }
  static BenchOptions with_server(BenchOptions options) {
    options.config.fast_open |= kFastOpenServer;
    return options;
  }
  std::string good;
};

TEST(FastOpenServer, GivesACookieToWhoAsks) {
  Server t;
  t.peer("S 0:0(0) win 30000 <mss 1000,FO>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,FO " + t.good + '>');
  EXPECT_FALSE(t.has_connection());
  EXPECT_EQ(t.counters()[Counter::fast_open_cookie_reqd], 1u);
}

TEST(FastOpenServer, TakesDataWithTheSyn) {
  Server t;
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 101 win 65535 <mss 1460>");
  ASSERT_TRUE(t.has_connection());
  EXPECT_EQ(t.state(), State::syn_received);
  EXPECT_EQ(t.app.receive(), 100);
  EXPECT_EQ(t.app.send(200), 200);  // before the handshake is complete
  t.expect("P. 1:201(200) ack 101");
  t.after(10ms);
  t.peer(". 101:101(0) ack 201");
  EXPECT_EQ(t.state(), State::established);
  EXPECT_EQ(t.info().unacked_segments, 0u);
  t.after(10s);
  t.expect_nothing();
  t.peer("P. 101:151(50) ack 201");
  t.discard();
  EXPECT_EQ(t.app.receive(), 50);
  EXPECT_EQ(t.counters()[Counter::fast_open_passive], 1u);
}

TEST(FastOpenServer, AnAckOfTheSynAloneLeavesTheDataInFlight) {
  Server t;
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 101");
  EXPECT_EQ(t.app.receive(), 100);
  EXPECT_EQ(t.app.send(200), 200);
  t.expect("P. 1:201(200) ack 101");
  t.after(10ms);
  t.peer(". 101:101(0) ack 1");
  EXPECT_EQ(t.state(), State::established);
  t.after(2s);
  EXPECT_EQ(t.take_sent().substr(0, 12), "P. 1:201(200");  // the retransmission timer runs
  t.discard();
  t.peer(". 101:101(0) ack 201");
}

// Hostile D17.
TEST(FastOpenServer, AWrongCookieIsAPlainSyn) {
  for (const char* cookie : {"0011223344556677", "00112233", "00112233445566778899aabbccddeeff"}) {
    Server t;
    t.peer("S 0:100(100) win 30000 <mss 1000,FO " + std::string(cookie) + '>');
    t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,FO " + t.good + '>');
    EXPECT_FALSE(t.has_connection());
    EXPECT_EQ(t.counters()[Counter::fast_open_passive_fail], 1u);
    t.peer("P. 1:101(100) ack 1");
    t.discard();
    EXPECT_EQ(t.app.receive(), 100);
  }
}

TEST(FastOpenServer, WithoutRoomOrWithoutLeaveTheDataWaits) {
  Server t;
  t.syn_queue().set_fast_open({true, false, nullptr});
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  EXPECT_EQ(t.counters()[Counter::fast_open_listen_overflow], 1u);
  TcpBench off;
  off.listen();
  off.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  off.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  EXPECT_FALSE(off.has_connection());
}

// Hostile F2: under a flood there are cookies of the other kind only.
TEST(FastOpenServer, NotUnderOverflow) {
  Server t;
  t.listen(0);
  t.syn_queue().set_fast_open({true, true, nullptr});
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  EXPECT_FALSE(t.has_connection());
}

TEST(FastOpenServer, ARepeatedSynIsAnswered) {
  Server t;
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 101");
  t.peer("S 0:0(0) win 30000 <mss 1000>");
  t.expect("S. 0:0(0) ack 101");
  t.after(1s);
  t.expect("S. 0:0(0) ack 101");
  t.peer(". 101:101(0) ack 1");
  EXPECT_EQ(t.state(), State::established);
  EXPECT_EQ(t.app.receive(), 100);
}

TEST(FastOpenServer, NobodyCompletesIt) {
  Server t{{.config = {.syn_ack_retries = 1}}};
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 101");
  t.after(1s);
  t.expect("S. 0:0(0) ack 101");
  t.after(2s);
  t.expect("S. 0:0(0) ack 101");
  t.after(4s);
  t.expect_nothing();
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.error(), ETIMEDOUT);
}

TEST(FastOpenServer, AResetEndsIt) {
  Server t;
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 101");
  t.peer("R 101:101(0)");
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.error(), ECONNRESET);
}

TEST(FastOpenServer, ClosingAtOnceSendsTheFinBehindTheAnswer) {
  Server t;
  t.peer("S 0:100(100) win 30000 <mss 1000,FO " + t.good + '>');
  t.expect("S. 0:0(0) ack 101");
  EXPECT_EQ(t.app.receive(), 100);
  EXPECT_EQ(t.app.send(10), 10);
  t.expect("P. 1:11(10) ack 101");
  t.app.close();
  t.expect("F. 11:11(0) ack 101");
  t.peer(". 101:101(0) ack 12");
  EXPECT_EQ(t.state(), State::fin_wait_2);
}

}  // namespace
}  // namespace sockeye::tcp
