// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The Ring over our own stack. An operation in flight sits on its socket's WaitQueue until it
// completes, so operations of one socket keep the order in which they were submitted; an event puts
// it on the run queue as well, and drive() tries what is there.
//
//     submit ──> run_ ──try──> waits on the socket ──event──> run_ ──try──> completed_ ──> done
//                                     └────────── deadline, cancel ────────────┘
//
// Everything that waits lives inside the Op: nothing is allocated per operation (the heap of deadlines
// grows to the largest number that were ever in flight with one).
//
// drive() works off what was there when it began and leaves the rest for the next call (has_work()),
// so a program that submits from `done` for ever cannot hold the loop. What is due at the same time
// as an event: the event wins, then the deadline is looked at. `done` may submit, cancel, or destroy
// its own Op; the ring does not touch an Op after it called `done`.
#pragma once

#include "ring/deadline_heap.h"
#include "ring/ring.h"
#include "stack/stack.h"

namespace sockeye {

class StackRing final : public Ring {
 public:
  explicit StackRing(Instant start = Instant{}) : now_(start) {}
  explicit StackRing(const Stack& stack) : StackRing(stack.now()) {}
  StackRing(const StackRing&) = delete;
  StackRing& operator=(const StackRing&) = delete;
  ~StackRing() override;  // nothing may be in flight

  bool try_now(Op& op) override;
  void submit(Op& op) override;
  void cancel(Op& op) override;
  Instant now() const override { return now_; }
  void drive(Instant now) override;
  Instant next_deadline() const override { return deadlines_.next(); }
  bool has_work() const override { return !run_.empty() || !completed_.empty(); }
  std::size_t in_flight() const { return in_flight_; }

 private:
  friend struct OpWaiter;
  using OpList = IntrusiveList<Op, OpQueueTag>;

  static bool attempt(Op& op);  // true: op.result is final
  static bool attempt_accept(Op& op);
  static bool attempt_connect(Op& op);
  static bool attempt_send(Op& op);
  static bool opened(Op& op);
  static bool attempt_receive(Op& op);
  static bool attempt_poll(Op& op);
  static void start(Op& op);
  static bool finish(Op& op, Errno error);  // the error, or the bytes moved before it
  void expire(Op& op);
  void complete(Op& op);
  void wake(Op& op);

  OpList run_;        // to be tried
  OpList completed_;  // `done` is due
  DeadlineHeap deadlines_;
  Instant now_;
  std::size_t in_flight_ = 0;
};

}  // namespace sockeye
