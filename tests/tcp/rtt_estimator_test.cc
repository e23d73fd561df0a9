// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/rtt_estimator.h"

#include <gtest/gtest.h>

namespace sockeye::tcp {
namespace {

constexpr RtoLimits kLinux{};
constexpr RtoLimits kNoFloor{.min = 1us, .max = 60s, .initial = 1s};

// Feeds samples, each in a round trip of its own.
class RttEstimatorTest : public ::testing::Test {
 protected:
  void sample(Duration rtt, const RtoLimits& limits) {
    una_ += 1000;
    estimator.on_sample(rtt, una_, una_ + 500, limits);
  }
  RttEstimator estimator;
  SeqNum una_{0xfffffff0};
};

// RFC 6298 2.1 SHLD-1
TEST_F(RttEstimatorTest, WithoutSamplesTheInitialRto) {
  EXPECT_FALSE(estimator.has_sample());
  EXPECT_EQ(estimator.rto(kLinux), 1s);
}

// RFC 6298 2.2 MUST-1: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR.
TEST_F(RttEstimatorTest, TheFirstSample) {
  sample(100ms, kNoFloor);
  EXPECT_EQ(estimator.srtt(), 100ms);
  EXPECT_EQ(estimator.rttvar(), 50ms);
  EXPECT_EQ(estimator.rto(kNoFloor), 300ms);
}

// RFC 6298 2.3 MUST-2, SHLD-2: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, SRTT = 7/8 SRTT + 1/8 R.
TEST_F(RttEstimatorTest, FurtherSamples) {
  sample(100ms, kNoFloor);
  sample(180ms, kNoFloor);
  EXPECT_EQ(estimator.srtt(), 110ms);
  EXPECT_EQ(estimator.rttvar(), 57'500us);
  EXPECT_EQ(estimator.rto(kNoFloor), 110ms + 4 * 57'500us);
}

// Linux: the floor is on the variation, not on the sum.
TEST_F(RttEstimatorTest, TheFloorIsOnTopOfTheRoundTrip) {
  for (int i = 0; i < 100; ++i) sample(80ms, kLinux);
  EXPECT_EQ(estimator.srtt(), 80ms);
  EXPECT_EQ(estimator.rto(kLinux), 280ms);
}

TEST_F(RttEstimatorTest, OnALinkWithoutDelayTheFloorIsExact) {
  sample(Duration::zero(), kLinux);
  EXPECT_TRUE(estimator.has_sample());
  EXPECT_EQ(estimator.rto(kLinux), 200ms);
}

TEST_F(RttEstimatorTest, OneQuietSampleDoesNotForgetAPeak) {
  for (int i = 0; i < 20; ++i) sample(100ms, kNoFloor);
  sample(500ms, kNoFloor);
  const Duration peak = estimator.rto(kNoFloor);
  EXPECT_GT(peak, 500ms);
  sample(150ms, kNoFloor);
  EXPECT_GT(estimator.rto(kNoFloor), peak * 3 / 4 - 1ms);
  for (int i = 0; i < 200; ++i) sample(100ms, kNoFloor);
  EXPECT_LT(estimator.rto(kNoFloor), 130ms);
}

// A path that becomes faster does not make the time-out longer for long.
TEST_F(RttEstimatorTest, ASuddenlyFasterPathCountsLess) {
  for (int i = 0; i < 50; ++i) sample(400ms, kNoFloor);
  const Duration before = estimator.rto(kNoFloor);
  sample(20ms, kNoFloor);
  EXPECT_LT(estimator.rto(kNoFloor), before);
}

// RFC 6298 5.5 MUST-8; RFC 6298 2.5 MUST-3: doubles, up to the limit; (5.7) an ACK of new data ends it.
TEST_F(RttEstimatorTest, BacksOff) {
  sample(100ms, kLinux);  // RTO = 100 + max(4 * 50, 200)
  EXPECT_EQ(estimator.rto(kLinux), 300ms);
  estimator.back_off();
  EXPECT_EQ(estimator.rto(kLinux), 600ms);
  estimator.back_off();
  EXPECT_EQ(estimator.rto(kLinux), 1200ms);
  EXPECT_EQ(estimator.base_rto(kLinux), 300ms);
  for (int i = 0; i < 100; ++i) estimator.back_off();
  EXPECT_EQ(estimator.rto(kLinux), 120s);
  estimator.reset_back_off();
  EXPECT_EQ(estimator.rto(kLinux), 300ms);
}

TEST_F(RttEstimatorTest, AbsurdSamplesAreBounded) {
  sample(-5s, kLinux);
  EXPECT_EQ(estimator.srtt(), 0ms);
  sample(24h, kLinux);
  for (int i = 0; i < 1000; ++i) sample(24h, kLinux);
  EXPECT_LE(estimator.srtt(), 257s);
  EXPECT_EQ(estimator.rto(kLinux), 120s);
}

}  // namespace
}  // namespace sockeye::tcp
