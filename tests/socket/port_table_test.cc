// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Ports and their choice on their own. The bind table itself is compared with the kernel's
// (tests/stack/bind_parity_test.cc).
#include "socket/port_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/rng.h"
#include "socket/port_allocator.h"

namespace sockeye {
namespace {

TEST(PortTable, ConnectionsOfOneKindShareAUse) {
  PortTable table(PortTable::Rule::stream);
  PortUse claim;
  claim.address = IpAddress::v4(10, 0, 0, 1);
  claim.port = 80;
  claim.state = PortUse::State::connected;
  PortUse* first = table.add_shared(claim);
  EXPECT_EQ(table.add_shared(claim), first);
  EXPECT_EQ(first->count, 2u);
  claim.reuse_address = true;
  PortUse* other = table.add_shared(claim);
  EXPECT_NE(other, first);
  table.remove(first);
  table.remove(first);
  EXPECT_FALSE(table.is_free(80));
  table.remove(other);
  EXPECT_TRUE(table.is_free(80));
}

TEST(PortAllocator, ConnectsTakeEvenPortsFirstAndBindsOddOnes) {
  SeededRng rng(3);
  PortAllocator allocator(rng, 32768, 60999);
  const Endpoint peer{IpAddress::v4(10, 0, 0, 2), 80};
  const auto any = [](std::uint16_t) { return true; };
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(*allocator.for_connect(Instant{}, IpAddress::v4(10, 0, 0, 1), peer, any) % 2, 0);
    EXPECT_EQ(*allocator.for_bind(any) % 2, 1);
  }
}

TEST(PortAllocator, EveryPortIsFoundOnceAndThenNone) {
  SeededRng rng(3);
  for (const int last : {40000, 40001, 40100, 40101}) {
    PortAllocator allocator(rng, 40000, static_cast<std::uint16_t>(last));
    const Endpoint peer{IpAddress::v4(10, 0, 0, 2), 80};
    std::set<std::uint16_t> used;
    const auto unused = [&](std::uint16_t port) { return used.count(port) == 0; };
    for (int i = 40000; i <= last; ++i) {
      const auto port = i % 3 == 0
                            ? allocator.for_bind(unused)
                            : allocator.for_connect(Instant{}, IpAddress::v4(10, 0, 0, 1), peer, unused);
      ASSERT_TRUE(port) << i;
      EXPECT_TRUE(*port >= 40000 && *port <= last);
      EXPECT_TRUE(used.insert(*port).second);
    }
    EXPECT_FALSE(allocator.for_bind(unused));
    EXPECT_FALSE(allocator.for_connect(Instant{}, IpAddress::v4(10, 0, 0, 1), peer, unused));
  }
}

// connect() after connect() to one peer until no port is left: when the even ones are gone they are not asked
// again for each odd one.
TEST(PortAllocator, TakenPortsAreNotPassedAgainAndAgain) {
  SeededRng rng(3);
  PortAllocator allocator(rng, 32768, 60999);
  const IpAddress local = IpAddress::v4(10, 0, 0, 1);
  const Endpoint remote{IpAddress::v4(10, 0, 0, 2), 80};
  std::set<std::uint16_t> taken;
  std::uint64_t asked = 0;
  const std::uint64_t ports = 60999 - 32768 + 1;
  for (std::uint64_t i = 0; i < ports; ++i) {
    const auto port = allocator.for_connect(Instant(1s), local, remote, [&](std::uint16_t candidate) {
      ++asked;
      return taken.count(candidate) == 0;
    });
    ASSERT_TRUE(port);
    taken.insert(*port);
  }
  EXPECT_LT(asked, 2 * ports);
}

// RFC 6056 3.3.4: towards one peer ports go up in small steps, which leak little about other peers.
TEST(PortAllocator, StepsTowardsOnePeerAreSmall) {
  SeededRng rng(9);
  PortAllocator allocator(rng, 32768, 60999);
  const auto any = [](std::uint16_t) { return true; };
  std::map<int, std::uint16_t> last;
  for (int round = 0; round < 50; ++round)
    for (int peer = 0; peer < 10; ++peer) {
      const auto port =
          *allocator.for_connect(Instant{}, IpAddress::v4(10, 0, 0, 1),
                                 {IpAddress::v4(10, 0, 1, static_cast<std::uint8_t>(peer)), 80}, any);
      if (round > 0 && port > last[peer]) {
        EXPECT_LE(port - last[peer], 2);
      }
      last[peer] = port;
    }
}

}  // namespace
}  // namespace sockeye
