// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What loss recovery is worth: how long a transfer takes through a faulty network, in virtual time. The
// figures of docs/theory/recovery.md are printed here:
//   RECOVERY_MEGABYTES=20 build/…/bin/test_scenarios --gtest_filter='Recovery.*'
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

std::uint64_t bytes_to_send() {
  const char* wish = std::getenv("RECOVERY_MEGABYTES");
  return (wish == nullptr ? 2 : std::strtoull(wish, nullptr, 10)) * 1'000'000;
}

// Virtual seconds until the server has everything; the mean of three seeds.
double transfer(std::string_view net) {
  double sum = 0;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Simulation simulation(seed, net);
    SimHost& server = simulation.add_host("server");
    SimHost& client = simulation.add_host("client");
    const Endpoint service{server.v4(), 7};
    auto& sink = server.start<StreamServer>(service, StreamServer::Mode::sink);
    auto& sending =
        client.start<StreamClient>(service, StreamClientOptions{.bytes = bytes_to_send(), .pattern = seed});
    const Instant start = simulation.now();
    EXPECT_EQ(simulation.run_until(3600s, [&] { return sending.is_finished(); }),
              Simulation::Outcome::satisfied);
    EXPECT_FALSE(sending.report().error);
    EXPECT_EQ(sink.report(0).received, sending.sent_digest());
    sum += static_cast<double>(to_ms(simulation.now() - start)) / 1000;
  }
  std::printf("%-28s %8.2f s\n", std::string(net).c_str(), sum / 3);
  return sum / 3;
}

double megabytes() {
  return static_cast<double>(bytes_to_send()) / 1e6;
}

// Linux's own TCP moves 20 MB in 8.8 s at 5 % loss without delay (decisions.md).
TEST(Recovery, LossWithoutDelay) {
  EXPECT_LT(transfer("loss=5%"), 0.6 * megabytes() + 1);
  EXPECT_LT(transfer("loss=1%"), 0.1 * megabytes() + 1);
}
TEST(Recovery, LossWithDelay) {
  EXPECT_LT(transfer("delay=10ms,loss=1%"), 1.5 * megabytes() + 2);
  EXPECT_LT(transfer("delay=10ms,loss=5%"), 4 * megabytes() + 2);
}
// Segments that are overtaken are not lost: nearly as fast as without.
TEST(Recovery, Reordering) {
  EXPECT_LT(transfer("delay=10ms,reorder=10%"), 0.5 * megabytes() + 2);
}

}  // namespace
}  // namespace sockeye::scenarios
