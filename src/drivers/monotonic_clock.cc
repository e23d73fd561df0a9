// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "drivers/monotonic_clock.h"

#include <sys/random.h>
#include <time.h>

#include <cerrno>

#include "sockeye/sockeye.h"

namespace sockeye::drivers {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::int64_t read_clock() {
  timespec value{};
  clock_gettime(CLOCK_MONOTONIC, &value);
  return value.tv_sec * kNanosecondsPerSecond + value.tv_nsec;
}

void sleep_until(std::int64_t nanoseconds) {
  timespec value{};
  value.tv_sec = nanoseconds / kNanosecondsPerSecond;
  value.tv_nsec = nanoseconds % kNanosecondsPerSecond;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &value, nullptr) == EINTR) {
  }
}

}  // namespace

Instant MonotonicClock::now() {
  return Instant(Duration(read_clock()));
}

void MonotonicClock::wait_until(Instant until) {
  sleep_until(until.time_since_epoch().count());
}

}  // namespace sockeye::drivers

const sk_clock* sk_monotonic_clock() {
  static const sk_clock clock = {
      nullptr,
      [](void*) { return static_cast<std::uint64_t>(sockeye::drivers::read_clock()); },
      [](void*, std::uint64_t until) {
        constexpr std::uint64_t kMost = INT64_MAX;
        sockeye::drivers::sleep_until(static_cast<std::int64_t>(until < kMost ? until : kMost));
      },
      0,
  };
  return &clock;
}

std::uint64_t sk_random_seed() {
  std::uint64_t seed = 0;
  while (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
  }
  return seed;
}
