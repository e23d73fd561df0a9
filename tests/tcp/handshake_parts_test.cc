// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What is decided in the handshake, and the clock that goes with it.
#include <gtest/gtest.h>

#include <set>

#include "core/rng.h"
#include "tcp/initial_sequence.h"
#include "tcp/negotiation.h"
#include "tcp/timestamps.h"

namespace sockeye::tcp {
namespace {

constexpr Instant kStart = Instant{} + 5000s;

// --- RFC 7323

// RFC 7323 5.4 MUST-17
TEST(Timestamps, TheClockTicksInMilliseconds) {
  TimestampState state;
  state.enable(kStart, 100, 7);
  EXPECT_EQ(state.value(kStart), 5'000'100u);
  EXPECT_EQ(state.value(kStart + 1500us), 5'000'101u);
  EXPECT_EQ(state.recent(), 7u);
}

// 5.3 R1 and the wrap of 5.2.
TEST(Timestamps, PawsComparesModulo) {
  TimestampState state;
  state.enable(kStart, 0, 0xfffffff0);
  EXPECT_FALSE(state.is_old(kStart, 0xfffffff0));
  EXPECT_FALSE(state.is_old(kStart, 5)) << "beyond the wrap is newer";
  EXPECT_FALSE(state.is_old(kStart, 0xffffffef)) << "Linux's grace of one tick";
  EXPECT_TRUE(state.is_old(kStart, 0xffffffee));
  EXPECT_TRUE(state.is_old(kStart, 0x80000000));
  state.disable();
  EXPECT_FALSE(state.is_old(kStart, 0));
}

// 5.5: after 24 days TS.Recent means nothing.
// RFC 7323 5.5 SHLD-4
TEST(Timestamps, PawsTrustsNothingOlderThan24Days) {
  TimestampState state;
  state.enable(kStart, 0, 1000);
  const Duration day = 24h;
  EXPECT_TRUE(state.is_old(kStart + 23 * day, 998));
  EXPECT_FALSE(state.is_old(kStart + 25 * day, 998));
  state.on_segment(kStart + 25 * day, 999, SeqNum(1), SeqNum(1));
  EXPECT_EQ(state.recent(), 999u);
  EXPECT_TRUE(state.is_old(kStart + 26 * day, 997));
}

// Some SYNs carry 0: that is no time to compare with (Linux).
TEST(Timestamps, ARecentOfZeroIsNoneYet) {
  TimestampState state;
  state.enable(kStart, 0, 0);
  EXPECT_FALSE(state.is_old(kStart, 0xf0000000));
  state.on_segment(kStart, 0xf0000000, SeqNum(1), SeqNum(1));
  EXPECT_EQ(state.recent(), 0xf0000000);
}

// 4.3: only a segment that covers the last byte acknowledged moves TS.Recent, and never back.
// RFC 7323 4.3 MUST-14
TEST(Timestamps, RecentMovesWithTheSegmentAtTheLeftEdge) {
  TimestampState state;
  state.enable(kStart, 0, 10);
  state.on_segment(kStart, 20, SeqNum(500), SeqNum(400));
  EXPECT_EQ(state.recent(), 10u) << "a segment beyond a hole";
  state.on_segment(kStart, 20, SeqNum(400), SeqNum(400));
  EXPECT_EQ(state.recent(), 20u);
  state.on_segment(kStart, 15, SeqNum(300), SeqNum(400));
  EXPECT_EQ(state.recent(), 20u);
}

TEST(Timestamps, RoundTripsFromEchoes) {
  TimestampState state;
  state.enable(kStart, 12345, 1);
  const std::uint32_t sent = state.value(kStart);
  EXPECT_EQ(state.round_trip(kStart + 30ms, sent), 30ms);
  EXPECT_EQ(state.round_trip(kStart, sent), 1ms) << "not less than a tick";
  EXPECT_FALSE(state.round_trip(kStart, sent + 1)) << "an echo from the future";
  EXPECT_FALSE(state.round_trip(kStart, 0));
}

// --- RFC 9293 3.4.1, hostile.md E5, E7

FiveTuple tuple(std::uint16_t port) {
  return {{IpAddress::v4(10, 0, 0, 1), port}, {IpAddress::v4(10, 0, 0, 2), 80}};
}

// RFC 9293 3.4.1 MUST-8, SHLD-1
TEST(InitialSequence, ClockOf4MicrosecondsPlusHash) {
  const SipKey key{1, 2};
  const SeqNum first = initial_sequence(key, tuple(1), kStart);
  EXPECT_EQ(initial_sequence(key, tuple(1), kStart + 4us) - first, 1);
  EXPECT_EQ(initial_sequence(key, tuple(1), kStart + 1s) - first, 250'000);
  EXPECT_EQ(initial_sequence(key, tuple(1), kStart + 3us), first);
}

// RFC 9293 3.4.1 SHLD-1
TEST(InitialSequence, EveryPartOfTheTupleCounts) {
  const SipKey key{1, 2};
  std::set<std::uint32_t> seen;
  FiveTuple base = tuple(1);
  const auto add = [&](const FiveTuple& t) { seen.insert(initial_sequence(key, t, kStart).value()); };
  add(base);
  FiveTuple t = base;
  t.local.port = 2;
  add(t);
  t = base;
  t.remote.port = 81;
  add(t);
  t = base;
  t.local.address = IpAddress::v4(10, 0, 0, 3);
  add(t);
  t = base;
  t.remote.address = *IpAddress::parse("::a00:2");
  add(t);
  std::swap(base.local, base.remote);
  add(base);
  seen.insert(initial_sequence({1, 3}, tuple(1), kStart).value());
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_NE(timestamp_offset(key, tuple(1)), timestamp_offset(key, tuple(2)));
}

// 10^5 connections at one instant: the top byte of their numbers is even (chi square with 255 degrees
// of freedom: 99.99 % lie below 347).
// RFC 9293 3.4.1 MUST-9
TEST(InitialSequence, LooksUniform) {
  const SipKey key{0x1234, 0x5678};
  std::array<int, 256> histogram{};
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    FiveTuple t = tuple(static_cast<std::uint16_t>(i));
    t.remote.port = static_cast<std::uint16_t>(i >> 16);
    ++histogram[initial_sequence(key, t, kStart).value() >> 24];
  }
  double chi = 0;
  for (const int count : histogram) chi += (count - 390.625) * (count - 390.625) / 390.625;
  EXPECT_LT(chi, 347);
}

// --- what two SYNs come to

TEST(Negotiation, WindowScaleForTheLargestBuffer) {
  EXPECT_EQ(window_scale_for(65535), 0);
  EXPECT_EQ(window_scale_for(65536), 1);
  EXPECT_EQ(window_scale_for(6u << 20), 7);  // Linux's default
  EXPECT_EQ(window_scale_for(0xffffffff), 14);
}

// RFC 9293 3.7.1 MUST-16, MUST-67
TEST(Negotiation, Mss) {
  EXPECT_EQ(offered_mss(1500, false, 0), 1460);
  EXPECT_EQ(offered_mss(1500, true, 0), 1440);
  EXPECT_EQ(offered_mss(1500, false, 1000), 1000);
  EXPECT_EQ(offered_mss(65535, false, 0), 65495);
  EXPECT_EQ(offered_mss(20, false, 0), 48);
  EXPECT_EQ(effective_send_mss(1460, 1500, false, 0, kTimestampBytes), 1448u);
  EXPECT_EQ(effective_send_mss(536, 1500, false, 0, 0), 536u);
  EXPECT_EQ(effective_send_mss(9000, 1500, true, 0, 0), 1440u);
  EXPECT_EQ(effective_send_mss(1460, 1500, false, 700, 0), 700u);
  // hostile.md F16
  for (const std::uint16_t tiny : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{8}, std::uint16_t{48}})
    EXPECT_EQ(effective_send_mss(tiny, 1500, false, 0, kTimestampBytes), 48u) << tiny;
}

TcpOptions full_syn() {
  TcpOptions options;
  options.mss = 1400;
  options.sack_permitted = true;
  options.timestamps = TcpTimestamps{99, 0};
  options.window_scale = 9;
  return options;
}

TEST(Negotiation, WhatBothOffer) {
  const Offer ours = make_offer(Config{}, Settings{}, 1500, false);
  const Negotiated agreed = negotiate(ours, full_syn(), false);
  EXPECT_EQ(agreed.peer_mss, 1400);
  EXPECT_EQ(agreed.peer_window_scale, 9);
  EXPECT_EQ(agreed.our_window_scale, 7);
  EXPECT_TRUE(agreed.sack);
  EXPECT_TRUE(agreed.timestamps);
  EXPECT_EQ(agreed.timestamp_recent, 99u);
  const TcpOptions answer = syn_ack_options(ours, agreed, 5);
  EXPECT_EQ(answer.mss, 1460);
  EXPECT_EQ(answer.window_scale, 7);
  EXPECT_EQ(answer.timestamps, (TcpTimestamps{5, 99}));
  EXPECT_TRUE(answer.sack_permitted);
}

// RFC 7323 2.2 MUST-1; RFC 7323 3.2 MUST-10; RFC 2018 4 MUST-3
TEST(Negotiation, WhatOneDoesNotOfferDoesNotExist) {
  const Offer ours = make_offer(Config{}, Settings{}, 1500, false);
  const Negotiated bare = negotiate(ours, TcpOptions{}, false);
  EXPECT_EQ(bare.peer_mss, 536);
  EXPECT_FALSE(bare.peer_window_scale);
  EXPECT_EQ(bare.our_window_scale, 0) << "not negotiated: our windows are not scaled either";
  EXPECT_FALSE(bare.sack);
  EXPECT_FALSE(bare.timestamps);
  const TcpOptions answer = syn_ack_options(ours, bare, 5);
  EXPECT_TRUE(answer.mss);
  EXPECT_FALSE(answer.window_scale || answer.timestamps || answer.sack_permitted);
  EXPECT_EQ(negotiate(ours, TcpOptions{}, true).peer_mss, 1220);

  Config none;
  none.sack = none.timestamps = none.window_scaling = false;
  const Offer shy = make_offer(none, Settings{}, 1500, false);
  const Negotiated ignored = negotiate(shy, full_syn(), false);
  EXPECT_FALSE(ignored.sack || ignored.timestamps || ignored.peer_window_scale);
  const TcpOptions syn = syn_options(shy, 1);
  EXPECT_FALSE(syn.window_scale || syn.timestamps || syn.sack_permitted);
}

// RFC 7323 2.3 MUST-5 (hostile.md D7)
TEST(Negotiation, AScaleAbove14Is14) {
  TcpOptions options = full_syn();
  options.window_scale = 200;
  EXPECT_EQ(negotiate(make_offer(Config{}, Settings{}, 1500, false), options, false).peer_window_scale, 14);
}

}  // namespace
}  // namespace sockeye::tcp
