// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/reassembly_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "core/rng.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint32_t kPlenty = 1u << 30;

std::byte pattern_at(std::uint32_t offset) {
  return static_cast<std::byte>(offset * 7 % 253);
}

class ReassemblyTest : public ::testing::Test {
 protected:
  // Stream offsets [from, to) as slices of at most `piece` bytes.
  std::vector<Slice> slices(std::uint32_t from, std::uint32_t to, std::uint32_t piece = 0xffff) {
    std::vector<Slice> out;
    while (from < to) {
      const std::uint32_t size = std::min(piece, to - from);
      std::vector<std::byte> bytes(size);
      for (std::uint32_t i = 0; i < size; ++i) bytes[i] = pattern_at(from + i);
      out.emplace_back(chunks.copy_of(bytes), 0, size);
      from += size;
    }
    return out;
  }
  ReassemblyQueue::Inserted insert(std::uint32_t from, std::uint32_t to, std::uint32_t charge_max = kPlenty) {
    return queue.insert(base + from, slices(from, to), charge_max);
  }
  // Everything that is in order from `rcv_nxt` on, as "from:to" after checking every byte.
  std::string drain(std::uint32_t rcv_nxt) {
    const std::uint32_t from = rcv_nxt;
    while (const auto slice = queue.pop_in_order(base + rcv_nxt)) {
      for (const std::byte byte : slice->bytes()) EXPECT_EQ(byte, pattern_at(rcv_nxt++));
    }
    return text(from, rcv_nxt);
  }
  static std::string text(std::uint32_t from, std::uint32_t to) {
    return std::to_string(from) + ':' + std::to_string(to);
  }
  std::string text(const std::optional<SackBlock>& block) const {
    return block ? text(distance(base, block->begin), distance(base, block->end)) : "none";
  }
  std::string blocks() const {
    std::string out;
    for (std::size_t i = 0; i < queue.block_count(); ++i) out += text(queue.block(i)) + ' ';
    return out;
  }

  ChunkPool chunks;
  ReassemblyQueue queue;
  SeqNum base{0xffffff00};  // the numbers wrap inside every test
};

TEST_F(ReassemblyTest, HoldsBlocksAndJoinsThem) {
  EXPECT_EQ(insert(100, 200).new_bytes, 100u);
  EXPECT_EQ(insert(300, 400).new_bytes, 100u);
  EXPECT_EQ(blocks(), "100:200 300:400 ");
  EXPECT_EQ(text(insert(200, 250).block), "100:250");
  EXPECT_EQ(text(insert(280, 300).block), "280:400");
  EXPECT_EQ(text(insert(250, 280).block), "100:400");
  EXPECT_EQ(queue.block_count(), 1u);
  EXPECT_EQ(queue.bytes(), 300u);
  EXPECT_EQ(queue.end(), base + 400);
  EXPECT_EQ(drain(99), "99:99") << "the hole is still there";
  EXPECT_EQ(drain(100), "100:400");
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(chunks.bytes_in_use(), 0u);
}

TEST_F(ReassemblyTest, KeepsWhatCameFirstAndReportsTheDuplicate) {
  insert(100, 200);
  insert(300, 400);
  const auto all = insert(50, 450);
  EXPECT_EQ(all.new_bytes, 200u);
  EXPECT_EQ(text(all.duplicate), "100:200");
  EXPECT_EQ(text(all.block), "50:450");
  const auto again = insert(120, 130);
  EXPECT_EQ(again.new_bytes, 0u);
  EXPECT_EQ(text(again.duplicate), "120:130");
  EXPECT_EQ(text(again.block), "50:450");
  EXPECT_EQ(drain(50), "50:450");
}

TEST_F(ReassemblyTest, ABlockThatBeginsBelowIsCut) {
  insert(100, 200);
  std::optional<SackBlock> duplicate;
  const auto slice = queue.pop_in_order(base + 150, &duplicate);
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->size(), 50u);
  EXPECT_EQ(slice->bytes()[0], pattern_at(150));
  EXPECT_EQ(text(duplicate), "100:150");
}

TEST_F(ReassemblyTest, BlocksBelowAreDropped) {
  insert(100, 200);
  insert(300, 400);
  std::optional<SackBlock> duplicate;
  EXPECT_FALSE(queue.pop_in_order(base + 250, &duplicate));
  EXPECT_EQ(text(duplicate), "100:200");
  EXPECT_EQ(blocks(), "300:400 ");
  EXPECT_EQ(queue.bytes(), 100u);
}

// hostile.md F13: a byte costs a slice.
TEST_F(ReassemblyTest, TheChargeIsLimited) {
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(insert(2 * i + 1, 2 * i + 2, 650).new_bytes, 1u);
  EXPECT_EQ(queue.charged_bytes(), 650u);
  const auto one_more = insert(101, 102, 650);
  EXPECT_TRUE(one_more.is_full);
  EXPECT_EQ(one_more.new_bytes, 0u);
  EXPECT_FALSE(one_more.block);
  EXPECT_EQ(queue.block_count(), 10u);
}

TEST_F(ReassemblyTest, WhatFitsIsTakenInOrder) {
  insert(300, 400);
  const auto part = queue.insert(base + 100, slices(100, 500, 50), 400);  // 164 are used
  EXPECT_TRUE(part.is_full);
  EXPECT_EQ(part.new_bytes, 100u);
  EXPECT_EQ(blocks(), "100:200 300:400 ");
  EXPECT_EQ(drain(100), "100:200");
}

TEST_F(ReassemblyTest, PiecesOfOneChunkBecomeOneSlice) {
  const auto whole = slices(100, 300);
  for (std::uint32_t at = 100; at < 300; at += 10) {
    const Slice part = whole[0].sub(at - 100, 10);
    queue.insert(base + at, {&part, 1}, kPlenty);
  }
  EXPECT_EQ(queue.charged_bytes(), 200u + ReassemblyQueue::kChargePerSlice);
}

TEST_F(ReassemblyTest, ForgetsTheHighestUnderPressure) {
  insert(100, 200);
  insert(300, 450);
  EXPECT_EQ(queue.drop_highest_block(), 150u);
  EXPECT_EQ(blocks(), "100:200 ");
  EXPECT_EQ(queue.drop_highest_block(), 100u);
  EXPECT_EQ(queue.drop_highest_block(), 0u);
  EXPECT_EQ(chunks.bytes_in_use(), 0u);
  EXPECT_EQ(queue.charged_bytes(), 0u);
}

// Thousands of random arrivals against a map from offset to nothing but presence.
class ReassemblyModel : public ReassemblyTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(ReassemblyModel, AgreesWithASetOfBytes) {
  SeededRng rng(GetParam());
  constexpr std::uint32_t kWindow = 3000;
  std::uint32_t rcv_nxt = 0;
  std::map<std::uint32_t, bool> model;
  for (int step = 0; step < 3000; ++step) {
    const std::uint32_t from = rcv_nxt + 1 + static_cast<std::uint32_t>(rng.below(kWindow));
    const std::uint32_t to = from + 1 + static_cast<std::uint32_t>(rng.below(rng.below(4) == 0 ? 700 : 60));
    const auto pieces = slices(from, to, 1 + static_cast<std::uint32_t>(rng.below(200)));
    const auto inserted = queue.insert(base + from, pieces, kPlenty);
    std::uint32_t added = 0;
    std::optional<std::uint32_t> first_duplicate;
    for (std::uint32_t at = from; at < to; ++at) {
      const bool is_new = model.emplace(at, true).second;
      added += is_new;
      if (!is_new && !first_duplicate) first_duplicate = at;
    }
    ASSERT_EQ(inserted.new_bytes, added);
    ASSERT_EQ(inserted.duplicate.has_value(), first_duplicate.has_value());
    if (first_duplicate) {
      ASSERT_EQ(distance(base, inserted.duplicate->begin), *first_duplicate);
    }
    ASSERT_TRUE(inserted.block);
    ASSERT_LE(inserted.block->begin, base + from);
    ASSERT_GE(inserted.block->end, base + to);
    ASSERT_EQ(queue.bytes(), model.size());

    if (rng.below(8) == 0) {  // the hole is filled up to somewhere
      const std::uint32_t to_here = rcv_nxt + 1 + static_cast<std::uint32_t>(rng.below(400));
      std::uint32_t expected = to_here;
      model.erase(model.begin(), model.lower_bound(to_here));
      while (model.erase(expected) > 0) ++expected;
      ASSERT_EQ(drain(to_here), text(to_here, expected));
      rcv_nxt = expected;
    }
    // The blocks are the maximal runs of the model.
    std::size_t runs = 0;
    std::uint32_t previous = 0;
    for (const auto& [at, unused] : model) {
      runs += runs == 0 || at != previous + 1;
      previous = at;
    }
    ASSERT_EQ(queue.block_count(), runs);
  }
  queue.clear();
  EXPECT_EQ(chunks.bytes_in_use(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReassemblyModel, ::testing::Range<std::uint64_t>(1, 9));

// hostile.md F12: one-byte segments with gaps. The number of blocks has a limit, and an arrival among
// many costs about as much as one among few.
TEST_F(ReassemblyTest, CrumbsAreLimitedAndCheap) {
  const auto byte = slices(0, 1);
  SeededRng rng(3);
  const auto storm = [&](std::uint32_t span, int arrivals) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < arrivals; ++i)
      queue.insert(base + 1 + 2 * static_cast<std::uint32_t>(rng.below(span)), byte, kPlenty);
    return std::chrono::steady_clock::now() - begin;
  };
  storm(200'000, 200'000);
  EXPECT_EQ(queue.block_count(), ReassemblyQueue::kBlocksMax);
  EXPECT_TRUE(queue.insert(base + 500'001, byte, kPlenty).is_full);
  const auto with_many = storm(200'000, 100'000);
  EXPECT_LT(with_many / 100'000, std::chrono::microseconds(20));
}

}  // namespace
}  // namespace sockeye::tcp
