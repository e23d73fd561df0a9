// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "drivers/threads.h"

#include <chrono>

namespace {

sk_threads& self(void* user) {
  return *static_cast<sk_threads*>(user);
}

}  // namespace

sk_threads::sk_threads()
    : clock{this, [](void*) { return sk_monotonic_clock()->now(sk_monotonic_clock()->user); },
            [](void* user, std::uint64_t until) { self(user).wait_until(until); }, 1},
      face{this, [](void* user) { self(user).lock(); }, [](void* user) { self(user).unlock(); }} {}

void sk_threads::lock() {
  mutex_.lock();
  ++depth_;
}

void sk_threads::unlock() {
  const bool tell = --depth_ == 0 && waiting_ > 0;
  if (tell) ++calls_;
  mutex_.unlock();
  if (tell) changed_.notify_all();
}

void sk_threads::wait_until(std::uint64_t until) {
  const std::uint64_t seen = calls_;
  const auto called = [&] { return calls_ != seen; };
  ++waiting_;
  depth_ = 0;
  if (until == SK_NEVER) {
    changed_.wait(mutex_, called);
  } else {
    // libstdc++'s steady_clock is CLOCK_MONOTONIC.
    const std::chrono::nanoseconds since_boot(static_cast<std::int64_t>(until));
    changed_.wait_until(mutex_, std::chrono::steady_clock::time_point(since_boot), called);
  }
  depth_ = 1;  // only a call of the program's waits, never one from inside another
  --waiting_;
}

sk_threads* sk_threads_create() {
  return new sk_threads;
}
void sk_threads_destroy(sk_threads* threads) {
  delete threads;
}
const sk_clock* sk_threads_clock(const sk_threads* threads) {
  return &threads->clock;
}
const sk_lock* sk_threads_lock(const sk_threads* threads) {
  return &threads->face;
}
