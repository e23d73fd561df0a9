// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What is in flight and what is known about it: splitting, marking, sending again, and the sums.
#include "tcp/sent_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/rng.h"
#include "tcp/rack.h"
#include "tcp/sack_scoreboard.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint16_t kMss = 1000;
const Instant kStart = Instant{} + 100s;

class SentQueueTest : public ::testing::Test {
 protected:
  SackBlock block(std::uint32_t begin, std::uint32_t end) const { return {base + begin, base + end}; }
  void sack(std::uint32_t begin, std::uint32_t end) {
    board.add(block(begin, end), base, base + 1'000'000,
              [&](SackBlock newly) { queue.on_sacked(newly, block(begin, end), board, [](auto&) {}); });
  }
  // "0:1000S 1000:3000L 3000:4000R": SACKed, lost, sent again.
  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const SentSegment& s = queue[i];
      out += std::to_string(distance(base, s.begin)) + ':' + std::to_string(distance(base, s.end));
      if (s.sacked) out += 'S';
      if (s.lost) out += 'L';
      if (s.resent) out += 'R';
      out += ' ';
    }
    return out;
  }
  std::string by_time() {
    std::string out;
    for (std::uint32_t at = queue.oldest(); at != SentQueue::kNone; at = queue.newer(at))
      out += std::to_string(distance(base, queue.entry(at).begin)) + ' ';
    return out;
  }
  std::string next(std::uint32_t most = 65535) {
    const auto range = queue.next_lost(most, kMss);
    if (!range) return "none";
    return std::to_string(distance(base, range->begin)) + ':' + std::to_string(distance(base, range->end));
  }
  SentQueue queue;
  SackScoreboard board;
  SeqNum base{0xffffe000};
};

TEST_F(SentQueueTest, ASackedPartOfAPacketSplitsItBetweenSegments) {
  queue.on_sent(base, base + 10'000, kStart, kMss);
  sack(2000, 4000);
  EXPECT_EQ(text(), "0:2000 2000:4000S 4000:10000 ");
  EXPECT_EQ(queue.sacked_bytes(), 2000u);
  EXPECT_EQ(queue.sacked_segments(), 2u);
  EXPECT_EQ(by_time(), "0 4000 ");
  sack(9000, 10'000);
  EXPECT_EQ(text(), "0:2000 2000:4000S 4000:9000 9000:10000S ");
}

// hostile F14: reports of single bytes split nothing; when they add up to a segment, it has arrived.
TEST_F(SentQueueTest, OnlyWholeSegmentsAreMarked) {
  queue.on_sent(base, base + 10'000, kStart, kMss);
  for (std::uint32_t at = 0; at < 10'000; at += 2) sack(at, at + 1);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.sacked_bytes(), 0u);
  sack(4500, 5500);
  EXPECT_EQ(queue.size(), 1u);
  sack(4400, 5600);
  sack(5600, 6000);
  EXPECT_EQ(text(), "0:5000 5000:6000S 6000:10000 ");
  sack(0, 10'000);
  EXPECT_EQ(queue.sacked_bytes(), 10'000u);
  EXPECT_EQ(queue.sacked_segments(), 10u);
  EXPECT_EQ(by_time(), "");
}

TEST_F(SentQueueTest, LossesAreSentAgainFromBelow) {
  for (std::uint32_t i = 0; i < 6; ++i)
    queue.on_sent(base + i * 1000, base + (i + 1) * 1000, kStart + Duration(i), 0);
  sack(2000, 3000);
  queue.mark_all_lost([](const SentSegment& s) { return s.sent_at >= kStart + Duration(5); });
  EXPECT_EQ(text(), "0:1000L 1000:2000L 2000:3000S 3000:4000L 4000:5000L 5000:6000 ");
  EXPECT_EQ(queue.waiting_bytes(), 4000u);
  EXPECT_EQ(next(), "0:2000") << "neighbours leave together";
  EXPECT_EQ(next(1000), "0:1000");
  EXPECT_EQ(queue.on_retransmit(base, base + 1500, kStart + 1s, kMss).transmission, 1);
  EXPECT_EQ(text(), "0:1000LR 1000:1500LR 1500:2000L 2000:3000S 3000:4000L 4000:5000L 5000:6000 ");
  EXPECT_EQ(next(), "1500:2000") << "what follows was cut elsewhere";
  EXPECT_EQ(queue.waiting_bytes(), 2500u);
  EXPECT_EQ(queue.resent_bytes(), 1500u);
  EXPECT_EQ(by_time(), "5000 0 1000 ");
  // A retransmission that is lost too waits again.
  queue.mark_lost(queue.newer(queue.oldest()));
  EXPECT_EQ(next(), "0:1000");
  EXPECT_EQ(queue.resent_bytes(), 500u);
  queue.forget_losses();
  EXPECT_EQ(queue.lost_bytes(), 0u);
  EXPECT_EQ(next(), "none");
  EXPECT_EQ(by_time(), "0 1500 3000 4000 5000 1000 ");
}

TEST_F(SentQueueTest, ACumulativeAckTakesPieces) {
  queue.on_sent(base, base + 4000, kStart, kMss);
  sack(2000, 3000);
  std::string seen;
  const auto visit = [&](const SentSegment& s) {
    seen += std::to_string(distance(base, s.begin)) + ':' + std::to_string(distance(base, s.end)) +
            (s.sacked ? "S " : " ");
  };
  const SentAcked acked = queue.on_ack(base + 2500, visit);
  EXPECT_TRUE(acked.any);
  EXPECT_FALSE(acked.retransmitted);
  EXPECT_EQ(seen, "0:2000 2000:2500S ");
  EXPECT_EQ(text(), "2500:3000S 3000:4000 ");
  EXPECT_EQ(queue.sacked_bytes(), 500u);
  queue.on_ack(base + 4000);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.sacked_bytes(), 0u);
  EXPECT_EQ(queue.sacked_segments(), 0u);
}

TEST_F(SentQueueTest, TheLastSegmentIsSplitOff) {
  queue.on_sent(base, base + 3500, kStart, kMss);
  EXPECT_EQ(queue.last_segment(kMss), block(3000, 3500));
  EXPECT_EQ(text(), "0:3000 3000:3500 ");
  EXPECT_EQ(queue.last_segment(kMss), block(3000, 3500));
}

// The sums against a model of single bytes.
class SentQueueModel : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(SentQueueModel, SumsAgree) {
  SeededRng rng(GetParam());
  SentQueue queue;
  SackScoreboard board;
  const SeqNum base(0xfffff000);
  std::uint32_t una = 0;
  std::uint32_t nxt = 0;
  Instant now = kStart;
  for (int step = 0; step < 4000; ++step) {
    now += Duration(rng.below(1000));
    const std::uint32_t span = nxt - una;
    const auto within = [&] { return una + static_cast<std::uint32_t>(rng.below(span + 1)); };
    switch (rng.below(6)) {
      case 0:
      case 1:
        if (span < 20'000) {
          const auto bytes = 1 + static_cast<std::uint32_t>(rng.below(3000));
          queue.on_sent(base + nxt, base + nxt + bytes, now,
                        bytes > 100 ? std::uint16_t{100} : std::uint16_t{0});
          nxt += bytes;
        }
        break;
      case 2: {
        const std::uint32_t a = within(), b = within();
        if (a >= b) break;
        const SackBlock block{base + a, base + b};
        board.add(block, base + una, base + nxt,
                  [&](SackBlock newly) { queue.on_sacked(newly, block, board, [](auto&) {}); });
        break;
      }
      case 3:
        for (std::uint32_t at = queue.oldest(); at != SentQueue::kNone;) {
          const std::uint32_t newer = queue.newer(at);
          if (rng.below(3) == 0) queue.mark_lost(at);
          at = newer;
        }
        break;
      case 4:
        if (const auto range = queue.next_lost(1 + static_cast<std::uint32_t>(rng.below(500)), 100))
          queue.on_retransmit(range->begin, range->end, now, 100);
        break;
      default:
        if (rng.below(3) == 0) una = within();
        queue.on_ack(base + una);
        board.on_cumulative_ack(base + una);
        if (rng.below(20) == 0) queue.forget_losses();
        break;
    }
    std::uint32_t sacked = 0, lost = 0, waiting = 0, resent = 0, segments = 0, linked = 0;
    SeqNum at = base + una;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const SentSegment& s = queue[i];
      ASSERT_EQ(s.begin, at);
      at = s.end;
      sacked += s.sacked ? s.bytes() : 0;
      segments += s.sacked ? s.segments() : 0;
      lost += s.lost ? s.bytes() : 0;
      waiting += s.waits() ? s.bytes() : 0;
      resent += s.resent ? s.bytes() : 0;
      linked += !s.sacked && !s.waits() ? 1 : 0;
      ASSERT_FALSE(s.sacked && s.lost);
      ASSERT_TRUE(!s.sacked || board.sacked_within({s.begin, s.end}) == s.bytes());
    }
    ASSERT_EQ(at, base + nxt);
    ASSERT_EQ(queue.sacked_bytes(), sacked);
    ASSERT_EQ(queue.sacked_segments(), segments);
    ASSERT_EQ(queue.lost_bytes(), lost);
    ASSERT_EQ(queue.waiting_bytes(), waiting);
    ASSERT_EQ(queue.resent_bytes(), resent);
    for (std::uint32_t n = queue.oldest(); n != SentQueue::kNone; n = queue.newer(n)) --linked;
    ASSERT_EQ(linked, 0u);
    ASSERT_EQ(queue.next_lost(65535, 100).has_value(), waiting > 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SentQueueModel, ::testing::Range<std::uint64_t>(1, 7));

// Who wants to hear of every packet lost (BBR) gets each with the moment when it was sent.
TEST_F(SentQueueTest, EachMarkIsNotedWhenAskedFor) {
  for (std::uint32_t i = 0; i < 5; ++i)
    queue.on_sent(base + i * kMss, base + (i + 1) * kMss, kStart, 0).in_flight = (i + 1) * kMss;
  EXPECT_EQ(queue.begin_marks(true), 0u);
  std::uint32_t at = queue.oldest();
  for (std::uint32_t i = 0; i < 4; ++i) {
    const std::uint32_t newer = queue.newer(at);
    if (i != 2) queue.mark_lost(at);  // 0 to 2000, and 3000 to 4000
    at = newer;
  }
  std::string heard;
  for (const LostPiece& piece : queue.new_marks())
    heard += std::to_string(piece.bytes) + (piece.begins_range ? "| " : "+ ") +
             std::to_string(piece.rate.in_flight) + ' ';
  EXPECT_EQ(heard, "1000| 1000 1000+ 2000 1000| 4000 ");
  EXPECT_EQ(queue.begin_marks(false), 3000u);
  queue.mark_lost(at);
  EXPECT_TRUE(queue.new_marks().empty());
}

}  // namespace
}  // namespace sockeye::tcp
