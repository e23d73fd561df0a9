// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The parts of the IP layer on their own: routes, source addresses, path MTUs. Fragments are tested
// with a whole host (tests/stack).
#include <gtest/gtest.h>

#include "ip/ip_layer.h"
#include "link/pipe.h"

namespace sockeye {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

TEST(RouteTable, TheLongestPrefixWins) {
  Interface a, b, c;
  RouteTable routes;
  routes.add(ip("0.0.0.0"), 0, a);
  routes.add(ip("10.0.0.0"), 8, b);
  routes.add(ip("10.1.0.0"), 16, c);
  EXPECT_EQ(routes.lookup(ip("192.0.2.1")), &a);
  EXPECT_EQ(routes.lookup(ip("10.2.3.4")), &b);
  EXPECT_EQ(routes.lookup(ip("10.1.3.4")), &c);
  EXPECT_EQ(routes.lookup(ip("2001:db8::1")), nullptr);  // the families do not mix
}

TEST(PathMtuCache, ClampsForgetsAndStaysBounded) {
  PathMtuCache cache;
  const Instant now{};
  EXPECT_TRUE(cache.lower(now, ip("10.0.0.1"), 1000, 1500));
  EXPECT_FALSE(cache.lower(now, ip("10.0.0.1"), 1200, 1500));  // only downwards
  EXPECT_EQ(cache.lookup(now, ip("10.0.0.1"), 1500), 1000u);
  EXPECT_FALSE(cache.is_locked(now, ip("10.0.0.1")));
  EXPECT_TRUE(cache.lower(now, ip("10.0.0.1"), 0, 1500));
  EXPECT_EQ(cache.lookup(now, ip("10.0.0.1"), 1500), 552u);
  EXPECT_TRUE(cache.is_locked(now, ip("10.0.0.1")));
  EXPECT_FALSE(cache.lower(now, ip("fd00::1"), 1279, 1500));  // RFC 8201 4: discarded
  EXPECT_EQ(cache.lookup(now, ip("fd00::1"), 1500), 1500u);
  EXPECT_TRUE(cache.lower(now, ip("fd00::1"), 1280, 1500));
  EXPECT_EQ(cache.lookup(now, ip("fd00::1"), 1500), 1280u);
  EXPECT_EQ(cache.lookup(now + 601s, ip("fd00::1"), 1500), 1500u);
  for (std::uint32_t i = 0; i < 5000; ++i) cache.lower(now, IpAddress::v4(0x0b000000 + i), 600, 1500);
  EXPECT_EQ(cache.size(), PathMtuCache::kEntriesMax);
}

TEST(PathMtuCache, FollowsTheSysctls) {
  const Instant now{};
  PathMtuCache cache;
  cache.set_rules({.minimum_v4 = 1000, .lifetime = 10s, .no_discovery = 0});
  EXPECT_TRUE(cache.lower(now, ip("10.0.0.1"), 900, 1500));
  EXPECT_EQ(cache.lookup(now, ip("10.0.0.1"), 1500), 1000u);
  EXPECT_EQ(cache.lookup(now + 10s, ip("10.0.0.1"), 1500), 1500u);
  EXPECT_FALSE(cache.is_locked(now + 10s, ip("10.0.0.1")));
  cache.set_rules({.no_discovery = 2});
  EXPECT_FALSE(cache.lower(now, ip("10.0.0.2"), 1000, 1500));
  EXPECT_TRUE(cache.lower(now, ip("fd00::2"), 1300, 1500));  // a setting of IPv4
  cache.set_rules({.no_discovery = 1});
  EXPECT_TRUE(cache.lower(now, ip("10.0.0.2"), 1000, 1500));
  EXPECT_EQ(cache.lookup(now, ip("10.0.0.2"), 1500), 552u);
}

class Layer : public ::testing::Test {
 protected:
  Layer() : rng(1), layer(pool, rng, drops) {
    layer.add_interface("lo", lo.link(), {{ip("127.0.0.1"), 8}, {ip("::1"), 128}}, false, true);
    layer.add_interface("eth0", one.left(), {{ip("10.0.0.1"), 24}, {ip("fd00::1"), 64}}, false, false);
    layer.add_interface("eth1", two.left(), {{ip("10.9.0.1"), 24}, {ip("10.9.1.1"), 24}}, true, false);
  }
  std::string way(std::string_view to, IpAddress from = {}, unsigned device = 0) {
    const auto route = layer.route(ip(to), from, device);
    if (!route) return std::string(name_of(route.error()));
    return route->interface->name + " " + route->source.to_string();
  }
  PacketPool pool;
  SeededRng rng;
  DropCounters drops;
  Loopback lo;
  Pipe one, two;
  IpLayer layer;
};

TEST_F(Layer, RoutesAndSourceAddresses) {
  EXPECT_EQ(way("127.0.0.1"), "lo 127.0.0.1");
  EXPECT_EQ(way("127.1.2.3"), "lo 127.0.0.1");
  EXPECT_EQ(way("::1"), "lo ::1");
  EXPECT_EQ(way("10.0.0.1"), "lo 10.0.0.1");  // to ourselves: never through a link
  EXPECT_EQ(way("10.0.0.7"), "eth0 10.0.0.1");
  EXPECT_EQ(way("10.9.1.7"), "eth1 10.9.1.1");
  EXPECT_EQ(way("192.0.2.1"), "eth1 10.9.0.1");  // neither is nearer: the first
  EXPECT_EQ(way("fd00::7"), "eth0 fd00::1");
  EXPECT_EQ(way("2001:db8::1"), "EADDRNOTAVAIL");  // the default route's interface has no IPv6 address
  EXPECT_EQ(way("192.0.2.1", ip("127.0.0.1")), "EINVAL");
  EXPECT_EQ(way("10.0.0.7", ip("10.9.0.1")), "eth0 10.9.0.1");
  EXPECT_EQ(way("192.0.2.1", {}, 2), "eth0 10.0.0.1");
  EXPECT_EQ(way("192.0.2.1", {}, 9), "ENETUNREACH");
}

}  // namespace
}  // namespace sockeye
