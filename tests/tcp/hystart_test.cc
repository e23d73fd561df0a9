// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 9406, paragraph by paragraph, and what CUBIC makes of it.
#include "tcp/hystart.h"

#include <gtest/gtest.h>

#include "tcp/congestion_control.h"

namespace sockeye::tcp {
namespace {

using Phase = HyStart::Phase;

// One round trip of `acks` ACKs that all saw this RTT; the phase after the last, or done.
Phase round_trip(HyStart& hystart, Duration rtt, int acks = 8) {
  Phase phase = hystart.on_ack(rtt, true);
  for (int i = 1; i < acks && phase != Phase::done; ++i) phase = hystart.on_ack(rtt, false);
  return phase;
}

TEST(HyStart, AConstantRoundTripNeverEndsSlowStart) {
  HyStart hystart;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(round_trip(hystart, 40ms), Phase::slow_start);
}

// 4.2: RttThresh = max(4 ms, min(lastRoundMinRTT / 8, 16 ms)).
TEST(HyStart, TheThresholdIsAnEighthBetweenFourAndSixteenMilliseconds) {
  const struct {
    Duration before;
    Duration threshold;
  } cases[] = {{8ms, 4ms}, {32ms, 4ms}, {80ms, 10ms}, {128ms, 16ms}, {800ms, 16ms}};
  for (const auto& c : cases) {
    HyStart below;
    round_trip(below, c.before);
    EXPECT_EQ(round_trip(below, c.before + c.threshold - 1us), Phase::slow_start) << to_ms(c.before);
    HyStart above;
    round_trip(above, c.before);
    EXPECT_EQ(round_trip(above, c.before + c.threshold), Phase::conservative) << to_ms(c.before);
  }
}

// 4.2: N_RTT_SAMPLE = 8 samples make a round's minimum.
TEST(HyStart, FewerThanEightSamplesDecideNothing) {
  HyStart hystart;
  round_trip(hystart, 40ms);
  EXPECT_EQ(round_trip(hystart, 90ms, 7), Phase::slow_start);
  EXPECT_EQ(hystart.on_ack(90ms, false), Phase::conservative);
}

TEST(HyStart, ASingleSlowAckIsNoise) {
  HyStart hystart;
  round_trip(hystart, 40ms);
  EXPECT_EQ(hystart.on_ack(41ms, true), Phase::slow_start);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(hystart.on_ack(90ms, false), Phase::slow_start);
}

// An ACK without a sample (Karn) is none of the eight.
TEST(HyStart, AcksWithoutASampleDoNotCount) {
  HyStart hystart;
  round_trip(hystart, 40ms);
  EXPECT_EQ(round_trip(hystart, 90ms, 7), Phase::slow_start);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(hystart.on_ack(Duration::zero(), false), Phase::slow_start);
}

// 4.2: CSS_ROUNDS = 5, the partial round in which it began included.
TEST(HyStart, ConservativeSlowStartLastsFiveRounds) {
  HyStart hystart;
  round_trip(hystart, 40ms);
  ASSERT_EQ(round_trip(hystart, 60ms), Phase::conservative);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(round_trip(hystart, 60ms), Phase::conservative) << i;
  EXPECT_EQ(hystart.on_ack(60ms, true), Phase::done);
}

// 4.2: an RTT below cssBaselineMinRtt resumes slow start, HyStart++ included.
TEST(HyStart, ASpuriousExitIsTakenBack) {
  HyStart hystart;
  round_trip(hystart, 40ms);
  ASSERT_EQ(round_trip(hystart, 60ms), Phase::conservative);
  EXPECT_EQ(round_trip(hystart, 59ms), Phase::slow_start);
  EXPECT_EQ(round_trip(hystart, 80ms), Phase::conservative) << "and it may begin again";
  for (int i = 0; i < 4; ++i) EXPECT_EQ(round_trip(hystart, 80ms), Phase::conservative) << i;
}

// --- in CUBIC

constexpr std::uint32_t kMss = 1000;

class HyStartCubic : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(slot.select("cubic"));
    slot->set_mss(kMss);
    slot->set_cwnd(10 * kMss);
  }
  // A full window is acknowledged, two segments an ACK.
  void round_trip(Duration rtt) {
    const std::uint32_t window = slot->cwnd();
    for (std::uint32_t acked = 0; acked < window; acked += 2 * kMss) {
      AckSample sample;
      sample.now = now += rtt * 2 * kMss / window;
      sample.acked_bytes = 2 * kMss;
      sample.srtt = sample.latest_rtt = rtt;
      sample.is_round_start = acked == 0;
      slot->on_ack(sample);
    }
  }
  std::uint32_t segments() const { return slot->cwnd() / kMss; }

  CongestionControlSlot slot;
  Instant now = Instant{} + 100s;
};

TEST_F(HyStartCubic, GrowsFourTimesSlowerThenStops) {
  round_trip(40ms);
  EXPECT_EQ(segments(), 20u);
  round_trip(40ms);
  EXPECT_EQ(segments(), 40u);
  round_trip(60ms);  // the eighth ACK sees the queue: 16 segments doubled, 24 at a quarter
  EXPECT_NEAR(segments(), 40 + 14 + 26 / 4, 2);
  EXPECT_EQ(slot->ssthresh(), CongestionControl::kInfinite);
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t before = slot->cwnd();
    round_trip(60ms);
    EXPECT_NEAR(slot->cwnd() / 1000.0, before * 1.25 / 1000.0, 2) << i;
  }
  const std::uint32_t window = slot->cwnd();
  round_trip(60ms);
  EXPECT_EQ(slot->ssthresh(), window) << "RFC 9406 4.2: ssthresh = cwnd";
  EXPECT_LT(slot->cwnd(), window + 3 * kMss) << "congestion avoidance";
}

TEST_F(HyStartCubic, ALossEndsIt) {
  round_trip(40ms);
  slot->enter_recovery(now);
  EXPECT_EQ(slot->ssthresh(), 14 * kMss);
  slot->on_recovery_end();
  round_trip(40ms);
  EXPECT_LE(segments(), 16u);
}

// The slow start after a time-out knows its end: ssthresh.
TEST_F(HyStartCubic, LaterSlowStartsAreTheStandardOne) {
  round_trip(40ms);
  round_trip(40ms);
  slot->on_rto(now, true);
  EXPECT_EQ(slot->ssthresh(), 28 * kMss);
  round_trip(40ms);
  round_trip(90ms);
  round_trip(200ms);
  round_trip(300ms);
  EXPECT_GE(segments(), 8u) << "delay does not matter";
}

TEST_F(HyStartCubic, AnUndoneFirstLossResumesIt) {
  round_trip(40ms);
  slot->enter_recovery(now);
  slot->on_recovery_end();
  slot->undo(now);
  EXPECT_EQ(segments(), 20u);
  EXPECT_EQ(slot->ssthresh(), CongestionControl::kInfinite);
  round_trip(40ms);
  EXPECT_EQ(segments(), 40u);
}

// Reno has the slow start of RFC 5681 alone, as Linux's.
TEST_F(HyStartCubic, RenoHasNone) {
  ASSERT_TRUE(slot.select("reno"));
  round_trip(40ms);
  round_trip(90ms);
  round_trip(200ms);
  EXPECT_EQ(segments(), 80u);
}

}  // namespace
}  // namespace sockeye::tcp
