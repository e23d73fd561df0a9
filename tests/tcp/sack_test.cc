// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Both sides of selective acknowledgment: what we report and what we are told.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/rng.h"
#include "tcp/sack_report.h"
#include "tcp/sack_scoreboard.h"

namespace sockeye::tcp {
namespace {

SackBlock block(std::uint32_t begin, std::uint32_t end, SeqNum base = SeqNum(0)) {
  return {base + begin, base + end};
}

std::string text(const TcpOptions& options) {
  std::string out;
  for (std::size_t i = 0; i < options.sack_count; ++i)
    out += std::to_string(options.sack[i].begin.value()) + ':' + std::to_string(options.sack[i].end.value()) +
           ' ';
  return out;
}

std::string written(SackReport& report, bool timestamps = false) {
  TcpOptions options;
  if (timestamps) options.timestamps = TcpTimestamps{1, 2};
  report.write_to(options);
  return text(options);
}

// RFC 2018 4 MUST-4, SHLD-4 (7, case 2 and 3): the newest first, the others after it.
TEST(SackReport, TheNewestBlockFirst) {
  SackReport report;
  report.on_block(block(1000, 1500));
  report.on_block(block(1000, 2000));
  EXPECT_EQ(written(report), "1000:2000 ");
  report.on_block(block(3000, 3500));
  report.on_block(block(5000, 5500));
  EXPECT_EQ(written(report), "5000:5500 3000:3500 1000:2000 ");
  report.on_block(block(3000, 4000));
  EXPECT_EQ(written(report), "3000:4000 5000:5500 1000:2000 ");
  report.on_block(block(7000, 7500));
  EXPECT_EQ(written(report), "7000:7500 3000:4000 5000:5500 1000:2000 ");
  EXPECT_EQ(written(report, true), "7000:7500 3000:4000 5000:5500 ") << "timestamps leave room for three";
  report.on_block(block(9000, 9500));
  EXPECT_EQ(written(report), "9000:9500 7000:7500 3000:4000 5000:5500 ");
}

TEST(SackReport, BlocksThatWereJoinedAreOne) {
  SackReport report;
  report.on_block(block(1000, 1500));
  report.on_block(block(2000, 2500));
  report.on_block(block(1000, 2500));
  EXPECT_EQ(written(report), "1000:2500 ");
}

TEST(SackReport, WhatIsAcknowledgedIsNoLongerReported) {
  SackReport report;
  report.on_block(block(1000, 1500));
  report.on_block(block(2000, 2500));
  report.on_advance(SeqNum(1500));
  EXPECT_EQ(written(report), "2000:2500 ");
  report.on_advance(SeqNum(2500));
  EXPECT_TRUE(report.empty());
  EXPECT_EQ(written(report), "");
}

// RFC 2883 4: once, before all others.
TEST(SackReport, ADuplicateGoesFirstAndOnce) {
  SackReport report;
  report.on_block(block(4000, 4500));
  report.on_duplicate(block(500, 1000));
  EXPECT_FALSE(report.empty());
  EXPECT_EQ(written(report), "500:1000 4000:4500 ");
  EXPECT_EQ(written(report), "4000:4500 ");
  report.clear();
  EXPECT_TRUE(report.empty());
}

// RFC 2883 4.1-4.3, the sender's view.
TEST(DuplicateReport, BelowTheAckOrInsideTheSecondBlock) {
  TcpOptions options;
  EXPECT_FALSE(duplicate_report(options, SeqNum(4000)));
  options.sack_count = 1;
  options.sack[0] = block(3000, 3500);
  EXPECT_EQ(duplicate_report(options, SeqNum(4000)), block(3000, 3500));
  EXPECT_FALSE(duplicate_report(options, SeqNum(2000)));
  options.sack_count = 2;
  options.sack[0] = block(5000, 5500);
  options.sack[1] = block(4500, 5500);
  EXPECT_EQ(duplicate_report(options, SeqNum(4000)), block(5000, 5500));
  options.sack[1] = block(6000, 6500);
  EXPECT_FALSE(duplicate_report(options, SeqNum(4000)));
  options.sack[0] = block(3500, 3000);
  EXPECT_FALSE(duplicate_report(options, SeqNum(4000))) << "inverted";
}

class ScoreboardTest : public ::testing::Test {
 protected:
  std::uint32_t add(std::uint32_t begin, std::uint32_t end) {
    return board.add(block(begin, end, una), una, una + 100'000);
  }
  std::string ranges() const {
    std::string out;
    for (std::size_t i = 0; i < board.range_count(); ++i)
      out += std::to_string(distance(una, board.range(i).begin)) + ':' +
             std::to_string(distance(una, board.range(i).end)) + ' ';
    return out;
  }
  std::string hole(std::uint32_t from) const {
    const auto found = board.next_hole(una + from);
    if (!found) return "none";
    return std::to_string(distance(una, found->begin)) + ':' + std::to_string(distance(una, found->end));
  }
  SackScoreboard board;
  SeqNum una{0xffffff00};
};

TEST_F(ScoreboardTest, MergesAndCountsWhatIsNew) {
  EXPECT_EQ(add(1000, 2000), 1000u);
  EXPECT_EQ(add(1000, 2000), 0u);
  EXPECT_EQ(add(3000, 4000), 1000u);
  EXPECT_EQ(add(5000, 6000), 1000u);
  EXPECT_EQ(ranges(), "1000:2000 3000:4000 5000:6000 ");
  EXPECT_EQ(add(1500, 5500), 2000u);
  EXPECT_EQ(ranges(), "1000:6000 ");
  EXPECT_EQ(add(6000, 6500), 500u);
  EXPECT_EQ(add(500, 1000), 500u);
  EXPECT_EQ(ranges(), "500:6500 ");
  EXPECT_EQ(board.sacked_bytes(), 6000u);
  EXPECT_EQ(board.highest(), una + 6500);
}

TEST_F(ScoreboardTest, TellsWhichRangesAreNew) {
  add(1000, 2000);
  add(3000, 4000);
  std::string newly;
  board.add(block(500, 4500, una), una, una + 100'000, [&](SackBlock b) {
    newly += std::to_string(distance(una, b.begin)) + ':' + std::to_string(distance(una, b.end)) + ' ';
  });
  EXPECT_EQ(newly, "500:1000 2000:3000 4000:4500 ");
}

// hostile.md D6, E13
TEST_F(ScoreboardTest, BelievesOnlyWhatCanBe) {
  EXPECT_EQ(add(2000, 1000), 0u) << "inverted";
  EXPECT_EQ(add(2000, 2000), 0u) << "empty";
  EXPECT_EQ(add(99'000, 100'001), 0u) << "never sent";
  EXPECT_EQ(board.add({una - 500u, una - 100u}, una, una + 1000), 0u) << "acknowledged long ago";
  EXPECT_TRUE(board.empty());
  EXPECT_EQ(board.add({una - 500u, una + 100}, una, una + 1000), 100u) << "an old segment's block, cut";
}

TEST_F(ScoreboardTest, ACumulativeAckForgets) {
  add(1000, 2000);
  add(3000, 4000);
  una += 1500;
  board.on_cumulative_ack(una);
  EXPECT_EQ(ranges(), "0:500 1500:2500 ");
  EXPECT_EQ(board.sacked_bytes(), 1500u);
  una += 2500;
  board.on_cumulative_ack(una);
  EXPECT_TRUE(board.empty());
  EXPECT_EQ(board.sacked_bytes(), 0u);
}

TEST_F(ScoreboardTest, Holes) {
  EXPECT_EQ(hole(0), "none");
  add(1000, 2000);
  add(3000, 4000);
  EXPECT_EQ(hole(0), "0:1000");
  EXPECT_EQ(hole(400), "400:1000");
  EXPECT_EQ(hole(1000), "2000:3000");
  EXPECT_EQ(hole(1999), "2000:3000");
  EXPECT_EQ(hole(2500), "2500:3000");
  EXPECT_EQ(hole(3000), "none");
  EXPECT_EQ(hole(5000), "none");
  EXPECT_TRUE(board.is_sacked(una + 1000));
  EXPECT_TRUE(board.is_sacked(una + 1999));
  EXPECT_FALSE(board.is_sacked(una + 2000));
  EXPECT_FALSE(board.is_sacked(una + 999));
  EXPECT_EQ(board.sacked_within(block(1500, 3500, una)), 1000u);
  EXPECT_EQ(board.sacked_within(block(2000, 3000, una)), 0u);
}

TEST_F(ScoreboardTest, TheNumberOfRangesIsLimited) {
  const SeqNum nxt = una + 1'000'000;
  for (std::uint32_t i = 0; i < SackScoreboard::kRangesMax; ++i)
    ASSERT_EQ(board.add(block(2 * i + 1, 2 * i + 2, una), una, nxt), 1u);
  EXPECT_EQ(board.add(block(500'000, 500'010, una), una, nxt), 0u) << "one range too many";
  EXPECT_EQ(board.add(block(2, 3, una), una, nxt), 1u) << "which joins two is welcome";
}

class ScoreboardModel : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ScoreboardModel, AgreesWithASetOfBytes) {
  SeededRng rng(GetParam());
  SackScoreboard board;
  std::set<std::uint32_t> model;  // offsets from `base`
  const SeqNum base(0xfffff800);
  std::uint32_t una = 0;
  for (int step = 0; step < 3000; ++step) {
    const std::uint32_t from = una + static_cast<std::uint32_t>(rng.below(3000));
    const std::uint32_t to = from + 1 + static_cast<std::uint32_t>(rng.below(rng.below(5) == 0 ? 500 : 40));
    std::uint32_t expected = 0;
    for (std::uint32_t at = from; at < to; ++at) expected += model.insert(at).second;
    std::uint32_t visited = 0;
    ASSERT_EQ(board.add(block(from, to, base), base + una, base + una + 4000,
                        [&](SackBlock b) { visited += distance(b.begin, b.end); }),
              expected);
    ASSERT_EQ(visited, expected);
    if (rng.below(10) == 0) {
      una += static_cast<std::uint32_t>(rng.below(500));
      board.on_cumulative_ack(base + una);
      model.erase(model.begin(), model.lower_bound(una));
    }
    ASSERT_EQ(board.sacked_bytes(), model.size());
    const std::uint32_t probe = una + static_cast<std::uint32_t>(rng.below(3500));
    ASSERT_EQ(board.is_sacked(base + probe), model.count(probe) > 0);
    std::uint32_t hole = probe;
    while (model.count(hole) > 0) ++hole;
    const auto above = model.lower_bound(hole);
    const auto found = board.next_hole(base + probe);
    ASSERT_EQ(found.has_value(), above != model.end());
    if (found) {
      ASSERT_EQ(distance(base, found->begin), hole);
      ASSERT_EQ(distance(base, found->end), *above);
    }
    const std::uint32_t end = probe + 300;
    ASSERT_EQ(board.sacked_within(block(probe, end, base)),
              static_cast<std::size_t>(std::distance(model.lower_bound(probe), model.lower_bound(end))));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScoreboardModel, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace sockeye::tcp
