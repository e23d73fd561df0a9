// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Virtual time for a program of two threads. packetdrill runs its script in one thread and calls that
// block in a second: while such a call waits, the script goes on. Time belongs to the driver, which is
// the thread that sleeps or waits for a packet: only that lets time pass, in steps from one deadline to
// the next, and nobody else runs while it does. A waiting call is parked; after each step the driver hands
// the turn to the parked threads and waits until each has parked again, or has ended its call *and* read the
// clock (packetdrill notes that as the end of the call). So a script has the same outcome however the system
// schedules the two threads.
//
//     driver:  ...step, pass_turn()........................| goes on: next step
//     caller:        wakes, tries again, parks | or returns, reads the clock
//
// One mutex is held by whoever is inside the adapter; parking lets go of it. All members are called
// with it held.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "posix/hosts.h"

namespace sockeye::packetdrill {

using Lock = std::unique_lock<std::mutex>;

class VirtualClock final : public posix::Clock {
 public:
  explicit VirtualClock(std::mutex& mutex) : mutex_(mutex), script_(std::this_thread::get_id()) {}

  // A call of the present thread begins. The thread that made the clock is the script's: it never parks,
  // for nobody else could let time pass.
  class Call {
   public:
    explicit Call(VirtualClock& clock);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
  };

  Instant now() override { return now_; }
  // The driver: time jumps. Another thread: parked until the driver has moved, at `until` at the latest.
  void wait_until(Instant until) override;
  // A parked call may always be woken by the driver; when the driver itself waits, nobody can help.
  bool has_outside() const override;

  void advance(Duration by) { now_ += by; }
  Instant parked_deadline() const { return parked_ > 0 ? parked_until_ : kNever; }
  // After each step of the driver.
  void pass_turn();
  // The thread that was woken reads the clock: its turn is over.
  void note_reading();
  // Not held: the mutex. The driver sleeps: a call that has ended since is still being noted by packetdrill's
  // second thread, which needs some real time for it. Waits until that thread sleeps, or for a while.
  void let_caller_finish();

 private:
  std::mutex& mutex_;
  const std::thread::id script_;
  std::condition_variable wake_{};
  std::condition_variable done_{};
  Instant now_ = Instant(std::chrono::seconds(1000));  // any beginning but zero
  Instant parked_until_ = kNever;
  unsigned parked_ = 0;
  unsigned acting_ = 0;  // woken in this turn, and not yet through
  unsigned turn_ = 0;
  std::atomic<int> ended_{0};  // the thread whose call has ended since the driver slept; 0: none
};

}  // namespace sockeye::packetdrill
