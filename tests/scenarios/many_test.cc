// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Many connections at once, both ends opening at once, TIME_WAIT and the ports it holds.
#include <gtest/gtest.h>

#include <algorithm>

#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

std::size_t count_state(SimHost& host, tcp::State state) {
  const auto report = host.stack().report();
  return static_cast<std::size_t>(std::count_if(
      report.begin(), report.end(), [&](const SocketReport& line) { return line.state == state; }));
}

TEST(Many, TwoHundredConnectionsFromFiveHosts) {
  for (const std::uint64_t seed : seeds(4)) {
    Replay replay(seed);
    Simulation simulation(seed, "delay=5ms~3ms,loss=1%,rate=200mbit");
    SimHost& server = simulation.add_host("server");
    auto& echoing = server.start<StreamServer>(Endpoint{IpAddress::any_v6(), 80}, StreamServer::Mode::echo);
    std::vector<StreamClient*> clients;
    for (int h = 0; h < 5; ++h) {
      std::string name = "client";
      name += std::to_string(h);
      SimHost& host = simulation.add_host(name);
      for (std::uint64_t i = 0; i < 40; ++i) {
        const Endpoint service{i % 2 == 0 ? server.v4() : server.v6(), 80};
        clients.push_back(&host.start<StreamClient>(
            service, StreamClientOptions{.bytes = 1000 * (i + 1), .pattern = seed * 1000 + clients.size()}));
      }
    }
    const auto all_done = [&] {
      return std::all_of(clients.begin(), clients.end(), [](auto* client) { return client->is_finished(); });
    };
    ASSERT_EQ(simulation.run_until(300s, all_done), Simulation::Outcome::satisfied);
    EXPECT_EQ(echoing.accepted(), 200U);
    for (const auto* client : clients) {
      EXPECT_FALSE(client->report().error) << name_of(*client->report().error);
      EXPECT_EQ(client->report().received, client->sent_digest());
    }
    if (replay.failed()) return;
  }
}

TEST(Many, BothOpenAtOnce) {
  for (const std::uint64_t seed : seeds(10)) {
    Replay replay(seed);
    Simulation simulation(seed, "delay=10ms");
    SimHost& a = simulation.add_host("a");
    SimHost& b = simulation.add_host("b");
    const Endpoint at_a{a.v4(), 5000}, at_b{b.v4(), 6000};
    auto& from_a =
        a.start<StreamClient>(at_b, StreamClientOptions{.bytes = 20'000, .pattern = 1, .local = at_a});
    auto& from_b =
        b.start<StreamClient>(at_a, StreamClientOptions{.bytes = 30'000, .pattern = 2, .local = at_b});
    const auto outcome =
        simulation.run_until(10s, [&] { return from_a.is_finished() && from_b.is_finished(); });
    ASSERT_EQ(outcome, Simulation::Outcome::satisfied);
    EXPECT_FALSE(from_a.report().error);
    EXPECT_FALSE(from_b.report().error);
    EXPECT_EQ(from_a.report().received, from_b.sent_digest());
    EXPECT_EQ(from_b.report().received, from_a.sent_digest());
    if (replay.failed()) return;
  }
}

TEST(Many, TimeWaitLastsAMinuteAtWhoClosesFirst) {
  Simulation simulation(1, "delay=10ms");
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  const Endpoint service{server.v4(), 80};
  auto& sink = server.start<StreamServer>(service, StreamServer::Mode::sink);
  std::vector<StreamClient*> clients;
  for (int i = 0; i < 50; ++i)
    clients.push_back(&client.start<StreamClient>(service, StreamClientOptions{.bytes = 100}));
  ASSERT_EQ(simulation.run_until(5s, [&] { return sink.ended() == 50 && clients.back()->is_finished(); }),
            Simulation::Outcome::satisfied);
  simulation.run_for(1s);
  EXPECT_EQ(count_state(client, tcp::State::time_wait), 50U);
  EXPECT_EQ(count_state(server, tcp::State::time_wait), 0U);
  simulation.run_for(57s);
  EXPECT_EQ(count_state(client, tcp::State::time_wait), 50U);
  simulation.run_for(3s);
  EXPECT_EQ(count_state(client, tcp::State::time_wait), 0U);
}

TEST(Many, AClientsOwnPortIsHeldByItsTimeWait) {
  Simulation simulation(1, "delay=10ms");
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  const Endpoint service{server.v4(), 80};
  auto& sink = server.start<StreamServer>(service, StreamServer::Mode::sink);
  const Endpoint fixed{client.v4(), 4444};
  for (std::size_t round = 1; round <= 3; ++round) {
    const StreamClientOptions options{.bytes = 5000, .pattern = round, .local = fixed};
    auto& sending = client.start<StreamClient>(service, options);
    ASSERT_EQ(simulation.run_until(200s, [&] { return sending.is_finished() && sink.ended() == round; }),
              Simulation::Outcome::satisfied);
    EXPECT_FALSE(sending.report().error) << name_of(*sending.report().error);
    EXPECT_EQ(sink.report(round - 1).received, sending.sent_digest());
    simulation.run_for(1s);
    auto& too_early = client.start<StreamClient>(service, options);  // without SO_REUSEADDR
    simulation.run_for(1s);
    EXPECT_EQ(too_early.report().error, Errno::addrinuse);
    simulation.run_for(60s);
  }
}

TEST(Many, ClientsThatNobodyReadsDoNotStopTheRest) {
  Simulation simulation(3, "delay=5ms");
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  auto& holding = server.start<StreamServer>(Endpoint{server.v4(), 1}, StreamServer::Mode::hold);
  auto& echoing = server.start<StreamServer>(Endpoint{server.v4(), 2}, StreamServer::Mode::echo);
  auto& stuck =
      client.start<StreamClient>(Endpoint{server.v4(), 1}, StreamClientOptions{.bytes = 100'000'000});
  auto& fine = client.start<StreamClient>(Endpoint{server.v4(), 2}, StreamClientOptions{.bytes = 3'000'000});
  ASSERT_EQ(simulation.run_until(60s, [&] { return fine.is_finished(); }), Simulation::Outcome::satisfied);
  EXPECT_EQ(fine.report().received, fine.sent_digest());
  EXPECT_EQ(holding.accepted(), 1U);
  EXPECT_EQ(echoing.ended(), 1U);
  // Zero window: probes go on, and the connection stays, for hours.
  const auto sent = stuck.report().sent;
  const auto packets = simulation.packets_seen();
  simulation.run_for(3600s);
  EXPECT_FALSE(stuck.is_finished());
  EXPECT_EQ(stuck.report().sent, sent);
  EXPECT_GT(simulation.packets_seen(), packets + 20);
  EXPECT_LT(simulation.packets_seen(), packets + 1000);
}

}  // namespace
}  // namespace sockeye::scenarios
