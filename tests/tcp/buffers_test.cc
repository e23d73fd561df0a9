// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The queues of a connection by themselves: send buffer, sent queue, receive buffer, segmentizer.
#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "core/rng.h"
#include "tcp/receive_buffer.h"
#include "tcp/receive_window.h"
#include "tcp/segmentizer.h"
#include "tcp/send_buffer.h"
#include "tcp/sent_queue.h"
#include "tcp/shared_settings.h"
#include "tcp/user_timeout.h"

namespace sockeye::tcp {
namespace {

std::vector<std::byte> pattern(std::size_t from, std::size_t bytes) {
  std::vector<std::byte> out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>((from + i) * 7 >> 2);
  return out;
}

// Against a model: any mixture of appending, acknowledging and slicing gives the same bytes.
TEST(SendBuffer, BehavesLikeAStreamOfBytes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    PacketPool pool;
    {
      SeededRng random(seed);
      SendBuffer buffer;
      std::size_t begin = 0;
      std::size_t end = 0;
      for (int step = 0; step < 2000; ++step) {
        const auto action = random.below(3);
        if (action == 0) {
          const std::size_t n = random.below(random.below(10) == 0 ? 100'000 : 200) + 1;
          ASSERT_EQ(buffer.append(pool.chunks(), pattern(end, n)), n);
          end += n;
        } else if (action == 1 && end > begin) {
          const auto n = static_cast<std::uint32_t>(random.below(end - begin + 1));
          buffer.release(n);
          begin += n;
        } else if (end > begin) {
          PacketPtr packet = pool.allocate();
          const auto offset = static_cast<std::uint32_t>(random.below(end - begin));
          const auto wanted = static_cast<std::uint32_t>(
              random.below(std::min<std::size_t>(end - begin - offset, 60'000)) + 1);
          const std::uint32_t got = buffer.slice_into(*packet, offset, wanted);
          ASSERT_GT(got, 0u);
          ASSERT_LE(got, wanted);
          std::vector<std::byte> bytes(got);
          packet->copy_payload(bytes);
          ASSERT_EQ(bytes, pattern(begin + offset, got)) << "seed " << seed << " step " << step;
        }
        ASSERT_EQ(buffer.size(), end - begin);
      }
      buffer.clear();
    }
    EXPECT_EQ(pool.chunks().bytes_in_use(), 0u);
  }
}

TEST(SendBuffer, AByteNowAndThenCostsLittle) {
  PacketPool pool;
  SendBuffer buffer;
  for (int i = 0; i < 100; ++i) buffer.append(pool.chunks(), pattern(0, 1));
  EXPECT_EQ(pool.chunks().bytes_in_use(), 512u);
  PacketPtr packet = pool.allocate();
  EXPECT_EQ(buffer.slice_into(*packet, 0, 100), 100u);
  EXPECT_EQ(packet->slices().size(), 1u);
}

TEST(SendBuffer, TakesWhatThePoolStillHas) {
  PacketPool pool(10, 4096);
  SendBuffer buffer;
  const std::uint32_t taken = buffer.append(pool.chunks(), pattern(0, 100'000));
  EXPECT_GT(taken, 0u);
  EXPECT_LT(taken, 4096u);
  EXPECT_EQ(buffer.append(pool.chunks(), pattern(0, 10)), 0u);
  buffer.release(taken);
  EXPECT_EQ(pool.chunks().bytes_in_use(), 0u);
}

TEST(ReceiveBuffer, BehavesLikeAStreamOfBytes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    PacketPool pool;
    SeededRng random(seed);
    ReceiveBuffer buffer;
    std::size_t begin = 0;
    std::size_t end = 0;
    for (int step = 0; step < 2000; ++step) {
      if (random.below(2) == 0) {
        const std::size_t n = random.below(random.below(4) == 0 ? 60'000 : 100) + 1;
        ChunkRef chunk = pool.chunks().copy_of(pattern(end, n));
        const auto cut = static_cast<std::uint32_t>(random.below(n));
        ASSERT_TRUE(buffer.append(pool.chunks(), Slice(chunk, 0, cut), 100'000));
        ASSERT_TRUE(
            buffer.append(pool.chunks(), Slice(chunk, cut, static_cast<std::uint32_t>(n) - cut), 100'000));
        end += n;
      } else if (end > begin) {
        const auto offset = static_cast<std::uint32_t>(random.below(end - begin));
        std::vector<std::byte> bytes(random.below(end - begin) + 1);
        const std::uint32_t got = buffer.copy(bytes, offset);
        ASSERT_EQ(got, std::min(bytes.size(), end - begin - offset));
        bytes.resize(got);
        ASSERT_EQ(bytes, pattern(begin + offset, got));
        const auto gone = static_cast<std::uint32_t>(random.below(end - begin + 1));
        buffer.remove(gone);
        begin += gone;
      }
      ASSERT_EQ(buffer.size(), end - begin);
      ASSERT_GE(buffer.charge(), buffer.size());
    }
    buffer.clear();
    EXPECT_EQ(pool.chunks().bytes_in_use(), 0u);
  }
}

// Hostile F13: a byte must not hold 64 KiB.
TEST(ReceiveBuffer, SmallPiecesDoNotHoldLargeChunks) {
  PacketPool pool;
  ReceiveBuffer buffer;
  for (int i = 0; i < 1000; ++i) {
    ChunkRef large = pool.chunks().allocate(60'000);
    large->commit(60'000);
    ASSERT_TRUE(buffer.append(pool.chunks(), Slice(large, 100, 1), 65536));
  }
  EXPECT_EQ(buffer.size(), 1000u);
  EXPECT_LE(pool.chunks().bytes_in_use(), 8192u);
  EXPECT_LE(buffer.charge(), 1000u + 8 * ReceiveBuffer::kSliceCharge);
}

TEST(ReceiveBuffer, MiddlingPiecesAreCopiedWhenTheyHoldTooMuch) {
  PacketPool pool;
  ReceiveBuffer buffer;
  for (int i = 0; i < 100; ++i) {
    ChunkRef large = pool.chunks().allocate(60'000);
    large->commit(60'000);
    ASSERT_TRUE(buffer.append(pool.chunks(), Slice(large, 0, 1000), 100'000));
  }
  EXPECT_LE(pool.chunks().bytes_in_use(), 500'000u);
}

TEST(SentQueue, AcknowledgesSplitsAndCounts) {
  SentQueue queue;
  const Instant start = Instant{} + 1s;
  for (std::uint32_t i = 0; i < 4; ++i)
    queue.on_sent(SeqNum(i * 1000), SeqNum(i * 1000 + 1000), start + i * 1ms);
  EXPECT_EQ(queue.on_retransmit(SeqNum(1500), SeqNum(2500), start + 9ms).transmission, 1);
  EXPECT_EQ(queue.size(), 6u);  // 1000, 1500 | 2000, 2500
  EXPECT_EQ(queue.on_retransmit(SeqNum(1500), SeqNum(1600), start + 10ms).transmission, 2);
  SentAcked acked = queue.on_ack(SeqNum(1200));
  EXPECT_TRUE(acked.any);
  EXPECT_FALSE(acked.retransmitted);
  EXPECT_EQ(acked.first_sent, start);
  EXPECT_EQ(acked.last_sent, start + 1ms);
  acked = queue.on_ack(SeqNum(1550));
  EXPECT_TRUE(acked.retransmitted);
  acked = queue.on_ack(SeqNum(1550));
  EXPECT_FALSE(acked.any);
  acked = queue.on_ack(SeqNum(4000));
  EXPECT_TRUE(acked.retransmitted);
  EXPECT_TRUE(queue.empty());
}

TEST(SentQueue, WorksAcrossTheWrap) {
  SentQueue queue;
  const SeqNum begin(0xfffffc00u);
  for (std::uint32_t i = 0; i < 8; ++i) queue.on_sent(begin + i * 1000, begin + (i + 1) * 1000, Instant{});
  EXPECT_EQ(queue.on_retransmit(begin + 1000u, begin + 2000u, Instant{}).transmission, 1);
  EXPECT_EQ(queue.size(), 8u);
  queue.on_ack(begin + 7500u);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.front().begin, begin + 7500u);
}

SendSituation roomy(std::uint32_t unsent) {
  SendSituation s;
  s.unsent = unsent;
  s.mss = 1000;
  s.window = s.congestion = s.window_max = 60'000;
  s.packet_max = 5000;
  s.nothing_in_flight = true;
  return s;
}

TEST(Segmentizer, DecidesByTheWindowsAndNagle) {
  EXPECT_EQ(decide_send(roomy(300)).bytes, 300u);
  EXPECT_EQ(decide_send(roomy(5300)).bytes, 5000u);
  EXPECT_EQ(decide_send(roomy(2300)).bytes, 2300u);

  SendSituation s = roomy(2300);
  s.short_in_flight = true;
  EXPECT_EQ(decide_send(s).bytes, 2000u);
  s.nodelay = true;
  EXPECT_EQ(decide_send(s).bytes, 2300u);
  s.corked = true;
  EXPECT_EQ(decide_send(s).bytes, 2000u);
  s.is_last = true;
  EXPECT_EQ(decide_send(s).bytes, 2300u);

  s = roomy(300);
  s.corked = true;
  EXPECT_EQ(decide_send(s).bytes, 0u);

  s = roomy(5000);
  s.window = 2500;  // not the 500 at the edge of the window
  EXPECT_EQ(decide_send(s).bytes, 2000u);
  s.window = 500;
  EXPECT_EQ(decide_send(s).bytes, 0u);
  s.window_max = 900;  // a peer with a small buffer: half of it is worth it
  EXPECT_EQ(decide_send(s).bytes, 500u);
  s.window = 0;
  EXPECT_EQ(decide_send(s).bytes, 0u);

  s = roomy(5000);
  s.congestion = 2999;
  EXPECT_EQ(decide_send(s).bytes, 2000u);
  EXPECT_TRUE(decide_send(s).congestion_limited);
  s.congestion = 999;
  s.nothing_in_flight = false;
  EXPECT_EQ(decide_send(s).bytes, 0u);
  s.nothing_in_flight = true;
  EXPECT_EQ(decide_send(s).bytes, 1000u);
}

// Whatever the situation: never more than is there or allowed, and never silence with nothing in flight,
// an open window and nothing that asks to wait.
TEST(Segmentizer, NeverOverstepsAndNeverStalls) {
  SeededRng random(7);
  for (int i = 0; i < 200'000; ++i) {
    SendSituation s;
    s.unsent = static_cast<std::uint32_t>(random.below(5000));
    s.mss = static_cast<std::uint32_t>(random.below(1500) + 36);
    s.window = static_cast<std::uint32_t>(random.below(6000));
    s.window_max = std::max(s.window, static_cast<std::uint32_t>(random.below(6000)));
    s.congestion = static_cast<std::uint32_t>(random.below(6000));
    s.packet_max = s.mss * static_cast<std::uint32_t>(random.below(4) + 1);
    s.nothing_in_flight = random.below(2) == 0;
    s.short_in_flight = !s.nothing_in_flight && random.below(2) == 0;
    s.nodelay = random.below(2) == 0;
    s.corked = random.below(4) == 0;
    s.is_last = random.below(4) == 0;
    const SendDecision decision = decide_send(s);
    ASSERT_LE(decision.bytes, std::min({s.unsent, s.window, s.packet_max}));
    if (decision.bytes > s.congestion) {
      ASSERT_TRUE(s.nothing_in_flight);
    }
    if (s.nothing_in_flight && s.unsent > 0 && s.window >= std::min(s.unsent, s.mss) && !s.corked) {
      ASSERT_GT(decision.bytes, 0u) << s.unsent << ' ' << s.mss << ' ' << s.window << ' ' << s.congestion;
    }
  }
}

// RFC 7323 2.2 MUST-3; RFC 7323 2.4 MUST-6
TEST(ReceiveWindow, ScalesWithoutPromisingWhatItCannotSay) {
  ReceiveWindow window;
  window.start(Instant{}, SeqNum(100), 1'000'003, 7, 1460);
  const std::uint32_t offered = window.advertise(SeqNum(100), 0, 0);
  EXPECT_EQ(offered % 128, 0u);
  EXPECT_LE(offered, 1'000'003u);
  EXPECT_GT(offered, 999'800u);
  EXPECT_EQ(window.advertise(SeqNum(100), 900'000, 0), offered);  // never to the left
  EXPECT_EQ(window.advertise(SeqNum(50'100), 950'000, 0), offered - 50'000);
}

TEST(ReceiveWindow, ObeysAClamp) {
  ReceiveWindow window;
  window.start(Instant{}, SeqNum(0), 10'000, 0, 1460);
  EXPECT_EQ(window.advertise(SeqNum(10'000), 0, 4000), 4000u);
}

// Linux: (2^16 - 1) x 0.2 s, then 120 s each.
// RFC 9293 3.8.3 SHLD-11
TEST(GiveUp, R2IsLinuxsPatience) {
  GiveUp question;
  question.retries = 15;
  EXPECT_EQ(question.patience(), 924'600ms);
  question.retransmissions = 1;
  EXPECT_FALSE(question.decide(924'599ms, 2000s));
  EXPECT_TRUE(question.decide(924'600ms, 2000s));
  question.user_timeout = 10s;
  EXPECT_TRUE(question.decide(0s, 10s));
}

TEST(SharedSettings, AreSharedUntilChanged) {
  SettingsCache cache;
  Settings settings;
  SharedSettings* a = cache.share(settings);
  SharedSettings* b = cache.share(settings);
  EXPECT_EQ(a, b);
  b = SettingsCache::own(b);
  EXPECT_NE(a, b);
  b->value.nodelay = true;
  EXPECT_FALSE(a->value.nodelay);
  SharedSettings* c = cache.share(b->value);
  EXPECT_TRUE(c->value.nodelay);
  for (SharedSettings* each : {a, b, c}) SettingsCache::release(each);
}

}  // namespace
}  // namespace sockeye::tcp
