// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world: hosts by name, the network between them, the agents' sessions, one thread.
//
// Addresses are given in the order of joining: the n-th host is 10.0.0.n/24 and fd00:50c:e7e::n/64
// (n from 1, at most 254 hosts). The prefix is the same in every world: worlds never meet.
//
// The first hello decides the network's qualities and the seed; a later one says the same or nothing.
// The world ends when its last agent has left, unless one asked to keep it; SIGTERM ends it always.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "packet/packet.h"
#include "sim/network.h"
#include "world/capture.h"
#include "world/event_loop.h"
#include "world/hello.h"
#include "world/host.h"
#include "world/session.h"

namespace sockeye::world {

struct WorldOptions {
  std::uint32_t version = 0;             // of the protocol: what a hello must say
  std::vector<std::string> notes{};      // for everyone who joins
  std::optional<std::uint64_t> entropy;  // only tests set it; otherwise getrandom
};

class World final : private EventHandler, private NameTable {
 public:
  static constexpr std::size_t kHostsMax = 254;

  World(WorldOptions options, SessionFactory factory);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // --- for who starts it
  void add_agent(UniqueFd connection);
  // Agents connect here; `lock` is taken while the world ends (rendezvous.h).
  void listen_on(UniqueFd listener, UniqueFd lock);
  void catch_signals();  // TERM, INT and HUP end the world
  void run();            // until the world ends
  void stop() { stopping_ = true; }
  // One turn, for tests: sleeps until something happens or `until`. False when the world has ended.
  bool turn(Instant until);

  // --- for sessions
  EventLoop& loop() { return loop_; }
  Instant now() const { return loop_.now(); }
  // Makes the host if it is new. `pcap` may be empty. An error is a sentence for the user.
  struct Joined {
    Host* host = nullptr;  // null when the hello names no host: a question only
    Welcome welcome{};
  };
  std::variant<Joined, HelloError> join(const Hello& hello, UniqueFd pcap);
  // Text in, text out: "sockets N", "flush" (the capture), "end". An unknown command answers "error …".
  std::string query(std::string_view command);

  const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }
  const sim::Network* network() const { return network_.get(); }
  std::uint64_t seed() const { return seed_; }
  Host* find_host(std::string_view name) const;  // folded to lower case

 private:
  void on_events(std::uint32_t events) override;  // of the listener or the signals
  std::vector<IpAddress> addresses_of(std::string_view name) const override;
  std::string name_of(const IpAddress& address) const override;
  bool has_server(const Endpoint& at, IpProtocol protocol) const override;
  void accept_agents();
  void settle();
  Instant next_deadline() const;
  void sweep_sessions();
  bool has_ended();
  std::optional<HelloError> agree(const Hello& hello);
  Host& make_host(const Hello& hello);
  std::string socket_rows(std::size_t first) const;

  WorldOptions options_;
  SessionFactory factory_;
  EventLoop loop_;
  PacketPool pool_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<sim::Network> network_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Session>> sessions_;
  UniqueFd listener_;
  UniqueFd lock_;
  UniqueFd signals_;
  Watch listener_watch_;
  Watch signals_watch_;
  std::uint64_t seed_ = 0;         // decides the network and the open random sources
  std::uint64_t secret_seed_ = 0;  // the same when the user gave it, else drawn apart
  bool seed_was_drawn_ = false;
  bool keep_ = false;
  bool stopping_ = false;
};

}  // namespace sockeye::world
