// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A request that waits for an operation. It lives until the ring has called `done`, which may be after
// its session has gone: then `session` is null and nobody is answered.
#pragma once

#include <vector>

#include "gate/session.h"

namespace sockeye::gate {

struct AgentSession::Parked {
  AgentSession* session = nullptr;
  world::Host* host = nullptr;
  std::uint64_t id = 0;
  std::uint64_t cookie = 0;
  Op op{};
  std::vector<std::byte> data{};  // of a send
  Bytes buffer{};                 // what op.outgoing refers to
  bool replaced = false;          // an accepted connection that was put back is meant for this call
};

}  // namespace sockeye::gate
