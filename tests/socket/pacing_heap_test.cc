// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/pacing_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/rng.h"

namespace sockeye {
namespace {

struct Member {
  std::uint32_t pacing_place = 0;
};

TEST(PacingHeap, EarliestFirstAndEqualInstantsInOrder) {
  PacingHeap<Member> heap;
  EXPECT_EQ(heap.next(), kNever);
  std::array<Member, 4> members;
  heap.set(members[0], Instant(5s));
  heap.set(members[1], Instant(3s));
  heap.set(members[2], Instant(5s));
  heap.set(members[3], Instant(1s));
  heap.set(members[3], Instant(9s));
  EXPECT_EQ(heap.next(), Instant(3s));
  EXPECT_EQ(&heap.pop(), &members[1]);
  EXPECT_EQ(members[1].pacing_place, 0u);
  EXPECT_EQ(&heap.pop(), &members[0]);
  EXPECT_EQ(&heap.pop(), &members[2]);
  heap.erase(members[3]);
  heap.erase(members[3]);
  EXPECT_TRUE(heap.empty());
}

// Against a sorted list, with moves and departures.
TEST(PacingHeap, AgreesWithASortedList) {
  SeededRng random(7);
  PacingHeap<Member> heap;
  std::array<Member, 50> members;
  std::array<Instant, 50> at{};
  at.fill(kNever);
  for (int step = 0; step < 20'000; ++step) {
    const auto i = static_cast<std::size_t>(random.below(members.size()));
    if (random.below(4) == 0) {
      heap.erase(members[i]);
      at[i] = kNever;
    } else {
      at[i] = Instant(Duration(static_cast<std::int64_t>(random.below(1000))));
      heap.set(members[i], at[i]);
    }
    ASSERT_EQ(heap.next(), *std::min_element(at.begin(), at.end()));
  }
  Instant last{};
  while (!heap.empty()) {
    ASSERT_GE(heap.next(), last);
    last = heap.next();
    (void)heap.pop();
  }
}

}  // namespace
}  // namespace sockeye
