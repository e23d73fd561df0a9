// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR's changes of state, section by section: the example test cases of draft-ietf-ccwg-bbr (its appendix)
// on a path of 10 Mbit/s and 40 ms unless said otherwise.
#include <gtest/gtest.h>

#include "tcp/bbr_path.h"

namespace sockeye::tcp {
namespace {

using Phase = BbrState::Phase;
constexpr std::uint32_t kMss = BbrPath::kMss;

void expect_near(std::uint64_t value, std::uint64_t wanted, unsigned percent) {
  EXPECT_GE(value, wanted * (100 - percent) / 100);
  EXPECT_LE(value, wanted * (100 + percent) / 100);
}

TEST(Bbr, FitsIntoItsPlaceAndGivesItsModelBack) {
  EXPECT_LE(sizeof(Bbr), CongestionControlSlot::kBytes);
  SeededRng random(1);
  BbrPool pool(random);
  {
    CongestionControlSlot slot;
    EXPECT_FALSE(slot.select("bbr")) << "there is no model to be had";
    ASSERT_TRUE(slot.select("bbr", &pool));
    EXPECT_EQ(pool.in_use(), 1u);
    EXPECT_TRUE(slot->needs_pacing());
    ASSERT_TRUE(slot.select("cubic"));
    EXPECT_EQ(pool.in_use(), 0u);
    EXPECT_FALSE(slot->needs_pacing());
    ASSERT_TRUE(slot.select("bbr", &pool));
  }
  EXPECT_EQ(pool.in_use(), 0u);
}

// 5.6.2 InitPacingRate: the initial window in the first round trip, or in a millisecond, times 2.77.
TEST(Bbr, PacesBeforeAnythingIsKnown) {
  BbrPath path;
  EXPECT_EQ(path.control().pacing_rate(Duration::zero(), 0, 0), 27'700'000u);
  EXPECT_EQ(path.control().pacing_rate(40ms, 0, 0), 692'500u);
}

// 5.3.1.2
TEST(Bbr, StartupEndsWhenTheBandwidthStopsGrowing) {
  BbrPath path;
  path.buffer_bytes = 10'000'000;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().full_bw_reached; }));
  EXPECT_EQ(path.bbr().phase, Phase::drain);
  EXPECT_EQ(path.bbr().pacing_gain, 50u);
  EXPECT_EQ(path.bbr().full_bw_count, 3u);
  expect_near(path.max_bw(), path.link_rate, 2);
  EXPECT_LT(path.now() - Instant{} - 100s, 1s) << "O(log BDP) round trips";
}

// 5.3.1.1: the rate doubles each round.
TEST(Bbr, StartupDoublesEachRound) {
  BbrPath path(125'000'000, 40ms, 10'000'000);
  ASSERT_TRUE(path.run_until([&] { return path.bbr().round_count == 3; }));
  const std::uint64_t before = path.max_bw();
  ASSERT_TRUE(path.run_until([&] { return path.bbr().round_count == 6; }));
  EXPECT_GE(path.max_bw(), before * 4) << before << " to " << path.max_bw();
}

// 5.3.1.3, SACK: a round in recovery, 2 % lost, six losses.
TEST(Bbr, StartupEndsByLossAlsoWhenTheProgramIsTheLimit) {
  BbrPath path;
  path.app_rate = 600'000;
  path.run_for(2s);
  ASSERT_EQ(path.bbr().phase, Phase::startup);
  path.loss_per_mille = 300;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::startup; }, 2s));
  EXPECT_TRUE(path.bbr().full_bw_reached);
  EXPECT_NE(path.bbr().inflight_longterm, BbrState::kNoInflight);
  EXPECT_EQ(path.bbr().undo_phase, Phase::startup);
}

TEST(Bbr, ALittleLossDoesNotEndStartup) {
  BbrPath path;
  path.app_rate = 600'000;
  path.loss_per_mille = 10;
  path.run_for(4s);
  EXPECT_EQ(path.bbr().phase, Phase::startup);
}

TEST(Bbr, WithoutSackAnyLossOfARecoveryEndsStartup) {
  BbrPath path;
  path.has_sack = false;
  path.app_rate = 600'000;
  path.run_for(1s);
  path.loss_per_mille = 20;
  EXPECT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::startup; }, 4s));
}

// Appendix: with application-limited samples and no loss it stays for ever.
TEST(Bbr, AnApplicationLimitedStartupDoesNotEnd) {
  BbrPath path;
  path.app_rate = 300'000;
  path.run_for(4500ms);
  EXPECT_EQ(path.bbr().phase, Phase::startup);
  EXPECT_FALSE(path.bbr().full_bw_reached);
}

// 5.3.2
TEST(Bbr, DrainEndsWhenTheQueueIsGone) {
  BbrPath path;
  path.buffer_bytes = 10'000'000;
  ASSERT_TRUE(path.run_to(Phase::drain));
  EXPECT_GT(path.in_flight(), path.bdp());
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::drain; }));
  // DOWN, which has nothing to do, passes within the same ACK.
  EXPECT_EQ(path.bbr().phase, Phase::cruise);
  EXPECT_LE(path.in_flight(), path.bdp() + 4 * kMss);
}

TEST(Bbr, DrainEndsAfterThreeRoundsAnyway) {
  BbrPath path;
  path.buffer_bytes = 10'000'000;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().full_bw_count == 2; }));
  path.link_rate /= 8;  // what it believes is too much by far now
  ASSERT_TRUE(path.run_to(Phase::drain));
  const std::uint32_t round = path.bbr().round_count;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::drain; }));
  EXPECT_EQ(path.bbr().round_count, round + 4);
}

// 5.3.3: DOWN, CRUISE, REFILL, UP, DOWN with the gains of 5.6.1's table.
TEST(Bbr, TheCycleOfProbeBw) {
  BbrPath path(1'250'000, 40ms, 200'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  EXPECT_EQ(path.bbr().pacing_gain, 100u);
  EXPECT_LE(path.in_flight(), path.bdp() * 11 / 10);
  const Instant cruise = path.now();
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::cruise; }));
  EXPECT_EQ(path.bbr().phase, Phase::refill);
  EXPECT_EQ(path.bbr().pacing_gain, 100u);
  EXPECT_GT(path.now() - cruise, 1s);
  EXPECT_LT(path.now() - cruise, 3s) << "2 to 3 s since DOWN began, or 50 round trips of 40 ms";
  const std::uint32_t round = path.bbr().round_count;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::refill; }));
  EXPECT_EQ(path.bbr().round_count, round + 1) << "one round";
  EXPECT_EQ(path.bbr().phase, Phase::up);
  EXPECT_EQ(path.bbr().pacing_gain, 125u);
  EXPECT_EQ(path.bbr().cwnd_gain, 225u);
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::up; }));
  EXPECT_EQ(path.bbr().phase, Phase::down) << "the plateau";
  EXPECT_EQ(path.bbr().pacing_gain, 90u);
  EXPECT_TRUE(path.bbr().full_bw_now);
  EXPECT_EQ(path.bbr().cwnd_gain, 200u);
  expect_near(path.max_bw(), path.link_rate, 3);
  EXPECT_EQ(path.lost(), 0u);
  EXPECT_GT(path.in_flight(), path.bdp() * 11 / 10) << "the probe has made a queue";
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::down; }));
  EXPECT_EQ(path.bbr().phase, Phase::cruise);
  EXPECT_LE(path.in_flight(), path.bdp() * 11 / 10);
}

TEST(Bbr, ASteadyFlowUsesThePathWithAShortQueue) {
  BbrPath path(1'250'000, 40ms, 500'000);
  path.run_for(3s);
  const std::uint64_t before = path.delivered();
  path.run_for(20s);
  expect_near(path.delivered() - before, path.link_rate * 20, 4);
  EXPECT_EQ(path.lost(), 0u);
}

// Appendix: an application-limited probe without loss does not end.
TEST(Bbr, AnApplicationLimitedProbeGoesOn) {
  BbrPath path(1'250'000, 40ms, 200'000);
  ASSERT_TRUE(path.run_to(Phase::up));
  path.app_rate = path.delivered() / static_cast<std::uint64_t>(to_ms(path.now() - Instant{} - 100s)) * 600;
  path.run_for(1s);
  EXPECT_EQ(path.bbr().phase, Phase::up);
}

// 5.5.10.2: more than 2 % lost in UP sets the long-term bound, not below 0.7 of the target, and ends it.
TEST(Bbr, ALossyProbeSetsTheLongTermBound) {
  BbrPath path(1'250'000, 40ms, 200'000);
  ASSERT_TRUE(path.run_to(Phase::up));
  EXPECT_EQ(path.bbr().inflight_longterm, BbrState::kNoInflight);
  path.loss_per_mille = 100;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::up; }, 1s));
  EXPECT_EQ(path.bbr().phase, Phase::down);
  EXPECT_TRUE(path.bbr().prev_probe_too_high);
  EXPECT_EQ(path.bbr().undo_phase, Phase::up);
  EXPECT_GE(path.bbr().inflight_longterm, path.bdp() * 65 / 100);
  EXPECT_LE(path.bbr().inflight_longterm, path.bdp() * 3);
  // The next probe is a cautious one: it ends where the bound was reached, and is followed by another.
  path.loss_per_mille = 0;
  ASSERT_TRUE(path.run_to(Phase::up));
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::up; }));
  EXPECT_TRUE(path.bbr().prev_probe_precautionary);
  const Instant stopped = path.now();
  ASSERT_TRUE(path.run_to(Phase::refill));
  EXPECT_LT(path.now() - stopped, 200ms) << "no cruise in between";
}

// 5.5.10.3: outside of probes a loss lowers the short-term bounds, by 30 % at most.
TEST(Bbr, ALossInCruiseLowersTheShortTermBounds) {
  BbrPath path(1'250'000, 40ms, 200'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  EXPECT_EQ(path.bbr().bw_shortterm, BbrState::kNoBw);
  path.loss_per_mille = 30;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().bw_shortterm != BbrState::kNoBw; }, 1s));
  EXPECT_GE(path.bbr().bw_shortterm, path.link_rate * 68 / 100);
  EXPECT_LE(path.bbr().bw_shortterm, path.link_rate);
  EXPECT_NE(path.bbr().inflight_shortterm, BbrState::kNoInflight);
  path.loss_per_mille = 0;
  ASSERT_TRUE(path.run_to(Phase::refill));
  EXPECT_EQ(path.bbr().bw_shortterm, BbrState::kNoBw) << "the probe begins without them";
}

// 5.3.4
TEST(Bbr, ProbeRttAfterFiveSeconds) {
  BbrPath path(1'250'000, 40ms, 500'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  path.round_trip = 60ms;  // nothing as short as before will be seen
  ASSERT_TRUE(path.run_to(Phase::probe_rtt));
  EXPECT_GT(path.now() - Instant{} - 100s, 5s);
  EXPECT_EQ(path.bbr().cwnd_gain, 50u);
  ASSERT_TRUE(path.run_until([&] { return path.bbr().has_probe_rtt_done_at; }));
  EXPECT_LE(path.in_flight(), path.bdp() / 2 + 4 * kMss);
  const Instant held = path.now();
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::probe_rtt; }));
  EXPECT_EQ(path.bbr().phase, Phase::cruise);
  EXPECT_GT(path.now() - held, 200ms);
  EXPECT_LT(path.now() - held, 400ms);
  path.run_for(11s);
  expect_near(static_cast<std::uint64_t>(to_us(path.bbr().min_rtt)), 60'000, 3);
}

TEST(Bbr, ProbeRttDuringStartupReturnsToStartup) {
  BbrPath path;
  path.app_rate = 200'000;
  path.run_for(1s);
  path.round_trip = 50ms;
  ASSERT_TRUE(path.run_to(Phase::probe_rtt));
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::probe_rtt; }));
  EXPECT_EQ(path.bbr().phase, Phase::startup);
  EXPECT_EQ(path.bbr().pacing_gain, 277u);
}

// 5.4.1: silence has drained the queue already.
TEST(Bbr, ASilenceReplacesProbeRtt) {
  BbrPath path(1'250'000, 40ms, 500'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  const std::uint32_t cwnd = path.control().cwnd();
  path.paused = true;
  path.run_for(6s);
  EXPECT_EQ(path.in_flight(), 0u);
  EXPECT_EQ(path.control().cwnd(), cwnd);
  path.paused = false;
  bool was_probe_rtt = false;
  (void)path.run_until(
      [&] {
        was_probe_rtt |= path.bbr().phase == Phase::probe_rtt;
        return false;
      },
      2s);
  EXPECT_FALSE(was_probe_rtt);
  expect_near(path.max_bw(), path.link_rate, 4);
}

// Appendix: below one packet the window stays at four, and the rate is the path's.
TEST(Bbr, APathOfLessThanAPacket) {
  BbrPath path(20'000, 10ms, 100'000);
  path.run_for(20s);
  EXPECT_TRUE(path.bbr().full_bw_reached);
  EXPECT_GE(path.control().cwnd(), 4 * kMss);
  expect_near(path.max_bw(), path.link_rate, 5);
}

TEST(Bbr, TenTimesTheBandwidthIsFound) {
  BbrPath path(1'250'000, 40ms, 1'000'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  path.link_rate = 12'500'000;
  EXPECT_TRUE(path.run_until([&] { return path.max_bw() > 11'500'000; }, 30s));
}

TEST(Bbr, ATenthOfTheBandwidthIsAccepted) {
  BbrPath path(12'500'000, 40ms, 500'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  path.link_rate = 1'250'000;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().bw < 3'000'000; }, 10s)) << "by losses";
  ASSERT_TRUE(path.run_until([&] { return path.max_bw() < 1'400'000; }, 30s)) << "two cycles later";
}

// 5.5.11
TEST(Bbr, ASpuriousRecoveryIsUndone) {
  BbrPath path(1'250'000, 40ms, 200'000);
  ASSERT_TRUE(path.run_to(Phase::up));
  path.loss_per_mille = 100;
  ASSERT_TRUE(path.run_until([&] { return path.bbr().phase != Phase::up; }, 1s));
  EXPECT_NE(path.bbr().inflight_longterm, BbrState::kNoInflight);
  path.control().undo(path.now());
  EXPECT_EQ(path.bbr().inflight_longterm, BbrState::kNoInflight);
  EXPECT_EQ(path.bbr().phase, Phase::refill) << "to probe again";
}

// 5.6.4.4: a time-out leaves one segment; at the end of the recovery the window is what the model allows.
TEST(Bbr, ATimeOutAndItsEnd) {
  BbrPath path(1'250'000, 40ms, 200'000);
  ASSERT_TRUE(path.run_to(Phase::cruise));
  const std::uint32_t before = path.control().cwnd();
  path.control().on_rto(path.now(), true);
  EXPECT_EQ(path.control().cwnd(), kMss);
  path.control().on_recovery_end();
  EXPECT_EQ(path.control().cwnd(), before);
}

// 5.6.4.2: the window makes room for ACKs that come in clusters.
TEST(Bbr, AggregatedAcksRaiseTheWindow) {
  BbrPath path(1'250'000, 40ms, 500'000);
  path.run_for(3s);
  const std::uint32_t bdp = path.bdp();
  EXPECT_LE(path.control().cwnd(), 2 * bdp + 20 * kMss);
  EXPECT_GT(path.control().cwnd(), bdp);
}

}  // namespace
}  // namespace sockeye::tcp
