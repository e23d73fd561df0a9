// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Several hosts in virtual time: no sleeping, time jumps to the next thing that happens. Everything
// follows from the seed: the network's fates, the stacks' ports and sequence numbers. Same seed, same
// program: same packets, byte for byte (trace_hash()).
//
//   Simulation sim(seed, "delay=10ms,loss=1%");
//   SimHost& server = sim.add_host("server");
//   SimHost& client = sim.add_host("client");
//   auto& sink = server.start<StreamServer>(Endpoint{server.v4(), 80}, StreamServer::Mode::sink);
//   auto& sent = client.start<StreamClient>(Endpoint{server.v4(), 80}, StreamClient::Options{.bytes = 1 <<
//   20}); sim.run_until(60s, [&] { return sent.is_finished(); });
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/network.h"
#include "sim/sim_host.h"
#include "sim/trace_hash.h"

namespace sockeye::sim {

class Simulation {
 public:
  // The spec must parse (an assertion otherwise); empty: a perfect network. Its own seed is ignored.
  explicit Simulation(std::uint64_t seed, std::string_view net = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // The n-th host is 10.0.0.n/24 and fd00:50c:e7e::n/64 (n from 1), as in a world.
  SimHost& add_host(std::string name, StackConfig config = {});

  enum class Outcome : std::uint8_t {
    satisfied,  // the predicate holds
    timed_out,  // the deadline came first (or nothing was left that could happen)
    stuck,      // a million steps without time going on
  };
  // Runs until `done` holds or `time` has passed from now on. `done` is looked at between steps.
  Outcome run_until(Duration time, const std::function<bool()>& done);
  // Runs for that long.
  void run_for(Duration time);
  void at(Instant when, std::function<void()> action);
  void after(Duration time, std::function<void()> action) { at(now_ + time, std::move(action)); }

  // Nothing gets through between the two, either way.
  void partition(SimHost& a, SimHost& b) { set_partition(a, b, true); }
  void heal(SimHost& a, SimHost& b) { set_partition(a, b, false); }

  Instant now() const { return now_; }
  std::uint64_t seed() const { return seed_; }
  Network& network() { return network_; }
  PacketPool& pool() { return pool_; }
  std::uint64_t trace_hash() const { return trace_.value(); }
  std::uint64_t packets_seen() const { return trace_.packets(); }
  void set_tap(PacketTap* tap) { trace_.set_next(tap); }
  const std::vector<std::unique_ptr<SimHost>>& hosts() const { return hosts_; }

 private:
  friend class SimHost;
  static constexpr std::uint64_t kStepsMax = 1'000'000;

  void set_partition(SimHost& a, SimHost& b, bool apart);
  void work_due(std::uint32_t host);
  void mark_due(const SimHost& host);
  Instant next_event() const;
  bool step();  // one thing that is due now; false: nothing is

  std::uint64_t seed_;
  Instant now_ = Instant(1s);
  PacketPool pool_;
  Network network_;
  TraceHash trace_;
  std::multimap<Instant, std::function<void()>> actions_;
  DueHeap due_;  // members: hosts
  std::vector<std::unique_ptr<SimHost>> hosts_;
};

}  // namespace sockeye::sim
