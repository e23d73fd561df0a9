// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The same packet of the same flow meets the same fate (decisions.md D10), whatever else is going on.
#include "sim/fate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/due_heap.h"
#include "sim/flow_table.h"

namespace sockeye::sim {
namespace {

const IpAddress kA = IpAddress::v4(10, 0, 0, 1), kB = IpAddress::v4(10, 0, 0, 2);
constexpr std::uint64_t kHostA = 111, kHostB = 222;

PacketSummary tcp(std::uint16_t port, std::uint32_t seq, std::uint8_t flags, std::uint32_t payload) {
  PacketSummary summary;
  summary.source = kA;
  summary.destination = kB;
  summary.protocol = IpProtocol::tcp;
  summary.transport_offset = 20;
  summary.source_port = port;
  summary.destination_port = 80;
  summary.seq = seq;
  summary.tcp_flags = flags;
  summary.tcp_payload = payload;
  return summary;
}

PacketSummary reversed(PacketSummary summary) {
  std::swap(summary.source, summary.destination);
  std::swap(summary.source_port, summary.destination_port);
  return summary;
}

constexpr std::uint8_t kSyn = PacketSummary::kSyn, kAck = PacketSummary::kAck;

std::uint64_t loss_draw(const Fate& fate) {
  return fate.draw(Stage::loss);
}

// What the n-th flow's packets draw, with `noise` other flows going on between.
std::vector<std::uint64_t> draws_of_second_flow(std::uint64_t seed, bool noise, std::uint16_t port,
                                                std::uint32_t isn) {
  FlowTable table(seed);
  const auto other = [&](std::uint16_t from, std::uint16_t service, std::uint32_t seq) {
    PacketSummary summary = tcp(from, seq, kSyn, 0);
    summary.destination_port = service;
    table.fate_of(summary, 0, kHostA, kHostB);
  };
  table.fate_of(tcp(static_cast<std::uint16_t>(port + 1), 9, kSyn, 0), 0, kHostA, kHostB);  // the first flow
  std::vector<std::uint64_t> draws;
  const auto draw = [&](const PacketSummary& summary, std::uint8_t transmission, bool back) {
    if (noise) other(static_cast<std::uint16_t>(30000 + draws.size()), 443, 5);
    draws.push_back(loss_draw(back ? table.fate_of(reversed(summary), transmission, kHostB, kHostA)
                                   : table.fate_of(summary, transmission, kHostA, kHostB)));
  };
  draw(tcp(port, isn, kSyn, 0), 0, false);
  draw(tcp(port, 1000 + isn, kSyn | kAck, 0), 0, true);
  draw(tcp(port, isn + 1, kAck, 0), 0, false);
  draw(tcp(port, isn + 1, kAck, 1460), 0, false);
  draw(tcp(port, isn + 1461, kAck, 1460), 0, false);
  draw(tcp(port, 1001 + isn, kAck, 0), 0, true);
  draw(tcp(port, isn + 1, kAck, 1460), 1, false);
  draw(tcp(port, 1001 + isn, kAck, 0), 0, true);
  return draws;
}

TEST(Fate, DoesNotDependOnPortsNumbersOrOtherFlows) {
  const auto draws = draws_of_second_flow(7, false, 40000, 1);
  EXPECT_EQ(draws, draws_of_second_flow(7, false, 51234, 0xfffffff0));
  EXPECT_EQ(draws, draws_of_second_flow(7, true, 40000, 77));
  EXPECT_NE(draws, draws_of_second_flow(8, false, 40000, 1));
  auto sorted = draws;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::unique(sorted.begin(), sorted.end()), sorted.end());  // each packet has its own
}

TEST(Fate, TheNextFlowFromTheSamePortIsAnother) {
  FlowTable table(1);
  const auto first = table.fate_of(tcp(40000, 1, kSyn, 0), 0, kHostA, kHostB);
  const auto again = table.fate_of(tcp(40000, 1, kSyn, 0), 1, kHostA, kHostB);
  EXPECT_EQ(first.flow, again.flow);
  EXPECT_NE(first.packet, again.packet);
  const auto next = table.fate_of(tcp(40000, 5000, kSyn, 0), 0, kHostA, kHostB);
  EXPECT_NE(next.flow, first.flow);
  EXPECT_EQ(next.packet, first.packet);
}

TEST(Fate, SimultaneousOpenIsOneFlow) {
  FlowTable table(1);
  const auto one = table.fate_of(tcp(40000, 1, kSyn, 0), 0, kHostA, kHostB);
  const auto other = table.fate_of(reversed(tcp(40000, 900, kSyn, 0)), 0, kHostB, kHostA);
  EXPECT_NE(one.flow, other.flow);  // two directions
  EXPECT_EQ(table.fate_of(tcp(40000, 1, kSyn | kAck, 0), 0, kHostA, kHostB).flow, one.flow);
}

TEST(Fate, ASenderThatRepeatsItselfUncountedIsNotLostForEver) {
  FlowTable table(1);
  const Chance half{Chance::kCertain / 2};
  table.fate_of(tcp(40000, 1, kSyn, 0), 0, kHostA, kHostB);
  int lost = 0;
  for (int i = 0; i < 1000; ++i)
    lost += table.fate_of(tcp(40000, 2, kAck, 1), 0, kHostA, kHostB).strikes(Stage::loss, half) ? 1 : 0;
  EXPECT_GT(lost, 400);
  EXPECT_LT(lost, 600);
}

TEST(Fate, OneFaultDoesNotShiftAnother) {
  const Fate fate{123, 456};
  EXPECT_NE(fate.draw(Stage::loss), fate.draw(Stage::duplicate));
  EXPECT_FALSE(fate.strikes(Stage::loss, Chance{0}));
  EXPECT_TRUE(fate.strikes(Stage::loss, Chance{Chance::kCertain}));
}

TEST(Fate, TheTableHasALimit) {
  FlowTable table(1, 100);
  for (std::uint16_t port = 1; port < 1000; ++port) table.fate_of(tcp(port, 1, kSyn, 0), 0, kHostA, kHostB);
  EXPECT_EQ(table.size(), 100U);
}

TEST(DueHeap, AgreesWithASortedMap) {
  DueHeap heap;
  std::map<std::uint32_t, Instant> model;
  SeededRng rng(5);
  for (int step = 0; step < 20000; ++step) {
    const auto member = static_cast<std::uint32_t>(rng.below(50));
    if (rng.below(4) == 0) {
      model.erase(member);
      heap.set(member, kNever);
    } else {
      const Instant due(Duration(static_cast<std::int64_t>(rng.below(30))));
      model[member] = due;
      heap.set(member, due);
    }
    Instant least = kNever;
    std::uint32_t first = 0;
    for (const auto& [candidate, due] : model)
      if (due < least) {
        least = due;
        first = candidate;
      }
    ASSERT_EQ(heap.next(), least);
    if (least != kNever) {
      ASSERT_EQ(heap.front(), first);
    }
  }
}

}  // namespace
}  // namespace sockeye::sim
