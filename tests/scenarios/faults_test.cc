// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Partition, crash, restart, refusal, unreachable addresses: what programs see and when.
#include <gtest/gtest.h>

#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

struct Pair {
  explicit Pair(std::uint64_t seed, std::string_view net = "delay=10ms") : simulation(seed, net) {}
  StreamServer& serve(StreamServer::Mode mode) {
    return server.start<StreamServer>(Endpoint{server.v4(), 80}, mode);
  }
  StreamClient& connect(const StreamClientOptions& options) {
    return client.start<StreamClient>(Endpoint{server.v4(), 80}, options);
  }
  bool run(Duration time, const std::function<bool()>& done) {
    return simulation.run_until(time, done) == Simulation::Outcome::satisfied;
  }

  Simulation simulation;
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
};

TEST(Faults, ATransferOutlivesAPartition) {
  for (const std::uint64_t seed : seeds(10)) {
    Replay replay(seed);
    Pair pair(seed, "delay=10ms,rate=20mbit");
    auto& sink = pair.serve(StreamServer::Mode::sink);
    auto& sending = pair.connect({.bytes = 5'000'000, .pattern = seed});
    pair.simulation.after(500ms, [&] { pair.simulation.partition(pair.server, pair.client); });
    pair.simulation.after(20500ms, [&] { pair.simulation.heal(pair.server, pair.client); });
    pair.simulation.run_for(20s);
    const auto so_far = sink.report(0).received.length();
    EXPECT_GT(so_far, 100'000U);
    EXPECT_LT(so_far, 5'000'000U);
    ASSERT_TRUE(pair.run(60s, [&] { return sink.ended() == 1; }));
    EXPECT_EQ(sink.report(0).received, sending.sent_digest());
    EXPECT_GT(pair.simulation.network().drops()[Drop::partition], 0U);
    if (replay.failed()) return;
  }
}

TEST(Faults, APartitionThatStaysEndsTheConnection) {
  StackConfig config;
  config.tcp.retries2 = 4;
  Simulation simulation(1, "delay=10ms");
  SimHost& server = simulation.add_host("server", config);
  SimHost& client = simulation.add_host("client", config);
  server.start<StreamServer>(Endpoint{server.v4(), 80}, StreamServer::Mode::sink);
  auto& sending =
      client.start<StreamClient>(Endpoint{server.v4(), 80}, StreamClientOptions{.bytes = 50'000'000});
  simulation.after(300ms, [&] { simulation.partition(server, client); });
  ASSERT_EQ(simulation.run_until(120s, [&] { return sending.is_finished(); }),
            Simulation::Outcome::satisfied);
  EXPECT_EQ(sending.report().error, Errno::timedout);
  EXPECT_GT(simulation.now() - Instant(1s), 2s);
}

TEST(Faults, KeepaliveFindsACrashedPeer) {
  for (const std::uint64_t seed : seeds(5)) {
    Replay replay(seed);
    Pair pair(seed);
    pair.serve(StreamServer::Mode::sink);
    auto& idle = pair.connect({.bytes = 1000, .half_close = false, .keepalive = true});
    pair.simulation.run_for(10s);  // alive: probes are answered
    EXPECT_TRUE(idle.is_connected());
    EXPECT_FALSE(idle.is_finished());
    pair.server.crash();
    const Instant crashed = pair.simulation.now();
    ASSERT_TRUE(pair.run(60s, [&] { return idle.is_finished(); }));
    EXPECT_EQ(idle.report().error, Errno::timedout);
    // At most 1 s until the next probe, then three of them 1 s apart.
    EXPECT_GT(pair.simulation.now() - crashed, 2900ms);
    EXPECT_LT(pair.simulation.now() - crashed, 4500ms);
    if (replay.failed()) return;
  }
}

TEST(Faults, ARestartedHostResetsOldConnections) {
  Pair pair(1);
  pair.serve(StreamServer::Mode::sink);
  auto& idle = pair.connect({.bytes = 1000, .half_close = false, .keepalive = true});
  pair.simulation.run_for(500ms);
  ASSERT_TRUE(idle.is_connected());
  pair.server.crash();
  pair.server.restart();
  ASSERT_TRUE(pair.run(10s, [&] { return idle.is_finished(); }));
  EXPECT_EQ(idle.report().error, Errno::connreset);
  // And serves new ones.
  auto& sink = pair.serve(StreamServer::Mode::sink);
  auto& again = pair.connect({.bytes = 1000});
  ASSERT_TRUE(pair.run(10s, [&] { return again.is_finished() && sink.ended() == 1; }));
  EXPECT_FALSE(again.report().error);
}

TEST(Faults, RefusedUnreachableTimedOut) {
  Pair pair(1);
  auto& refused = pair.connect({});  // nobody listens
  auto& refused6 = pair.client.start<StreamClient>(Endpoint{pair.server.v6(), 80}, StreamClientOptions{});
  auto& nobody =
      pair.client.start<StreamClient>(Endpoint{IpAddress::v4(10, 0, 0, 77), 80}, StreamClientOptions{});
  auto& nobody6 = pair.client.start<StreamClient>(Endpoint{*IpAddress::parse("fd00:50c:e7e::77"), 80},
                                                  StreamClientOptions{});
  auto& outside =
      pair.client.start<StreamClient>(Endpoint{IpAddress::v4(192, 0, 2, 1), 80}, StreamClientOptions{});
  ASSERT_TRUE(pair.run(1s, [&] {
    return refused.is_finished() && refused6.is_finished() && nobody.is_finished() && nobody6.is_finished() &&
           outside.is_finished();
  }));
  EXPECT_EQ(refused.report().error, Errno::connrefused);
  EXPECT_EQ(refused6.report().error, Errno::connrefused);
  EXPECT_EQ(nobody.report().error, Errno::hostunreach);
  EXPECT_EQ(nobody6.report().error, Errno::hostunreach);
  EXPECT_EQ(outside.report().error, Errno::netunreach);

  pair.server.crash();
  const Instant start = pair.simulation.now();
  auto& silent = pair.connect({});
  ASSERT_TRUE(pair.run(200s, [&] { return silent.is_finished(); }));
  EXPECT_EQ(silent.report().error, Errno::timedout);
  // tcp_syn_retries 6: 1 + 2 + 4 + ... + 64 seconds, as on Linux.
  EXPECT_EQ(to_ms(pair.simulation.now() - start) / 1000, 127);
}

TEST(Faults, TheHandshakeSurvivesHalfOfItsPacketsLost) {
  for (const std::uint64_t seed : seeds(40)) {
    Replay replay(seed);
    Pair pair(seed, "delay=10ms,loss=40%");
    auto& sink = pair.serve(StreamServer::Mode::sink);
    auto& sending = pair.connect({.bytes = 100});
    ASSERT_TRUE(pair.run(1000s, [&] { return sending.is_finished(); }));
    if (sending.report().error) {  // seven SYNs or SYN-ACKs lost: possible, rare
      EXPECT_EQ(sending.report().error, Errno::timedout);
    } else {
      EXPECT_TRUE(pair.run(1000s, [&] { return sink.ended() == 1; }));
    }
    if (replay.failed()) return;
  }
}

}  // namespace
}  // namespace sockeye::scenarios
