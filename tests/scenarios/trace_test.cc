// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Same seed, same packets: in one program run after run, and in programs of different compilers and
// optimisations. For the second, the hashes are written to the file that SOCKEYE_TRACES names, and
// .ci/run compares the files of its builds.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

constexpr const char* kNets[] = {
    "",
    "delay=10ms,rate=20mbit,queue=30p",
    "delay=20ms~5ms,loss=2%,duplicate=1%,reorder=3%,corrupt=1%",
    "delay=5ms,mtu=1280,loss=1%",
};

// Two clients at once, one uploading, one echoed; by IPv4 and IPv6.
std::uint64_t run(std::uint64_t seed, const char* net) {
  Simulation simulation(seed, net);
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  SimHost& other = simulation.add_host("other");
  auto& sink = server.start<StreamServer>(Endpoint{IpAddress::any_v6(), 80}, StreamServer::Mode::sink);
  auto& echo = server.start<StreamServer>(Endpoint{server.v4(), 7}, StreamServer::Mode::echo);
  client.start<StreamClient>(Endpoint{server.v6(), 80}, StreamClientOptions{.bytes = 400'000});
  other.start<StreamClient>(Endpoint{server.v4(), 7}, StreamClientOptions{.bytes = 100'000});
  EXPECT_EQ(simulation.run_until(300s, [&] { return sink.ended() == 1 && echo.ended() == 1; }),
            Simulation::Outcome::satisfied)
      << net << " seed " << seed;
  return simulation.trace_hash();
}

TEST(Trace, FollowsFromTheSeedAlone) {
  std::FILE* file = nullptr;
  if (const char* path = std::getenv("SOCKEYE_TRACES")) file = std::fopen(path, "w");
  std::set<std::uint64_t> seen;
  std::size_t runs = 0;
  for (const char* net : kNets) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const std::uint64_t hash = run(seed, net);
      EXPECT_EQ(run(seed, net), hash) << net << " seed " << seed;
      seen.insert(hash);
      ++runs;
      if (file != nullptr) std::fprintf(file, "%016" PRIx64 " seed %" PRIu64 " %s\n", hash, seed, net);
    }
  }
  EXPECT_EQ(seen.size(), runs);  // another seed or network: other packets
  if (file != nullptr) {
    EXPECT_EQ(std::fclose(file), 0);
  }
}

}  // namespace
}  // namespace sockeye::scenarios
