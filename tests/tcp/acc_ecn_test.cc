// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Accurate ECN (RFC 9768) as traces: who agrees to what, the counter in the three bits of every header, the
// option, and what is done when the path spoils them. The letters A W E are AE, CWR and ECE; without marks
// the counter stands at 5: A and E.
#include "tcp/acc_ecn.h"

#include <gtest/gtest.h>

#include "recovery_steps.h"
#include "tcp/ecn.h"

namespace sockeye::tcp {
namespace {

BenchOptions with_ecn(unsigned setting) {
  BenchOptions options;
  options.config.ecn = setting;
  options.config.ecn_option = 0;  // where a test does not speak of it
  return options;
}

void establish_accurate(TcpBench& t, const char* options = "mss 1000,sackOK") {
  t.open_active();
  t.expect("SEWA 0:0(0)");
  t.peer(std::string("S.W 0:0(0) ack 1 win 65535 <") + options + '>');
  t.expect(".W 1:1(0) ack 1");
  (void)t.events();
}

// --- negotiation

// RFC 9768 table 2: what a client reads in the answer to (1,1,1), and what it says of the SYN-ACK.
TEST(AccEcnNegotiation, WhatTheSynAckSays) {
  struct Row {
    const char* answer;
    EcnMode mode;
    bool sends_ect;
  };
  for (const Row& row : {Row{"S.", EcnMode::none, false}, Row{"S.E", EcnMode::classic, true},
                         Row{"S.W", EcnMode::accurate, true}, Row{"S.EW", EcnMode::accurate, false},
                         Row{"S.A", EcnMode::accurate, false}, Row{"S.EA", EcnMode::classic, true},
                         Row{"S.WA", EcnMode::accurate, false}, Row{"S.EWA", EcnMode::none, false}}) {
    TcpBench t(with_ecn(3));
    t.open_active();
    t.expect("SEWA 0:0(0)");
    t.peer(std::string(row.answer) + " 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect(row.mode == EcnMode::accurate ? ".W 1:1(0) ack 1" : ". 1:1(0) ack 1");
    EXPECT_EQ(t.info().ecn_mode, row.mode) << row.answer;
    t.app.send(100);
    EXPECT_EQ(t.sent_ip_ecn(), row.sends_ect ? kEct0 : kNotEct) << row.answer;
    t.discard();
  }
}

// Table 3: the ACK of the SYN-ACK says how that came.
TEST(AccEcnNegotiation, TheFirstAckReflectsTheSynAck) {
  const char* const kAcks[] = {".W", ".EW", ".A", ".WA"};  // not-ECT, ECT(1), ECT(0), CE
  for (const std::uint8_t bits : {kNotEct, kEct1, kEct0, kCongestionExperienced}) {
    TcpBench t(with_ecn(3));
    t.open_active();
    t.expect("SEWA 0:0(0)");
    t.peer_ip_ecn = bits;
    t.peer("S.W 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect(std::string(kAcks[bits]) + " 1:1(0) ack 1");
    t.app.send(100);  // and from then on the counter: the mark counts
    t.expect(bits == kCongestionExperienced ? "P.WA 1:101(100) ack 1" : "P.EA 1:101(100) ack 1");
  }
}

// net.ipv4.tcp_ecn: what is asked for, and what is agreed to.
TEST(AccEcnNegotiation, TheSetting) {
  const char* const kSyns[] = {"S", "SEW", "S", "SEWA", "SEW", "S"};
  const char* const kToAccurate[] = {"S.", "S.E", "S.E", "S.W", "S.W", "S.W"};
  const char* const kToClassic[] = {"S.", "S.E", "S.E", "S.E", "S.E", "S.E"};
  for (unsigned setting = 0; setting <= 5; ++setting) {
    TcpBench client(with_ecn(setting));
    client.open_active();
    client.expect(std::string(kSyns[setting]) + " 0:0(0)");
    for (const bool accurate : {true, false}) {
      TcpBench server(with_ecn(setting));
      server.listen();
      server.peer(accurate ? "SEWA 0:0(0) win 30000 <mss 1000>" : "SEW 0:0(0) win 30000 <mss 1000>");
      server.expect(std::string((accurate ? kToAccurate : kToClassic)[setting]) + " 0:0(0) ack 1");
    }
  }
}

// The SYN-ACK says with which IP bits the SYN came; 3.1.3: combinations of the future ask for it too.
TEST(AccEcnNegotiation, TheSynAckReflectsTheSyn) {
  const char* const kAnswers[] = {"S.W", "S.EW", "S.A", "S.WA"};
  for (const std::uint8_t bits : {kNotEct, kEct1, kEct0, kCongestionExperienced}) {
    for (const char* syn : {"SEWA", "SA", "SWA", "SE"}) {
      TcpBench t(with_ecn(3));
      t.listen();
      t.peer_ip_ecn = bits;
      t.peer(std::string(syn) + " 0:0(0) win 30000 <mss 1000>");
      t.expect(std::string(kAnswers[bits]) + " 0:0(0) ack 1");
    }
  }
}

// 3.1.4.1: the first repetition asks again, the second does not; if the answer to an earlier one comes
// after all, it counts, without ECT.
TEST(AccEcnNegotiation, TheSecondRepetitionDoesNotAsk) {
  TcpBench t(with_ecn(3));
  t.open_active();
  t.expect("SEWA 0:0(0)");
  t.after(1s);
  t.expect("SEWA 0:0(0)");
  t.after(2s);
  t.expect("S 0:0(0)");
  EXPECT_EQ(t.counters()[Counter::ecn_fallback], 1u);
  t.peer("S.W 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect(".W 1:1(0) ack 1");
  t.app.send(100);
  EXPECT_EQ(t.sent_ip_ecn(), kNotEct);
  t.expect("P.EA 1:101(100) ack 1");
}

// 3.1.4.2: a SYN-ACK that is repeated goes without the option first, then without the flags.
TEST(AccEcnNegotiation, ARepeatedSynAckSaysLess) {
  BenchOptions options = with_ecn(3);
  options.config.ecn_option = 2;
  TcpBench t(options);
  t.listen();
  t.peer("SEWA 0:0(0) win 30000 <mss 1000>");
  t.expect("S.W 0:0(0) ack 1 <mss 1460,ECN e0b 1 ceb 0 e1b 1>");
  t.after(1s);
  t.expect("S.W 0:0(0) ack 1 <mss 1460>");
  t.after(2s);
  t.expect("S. 0:0(0) ack 1 <mss 1460>");
  t.peer(".W 1:1(0) ack 1");
  EXPECT_EQ(t.info().ecn_mode, EcnMode::accurate);
  t.app.send(100);
  EXPECT_EQ(t.sent_ip_ecn(), kNotEct);
  t.discard();
}

TEST(AccEcnNegotiation, BothEndsAtOnce) {
  TcpBench t(with_ecn(3));
  t.open_active();
  t.expect("SEWA 0:0(0)");
  t.peer_ip_ecn = kEct0;
  t.peer("SEWA 0:0(0) win 65535 <mss 1000>");
  t.expect("S.A 0:0(0) ack 1");
  t.peer_ip_ecn = kNotEct;
  t.peer(".W 1:1(0) ack 1 win 65535");
  EXPECT_EQ(t.info().ecn_mode, EcnMode::accurate);
}

// --- the server's first ACK

TEST(AccEcnServer, TheFirstAckTellsOfTheSynAck) {
  struct Row {
    const char* ack;
    bool sends_ect;
    std::uint32_t ce;
    std::uint8_t failures;
  };
  for (const Row& row : {Row{".W 1:1(0) ack 1", true, 0, 0}, Row{".EA 1:1(0) ack 1", true, 0, 0},
                         Row{".A 1:1(0) ack 1", false, 0, AccEcn::kAceSend},
                         Row{".WA 1:1(0) ack 1", false, 1, AccEcn::kAceSend},
                         Row{". 1:1(0) ack 1", false, 0, AccEcn::kAceReceive}}) {  // 3.2.2.4: zeroed
    TcpBench t(with_ecn(3));
    t.listen();
    t.peer("SEWA 0:0(0) win 30000 <mss 1000>");
    t.expect("S.W 0:0(0) ack 1");
    t.peer(row.ack);
    EXPECT_EQ(t.info().accurate_ecn_failures, row.failures) << row.ack;
    EXPECT_EQ(t.info().delivered_ce, row.ce) << row.ack;
    t.app.send(100);
    EXPECT_EQ(t.sent_ip_ecn(), row.sends_ect ? kEct0 : kNotEct) << row.ack;
    t.expect("P.EA 1:101(100) ack 1");  // our half as a receiver goes on
  }
}

// Hostile E23: who has no counter at all cannot slow us down, and gets no marks.
TEST(AccEcnServer, AClientWhoseFlagsWereBleached) {
  TcpBench t(with_ecn(3));
  establish_accurate(t);
  t.peer("P. 1:101(100) ack 1 win 65535");
  t.expect(".EA 1:1(0) ack 101");
  EXPECT_EQ(t.info().accurate_ecn_failures, AccEcn::kAceReceive);
  t.app.send(3000);
  EXPECT_EQ(t.sent_ip_ecn(), kNotEct);
  t.discard();
  const auto before = t.info().cwnd_bytes;
  t.peer(".EWA 101:101(0) ack 2001 win 65535");
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_GE(t.info().cwnd_bytes, before);
  t.discard();
}

// --- the counter

// Every packet with CE counts, modulo eight, on data and on pure ACKs; nothing is confirmed with CWR.
TEST(AccEcnReceiver, CountsModuloEight) {
  TcpBench t(with_ecn(3));
  establish_accurate(t);
  // 6, 7, 0, 1 ... : A is 4, W is 2, E is 1
  const char* const kFlags[] = {".WA", ".EWA", ".", ".E", ".W", ".EW", ".A", ".EA", ".WA"};
  t.peer_ip_ecn = kCongestionExperienced;
  std::uint32_t at = 1;
  for (const char* flags : kFlags) {
    t.peer("P.EA " + numbers(at, at + 1000) + "(1000) ack 1 win 65535");
    at += 1000;
    if (t.sent_count() == 0) t.after(50ms);
    t.expect(std::string(flags) + " 1:1(0) ack " + std::to_string(at));
  }
  EXPECT_EQ(t.info().received_ce, 9u);
  EXPECT_EQ(t.info().received_ecn_bytes[2], 9000u);
}

// 3.2.2.5.1: the first mark, and every second one, are not left to the delayed ACK.
TEST(AccEcnReceiver, MarksAreToldSoon) {
  TcpBench t(with_ecn(3));
  establish_accurate(t);
  t.peer_ip_ecn = kEct0;
  std::uint32_t at = 1;
  const auto segment = [&] {
    t.peer(".EA " + numbers(at, at + 100) + "(100) ack 1 win 65535");
    at += 100;
  };
  for (int i = 0; i < 40; ++i) {  // until ACKs are delayed
    segment();
    t.discard();
    t.after(1ms);
    t.discard();
  }
  t.after(50ms);
  t.discard();
  segment();
  EXPECT_EQ(t.sent_count(), 0u);
  t.peer_ip_ecn = kCongestionExperienced;
  segment();
  EXPECT_EQ(t.discard(), 1u);
  segment();
  EXPECT_EQ(t.sent_count(), 0u);
  segment();
  EXPECT_EQ(t.discard(), 1u);
}

TEST(AccEcnSender, ReducesOncePerWindowAndConfirmsNothing) {
  TcpBench t(with_ecn(3));
  establish_accurate(t);
  t.app.send(20'000);
  const std::uint32_t before = t.info().cwnd_segments;
  t.discard();
  t.peer(".EA 1:1(0) ack 1001");  // none so far
  t.discard();
  EXPECT_EQ(t.info().congestion_state, 0);
  t.peer(".WA 1:1(0) ack 3001");  // one
  EXPECT_EQ(t.info().congestion_state, 2);
  EXPECT_EQ(t.info().delivered_ce, 1u);
  while (t.sent_count() > 0) EXPECT_EQ(t.take_sent().find('W'), std::string::npos) << "no CWR";
  t.peer(". 1:1(0) ack 6001");  // two more: the field has wrapped
  t.discard();
  EXPECT_EQ(t.info().delivered_ce, 3u);
  EXPECT_GE(t.info().cwnd_segments, before / 2) << "once, not three times";
  EXPECT_EQ(t.info().total_retransmits, 0u);
}

// 3.2.2.5.2: an ACK for more packets than the field can count.
TEST(AccEcn, AStretchAckMayHaveWrapped) {
  AccEcn plain;
  EXPECT_EQ(plain.on_feedback({5, {}, 7, 1000}), 0u);
  EXPECT_EQ(plain.on_feedback({6, {}, 7, 1000}), 1u);
  EXPECT_EQ(plain.on_feedback({6, {}, 20, 1000}), 16u) << "the most that 20 packets allow";
  AccEcn counted;
  AccEcnOption option{.ect1_first = false, .count = 3, .bytes = {10'001, 1000, 1}};
  EXPECT_EQ(counted.on_feedback({6, option, 20, 1000}), 1u) << "the bytes say that it was one";
  option.bytes = {10'001, 18'000, 1};
  EXPECT_EQ(counted.on_feedback({7, option, 20, 1000}), 17u);
}

TEST(AccEcn, AnOvertakenOptionTakesNothingBack) {
  AccEcn e;
  (void)e.on_feedback({5, AccEcnOption{false, 3, {5001, 0, 1}}, 1, 1000});
  (void)e.on_feedback({5, AccEcnOption{false, 3, {3001, 0, 1}}, 1, 1000});
  EXPECT_EQ(e.delivered_bytes()[1], 5000u);
  (void)e.on_feedback({5, AccEcnOption{true, 3, {1001, 0, 5001}}, 1, 1000});
  EXPECT_EQ(e.delivered_bytes()[0], 1000u);
}

// --- the option

TEST(AccEcnOption, TellsTheBytesOfEachKind) {
  BenchOptions options = with_ecn(3);
  options.config.ecn_option = 2;
  TcpBench t(options);
  t.open_active();
  t.expect("SEWA 0:0(0)");
  t.peer("S.W 0:0(0) ack 1 win 65535 <mss 1000,sackOK,ECN e0b 1 ceb 0 e1b 1>");
  t.expect(".W 1:1(0) ack 1 <ECN e0b 1 ceb 0 e1b 1>");
  t.peer_ip_ecn = kEct0;
  t.peer("P.EA 1:501(500) ack 1 win 65535");
  t.expect(".EA 1:1(0) ack 501 <ECN e0b 501 ceb 0 e1b 1>");
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P.EA 501:601(100) ack 1 win 65535");
  t.expect(".WA 1:1(0) ack 601 <ECN e0b 501 ceb 100 e1b 1>");
  t.peer_ip_ecn = kEct1;  // what has changed comes first
  t.peer("P.EA 601:611(10) ack 1 win 65535");
  t.expect(".WA 1:1(0) ack 611 <ECN e1b 11 ceb 100 e0b 501>");
  EXPECT_TRUE(t.info().accurate_ecn_option_seen);
}

// SACK blocks come first; with timestamps three of them leave no room, two leave room for all counters.
TEST(AccEcnOption, GivesWayToSackBlocks) {
  BenchOptions options = with_ecn(3);
  options.config.ecn_option = 2;
  TcpBench t(options);
  establish_accurate(t, "mss 1000,sackOK,TS val 100 ecr 0");
  t.peer_ip_ecn = kEct0;
  const auto segment = [&](std::uint32_t begin) {
    t.peer("P.EA " + numbers(begin, begin + 100) + "(100) ack 1 win 65535 <TS val 101 ecr 0>");
  };
  segment(201);
  t.expect(".EA 1:1(0) ack 1 <TS val * ecr 100,sack 201:301,ECN e0b 101 ceb 0 e1b 1>");
  segment(401);
  t.expect(".EA 1:1(0) ack 1 <TS val * ecr 100,sack 401:501 201:301,ECN e0b 201 ceb 0>");
  segment(601);
  t.expect(".EA 1:1(0) ack 1 <TS val * ecr 100,sack 601:701 401:501 201:301>");
}

// Full segments keep their size; a short one carries it along.
TEST(AccEcnOption, FullSegmentsGoWithout) {
  BenchOptions options = with_ecn(3);
  options.config.ecn_option = 2;
  TcpBench t(options);
  establish_accurate(t);
  t.app.send(1000);
  t.expect("P.EA 1:1001(1000) ack 1 <>");
  t.peer(".EA 1:1(0) ack 1001 win 65535");
  t.app.send(100);
  t.expect("P.EA 1001:1101(100) ack 1 <ECN e0b 1 ceb 0 e1b 1>");
}

// tcp_ecn_option 1: when another counter moves than before, and as a beacon, three times a round trip.
TEST(AccEcnOption, SparinglyWhenToldTo) {
  AccEcn e;
  const AccEcn::OptionRules rules{1, 3};
  Instant now = Instant{} + 100s;
  EXPECT_FALSE(e.option(rules, 40, now, 90ms)) << "nothing has come";
  (void)e.on_packets(kEct0, 1, 1000);
  EXPECT_TRUE(e.option(rules, 40, now, 90ms));
  (void)e.on_packets(kEct0, 1, 1000);
  EXPECT_FALSE(e.option(rules, 40, now + 29ms, 90ms));
  EXPECT_TRUE(e.option(rules, 40, now + 30ms, 90ms));
  EXPECT_FALSE(e.option(rules, 40, now + 90ms, 90ms)) << "no news";
  EXPECT_FALSE(e.option({0, 3}, 40, now + 90ms, 90ms));
  EXPECT_FALSE(e.option({2, 3}, 7, now + 90ms, 90ms)) << "no room";
}

// 3.2.3.2: a first option whose counters stand at zero was bleached: its bytes mean nothing.
TEST(AccEcnOption, BleachedCountersAreNotUsed) {
  AccEcn e;
  AccEcnOption option{.ect1_first = false, .count = 3, .bytes = {0, 0, 0}};
  EXPECT_EQ(e.on_feedback({6, option, 20, 1000}), 17u) << "as without an option";
  EXPECT_EQ(e.failures(), AccEcn::kOptionReceive);
  EXPECT_EQ(e.delivered_bytes(), AccEcn::Bytes3{});
}

// --- cookies and fast open

TEST(AccEcnListener, ACookieKeepsClassicEcnOnly) {
  BenchOptions options = with_ecn(3);
  options.config.syncookies = 2;
  TcpBench t(options);
  t.listen();
  t.peer("SEWA 0:0(0) win 30000 <mss 1000,sackOK,TS val 1 ecr 0>");
  t.expect("S.E 0:0(0) ack 1");
}

// TCP_INFO's numbers survive the working memory, which an idle connection gives back.
TEST(AccEcn, CountersOutliveActivity) {
  TcpBench t(with_ecn(3));
  establish_accurate(t);
  t.peer_ip_ecn = kCongestionExperienced;
  t.peer("P.EA 1:101(100) ack 1 win 65535");
  t.expect(".WA 1:1(0) ack 101");
  EXPECT_EQ(t.app.receive(), 100);
  t.after(10s);
  EXPECT_EQ(t.info().received_ce, 1u);
  t.app.send(10);
  t.expect("P.WA 1:11(10) ack 101");
}

}  // namespace
}  // namespace sockeye::tcp
