// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ring/stack_ring.h"

namespace sockeye {

void OpWaiter::on_event(Readiness events) {
  // An event of the other direction cannot help (none: "look at everything").
  const Readiness deaf = op->code == OpCode::send      ? Readiness::in | Readiness::pri | Readiness::rdhup
                         : op->code == OpCode::receive ? Readiness::out
                         : op->code == OpCode::accept  ? Readiness::out
                                                       : Readiness::none;
  if (any(events) && (events & deaf) == events) return;
  ring->wake(*op);
}

StackRing::~StackRing() {
  SOCKEYE_ASSERT(in_flight_ == 0);
}

void StackRing::start(Op& op) {
  OpWaiter& waiter = op.waiter_;
  waiter.op = &op;
  waiter.transferred = 0;
  waiter.low_water = 0;
  waiter.connecting = false;
  op.result = 0;
}

bool StackRing::try_now(Op& op) {
  SOCKEYE_ASSERT(!op.in_flight());
  if (op.waiter_.phase == OpWaiter::Phase::idle) start(op);
  const bool completed = attempt(op);
  op.waiter_.phase = completed ? OpWaiter::Phase::idle : OpWaiter::Phase::tried;
  return completed;
}

void StackRing::submit(Op& op) {
  SOCKEYE_ASSERT(!op.in_flight());
  OpWaiter& waiter = op.waiter_;
  if (waiter.phase == OpWaiter::Phase::idle) start(op);
  waiter.ring = this;
  waiter.phase = OpWaiter::Phase::waiting;
  ++in_flight_;
  if (op.deadline != kNever) deadlines_.insert(op);
  if (op.socket) op.socket->waiters().add(waiter);
  if (op.code != OpCode::timeout) run_.push_back(op);
}

void StackRing::wake(Op& op) {
  if (!op.ListHook<OpQueueTag>::is_linked()) run_.push_back(op);
}

void StackRing::complete(Op& op) {
  OpWaiter& waiter = op.waiter_;
  WaitQueue::remove(waiter);
  deadlines_.erase(op);
  op.ListHook<OpQueueTag>::unlink();
  waiter.phase = OpWaiter::Phase::completed;
  completed_.push_back(op);
}

void StackRing::cancel(Op& op) {
  if (op.waiter_.phase != OpWaiter::Phase::waiting) return;
  finish(op, Errno::canceled);
  complete(op);
}

void StackRing::expire(Op& op) {
  Errno error = op.expired;
  if (op.code == OpCode::timeout) error = Errno::time;
  if (op.code == OpCode::connect && error == Errno::inprogress) error = op.waiter_.still_waiting;
  finish(op, error);
  complete(op);
}

void StackRing::drive(Instant now) {
  now_ = now;
  OpList batch;
  batch.splice_back(run_);
  while (!batch.empty()) {
    Op& op = batch.pop_front();
    if (attempt(op)) complete(op);
  }
  while (!deadlines_.empty() && deadlines_.next() <= now) expire(deadlines_.front());

  batch.splice_back(completed_);
  while (!batch.empty()) {
    Op& op = batch.pop_front();
    op.waiter_.phase = OpWaiter::Phase::idle;
    --in_flight_;
    if (op.done != nullptr) op.done(&op);
  }
}

}  // namespace sockeye
