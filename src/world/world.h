// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world: hosts by name, the network between them, the agents' sessions, one thread.
//
// Addresses are given in the order of joining: the n-th host is 10.0.0.n/24 and fd00:50c:e7e::n/64
// (n from 1, at most 254 hosts). The prefix is the same in every world: worlds never meet.
//
// The world ends when its last agent has left, unless one asked to keep it; SIGTERM ends it always.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "packet/packet.h"
#include "world/event_loop.h"
#include "world/hello.h"
#include "world/host.h"
#include "world/session.h"

namespace sockeye::world {

struct WorldOptions {
  std::uint32_t version = 0;  // of the protocol: what a hello must say
  std::string name{};         // empty: a private world
  std::vector<std::string> notes{};
};

class World final : private EventHandler {
 public:
  World(WorldOptions options, SessionFactory factory);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // --- for who starts it
  void add_agent(UniqueFd connection);  // the first agent's, or a private world's only one
  void listen_on(UniqueFd listener);    // later agents connect here
  void run();                           // until the world ends
  void stop() { stopping_ = true; }

  // --- for sessions
  EventLoop& loop() { return loop_; }
  Instant now() const { return loop_.now(); }
  // Makes the host if it is new. `pcap` may be empty. An error is a sentence for the user.
  struct Joined {
    Host* host = nullptr;
    Welcome welcome{};
  };
  std::variant<Joined, HelloError> join(const Hello& hello, UniqueFd pcap);
  // Text in, text out: "ss -tan" and friends. See report.h.
  std::string query(std::string_view command) const;

  const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }

 private:
  struct Network;  // what lies between the hosts: kept out of this header

  void on_events(std::uint32_t events) override;  // of the listener
  void accept_agents();
  void turn();
  void settle();
  Instant next_deadline() const;
  void sweep_sessions();
  Host* find_host(std::string_view name) const;
  std::optional<HelloError> agree(const Hello& hello);

  WorldOptions options_;
  SessionFactory factory_;
  EventLoop loop_;
  PacketPool pool_;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Session>> sessions_;
  UniqueFd listener_;
  Watch listener_watch_;
  bool had_agent_ = false;
  bool keep_ = false;
  bool stopping_ = false;
};

}  // namespace sockeye::world
