// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Time is a value that comes in. Nothing below sim/ and drivers/ reads a clock: a turn of the stack
// is given one `Instant now`, and everything that happens in that turn happens at that instant.
#pragma once

#include <chrono>
#include <cstdint>

namespace sockeye {

using namespace std::chrono_literals;

// A tag for std::chrono's types. It deliberately has no now().
struct StackClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<StackClock>;
};

using Duration = StackClock::duration;
using Instant = StackClock::time_point;

inline constexpr Instant kNever = Instant::max();

constexpr std::int64_t to_ns(Duration d) {
  return d.count();
}
constexpr std::int64_t to_us(Duration d) {
  return d.count() / 1000;
}
constexpr std::int64_t to_ms(Duration d) {
  return d.count() / 1'000'000;
}

}  // namespace sockeye
