// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A narrow hop somewhere on the way: one that says so (RFC 1191, RFC 8201), and one that swallows what is
// too big for it without a word (RFC 2923 2.1), which only probing finds out (RFC 4821).
#include <gtest/gtest.h>

#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

struct NarrowPath {
  NarrowPath(std::uint64_t seed, unsigned probing, bool over_v6, std::string_view net = "delay=10ms,mtu=1500")
      : simulation(seed, net) {
    StackConfig config;
    config.tcp.mtu_probing = probing;
    server = &simulation.add_host("server", config);
    client = &simulation.add_host("client", config);
    service = {over_v6 ? server->v6() : server->v4(), 80};
    sink = &server->start<StreamServer>(service, StreamServer::Mode::sink);
  }
  void hop(std::uint32_t mtu, bool is_silent) {
    simulation.network().set_hop(client->port(), server->port(), mtu, is_silent);
  }
  StreamClient& send(std::uint64_t bytes) {
    return client->start<StreamClient>(service, StreamClientOptions{.bytes = bytes, .pattern = 7});
  }
  bool completes(StreamClient& sending, Duration limit) {
    simulation.run_until(limit, [&] { return sending.is_finished() && sink->ended() > 0; });
    return sink->ended() > 0 && sink->report(0).received == sending.sent_digest();
  }
  std::uint64_t lost() { return simulation.network().drops()[Drop::too_big]; }

  Simulation simulation;
  SimHost* server;
  SimHost* client;
  Endpoint service;
  StreamServer* sink;
};

TEST(PathMtu, AHopThatSaysSoCostsOneWindow) {
  for (const bool over_v6 : {false, true})
    for (const std::uint64_t seed : seeds(4)) {
      Replay replay(seed);
      NarrowPath path(seed, 0, over_v6);
      path.hop(1400, false);
      StreamClient& sending = path.send(1 << 20);
      EXPECT_TRUE(path.completes(sending, 60s));
      EXPECT_GT(path.lost(), 0u);
      EXPECT_LE(path.lost(), 10u);  // the initial window
      if (replay.failed()) return;
    }
}

TEST(PathMtu, AHopThatGrowsNarrowMeanwhile) {
  for (const std::uint64_t seed : seeds(4)) {
    Replay replay(seed);
    NarrowPath path(seed, 0, false, "delay=10ms,mtu=1500,rate=20mbit");
    path.simulation.after(300ms, [&] { path.hop(1300, false); });
    path.simulation.after(600ms, [&] { path.hop(800, false); });
    StreamClient& sending = path.send(2 << 20);
    EXPECT_TRUE(path.completes(sending, 60s));
    if (replay.failed()) return;
  }
}

TEST(PathMtu, ABlackHoleSwallowsWhoDoesNotProbe) {
  NarrowPath path(1, 0, false);
  path.hop(1200, true);
  StreamClient& sending = path.send(100'000);
  EXPECT_FALSE(path.completes(sending, 600s));
}

TEST(PathMtu, ProbingSurvivesABlackHole) {
  for (const bool over_v6 : {false, true})
    for (const std::uint32_t mtu : {1450u, 1200u, 600u}) {
      if (over_v6 && mtu < 1280) continue;
      NarrowPath path(3, 1, over_v6);
      path.hop(mtu, true);
      StreamClient& sending = path.send(1 << 20);
      EXPECT_TRUE(path.completes(sending, 120s)) << mtu;
    }
}

TEST(PathMtu, ProbingFromTheStartFindsTheLargestSegment) {
  NarrowPath path(5, 2, false);
  path.hop(1300, true);
  StreamClient& sending = path.send(20 << 20);
  path.simulation.run_until(600s, [&] { return sending.report().sent > (8u << 20); });
  const auto info = sending.socket().report().tcp;
  ASSERT_TRUE(info);
  const std::uint32_t packet = info->send_mss + 20 + 20 + 12;
  EXPECT_LE(packet, 1300u);
  EXPECT_GT(packet, 1300u - 8);  // net.ipv4.tcp_probe_threshold
  EXPECT_TRUE(path.completes(sending, 600s));
  EXPECT_LE(path.lost(), 12u);  // probes, and nothing else
}

}  // namespace
}  // namespace sockeye::scenarios
