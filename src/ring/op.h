// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An operation: a socket call that may wait, as plain data (io_uring's names and meanings). It is
// tried, parked on the socket's WaitQueue, tried again, and completes exactly once; `done` is called
// only from Ring::drive(). Intrusive: who submits owns the Op and keeps it until `done`; the buffers
// that it refers to live as long. Results are io_uring's: >= 0, or a negative errno.
//
// An Op may be used again as soon as `done` is called (from `done` itself too): set the arguments,
// submit. What is in flight may not be changed.
#pragma once

#include <cstdint>
#include <optional>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "core/wait_queue.h"
#include "socket/socket.h"

namespace sockeye {

enum class OpCode : std::uint8_t { accept, connect, send, receive, poll, timeout };

struct OpQueueTag {};
class StackRing;
struct Op;

// What the ring keeps inside an Op while it is in flight.
struct OpWaiter final : Waiter {
  void on_event(Readiness events) override;

  StackRing* ring = nullptr;
  Op* op = nullptr;
  std::size_t heap_index = 0;               // place among the deadlines; 0: none
  std::uint64_t heap_order = 0;             // ties are broken by the order of submission
  std::size_t transferred = 0;              // bytes moved by earlier tries
  std::uint32_t low_water = 0;              // receive: bytes that complete it; 0: not looked up yet
  bool connecting = false;                  // connect, or a send that connects: the attempt is under way
  Errno still_waiting = Errno::inprogress;  // connect: what a deadline answers
  enum class Phase : std::uint8_t {
    idle,       // the caller's
    tried,      // try_now() said false; submit() goes on from there
    waiting,    // submitted
    completed,  // result is final, done is due
  } phase = Phase::idle;
};

struct Op : ListHook<OpQueueTag> {
  OpCode code = OpCode::timeout;
  SocketRef socket{};
  Instant deadline = kNever;        // then -ETIME for timeout, for others what `expired` says
  Errno expired = Errno::timedout;  // what a deadline answers (SO_RCVTIMEO: again; connect: inprogress
                                    // becomes already when the attempt was under way before the op)

  std::optional<Endpoint> address{};  // connect: the peer
  Outgoing outgoing{};  // send: completes when all bytes were taken, or with fewer after an error
  Incoming incoming{};  // receive: completes with what there is (MSG_WAITALL: all)
  Readiness events = Readiness::none;  // poll: completes with the bits that are ready (err and hup always)
  bool send_all = false;               // send: keep going until everything was taken

  // results
  int result = 0;
  SocketRef accepted{};
  void (*done)(Op*) = nullptr;
  void* user = nullptr;

  // Submitted, and `done` was not called yet.
  bool in_flight() const { return waiter_.phase >= OpWaiter::Phase::waiting; }
  // Bytes that send_all, MSG_WAITALL or a low-water mark have moved so far.
  std::size_t transferred() const { return waiter_.transferred; }

 private:
  friend class StackRing;
  friend class DeadlineHeap;
  OpWaiter waiter_;
};

}  // namespace sockeye
