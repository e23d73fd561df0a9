// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Header prediction (tcp/prediction.cc) is RFC 9293 3.10.7.4 cut short, never another law: the same
// transfers run with and without it, over good and bad networks, and every segment, its time, and what its
// sender knew then must be the same.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tcp/duplex.h"
#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

struct Way {
  const char* name;
  DuplexOptions options;
};

DuplexOptions over(unsigned loss, unsigned duplicates, Duration jitter) {
  DuplexOptions options;
  options.loss_permille = loss;
  options.duplicate_permille = duplicates;
  options.jitter = jitter;
  options.forward_bytes = 300'000;
  options.backward_bytes = 200'000;
  return options;
}

std::vector<Way> ways() {
  std::vector<Way> all = {
      {"clean", over(0, 0, 0ms)},        {"one way", over(0, 0, 0ms)},
      {"loss", over(30, 0, 0ms)},        {"much loss", over(150, 20, 5ms)},
      {"jitter", over(0, 0, 8ms)},       {"duplicates", over(0, 100, 1ms)},
      {"slow reader", over(10, 0, 1ms)}, {"small writes", over(10, 5, 2ms)},
      {"no cut", over(10, 5, 2ms)},      {"no timestamps", over(20, 5, 2ms)},
      {"no SACK", over(20, 5, 2ms)},     {"bbr", over(10, 0, 0ms)},
      {"reno, paced", over(10, 0, 0ms)}, {"no tail loss probe", over(40, 0, 0ms)},
      {"ECN", over(10, 0, 0ms)},         {"rfc", over(10, 5, 2ms)},
  };
  for (Way& way : all) {
    const std::string name = way.name;
    DuplexOptions& o = way.options;
    if (name == "one way") o.backward_bytes = 0;
    if (name == "slow reader") o.slow_reader_permille = 700;
    if (name == "small writes") o.write_max = 700, o.client.nodelay = true;
    if (name == "no cut") {
      o.cut = false;
      o.path.largest_packet = 65535;
    }
    if (name == "no timestamps") o.config.timestamps = false;
    if (name == "no SACK") o.config.sack = false;
    if (name == "bbr") o.config.congestion_control = "bbr";
    if (name == "reno, paced") {
      o.config.congestion_control = "reno";
      o.config.pacing = true;
    }
    if (name == "no tail loss probe") o.config.tail_loss_probe = false;
    if (name == "rfc") o.config = Config::rfc();
    if (name == "ECN") o.config.ecn = 1;
  }
  return all;
}

struct Outcome {
  std::uint64_t digest = 0;
  std::uint64_t segments = 0;
  std::uint64_t predicted = 0;
};

Outcome run(DuplexOptions options, std::uint64_t seed, bool prediction) {
  options.seed = seed;
  options.config.header_prediction = prediction;
  Duplex duplex(options);
  EXPECT_TRUE(duplex.run());
  return {duplex.digest(), duplex.segments(), duplex.resources().counters[Counter::hp_hits]};
}

// RFC 9293 3.10.7.4
TEST(Prediction, NobodyCanTellWhetherItIsOn) {
  for (const Way& way : ways()) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      const Outcome with = run(way.options, seed, true);
      const Outcome without = run(way.options, seed, false);
      ASSERT_EQ(with.digest, without.digest) << way.name << ", seed " << seed;
      ASSERT_EQ(with.segments, without.segments) << way.name << ", seed " << seed;
      EXPECT_EQ(without.predicted, 0u);
    }
  }
}

// The rest are the handshake, the close, and ACKs that only open the window.
TEST(Prediction, TakesMostOfACleanTransfer) {
  const Outcome outcome = run(over(0, 0, 0ms), 1, true);
  EXPECT_GE(outcome.predicted, outcome.segments * 6 / 10);
}

// What lies off the beaten track goes the long way, and the next ordinary segment is predicted again.
TEST(Prediction, ComesBackAfterALoss) {
  Outcome all;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Outcome outcome = run(over(20, 0, 0ms), seed, true);
    EXPECT_LT(outcome.predicted, outcome.segments);
    all.predicted += outcome.predicted;
    all.segments += outcome.segments;
  }
  EXPECT_GE(all.predicted, all.segments / 4);  // a time-out ends it for good: its counters are rare state
}

// A time-out is counted for ever, and is no reason to go the long way for ever.
TEST(Prediction, ComesBackAfterATimeout) {
  TcpBench t{{.peer_options = "mss 1000,sackOK"}};
  t.config().tail_loss_probe = false;
  t.establish();
  t.app.send(1000);
  t.discard();
  t.after(t.info().rto);
  EXPECT_EQ(t.discard(), 1u);
  EXPECT_EQ(t.info().timeouts, 1u);
  t.peer(". 1:1(0) ack 1001");
  t.after(10s);  // a report of duplicates could still have come
  t.app.send(1000);
  t.discard();
  t.peer(". 1:1(0) ack 2001");
  const auto before = t.counters()[Counter::hp_hits];
  for (std::uint32_t at = 2001; at < 12'001; at += 1000) {
    t.app.send(1000);
    t.discard();
    t.peer(". 1:1(0) ack " + std::to_string(at + 1000));
  }
  EXPECT_EQ(t.counters()[Counter::hp_hits] - before, 10u);
  EXPECT_EQ(t.info().timeouts, 1u);
}

}  // namespace
}  // namespace sockeye::tcp
