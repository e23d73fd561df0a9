// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the world knows of an agent: a Session, made by a factory that the program's main hands in
// (gate/ is above this floor). A session reads its socket, answers hello through World::join(), makes
// ring operations of what programs ask for and moves the bytes of their carriers.
//
// Within a turn: handlers of the event loop run first (a session takes requests and notes which
// carriers moved), then the world lets hosts and sessions work in rounds until nothing is left.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/time.h"
#include "world/unique_fd.h"

namespace sockeye::world {

class Host;
class World;

class Session {
 public:
  virtual ~Session() = default;

  // Work that was noted since the last call: woken carriers, completed operations. True when
  // something was done, so that another round is worth while. Called in every round.
  virtual bool drive(Instant now) = 0;
  // When drive() should be called even if nothing happens.
  virtual Instant next_deadline() const { return kNever; }
  // The agent is gone and its sockets are closed: the world destroys the session after this turn.
  virtual bool has_ended() const = 0;
  // The world is about to end: tell the agent (NoticeCode::ended).
  virtual void end() = 0;
  // The inode of the program's end for the socket with this cookie of `host`'s stack; 0: not this session's.
  virtual std::uint64_t inode_of(const Host& host, std::uint64_t cookie) const = 0;
};

// Takes over a connected SEQPACKET socket from an agent.
using SessionFactory = std::function<std::unique_ptr<Session>(World&, UniqueFd)>;

}  // namespace sockeye::world
