// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Several threads on one sk_net. The floors below know nothing of threads: the C face takes this lock
// around each call, and a call that waits does so in this clock, which lets the lock go meanwhile. So
// exactly one thread is inside at a time, and a blocked one costs the others nothing.
//
// Who waits is told after every call of another thread: what that call did may be what it waits for,
// or may have set an earlier timer. It then looks for itself, so N blocked threads are N short looks
// per call of another; programs with many connections wait in one epoll set, as everywhere.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "sockeye/sockeye.h"

struct sk_threads {
  sk_threads();

  void lock();
  void unlock();
  // With the lock held: without it until the time (nanoseconds of CLOCK_MONOTONIC, SK_NEVER: no
  // limit) or until another thread has made a call.
  void wait_until(std::uint64_t until);

  const sk_clock clock;
  const sk_lock face;

 private:
  // Packets that a link's transmit function hands in at once come back into the thread's own call.
  std::recursive_mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t calls_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t waiting_ = 0;
};
