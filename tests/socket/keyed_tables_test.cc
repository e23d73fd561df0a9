// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// hostile.md F19: tables that strangers fill. Each has a keyed hash, so tuples that were chosen to collide in
// one host (or under no key) are like any others in the next; what has no hash is a tree (fragments, path
// MTUs, fast open cookies), whose worst case is its usual one.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "core/rng.h"
#include "socket/connection_table.h"
#include "tcp/resources.h"
#include "tcp/syn_table.h"
#include "tcp/time_wait.h"

namespace sockeye {
namespace {

using Hash = std::function<std::uint64_t(const FiveTuple&)>;
constexpr std::uint64_t kBuckets = 1024;

FiveTuple tuple_of(std::uint32_t i) {
  FiveTuple tuple;
  tuple.local = {IpAddress::v4(10, 0, 0, 2), 80};
  tuple.remote = {IpAddress::v4(0x0b000000u + (i >> 14)), static_cast<std::uint16_t>(1024 + (i & 0x3fff))};
  return tuple;
}

std::size_t longest_chain(const Hash& hash, const std::vector<FiveTuple>& tuples) {
  std::vector<std::size_t> chains(kBuckets);
  for (const FiveTuple& tuple : tuples) ++chains[hash(tuple) % kBuckets];
  return *std::ranges::max_element(chains);
}

// 1024 tuples that all fall into bucket 7 of `victim` are spread in `next` as any 1024 others are.
void expect_keyed(const Hash& victim, const Hash& next) {
  std::vector<FiveTuple> crafted;
  std::vector<FiveTuple> others;
  for (std::uint32_t i = 0; crafted.size() < kBuckets; ++i) {
    const FiveTuple tuple = tuple_of(i);
    if (victim(tuple) % kBuckets == 7) crafted.push_back(tuple);
    if (others.size() < kBuckets) others.push_back(tuple);
  }
  EXPECT_EQ(longest_chain(victim, crafted), kBuckets);
  EXPECT_LE(longest_chain(next, crafted), 2 * longest_chain(next, others));
}

TEST(KeyedTables, Connections) {
  const ConnectionTable victim(SipKey{1, 2});
  const ConnectionTable next(SipKey{3, 4});
  expect_keyed([&](const FiveTuple& t) { return victim.hash(t); },
               [&](const FiveTuple& t) { return next.hash(t); });
}

TEST(KeyedTables, HalfOpenConnections) {
  const tcp::SynTable victim(SipKey{1, 2});
  const tcp::SynTable next(SipKey{3, 4});
  expect_keyed([&](const FiveTuple& t) { return victim.hash(t); },
               [&](const FiveTuple& t) { return next.hash(t); });
}

TEST(KeyedTables, TimeWait) {
  const tcp::Config config;
  ChunkPool chunks;
  SeededRng open(1);
  SeededRng secret(2);
  SeededRng other_secret(3);
  tcp::Resources first(config, chunks, secret, open);
  tcp::Resources second(config, chunks, other_secret, open);
  const tcp::TimeWaitTable victim(first);
  const tcp::TimeWaitTable next(second);
  expect_keyed([&](const FiveTuple& t) { return victim.hash_of(t); },
               [&](const FiveTuple& t) { return next.hash_of(t); });
}

// Words that a stranger chooses must not cancel each other before the key has its say.
TEST(KeyedTables, NoTwoWordsCancel) {
  const auto address = [](std::uint8_t high, std::uint8_t low) {
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = 0xfd;
    bytes[7] = high;
    bytes[9] = low;
    return IpAddress::v6(bytes);
  };
  const FiveTuple one{{address(1, 0), 80}, {address(0, 2), 1}};
  FiveTuple two = one;
  two.local.address = address(1, 4);  // bits 48 to 55 of the low word, where the port was mixed in
  two.remote.port = 1 ^ 4;
  const tcp::SynTable half_open(SipKey{1, 2});
  EXPECT_NE(half_open.hash(one), half_open.hash(two));
  const ConnectionTable connections(SipKey{1, 2});
  EXPECT_NE(connections.hash(one), connections.hash(two));
}

}  // namespace
}  // namespace sockeye
