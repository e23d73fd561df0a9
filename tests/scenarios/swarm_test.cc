// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A seed draws a network, hosts, transfers, partitions and crashes; what must hold whatever it drew: a
// stream that ends in order brought exactly what was sent, one that does not ends with an error, nothing
// stays behind, and time goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/rng.h"
#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

std::string draw_net(SeededRng& rng) {
  std::string net = "delay=" + std::to_string(10 + rng.below(40)) + "ms";
  if (rng.below(2) == 0) net += "~" + std::to_string(1 + rng.below(10)) + "ms";
  if (rng.below(2) == 0) net += ",loss=" + std::to_string(rng.below(6)) + "%";
  if (rng.below(3) == 0) net += ",duplicate=" + std::to_string(rng.below(10)) + "%";
  if (rng.below(3) == 0) net += ",reorder=" + std::to_string(rng.below(20)) + "%";
  if (rng.below(4) == 0) net += ",corrupt=" + std::to_string(rng.below(3)) + "%";
  if (rng.below(3) == 0) net += ",rate=" + std::to_string(5 + rng.below(100)) + "mbit,queue=100p";
  if (rng.below(4) == 0) net += ",mtu=" + std::to_string(1280 + rng.below(8000));
  return net;
}

struct Transfer {
  SimHost* server = nullptr;
  SimHost* client = nullptr;
  StreamClient* sending = nullptr;
};

class Swarm {
 public:
  explicit Swarm(std::uint64_t seed) : rng_(seed), net_(draw_net(rng_)), simulation_(seed, net_) {}

  void populate() {
    const std::uint64_t hosts = 2 + rng_.below(4);
    StackConfig config;
    config.tcp.retries2 = 6;  // who is cut off learns it within the test's time
    config.tcp.syn_retries = 3;
    config.tcp.orphan_retries = 4;
    for (std::uint64_t i = 0; i < hosts; ++i) {
      hosts_.push_back(&simulation_.add_host("h" + std::to_string(i), config));
      servers_.push_back(
          &hosts_.back()->start<StreamServer>(Endpoint{IpAddress::any_v6(), 80}, StreamServer::Mode::echo));
    }
    const std::uint64_t count = 1 + rng_.below(12);
    for (std::uint64_t i = 0; i < count; ++i)
      simulation_.after(std::chrono::milliseconds(rng_.below(3000)), [this, i] { start_transfer(i); });
  }
  void trouble() {
    for (std::uint64_t i = rng_.below(3); i > 0; --i) {
      SimHost* a = pick();
      SimHost* b = pick();
      if (a == b) continue;
      const auto from = std::chrono::milliseconds(rng_.below(4000));
      simulation_.after(from, [=, this] { simulation_.partition(*a, *b); });
      simulation_.after(from + std::chrono::milliseconds(rng_.below(9000)),
                        [=, this] { simulation_.heal(*a, *b); });
    }
    if (rng_.below(4) == 0) {
      crashed_ = hosts_.back();
      simulation_.after(std::chrono::milliseconds(500 + rng_.below(3000)), [this] { crash(); });
    }
  }
  void run() {
    EXPECT_EQ(simulation_.run_until(3000s, [&] { return started_all_ended(); }),
              Simulation::Outcome::satisfied)
        << net_;
    for (const Transfer& transfer : transfers_) check(transfer);
    simulation_.run_for(400s);  // TIME_WAIT, orphans, what crashed peers left
    for (SimHost* host : hosts_) {
      if (!host->is_up()) continue;
      for (const SocketReport& line : host->stack().report())
        EXPECT_TRUE(line.state == tcp::State::listen) << net_ << ": " << tcp::name_of(line.state);
    }
  }

 private:
  SimHost* pick() { return hosts_[rng_.below(hosts_.size())]; }

  void start_transfer(std::uint64_t number) {
    SimHost* client = pick();
    SimHost* server = pick();
    if (!client->is_up() || client == crashed_) return;  // a task of a host that crashes goes with it
    const Endpoint to{rng_.below(2) == 0 ? server->v4() : server->v6(), 80};
    const StreamClientOptions options{.bytes = 1 + rng_.below(400'000), .pattern = number + 1};
    transfers_.push_back({server, client, &client->start<StreamClient>(to, options)});
  }
  void crash() { crashed_->crash(); }
  bool started_all_ended() const {
    return simulation_.now() > Instant(8s) &&
           std::all_of(transfers_.begin(), transfers_.end(),
                       [](const Transfer& transfer) { return transfer.sending->is_finished(); });
  }
  void check(const Transfer& transfer) {
    const StreamReport& report = transfer.sending->report();
    if (report.error) {
      // Only trouble that was made may end a stream.
      EXPECT_TRUE(transfer.server == crashed_ || *report.error == Errno::timedout ||
                  *report.error == Errno::hostunreach || *report.error == Errno::connreset)
          << net_ << ": " << name_of(*report.error);
      return;
    }
    EXPECT_EQ(report.received, transfer.sending->sent_digest()) << net_;
  }

  SeededRng rng_;
  std::string net_;
  Simulation simulation_;
  std::vector<SimHost*> hosts_;
  std::vector<StreamServer*> servers_;
  std::vector<Transfer> transfers_;
  SimHost* crashed_ = nullptr;
};

TEST(Swarm, WhateverTheSeedDraws) {
  for (const std::uint64_t seed : seeds(60)) {
    Replay replay(seed);
    Swarm swarm(seed);
    swarm.populate();
    swarm.trouble();
    swarm.run();
    if (replay.failed()) return;
  }
}

}  // namespace
}  // namespace sockeye::scenarios
