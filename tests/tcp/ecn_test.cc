// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Explicit congestion notification, RFC 3168 6.1: negotiation with the fallback of its 6.1.1.1, the
// echo until CWR, one reduction per window of data, ECT on new data only. The peer's IP bits are
// `peer_ip_ecn`; those of what we sent next are sent_ip_ecn().
#include "tcp/ecn.h"

#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

BenchOptions asking() {
  BenchOptions options;
  options.config.ecn = 1;
  return options;
}

// We have asked, and the peer has agreed.
void establish_with_ecn(TcpBench& t) {
  t.open_active();
  t.expect("SEW 0:0(0)");
  t.peer("S.E 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
  t.expect(". 1:1(0) ack 1");
  (void)t.events();
}

TEST(EcnNegotiation, WeAskOnlyWhenToldTo) {
  TcpBench t;
  t.open_active();
  t.expect("S 0:0(0)");
}

// RFC 9293 3.8.2 SHLD-8
TEST(EcnNegotiation, ThePeerAgrees) {
  TcpBench t(asking());
  establish_with_ecn(t);
  t.app.send(100);
  EXPECT_EQ(t.sent_ip_ecn(), kEct0);
  t.expect("P. 1:101(100) ack 1");
}

TEST(EcnNegotiation, ThePeerDoesNotAgree) {
  for (const char* answer : {"S. 0:0(0) ack 1 win 65535", "S.EW 0:0(0) ack 1 win 65535"}) {
    TcpBench t(asking());
    t.open_active();
    t.expect("SEW 0:0(0)");
    t.peer(answer);
    t.expect(". 1:1(0) ack 1");
    t.app.send(100);
    EXPECT_EQ(t.sent_ip_ecn(), kNotEct) << answer;
    t.expect("P. 1:101(100) ack 1");
  }
}

// 6.1.1.1: a middlebox may drop what it does not know.
TEST(EcnNegotiation, TheRepeatedSynDoesNotAsk) {
  TcpBench t(asking());
  t.open_active();
  t.expect("SEW 0:0(0)");
  t.after(1s);
  t.expect("S 0:0(0)");
  t.after(2s);
  t.expect("S 0:0(0)");
  EXPECT_EQ(t.counters()[Counter::ecn_fallback], 1u);
}

TEST(EcnNegotiation, TheFallbackCanBeSwitchedOff) {
  BenchOptions options = asking();
  options.config.ecn_fallback = false;
  TcpBench t(options);
  t.open_active();
  t.expect("SEW 0:0(0)");
  t.after(1s);
  t.expect("SEW 0:0(0)");
}

TEST(EcnNegotiation, AServerAgreesWhenItIsAsked) {
  TcpBench t;
  t.listen();
  t.peer("SEW 0:0(0) win 30000 <mss 1000>");
  t.expect("S.E 0:0(0) ack 1");
  t.peer(". 1:1(0) ack 1");
  t.app.send(100);
  EXPECT_EQ(t.sent_ip_ecn(), kEct0);
  t.expect("P. 1:101(100) ack 1");
}

TEST(EcnNegotiation, AServerDoesNotAgree) {
  struct Case {
    const char* syn;
    unsigned mode;
    std::uint8_t bits;
  };
  for (const Case& c : {Case{"SE 0:0(0) win 30000", 2, kNotEct}, Case{"SW 0:0(0) win 30000", 2, kNotEct},
                        Case{"SEW 0:0(0) win 30000", 0, kNotEct},
                        Case{"SEW 0:0(0) win 30000", 2, kEct0}}) {  // 6.1.1: a SYN carries no ECT
    TcpBench t;
    t.config().ecn = c.mode;
    t.listen();
    t.peer_ip_ecn = c.bits;
    t.peer(c.syn);
    t.expect("S. 0:0(0) ack 1");
  }
}

// 6.1.3: ECE on every ACK from the mark on, until CWR.
TEST(EcnReceiver, EchoesUntilTheSenderHasReduced) {
  TcpBench t(asking());
  establish_with_ecn(t);
  t.peer_ip_ecn = kEct0;
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 101");
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P. 101:201(100) ack 1");
  t.expect(".E 1:1(0) ack 201");
  t.peer_ip_ecn = kEct0;
  t.peer("P. 201:301(100) ack 1");
  t.expect(".E 1:1(0) ack 301");
  t.app.send(10);
  t.expect("P.E 1:11(10) ack 301");  // data too
  t.peer("P.W 301:401(100) ack 11");
  t.expect(". 11:11(0) ack 401");
}

TEST(EcnReceiver, AMarkTogetherWithCwrIsANewOne) {
  TcpBench t(asking());
  establish_with_ecn(t);
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P. 1:101(100) ack 1");
  t.expect(".E 1:1(0) ack 101");
  t.peer("P.W 101:201(100) ack 1");
  t.expect(".E 1:1(0) ack 201");
}

TEST(EcnReceiver, WithoutAgreementMarksMeanNothing) {
  TcpBench t;
  t.establish();
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 101");
}

// 6.1.2: as for a loss, but nothing is sent again, and once per window of data.
TEST(EcnSender, ReducesOncePerWindow) {
  TcpBench t(asking());
  establish_with_ecn(t);
  t.app.send(20'000);
  const std::uint32_t before = t.info().cwnd_segments;
  t.discard();
  t.peer(".E 1:1(0) ack 2001");
  t.discard();
  EXPECT_EQ(t.info().congestion_state, 2);
  t.peer(".E 1:1(0) ack 4001");
  t.discard();
  t.peer(".E 1:1(0) ack 6001");
  t.discard();
  const std::uint32_t reduced = t.info().cwnd_segments;  // comes down as the ACKs do (RFC 9937)
  EXPECT_LT(reduced, before);
  EXPECT_GE(reduced, before / 2) << "once, not three times";
  EXPECT_EQ(t.info().total_retransmits, 0u);
}

TEST(EcnSender, ConfirmsOnTheNextNewData) {
  TcpBench t(asking());
  establish_with_ecn(t);
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.peer(".E 1:1(0) ack 1001");
  t.app.send(1000);
  EXPECT_EQ(t.sent_ip_ecn(), kEct0);
  t.expect("P.W 1001:2001(1000) ack 1");
  t.app.send(1000);
  t.expect("P. 2001:3001(1000) ack 1");
}

// 6.1.4, 6.1.5: pure ACKs and retransmissions are never marked, so they carry no ECT.
TEST(EcnSender, NoEctOnAcksAndRetransmissions) {
  TcpBench t(asking());
  establish_with_ecn(t);
  t.peer("P. 1:101(100) ack 1");
  EXPECT_EQ(t.sent_ip_ecn(), kNotEct);
  t.expect(". 1:1(0) ack 101");
  t.app.send(500);
  EXPECT_EQ(t.sent_ip_ecn(), kEct0);
  t.expect("P. 1:501(500) ack 101");
  t.after(1200ms);
  while (t.sent_count() > 0) {
    EXPECT_EQ(t.sent_ip_ecn(), kNotEct);
    EXPECT_EQ(t.take_sent().substr(0, 11), "P. 1:501(50");
  }
}

// Hostile E23: an echo cannot make the window grow, nor send anything again.
TEST(EcnSender, AFloodOfEchoesOnlyEverReduces) {
  TcpBench t(asking());
  establish_with_ecn(t);
  std::uint32_t last = t.info().cwnd_segments;
  for (std::uint32_t i = 0; i < 30; ++i) {
    t.app.send(1000);
    t.discard();
    t.peer(".E 1:1(0) ack " + std::to_string(1 + 1000 * (i + 1)));
    t.discard();
    EXPECT_LE(t.info().cwnd_segments, last);
    last = t.info().cwnd_segments;
  }
  EXPECT_GE(last, 1u);
  EXPECT_EQ(t.info().total_retransmits, 0u);
}

}  // namespace
}  // namespace sockeye::tcp
