// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/congestion_control.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tcp/cubic.h"
#include "tcp/reno.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint32_t kMss = 1000;

class CongestionTest : public ::testing::Test {
 protected:
  void start(const char* name, std::uint32_t segments) {
    ASSERT_TRUE(slot.select(name));
    slot->set_mss(kMss);
    slot->set_cwnd(segments * kMss);
  }
  // One round trip of a full window, an ACK for every two segments.
  void round_trip(Duration rtt = 100ms) {
    std::uint32_t left = slot->cwnd();
    const auto acks = std::max<std::int64_t>(1, left / (2 * kMss));
    while (left > 0) {
      now += rtt / acks;
      AckSample sample;
      sample.now = now;
      sample.acked_bytes = std::min(left, 2 * kMss);
      sample.srtt = rtt;
      left -= sample.acked_bytes;
      slot->on_ack(sample);
    }
  }
  std::uint32_t segments() const { return slot->cwnd() / kMss; }

  CongestionControlSlot slot;
  Instant now = Instant{} + 100s;
};

TEST_F(CongestionTest, AlgorithmsAreChosenByName) {
  EXPECT_LE(sizeof(Reno), 48u);
  EXPECT_LE(sizeof(Cubic), 48u);
  EXPECT_EQ(available_congestion_controls(), "reno cubic bbr");
  start("cubic", 10);
  EXPECT_STREQ(slot->name(), "cubic");
  slot->set_ssthresh(7000);
  EXPECT_FALSE(slot.select("vegas"));
  EXPECT_STREQ(slot->name(), "cubic");
  EXPECT_TRUE(slot.select("reno"));
  EXPECT_STREQ(slot->name(), "reno");
  EXPECT_EQ(slot->cwnd(), 10 * kMss) << "the successor goes on from there";
  EXPECT_EQ(slot->ssthresh(), 7000u);
  EXPECT_EQ(slot->mss(), kMss);
  EXPECT_TRUE(is_congestion_control("cubic"));
  EXPECT_TRUE(is_congestion_control("bbr"));
  EXPECT_FALSE(is_congestion_control("vegas"));
}

// RFC 5681 3.1 MUST-4, SHLD-1, SHLD-2
TEST_F(CongestionTest, RenoDoublesThenAddsOneSegmentPerRoundTrip) {
  start("reno", 10);
  slot->set_ssthresh(40 * kMss);
  round_trip();
  EXPECT_EQ(segments(), 20u);
  round_trip();
  EXPECT_EQ(segments(), 40u);
  round_trip();
  EXPECT_EQ(segments(), 41u);
  round_trip();
  EXPECT_EQ(segments(), 42u);
}

// RFC 5681 3.2 MUST-8
TEST_F(CongestionTest, RenoHalvesAndUndoes) {
  start("reno", 40);
  slot->enter_recovery(now);
  EXPECT_EQ(slot->ssthresh(), 20 * kMss);
  EXPECT_EQ(slot->cwnd(), 40 * kMss) << "the recovery brings it down";
  slot->on_recovery_end();
  EXPECT_EQ(slot->cwnd(), 20 * kMss);
  slot->undo(now);
  EXPECT_EQ(slot->cwnd(), 40 * kMss);
  EXPECT_EQ(slot->ssthresh(), CongestionControl::kInfinite);
  slot->undo(now);
  EXPECT_EQ(slot->cwnd(), 40 * kMss);
}

// RFC 9438 4.9: after a spurious loss (or time-out) CUBIC is where it was, and grows as if nothing had been.
TEST_F(CongestionTest, CubicForgetsASpuriousLoss) {
  std::uint32_t undisturbed = 0;
  for (const char* event : {"none", "loss", "time-out"}) {
    now = Instant{} + 100s;
    start("reno", 10);  // a fresh algorithm each time
    start("cubic", 100);
    slot->set_ssthresh(CongestionControl::kInfinite);
    slot->enter_recovery(now);
    slot->on_recovery_end();
    for (int i = 0; i < 20; ++i) round_trip();
    const auto memory = slot->memory(now);
    EXPECT_EQ(memory.words[1], 100 * kMss) << "W_max";
    if (event != std::string_view("none")) {
      if (event == std::string_view("loss"))
        slot->enter_recovery(now);
      else
        slot->on_rto(now, true);
      EXPECT_NE(slot->memory(now), memory);
      slot->undo(now);
      slot->remember(now, memory);
      EXPECT_EQ(slot->memory(now), memory);
    }
    for (int i = 0; i < 20; ++i) round_trip();
    if (undisturbed == 0) undisturbed = slot->cwnd();
    EXPECT_EQ(slot->cwnd(), undisturbed) << event;
  }
}

// RFC 5681 3.1 MUST-5, MUST-6
TEST_F(CongestionTest, ATimeOutStartsFromOneSegment) {
  start("reno", 30);
  slot->on_rto(now, true);
  EXPECT_EQ(slot->cwnd(), kMss);
  EXPECT_EQ(slot->ssthresh(), 15 * kMss);
  slot->on_rto(now, false);
  EXPECT_EQ(slot->ssthresh(), 15 * kMss) << "the second expiry is no new congestion";
}

// RFC 5681 3.1 MUST-5
TEST_F(CongestionTest, TheThresholdIsNeverBelowTwoSegments) {
  for (const char* name : {"reno", "cubic"}) {
    start(name, 1);
    slot->enter_recovery(now);
    EXPECT_EQ(slot->ssthresh(), 2 * kMss) << name;
  }
}

TEST_F(CongestionTest, AWindowThatIsNotUsedDoesNotGrow) {
  for (const char* name : {"reno", "cubic"}) {
    start(name, 10);
    AckSample sample;
    sample.now = now;
    sample.acked_bytes = 5000;
    sample.is_app_limited = true;
    slot->on_ack(sample);
    EXPECT_EQ(segments(), 10u) << name;
  }
}

// RFC 5681 4.1 SHLD-7, once per RTO as in RFC 7661.
TEST_F(CongestionTest, IdleTimeHalvesOncePerRto) {
  start("reno", 80);
  slot->set_ssthresh(20 * kMss);
  slot->on_idle(now, 250ms, 200ms, 10 * kMss);
  EXPECT_EQ(segments(), 40u);
  EXPECT_EQ(slot->ssthresh(), 60 * kMss) << "three quarters of the window are known to be fit";
  slot->on_idle(now, 10s, 200ms, 10 * kMss);
  EXPECT_EQ(segments(), 10u) << "not below the restart window";
  start("reno", 4);
  slot->on_idle(now, 10s, 200ms, 10 * kMss);
  EXPECT_EQ(segments(), 4u) << "which is never more than the window";
}

TEST_F(CongestionTest, ANewMssKeepsTheNumberOfSegments) {
  start("cubic", 10);
  slot->set_mss(500);
  EXPECT_EQ(slot->cwnd(), 5000u);
}

TEST(CubeRoot, IsExact) {
  for (std::uint64_t r : {0ull, 1ull, 2ull, 9ull, 10ull, 999ull, 1'000'000ull, 2'642'245ull}) {
    EXPECT_EQ(cube_root(r * r * r), r);
    if (r == 0) continue;
    EXPECT_EQ(cube_root(r * r * r - 1), r - 1);
  }
  EXPECT_EQ(cube_root(~0ull), 2'642'245u);
}

// RFC 9438 4.2: after a loss at W_max the curve is back there after K seconds.
TEST_F(CongestionTest, CubicReturnsToWmaxAfterK) {
  start("cubic", 1000);
  slot->set_ssthresh(500 * kMss);
  slot->enter_recovery(now);
  EXPECT_EQ(slot->ssthresh(), 700 * kMss);  // 4.6: beta = 0.7
  slot->on_recovery_end();
  const double k = std::cbrt(300 / 0.4);  // 9.09 s
  const Instant begin = now;
  const auto at = [&](double seconds) {
    while (now - begin < Duration(static_cast<std::int64_t>(seconds * 1e9))) round_trip();
    return slot->cwnd() / double{kMss};
  };
  // On the curve, not only at its end. W(t) = 0.4 (t - K)^3 + 1000, looked at one round trip ahead.
  for (const double t : {2.0, 4.0, 6.0, k, 11.0, 13.0}) {
    const double cwnd = at(t);
    const double elapsed = std::chrono::duration<double>(now - begin).count();
    const double curve = 0.4 * std::pow(elapsed - k, 3) + 1000;
    EXPECT_NEAR(cwnd, curve, curve * 0.01 + 2) << "after " << elapsed << " s";
  }
}

// 4.3: with short round trips or small windows it grows at least as Reno with the same average would.
TEST_F(CongestionTest, CubicIsNotSlowerThanReno) {
  start("cubic", 20);
  slot->set_ssthresh(10 * kMss);
  slot->enter_recovery(now);
  slot->on_recovery_end();
  EXPECT_EQ(segments(), 14u);
  for (int i = 0; i < 100; ++i) round_trip(5ms);
  // 9/17 of a segment per round trip up to 20, then one: 11.3 + 88.7 round trips
  EXPECT_NEAR(segments(), 20 + 88, 4);
}

// 4.7: who loses again below its W_max aims lower than that.
TEST_F(CongestionTest, CubicFastConvergence) {
  start("cubic", 100);
  slot->set_ssthresh(50 * kMss);
  slot->enter_recovery(now);  // W_max = 100
  slot->on_recovery_end();    // 70
  slot->enter_recovery(now);  // W_max = 70 * 0.85 = 59.5
  slot->on_recovery_end();
  EXPECT_EQ(segments(), 49u);
  const double k = std::cbrt(10.5 / 0.4);
  const Instant begin = now;
  while (std::chrono::duration<double>(now - begin).count() < k) round_trip(200ms);
  EXPECT_NEAR(slot->cwnd() / 1000.0, 59.5, 3);
}

TEST_F(CongestionTest, CubicNeverMoreThanHalfMorePerRoundTrip) {
  start("cubic", 100);
  slot->set_ssthresh(50 * kMss);
  slot->enter_recovery(now);
  slot->on_recovery_end();
  round_trip();
  now += 1000s;
  const std::uint32_t before = slot->cwnd();
  round_trip();
  EXPECT_LE(slot->cwnd(), before * 33 / 20);
}

TEST_F(CongestionTest, WindowsNeverOverflow) {
  for (const char* name : {"reno", "cubic"}) {
    start(name, 10);
    AckSample sample;
    for (int i = 0; i < 3000; ++i) {
      now += 1s;
      sample.now = now;
      sample.acked_bytes = 100'000'000;
      slot->on_ack(sample);
      ASSERT_LE(slot->cwnd(), CongestionControl::kInfinite) << name;
    }
  }
}

}  // namespace
}  // namespace sockeye::tcp
