// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/delivery_rate.h"

#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

constexpr Instant kStart = Instant{} + 10s;
Instant at(Duration time) {
  return kStart + time;
}

// Nothing in flight before: the interval begins with the packet itself.
TEST(DeliveryRate, OnePacketAfterSilence) {
  DeliveryRate rate;
  rate.start(5000);
  const RateSnapshot packet = rate.on_sent(at(0ms), 0, 1000);
  EXPECT_EQ(packet.in_flight, 1000u);
  rate.on_acknowledged(packet, at(0ms), false);
  EXPECT_EQ(rate.latest_rtt(at(10ms)), 10ms);
  const RateSample sample = rate.finish(at(10ms), 1000, 10ms);
  EXPECT_TRUE(sample.has_data);
  EXPECT_EQ(sample.interval, 10ms);
  EXPECT_EQ(sample.delivered, 1000u);
  EXPECT_EQ(sample.prior_delivered, 5000u);
  EXPECT_EQ(sample.total_delivered, 6000u);
  EXPECT_EQ(sample.rate, 100'000u);
}

// Packets leave every 10 ms and all their ACKs come at once: the rate is that of the sender.
TEST(DeliveryRate, ABurstOfAcksIsBoundedByTheSendRate) {
  DeliveryRate rate;
  rate.start(0);
  RateSnapshot packets[5];
  for (unsigned i = 0; i < 5; ++i) packets[i] = rate.on_sent(at(i * 10ms), i * 1000u, 1000);
  RateSample sample;
  for (int i = 0; i < 5; ++i) {
    rate.on_acknowledged(packets[i], at(i * 10ms), false);
    sample = rate.finish(at(100ms), 1000, 1ms);
  }
  EXPECT_EQ(sample.interval, 100ms) << "from the first packet to the last ACK";
  EXPECT_EQ(sample.rate, 50'000u);
  // The next one was sent after those ACKs; its own comes in a burst again.
  RateSnapshot next = rate.on_sent(at(100ms), 1000, 1000);
  rate.on_acknowledged(next, at(100ms), false);
  sample = rate.finish(at(110ms), 1000, 1ms);
  EXPECT_EQ(sample.interval, 60ms) << "it left 60 ms after the packet before it: sent no faster";
}

// Packets leave at once and the ACKs come every 10 ms: the rate is that of the ACKs.
TEST(DeliveryRate, ABurstOfPacketsIsBoundedByTheAckRate) {
  DeliveryRate rate;
  rate.start(0);
  RateSnapshot packets[5];
  for (unsigned i = 0; i < 5; ++i) packets[i] = rate.on_sent(at(0ms), i * 1000u, 1000);
  RateSample sample;
  for (int i = 0; i < 5; ++i) {
    rate.on_acknowledged(packets[i], at(0ms), false);
    sample = rate.finish(at(50ms + i * 10ms), 1000, 1ms);
  }
  EXPECT_EQ(sample.interval, 90ms);
  EXPECT_EQ(sample.delivered, 5000u);
}

TEST(DeliveryRate, TheNewestPacketOfAnAckCounts) {
  DeliveryRate rate;
  rate.start(0);
  const RateSnapshot old = rate.on_sent(at(0ms), 0, 1000);
  const RateSnapshot fresh = rate.on_sent(at(8ms), 1000, 1000);
  rate.on_acknowledged(fresh, at(8ms), false);
  rate.on_acknowledged(old, at(0ms), false);
  EXPECT_EQ(rate.latest_rtt(at(20ms)), 12ms);
  const RateSample sample = rate.finish(at(20ms), 2000, 1ms);
  EXPECT_EQ(sample.tx_in_flight, 2000u);
  EXPECT_EQ(sample.delivered, 2000u);
}

TEST(DeliveryRate, ARetransmissionGivesNoRoundTripAndLossesAreCounted) {
  DeliveryRate rate;
  rate.start(0);
  (void)rate.on_sent(at(0ms), 0, 1000);
  const RateSnapshot second = rate.on_sent(at(0ms), 1000, 1000);
  rate.on_lost(1000);
  const RateSnapshot again = rate.on_sent(at(20ms), 1000, 1000);
  rate.on_acknowledged(second, at(0ms), false);
  EXPECT_EQ(rate.finish(at(20ms), 1000, 1ms).lost, 1000u);
  rate.on_acknowledged(again, at(20ms), true);
  EXPECT_EQ(rate.latest_rtt(at(30ms)), Duration::zero());
  EXPECT_EQ(rate.finish(at(30ms), 1000, 1ms).lost, 0u) << "it was sent after the loss was known";
}

// An interval below the smallest round trip: the ACK was for an earlier transmission.
TEST(DeliveryRate, AnIntervalThatCannotBeGivesNoRate) {
  DeliveryRate rate;
  rate.start(0);
  const RateSnapshot packet = rate.on_sent(at(0ms), 0, 1000);
  rate.on_acknowledged(packet, at(0ms), true);
  const RateSample sample = rate.finish(at(2ms), 1000, 5ms);
  EXPECT_EQ(sample.rate, 0u);
  EXPECT_TRUE(sample.has_data);
}

TEST(DeliveryRate, ApplicationLimitedUntilTheBubbleHasPassed) {
  DeliveryRate rate;
  rate.start(0);
  const RateSnapshot before = rate.on_sent(at(0ms), 0, 1000);
  EXPECT_FALSE(before.is_app_limited);
  rate.mark_app_limited(1000);
  const RateSnapshot behind = rate.on_sent(at(5ms), 1000, 1000);
  EXPECT_TRUE(behind.is_app_limited);
  rate.on_acknowledged(before, at(0ms), false);
  EXPECT_FALSE(rate.finish(at(10ms), 1000, 1ms).is_app_limited);
  EXPECT_TRUE(rate.is_app_limited()) << "delivered up to the mark, not beyond it";
  rate.on_acknowledged(behind, at(5ms), false);
  EXPECT_TRUE(rate.finish(at(15ms), 1000, 1ms).is_app_limited);
  EXPECT_FALSE(rate.is_app_limited());
}

// --- what TCP_INFO says of it

// The peer is slow to answer, and that is no loss.
BenchOptions without_probes() {
  BenchOptions options;
  options.peer_options = "mss 1000,sackOK";
  options.config.tail_loss_probe = false;
  return options;
}

TEST(DeliveryRate, AConnectionMeasuresIt) {
  TcpBench t{without_probes()};
  t.establish();
  EXPECT_EQ(t.info().delivery_rate, 0u);
  t.app.send(20'000);
  EXPECT_EQ(t.discard(), 10u);
  t.after(10ms);
  t.peer(". 1:1(0) ack 2001");
  EXPECT_EQ(t.info().delivery_rate, 200'000u) << "2000 bytes in 10 ms";
  EXPECT_TRUE(t.info().delivery_rate_app_limited) << "the first data of a connection always is";
  t.discard();
  t.after(2ms);
  t.peer(". 1:1(0) ack 10001");
  EXPECT_NEAR(static_cast<double>(t.info().delivery_rate), 10'000 / 0.012, 64);
  t.discard();
  t.after(8ms);
  t.peer(". 1:1(0) ack 14001");
  EXPECT_FALSE(t.info().delivery_rate_app_limited);
  EXPECT_NEAR(static_cast<double>(t.info().delivery_rate), 12'000 / 0.010, 64);
  t.discard();
}

TEST(DeliveryRate, SelectiveAcksAreMeasuredToo) {
  TcpBench t{without_probes()};
  t.establish();
  t.app.send(10'000);
  EXPECT_EQ(t.discard(), 10u);
  t.after(10ms);
  t.peer(". 1:1(0) ack 1 <sack 1001:5001>");
  EXPECT_EQ(t.info().delivery_rate, 400'000u);
  t.discard();
}

}  // namespace
}  // namespace sockeye::tcp
