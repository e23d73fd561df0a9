// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Errors that wait for recvmsg(MSG_ERRQUEUE) (IP_RECVERR, IPV6_RECVERR): what went wrong, with the
// beginning of the datagram that it is about and where that was sent. Bounded: the newest is dropped.
#pragma once

#include <vector>

#include "core/ring_queue.h"
#include "socket/socket.h"

namespace sockeye {

struct QueuedError {
  Incoming::ErrorReport report{};
  Endpoint destination{};  // of the datagram
  std::vector<std::byte> payload{};
};

class ErrorQueue {
 public:
  static constexpr std::size_t kMax = 64;
  bool empty() const { return errors_.empty(); }
  bool push(QueuedError error) {
    if (errors_.size() >= kMax) return false;
    errors_.push_back(std::move(error));
    return true;
  }
  QueuedError& front() { return errors_.front(); }
  void pop() { errors_.pop_front(); }

 private:
  RingQueue<QueuedError> errors_;
};

}  // namespace sockeye
