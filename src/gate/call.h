// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A trapped system call between its arrival and its result. A call waits for at most one thing: the
// world's Reply, its carrier to become ready, or another call on the same socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/time.h"
#include "gate/notifier.h"
#include "gate/world_link.h"
#include "world/event_loop.h"

namespace sockeye::gate {

class Gate;
struct Call;
using CallPtr = std::unique_ptr<Call>;
// What goes on when the Reply is there, or when the call is to be tried again. Captures little: it is
// stored in the call.
using Then = std::function<void(Gate&, CallPtr, Answer&)>;
using Retry = void (*)(Gate&, CallPtr);

// Where a message call has got to (sendmmsg and recvmmsg do several, a stream may take a part).
struct Progress {
  std::string data{};             // to be sent, or received
  std::size_t done = 0;           // bytes
  unsigned messages = 0;          // whole messages
  std::uint32_t taken_flags = 0;  // msg_flags of a datagram that was taken
  Instant give_up = kNever;       // recvmmsg: no further message after this
  std::size_t length = 0;         // its real length
};

struct Call final : world::EventHandler {
  Gate* gate = nullptr;
  std::uint64_t key = 0;  // also the id of its request to the world
  Trapped trapped;
  UniqueFd fd;  // a duplicate of the descriptor in argument 0: also what keeps the socket alive, as
                // the kernel does for a call that sleeps
  std::uint64_t cookie = 0;  // of the socket, after SocketTable::find
  Progress progress;

  // While waiting:
  Then then{};
  Retry retry = nullptr;
  world::Watch watch;
  bool asking = false;            // a Reply will come
  bool parked = false;            // may sleep for long: signals interrupt it
  bool restarts = true;           // an interrupted call may be restarted (no time-out was set)
  bool last_try = false;          // interrupted after a part was done: it may not sleep again
  bool suspected = false;         // a signal of the process was seen pending that may be another thread's
  std::int64_t interruption = 0;  // result, once a cancel was sent
  Duration tick{};                // until its signals are looked at again
  Instant next_tick = kNever;
  Instant deadline = kNever;  // SO_RCVTIMEO or SO_SNDTIMEO of a call that waits for its carrier

  std::uint64_t argument(int index) const { return trapped.argument[index]; }
  int int_argument(int index) const { return static_cast<int>(trapped.argument[index]); }
  void on_events(std::uint32_t events) override;  // the carrier became ready
};

}  // namespace sockeye::gate
