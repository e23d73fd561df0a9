// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Calls that sleep, and the signals that wake them (decisions.md D3). The kernel keeps a trapped thread
// asleep through every signal but a fatal one (WAIT_KILLABLE_RECV), so that no result is lost; in exchange we
// look for pending signals ourselves and end the call as the kernel would have: with -ERESTARTSYS, which
// the signal code of the kernel turns into a restart or EINTR. It may only be returned to a thread that is
// sure to pass through that code, else the program sees errno 512.
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "core/assert.h"
#include "gate/gate.h"

namespace sockeye::gate {

namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstTick = 1ms;
constexpr Duration kLastTick = 20ms;
constexpr Duration kLongestSweep = 5s;

}  // namespace

void Call::on_events(std::uint32_t) {
  CallPtr self = gate->take(key);
  SOCKEYE_ASSERT(self.get() == this);
  watch.close();
  retry(*gate, std::move(self));
}

CallPtr Gate::take(std::uint64_t key) {
  auto found = calls_.find(key);
  if (found == calls_.end()) return nullptr;
  CallPtr call = std::move(found->second);
  calls_.erase(found);
  if (call->next_tick != kNever) {
    std::erase(parked_, key);
    call->next_tick = kNever;
  }
  return call;
}

void Gate::park(Call& call, Instant now) {
  call.tick = std::max(call.tick, kFirstTick);
  call.next_tick = now + call.tick;
  parked_.push_back(call.key);
}

void Gate::wait_ready(CallPtr call, std::uint32_t events, Retry retry) {
  call->retry = retry;
  call->parked = true;
  park(*call, loop_.now());
  if (!call->watch.open(loop_, call->fd.get(), events, *call)) {
    std::erase(parked_, call->key);
    return answer(std::move(call), -ENOBUFS);
  }
  calls_[call->key] = std::move(call);
}

void Gate::wait_turn(CallPtr call, Socket& socket, Retry retry) {
  call->retry = retry;
  call->parked = true;
  park(*call, loop_.now());
  socket.receivers.push_back(call->key);
  calls_[call->key] = std::move(call);
}

void Gate::pass_turn(std::uint64_t cookie) {
  Socket* socket = sockets.find(cookie);
  if (socket == nullptr) return;
  socket->receiving = false;
  while (!socket->receiving && !socket->receivers.empty()) {
    std::uint64_t key = socket->receivers.front();
    socket->receivers.pop_front();
    if (CallPtr call = take(key)) call->retry(*this, std::move(call));
    socket = sockets.find(cookie);
    if (socket == nullptr) return;
  }
}

// Ends a call that sleeps, with `result`. One that has asked the world waits for the Reply to its
// cancellation: the world may have done the work already.
void Gate::interrupt(std::uint64_t key, std::int64_t result) {
  auto found = calls_.find(key);
  if (found == calls_.end()) return;
  Call& call = *found->second;
  if (!call.asking) {
    CallPtr taken = take(key);
    taken->watch.close();
    bool has_part = taken->progress.done > 0 || taken->progress.messages > 0;
    if (!has_part || !taken->fd) return answer(std::move(taken), result);
    // What was done is the result, as in the kernel.
    taken->last_try = true;
    Retry retry = taken->retry;
    return retry(*this, std::move(taken));
  }
  if (call.interruption == 0) {
    Request request;
    request.code = RequestCode::cancel;
    request.cookie = key;
    tell(request);
  }
  call.interruption = result;
  std::erase(parked_, key);
  call.next_tick = kNever;
}

void Gate::on_task_gone(pid_t tid) {
  std::vector<std::uint64_t> keys;
  for (const auto& entry : calls_)
    if (entry.second->trapped.tid == tid) keys.push_back(entry.first);
  for (std::uint64_t key : keys) {
    calls_[key]->watch.close();
    calls_[key]
        ->fd.reset();  // may be the last of a listener: its port is free now, not when the world answers
    interrupt(key, -EINTR);
  }
}

// The result with which the signals that are pending now end this call; 0: they do not.
std::int64_t Gate::interruption_by_signal(Call& call) {
  auto state = tasks.signals(call.trapped.tid);
  if (!state) return -EINTR;  // gone: the answer goes nowhere
  // A stop or a default action counts too: the thread must get to the place where it is carried out.
  std::uint64_t relevant = ~state->blocked & ~state->ignored;
  std::int64_t polite = call.restarts ? kRestartSys : -EINTR;
  if (state->thread_pending & relevant) return polite;
  std::uint64_t shared = state->process_pending & relevant;
  if (shared == 0) {
    call.suspected = false;
    return 0;
  }
  // The kernel wakes the main thread for a signal of the process, if that does not block it.
  if (state->threads == 1 || tasks.process_of(call.trapped.tid) == call.trapped.tid) return polite;
  // Otherwise it may be meant for another thread, and be gone in a moment.
  if (!std::exchange(call.suspected, true)) return 0;
  return (shared & state->caught) != 0 ? -EINTR : 0;
}

void Gate::look_at_signals(Call& call, Instant now) {
  std::int64_t result = interruption_by_signal(call);
  if (result != 0) return interrupt(call.key, result);
  call.tick = call.suspected ? kFirstTick : std::min(call.tick * 2, kLastTick);
  call.next_tick = now + call.tick;
}

Instant Gate::next_deadline() const {
  Instant next = loose.empty() ? kNever : next_sweep_;
  for (std::uint64_t key : parked_) {
    const Call& call = *calls_.at(key);
    next = std::min({next, call.next_tick, call.deadline});
  }
  return next;
}

void Gate::run_due(Instant now) {
  std::vector<std::uint64_t> keys = parked_;
  for (std::uint64_t key : keys) {
    auto found = calls_.find(key);
    if (found == calls_.end()) continue;
    Call& call = *found->second;
    if (call.deadline <= now)
      interrupt(key, -EAGAIN);
    else if (call.next_tick <= now)
      look_at_signals(call, now);
  }
  if (loose.empty()) {
    next_sweep_ = kNever;
  } else if (next_sweep_ == kNever) {
    sweep_interval_ = 100ms;
    next_sweep_ = now + sweep_interval_;
  } else if (next_sweep_ <= now) {
    sweep_interval_ =
        release_closed() ? Duration(100ms) : std::min<Duration>(sweep_interval_ * 2, kLongestSweep);
    next_sweep_ = now + sweep_interval_;
  }
}

}  // namespace sockeye::gate
