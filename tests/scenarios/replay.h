// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Seeds of a scenario, and the line that runs a failing one again:
//
//     for (const std::uint64_t seed : seeds(20)) {
//       Replay replay(seed);
//       ...
//       if (replay.failed()) return;  // the first failing seed is enough
//     }
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace sockeye::scenarios {

// 1..count, or the one that SOCKEYE_SEED names.
inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("SOCKEYE_SEED")) return {std::strtoull(one, nullptr, 0)};
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

class Replay {
 public:
  explicit Replay(std::uint64_t seed) : seed_(seed), failed_before_(::testing::Test::HasFailure()) {}
  ~Replay() {
    if (!failed()) return;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::printf("replay: SOCKEYE_SEED=%llu test_scenarios --gtest_filter=%s.%s\n",
                static_cast<unsigned long long>(seed_), test->test_suite_name(), test->name());
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  bool failed() const { return !failed_before_ && ::testing::Test::HasFailure(); }

 private:
  std::uint64_t seed_;
  bool failed_before_;
};

}  // namespace sockeye::scenarios
