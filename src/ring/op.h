// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An operation: a socket call that may wait, as plain data (io_uring's names and meanings). It is
// tried, parked on the socket's WaitQueue, tried again, and completes exactly once; `done` is called
// only from Ring::drive(). Intrusive: who submits owns the Op and keeps it until `done`.
// Results are io_uring's: >= 0, or a negative errno.
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

struct Op : ListHook<OpQueueTag> {
  OpCode code = OpCode::timeout;
  SocketRef socket{};
  Instant deadline = kNever;        // then -ETIME for timeout, -ETIMEDOUT or -EAGAIN as `expired` says
  Errno expired = Errno::timedout;  // what a deadline answers (SO_RCVTIMEO: again; connect: inprogress)

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

 private:
  friend class StackRing;
  struct Parked;  // ring/ owns what it needs while the op is in flight
  Parked* parked_ = nullptr;
};

}  // namespace sockeye
