// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How an agent and its world find each other (decisions.md D2).
//
// A named world listens on DIR/NAME.sock. DIR is $XDG_RUNTIME_DIR/sockeye, or sockeye-UID under the
// temporary directory; it must be ours alone (owner, mode 0700). Whoever starts, connects to or ends
// a world does so under a lock on DIR/lock, so that a world cannot end between the moment it is found
// and the moment it is spoken to. A socket that nobody listens on is left over and removed. An
// unnamed world is private: a socket pair, no file. What a named world says in an emergency is in
// DIR/NAME.log; a private one says it on the standard error of its run.
//
// The world is forked twice, so that it is nobody's child, into a session of its own; between the
// forks it enters its namespaces.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "world/sandbox.h"
#include "world/unique_fd.h"

namespace sockeye::world {

// What a new world process starts with.
struct WorldStart {
  std::string name{};              // empty: private
  std::vector<UniqueFd> agents{};  // of a private world: all it will ever have
  UniqueFd listener;               // of a named world
  UniqueFd lock;                   // of a named world: to be held while it ends
  UniqueFd log;                    // of a named world: becomes its standard error
  SandboxNotes notes{};
};

struct RendezvousError {
  std::string sentence{};
};

struct RendezvousOptions {
  std::string world{};          // empty: start a private world
  std::string directory{};      // empty: the user's
  bool may_start = true;        // false: an absent world is an error (sockeye ss)
  bool sandbox = true;          // false only in tests
  std::size_t connections = 1;  // how many are wanted
};

struct Connections {
  std::vector<UniqueFd> fds{};  // SEQPACKET, close on exec
  bool started = false;
};

// `world_main` runs in the new process; its return value is that process's exit status.
std::variant<Connections, RendezvousError> connect_or_start(const RendezvousOptions& options,
                                                            const std::function<int(WorldStart)>& world_main);

// The names of the worlds that answer, in alphabetical order.
std::variant<std::vector<std::string>, RendezvousError> list_worlds(const std::string& directory = {});

// The directory, made if it is missing; an error if it is not ours alone.
std::variant<std::string, RendezvousError> rendezvous_directory();

// The user at the other end of a UNIX socket is `uid`.
bool peer_is(int socket, unsigned uid);

}  // namespace sockeye::world
