// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Streams arrive whole and in order whatever the network does, and everything is given back.
#include "duplex.h"

#include <cstdlib>

namespace sockeye::tcp {
namespace {

// More seeds by hand: DUPLEX_SEEDS=1000 test_tcp --gtest_filter='Duplex*'
std::uint64_t seeds(std::uint64_t usual) {
  const char* wish = std::getenv("DUPLEX_SEEDS");
  return wish == nullptr ? usual : std::strtoull(wish, nullptr, 10);
}

void run_seeds(DuplexOptions options, std::uint64_t count) {
  for (std::uint64_t seed = 1; seed <= seeds(count); ++seed) {
    options.seed = seed;
    Duplex duplex(options);
    if (!duplex.run()) return;
    EXPECT_EQ(duplex.resources().active.in_use(), 0u) << "seed " << seed;
    EXPECT_EQ(duplex.pool().chunks().bytes_in_use(), 0u) << "seed " << seed;
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Duplex, CarriesAStreamWithoutFaults) {
  DuplexOptions options;
  options.forward_bytes = 4u << 20;
  run_seeds(options, 2);
}

TEST(Duplex, CarriesBothDirectionsAtOnce) {
  DuplexOptions options;
  options.backward_bytes = 1u << 20;
  run_seeds(options, 3);
}

TEST(Duplex, SurvivesLoss) {
  DuplexOptions options;
  options.loss_permille = 20;
  options.backward_bytes = 200'000;
  run_seeds(options, 20);
}

TEST(Duplex, SurvivesHeavyLoss) {
  DuplexOptions options;
  options.loss_permille = 200;
  options.forward_bytes = 60'000;
  options.backward_bytes = 60'000;
  options.limit = 20'000s;
  run_seeds(options, 30);
}

TEST(Duplex, SurvivesReorderingAndDuplicates) {
  DuplexOptions options;
  options.jitter = 15ms;
  options.duplicate_permille = 50;
  options.loss_permille = 5;
  options.backward_bytes = 300'000;
  run_seeds(options, 20);
}

TEST(Duplex, SurvivesLossWithoutSack) {
  DuplexOptions options;
  options.config.sack = false;
  options.loss_permille = 20;
  options.jitter = 2ms;
  run_seeds(options, 20);
}

TEST(Duplex, SurvivesLossWithoutAnyOption) {
  DuplexOptions options;
  options.config.sack = options.config.timestamps = options.config.window_scaling = false;
  options.loss_permille = 30;
  options.duplicate_permille = 30;
  options.forward_bytes = 400'000;
  run_seeds(options, 20);
}

TEST(Duplex, WaitsForAReaderThatDoesNotRead) {
  DuplexOptions options;
  options.slow_reader_permille = 900;
  options.loss_permille = 10;
  options.forward_bytes = 600'000;
  options.server.receive_buffer = 8'000;
  options.server.receive_buffer_locked = true;
  run_seeds(options, 20);
}

TEST(Duplex, CarriesSmallWritesWithNagleAndWithout) {
  for (const bool nodelay : {false, true}) {
    DuplexOptions options;
    options.write_max = 7;
    options.read_max = 11;
    options.forward_bytes = 20'000;
    options.backward_bytes = 20'000;
    options.loss_permille = 20;
    options.duplicate_permille = 20;
    options.jitter = 5ms;
    options.client.nodelay = options.server.nodelay = nodelay;
    run_seeds(options, 10);
  }
}

TEST(Duplex, CarriesWholePacketsOnALinkThatTakesThem) {
  DuplexOptions options;
  options.cut = false;
  options.path = {.mtu = 65535, .largest_packet = 65535, .is_v6 = false};
  options.forward_bytes = 16u << 20;
  options.backward_bytes = 1u << 20;
  options.write_max = 200'000;
  options.read_max = 200'000;
  options.delay = 10us;
  run_seeds(options, 3);
}

TEST(Duplex, CutsLargePacketsUnderLoss) {
  DuplexOptions options;
  options.path = {.mtu = 1500, .largest_packet = 65535, .is_v6 = true};
  options.loss_permille = 10;
  options.jitter = 1ms;
  options.forward_bytes = 3u << 20;
  run_seeds(options, 10);
}

TEST(Duplex, CrawlsThroughATinyMtu) {
  DuplexOptions options;
  options.path = {.mtu = 100, .largest_packet = 100, .is_v6 = false};
  options.loss_permille = 20;
  options.forward_bytes = 40'000;
  run_seeds(options, 10);
}

}  // namespace
}  // namespace sockeye::tcp
