// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The wheel against the simplest thing that does the same: a multimap ordered by deadline and then by
// arming order.
#include "core/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "core/rng.h"

namespace sockeye {
namespace {

struct Fired {
  int id;
  Instant at;
  bool operator==(const Fired&) const = default;
};

class Entry final : public TimerEntry {
 public:
  Entry(int id, std::vector<Fired>& log) : id_(id), log_(&log) {}
  std::vector<std::pair<Entry*, Duration>> then;  // armed when this fires, relative to its deadline
  TimerWheel* wheel = nullptr;
  Instant fired_with{};

 private:
  void on_timer(Instant now) override {
    log_->push_back({id_, deadline()});
    fired_with = now;
    for (auto& [entry, delay] : then) wheel->arm(*entry, deadline() + delay);
  }
  int id_;
  std::vector<Fired>* log_;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  Entry& entry(int id) {
    entries_.push_back(std::make_unique<Entry>(id, log));
    entries_.back()->wheel = &wheel;
    return *entries_.back();
  }
  static Instant at(Duration since_start) { return Instant{} + since_start; }

  std::vector<Fired> log;
  std::vector<std::unique_ptr<Entry>> entries_;
  TimerWheel wheel;
};

TEST_F(TimerWheelTest, FiresAtItsNanosecondAndNotBefore) {
  Entry& a = entry(1);
  wheel.arm(a, at(1'000'000'007ns));
  EXPECT_EQ(wheel.next_deadline(), at(1'000'000'007ns));
  wheel.advance(at(1'000'000'006ns));
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(wheel.next_deadline(), at(1'000'000'007ns));
  wheel.advance(at(1'000'000'007ns));
  EXPECT_EQ(log, (std::vector<Fired>{{1, at(1'000'000'007ns)}}));
  EXPECT_EQ(wheel.next_deadline(), kNever);
  EXPECT_FALSE(a.is_armed());
}

TEST_F(TimerWheelTest, TiesFireInArmingOrderEvenWhenArmedFromAfar) {
  Entry& first = entry(1);
  Entry& second = entry(2);
  Entry& third = entry(3);
  wheel.arm(first, at(10s));
  wheel.advance(at(9s));
  wheel.arm(second, at(10s));
  wheel.advance(at(10s - 1ns));
  wheel.arm(third, at(10s));
  wheel.advance(at(11s));
  EXPECT_EQ(log, (std::vector<Fired>{{1, at(10s)}, {2, at(10s)}, {3, at(10s)}}));
}

TEST_F(TimerWheelTest, EarliestFirstAndEveryoneHearsTheSameNow) {
  Entry& late = entry(1);
  Entry& early = entry(2);
  wheel.arm(late, at(3s));
  wheel.arm(early, at(2s));
  wheel.advance(at(5s));
  EXPECT_EQ(log, (std::vector<Fired>{{2, at(2s)}, {1, at(3s)}}));
  EXPECT_EQ(early.fired_with, at(5s));
  EXPECT_EQ(late.fired_with, at(5s));
}

TEST_F(TimerWheelTest, WhatAFiringEntryArmsBeforeNowFiresInTheSameCall) {
  Entry& a = entry(1);
  Entry& b = entry(2);
  Entry& c = entry(3);
  a.then = {{&b, 1s}, {&c, 10s}};
  wheel.arm(a, at(1s));
  wheel.advance(at(5s));
  EXPECT_EQ(log, (std::vector<Fired>{{1, at(1s)}, {2, at(2s)}}));
  EXPECT_EQ(wheel.next_deadline(), at(11s));
}

TEST_F(TimerWheelTest, ADeadlineInThePastCountsAsNow) {
  wheel.advance(at(7s));
  Entry& a = entry(1);
  Entry& b = entry(2);
  wheel.arm(a, at(3s));
  wheel.arm(b, at(2s));
  EXPECT_EQ(wheel.next_deadline(), at(7s));
  EXPECT_TRUE(log.empty());
  wheel.advance(at(7s));
  EXPECT_EQ(log, (std::vector<Fired>{{1, at(7s)}, {2, at(7s)}}));
}

TEST_F(TimerWheelTest, CancelAndRearm) {
  Entry& a = entry(1);
  wheel.arm(a, at(1s));
  wheel.arm(a, at(2s));
  wheel.cancel(a);
  wheel.cancel(a);
  wheel.advance(at(3s));
  EXPECT_TRUE(log.empty());
  wheel.arm(a, at(4s));
  wheel.arm(a, kNever);
  EXPECT_EQ(wheel.next_deadline(), kNever);
  wheel.advance(at(1000s));
  EXPECT_TRUE(log.empty());
}

TEST_F(TimerWheelTest, ADestroyedEntryIsForgotten) {
  {
    Entry gone(9, log);
    wheel.arm(gone, at(1s));
  }
  wheel.advance(at(2s));
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(wheel.next_deadline(), kNever);
}

TEST_F(TimerWheelTest, AManyTimesCancelledEarliestMayOnlyBeEarly) {
  std::vector<Entry*> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(&entry(i));
    wheel.arm(*many.back(), at(7200s + i * 1ms));
  }
  for (int i = 0; i < 999; ++i) wheel.cancel(*many[static_cast<std::size_t>(i)]);
  EXPECT_LE(wheel.next_deadline(), at(7200s + 999ms));
  wheel.advance(wheel.next_deadline());
  while (log.empty()) wheel.advance(wheel.next_deadline());
  EXPECT_EQ(log, (std::vector<Fired>{{999, at(7200s + 999ms)}}));
}

// Random arms, cancels and advances over all magnitudes of time.
class TimerWheelModel : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(TimerWheelModel, AgreesWithAMultimap) {
  SeededRng rng(GetParam());
  const Instant start = Instant{} + Duration(static_cast<std::int64_t>(rng.below(1ull << 60)));
  TimerWheel wheel(start);
  std::vector<Fired> log;
  std::vector<std::unique_ptr<Entry>> entries;
  for (int i = 0; i < 40; ++i) entries.push_back(std::make_unique<Entry>(i, log));

  std::multimap<Instant, int> model;  // equal keys keep insertion order
  const auto erase = [&](int id) {
    for (auto it = model.begin(); it != model.end(); ++it)
      if (it->second == id) {
        model.erase(it);
        return;
      }
  };
  Instant now = start;
  for (int step = 0; step < 4000; ++step) {
    const int id = static_cast<int>(rng.below(entries.size()));
    Entry& entry = *entries[static_cast<std::size_t>(id)];
    const Duration span(static_cast<std::int64_t>(rng.below(1ull << rng.below(45))));
    switch (rng.below(4)) {
      case 0:
      case 1: {
        const Instant deadline = rng.below(20) == 0 ? now - span : now + span;
        wheel.arm(entry, deadline);
        erase(id);
        model.emplace(std::max(deadline, now), id);
        break;
      }
      case 2:
        wheel.cancel(entry);
        erase(id);
        break;
      default: {
        now += rng.below(3) == 0 && !model.empty() ? std::max(model.begin()->first - now, Duration{}) : span;
        wheel.advance(now);
        std::vector<Fired> expected;
        while (!model.empty() && model.begin()->first <= now) {
          expected.push_back({model.begin()->second, model.begin()->first});
          model.erase(model.begin());
        }
        ASSERT_EQ(log, expected) << "step " << step;
        log.clear();
      }
    }
    ASSERT_EQ(wheel.next_deadline(), model.empty() ? kNever : model.begin()->first) << "step " << step;
  }
  for (auto& entry : entries) wheel.cancel(*entry);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelModel, ::testing::Range<std::uint64_t>(1, 25));

}  // namespace
}  // namespace sockeye
