// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 9293 3.6.1, RFC 1337, RFC 6191 on the compact records.
#include "tcp/time_wait.h"

#include <gtest/gtest.h>

#include <map>

#include "tcp/resources.h"

namespace sockeye::tcp {
namespace {

class TimeWaitTest : public ::testing::Test {
 protected:
  static FiveTuple tuple(std::uint32_t n) {
    return {{IpAddress::v4(10, 0, 0, 1), static_cast<std::uint16_t>(80 + n % 3)},
            {IpAddress::v4(0x0a010000u + n / 50'000), static_cast<std::uint16_t>(1000 + n % 50'000)}};
  }
  static TimeWait record(const FiveTuple& tuple, bool timestamps = true) {
    TimeWait r;
    r.tuple = tuple;
    r.snd_nxt = SeqNum(5000);
    r.rcv_nxt = SeqNum(9000);
    r.window = 333;
    r.timestamps = timestamps;
    r.timestamp_recent = 700;
    r.timestamp_offset = 11;
    return r;
  }
  static Segment segment(std::uint32_t seq, TcpFlags flags, std::uint32_t ts = 701) {
    Segment s;
    s.seq = SeqNum(seq);
    s.flags = flags;
    s.options.timestamps = TcpTimestamps{ts, 0};
    return s;
  }

  Config config;
  ChunkPool chunks;
  SeededRng secret{1};
  SeededRng open{2};
  Resources resources{config, chunks, secret, open};
  TimeWaitTable table{resources};
  Instant now = Instant{} + 1000s;
};

TEST_F(TimeWaitTest, ARecordLivesTwoMsl) {
  EXPECT_FALSE(table.next_timer());
  EXPECT_TRUE(table.add(now, record(tuple(1))));
  EXPECT_TRUE(table.contains(tuple(1)));
  EXPECT_FALSE(table.contains(tuple(2)));
  EXPECT_EQ(table.next_timer(), now + 60s);
  table.on_timer(now + 60s - 1ms);
  EXPECT_TRUE(table.contains(tuple(1)));
  table.on_timer(now + 60s);
  EXPECT_FALSE(table.contains(tuple(1)));
  EXPECT_EQ(table.size(), 0u);
}

// Our last ACK was lost: the FIN comes again, is acknowledged, and 2 MSL begin anew.
TEST_F(TimeWaitTest, ARepeatedFinIsAcknowledgedAndRestartsTheTime) {
  table.add(now, record(tuple(1)));
  const auto verdict = table.on_segment(now + 10s, tuple(1), segment(8999, {.fin = true, .ack = true}));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->drop, Drop::time_wait);
  ASSERT_TRUE(verdict->reply);
  EXPECT_EQ(verdict->reply->seq, SeqNum(5000));
  EXPECT_EQ(verdict->reply->ack, SeqNum(9000));
  EXPECT_EQ(verdict->reply->flags, TcpFlags{.ack = true});
  EXPECT_EQ(verdict->reply->window, 333);
  EXPECT_EQ(verdict->reply->source_port, tuple(1).local.port);
  EXPECT_EQ(verdict->reply->destination_port, tuple(1).remote.port);
  EXPECT_EQ(verdict->reply->options.timestamps, (TcpTimestamps{1'010'011, 700}));
  EXPECT_EQ(table.next_timer(), now + 70s);
}

TEST_F(TimeWaitTest, NoRecordNoVerdict) {
  EXPECT_FALSE(table.on_segment(now, tuple(1), segment(1, {.ack = true})));
}

// RFC 1337; off by default, as in Linux.
TEST_F(TimeWaitTest, AResetEndsItUnlessRfc1337) {
  table.add(now, record(tuple(1)));
  EXPECT_EQ(table.on_segment(now, tuple(1), segment(9001, {.rst = true}))->drop, Drop::rst_out_of_window);
  EXPECT_TRUE(table.contains(tuple(1)));
  EXPECT_FALSE(table.on_segment(now, tuple(1), segment(9000, {.rst = true}))->drop);
  EXPECT_FALSE(table.contains(tuple(1)));
  config.rfc1337 = true;
  table.add(now, record(tuple(1)));
  const auto verdict = table.on_segment(now, tuple(1), segment(9000, {.rst = true}));
  EXPECT_EQ(verdict->drop, Drop::time_wait);
  EXPECT_FALSE(verdict->reply);
  EXPECT_TRUE(table.contains(tuple(1)));
}

// RFC 6191: a newer timestamp or a higher number opens a new connection.
// RFC 9293 3.6.1 SHLD-4
TEST_F(TimeWaitTest, ASynReopens) {
  const TcpFlags syn{.syn = true};
  const auto reopens = [&](const Segment& s, bool timestamps = true) {
    table.add(now, record(tuple(1), timestamps));
    const auto verdict = table.on_segment(now, tuple(1), s);
    EXPECT_EQ(table.contains(tuple(1)), !verdict->reopen_beyond);
    return verdict->reopen_beyond.has_value();
  };
  EXPECT_TRUE(reopens(segment(20'000, syn, 700)));
  EXPECT_TRUE(reopens(segment(100, syn, 701))) << "lower number, newer timestamp";
  EXPECT_FALSE(reopens(segment(100, syn, 700)));
  EXPECT_FALSE(reopens(segment(20'000, syn, 699))) << "an old duplicate";
  EXPECT_TRUE(reopens(segment(9001, syn), false));
  EXPECT_FALSE(reopens(segment(9000, syn), false));
  EXPECT_FALSE(reopens(segment(20'000, {.syn = true, .ack = true})));
  table.add(now, record(tuple(1)));
  EXPECT_GT(*table.on_segment(now, tuple(1), segment(20'000, syn))->reopen_beyond, SeqNum(5000) + 65535);
}

TEST_F(TimeWaitTest, AnOldSynIsAnsweredButDoesNotExtend) {
  table.add(now, record(tuple(1), false));
  const auto verdict = table.on_segment(now + 10s, tuple(1), segment(100, {.syn = true}));
  EXPECT_TRUE(verdict->reply);
  EXPECT_EQ(table.next_timer(), now + 60s);
}

TEST_F(TimeWaitTest, PawsAnswersOldSegments) {
  table.add(now, record(tuple(1)));
  const auto verdict = table.on_segment(now, tuple(1), segment(9000, {.ack = true}, 699));
  EXPECT_EQ(verdict->drop, Drop::paws);
  EXPECT_TRUE(verdict->reply);
}

// hostile.md E20: two ends that disagree must not talk for ever.
TEST_F(TimeWaitTest, SegmentsWithoutDataAreAnsweredTwiceASecond) {
  table.add(now, record(tuple(1)));
  int answers = 0;
  for (int i = 0; i < 100; ++i)
    answers += table.on_segment(now + i * 10ms, tuple(1), segment(1, {.ack = true}))->reply.has_value();
  EXPECT_EQ(answers, 2);
  Segment data = segment(1, {.ack = true});
  data.payload_bytes = 10;
  EXPECT_TRUE(table.on_segment(now + 1s, tuple(1), data)->reply) << "data always";
}

TEST_F(TimeWaitTest, ABareAckIsTakenSilently) {
  table.add(now, record(tuple(1)));
  const auto verdict = table.on_segment(now + 5s, tuple(1), segment(9000, {.ack = true}));
  EXPECT_FALSE(verdict->drop);
  EXPECT_FALSE(verdict->reply);
}

// net.ipv4.tcp_tw_reuse: timestamps, and a second old.
TEST_F(TimeWaitTest, ConnectMayReuse) {
  table.add(now, record(tuple(1)));
  EXPECT_FALSE(table.reuse(now + 1s, tuple(1)));
  EXPECT_FALSE(table.reuse(now + 2s, tuple(2)));
  const auto beyond = table.reuse(now + 2s, tuple(1));
  ASSERT_TRUE(beyond);
  EXPECT_GT(*beyond, SeqNum(5000) + 65535);
  EXPECT_FALSE(table.contains(tuple(1)));
  table.add(now, record(tuple(1), false));
  EXPECT_FALSE(table.reuse(now + 30s, tuple(1)));
}

TEST_F(TimeWaitTest, TheTableIsBounded) {
  config.time_wait_max = 3;
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(table.add(now, record(tuple(i))));
  EXPECT_FALSE(table.add(now, record(tuple(3))));
  EXPECT_TRUE(table.add(now + 1s, record(tuple(2)))) << "the same tuple again needs no further place";
  EXPECT_EQ(table.size(), 3u);
}

TEST_F(TimeWaitTest, ViewsInOrderOfExpiry) {
  for (std::uint32_t i = 0; i < 5; ++i) table.add(now + i * 1s, record(tuple(i)));
  table.on_segment(now + 5s, tuple(0), segment(8999, {.fin = true, .ack = true}));
  const std::uint32_t order[] = {1, 2, 3, 4, 0};
  for (std::size_t i = 0; i < 5; ++i) {
    const auto view = table.at(now + 6s, i);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->tuple, tuple(order[i]));
  }
  EXPECT_EQ(table.at(now + 6s, 0)->left, 55s);
  EXPECT_FALSE(table.at(now + 6s, 5));
}

// A hundred thousand come and go, against a map.
TEST_F(TimeWaitTest, AgreesWithAMap) {
  SeededRng rng(5);
  std::map<FiveTuple, Instant> model;
  std::map<std::uint16_t, std::size_t> ports;
  for (int step = 0; step < 100'000; ++step) {
    const FiveTuple t = tuple(static_cast<std::uint32_t>(rng.below(20'000)));
    if (rng.below(20) == 0) now += std::chrono::milliseconds(rng.below(400));
    table.on_timer(now);
    for (auto it = model.begin(); rng.below(1000) == 0 && it != model.end();)
      it = it->second <= now ? model.erase(it) : std::next(it);
    switch (rng.below(4)) {
      case 0:
      case 1:
        ASSERT_TRUE(table.add(now, record(t)));
        model[t] = now + 60s;
        break;
      case 2:
        if (table.reuse(now, t)) {
          ASSERT_EQ(model.erase(t), 1u);
        }
        break;
      default: {
        const auto found = model.find(t);
        ASSERT_EQ(table.contains(t), found != model.end() && found->second > now) << step;
      }
    }
  }
  std::erase_if(model, [&](const auto& entry) { return entry.second <= now; });
  EXPECT_EQ(table.size(), model.size());
  for (const auto& [t, expiry] : model) ++ports[t.local.port];
  for (const auto& [port, count] : ports) EXPECT_EQ(table.count_on_port(port), count);
  EXPECT_EQ(table.count_on_port(9999), 0u);
  table.on_timer(now + 61s);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.count_on_port(80), 0u);
}

}  // namespace
}  // namespace sockeye::tcp
