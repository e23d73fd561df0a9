// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Real time: the only test that waits, and only for milliseconds.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <time.h>

#include <cstdint>

#include "sockeye/sockeye.h"

namespace {

std::uint64_t real_now() {
  timespec value{};
  clock_gettime(CLOCK_MONOTONIC, &value);
  return static_cast<std::uint64_t>(value.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(value.tv_nsec);
}

TEST(MonotonicClock, ALinkTakesItsTime) {
  const sk_net_options options = {sk_random_seed(), sk_monotonic_clock(), nullptr};
  sk_net* net = sk_net_create(&options);
  sk_stack* a = sk_stack_create(net, nullptr);
  sk_stack* b = sk_stack_create(net, nullptr);
  sk_link_options link{};
  link.delay = 3'000'000;
  ASSERT_EQ(0, sk_link_pair(a, "10.0.0.1/24", b, "10.0.0.2/24", &link));
  const int fd = sk_socket(a, AF_INET, SOCK_STREAM, 0);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(9);
  there.sin_addr.s_addr = htonl(0x0a000002);
  const std::uint64_t before = real_now();
  EXPECT_EQ(-1, sk_connect(a, fd, reinterpret_cast<sockaddr*>(&there), sizeof there));
  EXPECT_EQ(ECONNREFUSED, errno);
  EXPECT_GE(real_now() - before, 6'000'000u);
  sk_net_destroy(net);
}

TEST(RandomSeed, Differs) {
  EXPECT_NE(sk_random_seed(), sk_random_seed());
}

}  // namespace
