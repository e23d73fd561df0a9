// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Connections that move all the time: in the middle of losses, recoveries, reordering, marks and closing,
// under each algorithm, at one event in fifty or in seven (each brings two more: where does the peer stand?).
// The streams stay whole, and everything is given back.
#include "duplex.h"

namespace sockeye::tcp {
namespace {

struct Way {
  const char* name;
  DuplexOptions options;
};

std::vector<Way> ways() {
  DuplexOptions usual;
  usual.forward_bytes = 200'000;
  usual.backward_bytes = 100'000;
  usual.limit = 20'000s;
  std::vector<Way> all = {{"clean", usual},      {"loss", usual},         {"reordering", usual},
                          {"ECN", usual},        {"accurate ECN", usual}, {"no options", usual},
                          {"slow reader", usual}};
  for (Way& way : all) {
    const std::string name = way.name;
    DuplexOptions& o = way.options;
    if (name == "loss") o.loss_permille = 30;
    if (name == "reordering") o.jitter = 10ms, o.duplicate_permille = 30;
    if (name == "ECN") o.config.ecn = 1, o.mark_permille = 30, o.loss_permille = 5;
    if (name == "accurate ECN") o.config.ecn = 3, o.mark_permille = 30, o.loss_permille = 5;
    if (name == "no options") o.config.sack = o.config.timestamps = o.config.window_scaling = false;
    if (name == "slow reader") o.slow_reader_permille = 500, o.loss_permille = 10;
  }
  return all;
}

TEST(SnapshotTransfer, StreamsStayWhole) {
  for (const char* algorithm : {"reno", "cubic", "bbr"})
    for (Way way : ways())
      for (const unsigned permille : {20u, 150u}) {
        std::uint64_t moves = 0;
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
          way.options.seed = seed;
          way.options.move_permille = permille;
          std::copy_n(algorithm, std::string_view(algorithm).size() + 1,
                      way.options.client.congestion_control);
          way.options.server = way.options.client;
          Duplex duplex(way.options);
          ASSERT_TRUE(duplex.run()) << way.name << ' ' << algorithm << ' ' << permille;
          moves += duplex.moves();
          ASSERT_EQ(duplex.resources().active.in_use(), 0u) << way.name;
          ASSERT_EQ(duplex.pool().chunks().bytes_in_use(), 0u) << way.name;
        }
        if (permille > 100) {
          EXPECT_GT(moves, 5u) << way.name;
        }
      }
}

}  // namespace
}  // namespace sockeye::tcp
