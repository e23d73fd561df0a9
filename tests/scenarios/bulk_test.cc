// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Bytes in = bytes out, whatever the network does: two hosts, virtual time, many seeds.
#include <gtest/gtest.h>

#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_tasks.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

// What the network did: a scenario that meets no fault shows nothing.
struct Faults final : PacketTap {
  void on_packet(Instant, const PacketEvent& event, const Packet&) override {
    if (!event.outbound) return;
    dropped += event.drop ? 1U : 0U;
    corrupted += event.corrupted && !event.drop ? 1U : 0U;
    duplicated += event.duplicate ? 1U : 0U;
    late += event.late ? 1U : 0U;
  }
  std::uint64_t dropped = 0, corrupted = 0, duplicated = 0, late = 0;
};

struct Outcome {
  std::uint64_t trace = 0;
  Faults faults{};
  std::uint64_t bad_checksums = 0;  // IP's and transports', found by the receivers
};

// An echo of `bytes`, verified at both ends; then nothing may be left over.
Outcome echo(std::uint64_t seed, std::string_view net, std::uint64_t bytes, Duration limit = 600s) {
  Outcome result;
  Simulation simulation(seed, net);
  simulation.set_tap(&result.faults);
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  const Endpoint service{seed % 2 == 0 ? server.v4() : server.v6(), 7};
  auto& echoing = server.start<StreamServer>(service, StreamServer::Mode::echo);
  auto& sending = client.start<StreamClient>(service, StreamClientOptions{.bytes = bytes, .pattern = seed});
  EXPECT_FALSE(echoing.error());
  const auto outcome = simulation.run_until(limit, [&] { return sending.is_finished(); });
  EXPECT_EQ(outcome, Simulation::Outcome::satisfied);
  EXPECT_FALSE(sending.report().error) << name_of(*sending.report().error);
  EXPECT_EQ(sending.report().received.length(), bytes);
  EXPECT_EQ(sending.report().received, sending.sent_digest());
  if (echoing.accepted() == 1) {
    EXPECT_EQ(echoing.report(0).received, sending.sent_digest());
    EXPECT_FALSE(echoing.report(0).error);
  } else {
    ADD_FAILURE() << "accepted " << echoing.accepted();
  }
  // TIME_WAIT passes (retransmitted FINs may restart it); then the client's stack knows nothing more.
  simulation.run_for(300s);
  EXPECT_TRUE(client.stack().report().empty());
  EXPECT_EQ(server.stack().report().size(), 1U);  // the listener
  EXPECT_EQ(simulation.network().next_deadline(), kNever);
  EXPECT_LE(simulation.pool().packets_in_use(), 2U);  // each stack keeps one at hand
  EXPECT_EQ(simulation.pool().chunks().bytes_in_use(), 0U);
  result.trace = simulation.trace_hash();
  for (SimHost* host : {&server, &client})
    for (const Drop reason : {Drop::bad_checksum, Drop::bad_ip_checksum})
      result.bad_checksums += host->stack().drops()[reason];
  return result;
}

Outcome echo_with_seeds(std::string_view net, std::uint64_t count, std::uint64_t bytes) {
  Outcome sum;
  for (const std::uint64_t seed : seeds(count)) {
    Replay replay(seed);
    const Outcome one = echo(seed, net, bytes);
    sum.faults.dropped += one.faults.dropped;
    sum.faults.corrupted += one.faults.corrupted;
    sum.faults.duplicated += one.faults.duplicated;
    sum.faults.late += one.faults.late;
    sum.bad_checksums += one.bad_checksums;
    if (replay.failed()) break;
  }
  return sum;
}

TEST(Bulk, PerfectNetwork) {
  (void)echo_with_seeds("", 4, 4 << 20);
}
TEST(Bulk, Delay) {
  (void)echo_with_seeds("delay=25ms", 4, 2 << 20);
}
TEST(Bulk, Loss) {
  const Outcome sum = echo_with_seeds("delay=10ms,loss=3%", 30, 300'000);
  EXPECT_GT(sum.faults.dropped, 100U);
}
TEST(Bulk, HeavyLoss) {
  const Outcome sum = echo_with_seeds("delay=5ms,loss=20%", 20, 60'000);
  EXPECT_GT(sum.faults.dropped, 100U);
}
TEST(Bulk, Duplicates) {
  const Outcome sum = echo_with_seeds("delay=10ms,duplicate=10%", 20, 500'000);
  EXPECT_GT(sum.faults.duplicated, 100U);
  EXPECT_EQ(sum.faults.dropped, 0U);
}
TEST(Bulk, Reordering) {
  const Outcome sum = echo_with_seeds("delay=10ms,reorder=5%", 20, 500'000);
  EXPECT_GT(sum.faults.late, 100U);
}
TEST(Bulk, Jitter) {
  (void)echo_with_seeds("delay=10ms~9ms", 10, 500'000);
}
TEST(Bulk, Corruption) {
  const Outcome sum = echo_with_seeds("delay=10ms,corrupt=3%", 20, 300'000);
  EXPECT_GT(sum.faults.corrupted, 100U);
  EXPECT_GT(sum.bad_checksums, sum.faults.corrupted * 9 / 10);  // the rest hit nothing that is summed up
}
TEST(Bulk, NarrowRateAndShortQueue) {
  const Outcome sum = echo_with_seeds("delay=10ms,rate=10mbit,queue=20p", 10, 2 << 20);
  EXPECT_GT(sum.faults.dropped, 100U);
}
TEST(Bulk, SmallMtu) {
  (void)echo_with_seeds("delay=1ms,mtu=1280", 6, 1 << 20);
}
TEST(Bulk, JumboMtuWithLoss) {
  (void)echo_with_seeds("delay=1ms,mtu=9000,loss=2%", 10, 2 << 20);
}
TEST(Bulk, Everything) {
  (void)echo_with_seeds("delay=15ms~10ms,rate=50mbit,queue=64KiB,loss=2%,duplicate=2%,reorder=2%,corrupt=1%",
                        40, 300'000);
}

TEST(Bulk, SameSeedSamePackets) {
  for (const std::uint64_t seed : seeds(6)) {
    Replay replay(seed);
    const std::string_view net = "delay=15ms~10ms,rate=50mbit,loss=2%,duplicate=2%,reorder=2%,corrupt=1%";
    const Outcome first = echo(seed, net, 150'000);
    const Outcome again = echo(seed, net, 150'000);
    EXPECT_EQ(first.trace, again.trace);
    EXPECT_EQ(first.faults.dropped, again.faults.dropped);
    const Outcome other = echo(seed + 1000, net, 150'000);
    EXPECT_NE(first.trace, other.trace);
    if (replay.failed()) return;
  }
}

TEST(Bulk, OneWritePerByte) {
  for (const std::uint64_t seed : seeds(4)) {
    Replay replay(seed);
    Simulation simulation(seed, "delay=2ms,loss=2%");
    SimHost& server = simulation.add_host("server");
    SimHost& client = simulation.add_host("client");
    auto& sink = server.start<StreamServer>(Endpoint{server.v4(), 80}, StreamServer::Mode::sink);
    auto& sending = client.start<StreamClient>(Endpoint{server.v4(), 80},
                                               StreamClientOptions{.bytes = 20'000, .write_bytes = 1});
    simulation.run_until(600s, [&] { return sending.is_finished() && sink.ended() == 1; });
    ASSERT_EQ(sink.ended(), 1U);
    EXPECT_EQ(sink.report(0).received, sending.sent_digest());
    if (replay.failed()) return;
  }
}

TEST(Bulk, TwoHundredMegabytesAtFivePercentLoss) {
  Simulation simulation(5, "loss=5%,delay=1ms");
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  auto& sink = server.start<StreamServer>(Endpoint{server.v4(), 80}, StreamServer::Mode::sink);
  auto& sending = client.start<StreamClient>(Endpoint{server.v4(), 80},
                                             StreamClientOptions{.bytes = 200'000'000, .pattern = 99});
  const auto outcome =
      simulation.run_until(36000s, [&] { return sending.is_finished() && sink.ended() == 1; });
  EXPECT_EQ(outcome, Simulation::Outcome::satisfied);
  ASSERT_EQ(sink.ended(), 1U);
  EXPECT_EQ(sink.report(0).received.length(), 200'000'000U);
  EXPECT_EQ(sink.report(0).received, sending.sent_digest());
  EXPECT_GT(simulation.network().drops()[Drop::loss], 6'000U);
  RecordProperty("virtual_seconds", static_cast<int>(to_ms(simulation.now().time_since_epoch()) / 1000));
}

}  // namespace
}  // namespace sockeye::scenarios
