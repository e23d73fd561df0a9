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

Outcome transfer(unsigned ecn, std::string_view net, const char* algorithm = "cubic", bool pacing = false) {
  Marks marks;
  Simulation simulation(3, net);
  simulation.set_tap(&marks);
  StackConfig agreeing;
  agreeing.tcp.ecn = ecn >= 3 ? 5 : 2;
  SimHost& server = simulation.add_host("server", agreeing);
  StackConfig asking;
  asking.tcp.ecn = ecn;
  asking.tcp.congestion_control = algorithm;
  asking.tcp.pacing = pacing;
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

// A threshold of nine packets where sixty-seven are under way. The ten that begin a connection at once, and
// the pairs of slow start, are marked long before the path is full: the window is cut in its first round
// trips, as RFC 3168 6.1.2 wants it, and CUBIC grows slowly from there. Paced, the marks come when the path
// is full.
TEST(EcnScenario, AShallowThresholdIsForPacedSenders) {
  const char* const net = "delay=20ms,rate=20mbit,queue=64KiB,ecn=20%";
  const Outcome without = transfer(2, net);
  const Outcome bursty = transfer(1, net);
  EXPECT_GT(bursty.marks, 0u);
  EXPECT_LT(bursty.marks, 20u) << "none of them once the bursts are over";
  EXPECT_EQ(bursty.lost, 0u);
  EXPECT_LT(bursty.took, without.took * 2);
  const Outcome paced = transfer(1, net, "cubic", true);
  EXPECT_GT(paced.marks, bursty.marks);
  EXPECT_EQ(paced.lost, 0u);
  EXPECT_LT(paced.took, without.took * 5 / 4);
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
