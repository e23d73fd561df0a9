// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// ECN from end to end (RFC 3168): a bottleneck that marks instead of dropping, and a sender that
// believes the marks, fill the same queue without losing a packet.
#include <gtest/gtest.h>

#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

struct Marks final : PacketTap {
  void on_packet(Instant, const PacketEvent& event, const Packet&) override {
    count += event.marked ? 1U : 0U;
  }
  std::uint64_t count = 0;
};

struct Outcome {
  std::uint64_t marks = 0;
  std::uint64_t lost = 0;
  Duration took{};
};

Outcome transfer(unsigned ecn, std::string_view net, const char* algorithm = "cubic") {
  Marks marks;
  Simulation simulation(3, net);
  simulation.set_tap(&marks);
  StackConfig agreeing;
  agreeing.tcp.ecn = ecn >= 3 ? 5 : 2;
  SimHost& server = simulation.add_host("server", agreeing);
  StackConfig asking;
  asking.tcp.ecn = ecn;
  asking.tcp.congestion_control = algorithm;
  SimHost& client = simulation.add_host("client", asking);
  const Endpoint service{server.v4(), 80};
  server.start<StreamServer>(service, StreamServer::Mode::sink);
  auto& sending = client.start<StreamClient>(service, StreamClientOptions{.bytes = 4 << 20});
  const Instant begin = simulation.now();
  EXPECT_EQ(simulation.run_until(120s, [&] { return sending.is_finished(); }),
            Simulation::Outcome::satisfied);
  return {marks.count, simulation.network().drops()[Drop::rate_queue_full], simulation.now() - begin};
}

TEST(EcnScenario, MarksInsteadOfLosses) {
  const Outcome without = transfer(2, "delay=20ms,rate=20mbit,queue=64KiB,ecn=50%");
  EXPECT_EQ(without.marks, 0u) << "nobody asked for it";
  EXPECT_GT(without.lost, 0u);
  const Outcome with = transfer(1, "delay=20ms,rate=20mbit,queue=64KiB,ecn=50%");
  EXPECT_GT(with.marks, 0u);
  EXPECT_LT(with.lost, without.lost / 4 + 1);
  EXPECT_LT(with.took, without.took * 3 / 2);
}

// Accurate ECN (RFC 9768) from end to end: as good as the echo, for either algorithm.
TEST(EcnScenario, AccurateMarksInsteadOfLosses) {
  for (const char* algorithm : {"cubic", "bbr"}) {
    const char* const net = "delay=20ms,rate=20mbit,queue=64KiB,ecn=50%";
    const Outcome without = transfer(2, net, algorithm);
    const Outcome with = transfer(3, net, algorithm);
    EXPECT_GT(with.marks, 0u) << algorithm;
    EXPECT_LE(with.lost, without.lost) << algorithm;
    EXPECT_LT(with.took, without.took * 3 / 2) << algorithm;
  }
}

}  // namespace
}  // namespace sockeye::scenarios
