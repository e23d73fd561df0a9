// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "packet/packet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/rng.h"
#include "packet/transport_checksum.h"

namespace sockeye {
namespace {

std::vector<std::byte> numbered(std::size_t size, std::size_t from = 0) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((from + i) % 251);
  return bytes;
}

std::vector<std::byte> all_bytes(const Packet& packet) {
  std::vector<std::byte> out(packet.size());
  packet.serialize(out);
  return out;
}

std::vector<std::byte> copy(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

// --- chunks

TEST(ChunkPool, SizesReuseAndLimit) {
  ChunkPool pool(8192);
  {
    ChunkRef small = pool.allocate(100);
    ASSERT_TRUE(small);
    EXPECT_GE(small->room(), 100u);
    EXPECT_EQ(pool.bytes_in_use(), 512u);
    ChunkRef page = pool.allocate(1000);
    ASSERT_TRUE(page);
    EXPECT_FALSE(pool.allocate(4000)) << "the limit in bytes holds";
    EXPECT_TRUE(pool.allocate(100)) << "a smaller one still fits";
  }
  EXPECT_EQ(pool.bytes_in_use(), 0u);
  const Chunk* first = pool.allocate(100).get();
  EXPECT_EQ(pool.allocate(100).get(), first) << "what came back is used again";
  EXPECT_EQ(pool.allocate(100)->size(), 0u) << "and is empty";
}

TEST(ChunkPool, TheLargestChunkExists) {
  ChunkPool pool;
  ChunkRef chunk = pool.allocate(ChunkPool::largest());
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->room(), ChunkPool::largest());
  EXPECT_TRUE(pool.copy_of({}));
}

TEST(Slice, TheLastOneReturnsTheChunk) {
  ChunkPool pool;
  const auto bytes = numbered(100);
  Slice slice(pool.copy_of(bytes), 0, 100);
  Slice part = slice.sub(10, 20);
  slice = Slice();
  EXPECT_EQ(pool.bytes_in_use(), 512u);
  EXPECT_EQ(copy(part.bytes()), numbered(20, 10));
  part.remove_prefix(5);
  part.truncate(10);
  EXPECT_EQ(copy(part.bytes()), numbered(10, 15));
  part = Slice();
  EXPECT_EQ(pool.bytes_in_use(), 0u);
}

TEST(Slice, KnowsItsContinuation) {
  ChunkPool pool;
  const ChunkRef chunk = pool.copy_of(numbered(100));
  const ChunkRef other = pool.copy_of(numbered(100));
  Slice first(chunk, 0, 40);
  EXPECT_TRUE(first.continues_with(Slice(chunk, 40, 10)));
  EXPECT_FALSE(first.continues_with(Slice(chunk, 41, 10)));
  EXPECT_FALSE(first.continues_with(Slice(other, 40, 10)));
  first.extend(10);
  EXPECT_EQ(first.size(), 50u);
}

// --- packets

class PacketTest : public ::testing::Test {
 protected:
  Slice slice(std::size_t size, std::size_t from = 0) {
    return Slice(pool.chunks().copy_of(numbered(size, from)), 0, static_cast<std::uint32_t>(size));
  }
  PacketPool pool;
};

TEST_F(PacketTest, HeadersGoInFrontAndComeOff) {
  PacketPtr packet = pool.allocate();
  EXPECT_EQ(packet->size(), 0u);
  ASSERT_TRUE(packet->append(slice(50, 60)));
  const auto tcp = packet->push_front(20);
  std::memcpy(tcp.data(), numbered(20, 40).data(), 20);
  const auto ip = packet->push_front(40);
  std::memcpy(ip.data(), numbered(40).data(), 40);
  EXPECT_EQ(packet->size(), 110u);
  EXPECT_EQ(all_bytes(*packet), numbered(110));
  packet->consume(40);
  EXPECT_EQ(copy(packet->front(20)), numbered(20, 40));
  packet->consume(20 + 7);
  EXPECT_EQ(all_bytes(*packet), numbered(43, 67));
  EXPECT_EQ(packet->payload_size(), 43u);
}

TEST_F(PacketTest, FrontGathersAHeaderFromManySlices) {
  PacketPtr packet = pool.allocate();
  for (std::size_t i = 0; i < 15; ++i) ASSERT_TRUE(packet->append(slice(4, 4 * i)));
  ASSERT_TRUE(packet->append(slice(300, 60)));
  EXPECT_EQ(copy(packet->front(1)), numbered(1));
  EXPECT_EQ(copy(packet->front(61)), numbered(61));
  EXPECT_EQ(packet->size(), 360u);
  EXPECT_EQ(all_bytes(*packet), numbered(360));
  EXPECT_EQ(packet->slices().size(), 1u);
  EXPECT_EQ(packet->front(Packet::kHeadBytes).size(), Packet::kHeadBytes) << "the head slides to make room";
  EXPECT_TRUE(packet->front(Packet::kHeadBytes + 1).empty());
  EXPECT_TRUE(packet->front(361).empty()) << "longer than the packet";
  EXPECT_EQ(all_bytes(*packet), numbered(360));
}

TEST_F(PacketTest, FrontNeverWritesIntoSharedBytes) {
  PacketPtr packet = pool.from_bytes(numbered(100));
  PacketPtr twin = packet->clone();
  (void)packet->front(40);
  packet->mutable_head()[0] = std::byte{0xee};
  EXPECT_EQ(all_bytes(*twin), numbered(100));
}

TEST_F(PacketTest, TruncateCutsSlicesThenHead) {
  PacketPtr packet = pool.from_bytes(numbered(100));
  (void)packet->front(20);
  packet->truncate(200);
  EXPECT_EQ(packet->size(), 100u);
  packet->truncate(60);
  EXPECT_EQ(all_bytes(*packet), numbered(60));
  packet->truncate(10);
  EXPECT_EQ(all_bytes(*packet), numbered(10));
  EXPECT_EQ(packet->payload_size(), 0u);
  EXPECT_TRUE(packet->slices().empty());
}

TEST_F(PacketTest, AppendJoinsNeighboursAndHasALimit) {
  PacketPtr packet = pool.allocate();
  const ChunkRef chunk = pool.chunks().copy_of(numbered(100));
  ASSERT_TRUE(packet->append(Slice(chunk, 0, 10)));
  ASSERT_TRUE(packet->append(Slice(chunk, 10, 10)));
  ASSERT_TRUE(packet->append(Slice()));
  EXPECT_EQ(packet->slices().size(), 1u);
  for (std::uint32_t i = 1; i < Packet::kSlicesMax; ++i) ASSERT_TRUE(packet->append(slice(10)));
  EXPECT_FALSE(packet->append(slice(10)));
  EXPECT_EQ(packet->payload_size(), 20 + 10 * (Packet::kSlicesMax - 1));
  (void)packet->take_slice();
  EXPECT_TRUE(packet->append(slice(10))) << "places of taken slices are used again";
}

TEST_F(PacketTest, CopyPayloadSkips) {
  PacketPtr packet = pool.allocate();
  for (std::size_t i = 0; i < 5; ++i) ASSERT_TRUE(packet->append(slice(10, 10 * i)));
  std::vector<std::byte> out(25);
  EXPECT_EQ(packet->copy_payload(out, 7), 25u);
  EXPECT_EQ(out, numbered(25, 7));
  EXPECT_EQ(packet->copy_payload(out, 40), 10u);
  EXPECT_EQ(packet->copy_payload(out, 50), 0u);
  EXPECT_EQ(packet->copy_payload(MutableBytes(), 0), 0u);
}

TEST_F(PacketTest, UnshareGivesBytesOfItsOwn) {
  PacketPtr packet = pool.allocate();
  ASSERT_TRUE(packet->append(slice(40000)));
  ASSERT_TRUE(packet->append(slice(25000, 40000)));
  PacketPtr twin = packet->clone();
  EXPECT_EQ(twin->slices()[0].chunk(), packet->slices()[0].chunk());
  ASSERT_TRUE(packet->unshare_payload(pool.chunks()));
  for (const Slice& own : packet->slices())
    for (const Slice& theirs : twin->slices()) EXPECT_NE(own.chunk(), theirs.chunk());
  EXPECT_EQ(all_bytes(*packet), all_bytes(*twin));
}

TEST_F(PacketTest, UnshareFailsWithoutHarmWhenThePoolIsEmpty) {
  PacketPool tight(10, 1024);
  PacketPtr packet = tight.from_bytes(numbered(300));
  ASSERT_TRUE(packet);
  ChunkRef rest = tight.chunks().allocate(100);
  EXPECT_FALSE(packet->unshare_payload(tight.chunks()));
  EXPECT_EQ(all_bytes(*packet), numbered(300));
}

TEST_F(PacketTest, CloneCopiesWhatTravelsBeside) {
  PacketPtr packet = pool.from_bytes(numbered(10));
  packet->segment_size = 1448;
  packet->transmission = 2;
  packet->due = Instant{} + 5s;
  packet->release = Instant{} + 4s;
  packet->checksum = ChecksumState::verified;
  const PacketPtr twin = packet->clone();
  EXPECT_EQ(twin->segment_size, 1448);
  EXPECT_EQ(twin->transmission, 2);
  EXPECT_EQ(twin->due, Instant{} + 5s);
  EXPECT_EQ(twin->release, Instant{} + 4s);
  EXPECT_EQ(twin->checksum, ChecksumState::verified);
}

TEST_F(PacketTest, PoolsEndAndRecover) {
  PacketPool two(2);
  PacketPtr a = two.allocate();
  PacketPtr b = two.allocate();
  EXPECT_FALSE(two.allocate());
  EXPECT_FALSE(a->clone());
  a->segment_size = 9;
  a->push_front(5);
  a.reset();
  PacketPtr c = two.allocate();
  ASSERT_TRUE(c);
  EXPECT_EQ(c->segment_size, 0) << "nothing of its former life is left";
  EXPECT_EQ(c->size(), 0u);
  EXPECT_EQ(two.packets_in_use(), 2u);
}

TEST_F(PacketTest, FromBytesWithoutChunksLeaksNothing) {
  PacketPool tight(10, 1024);
  EXPECT_FALSE(tight.from_bytes(numbered(5000)));
  EXPECT_EQ(tight.packets_in_use(), 0u);
  EXPECT_EQ(tight.chunks().bytes_in_use(), 0u);
}

TEST_F(PacketTest, ListsKeepOrder) {
  PacketList a;
  PacketList b;
  for (std::size_t i = 0; i < 3; ++i) a.push_back(pool.from_bytes(numbered(i + 1)));
  for (std::size_t i = 3; i < 5; ++i) b.push_back(pool.from_bytes(numbered(i + 1)));
  a.splice_back(std::move(b));
  EXPECT_EQ(a.size(), 5u);
  PacketList c = std::move(a);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(c.pop_front()->size(), i + 1);
  EXPECT_FALSE(c.pop_front());
  c.push_back(pool.from_bytes(numbered(1)));
  c.push_back(pool.from_bytes(numbered(1)));
  c.clear();
  EXPECT_EQ(pool.packets_in_use(), 0u);
}

// Any sequence of operations against a plain vector of bytes.
TEST_F(PacketTest, AgreesWithAVector) {
  SeededRng rng(11);
  for (int round = 0; round < 3000; ++round) {
    PacketPtr packet = pool.allocate();
    std::vector<std::byte> model;
    for (std::size_t step = 0; step < 25; ++step) {
      const auto amount = static_cast<std::uint32_t>(rng.below(rng.below(4) == 0 ? 400 : 40));
      switch (rng.below(6)) {
        case 0:
        case 1:
          if (packet->append(slice(amount, step))) {
            const auto bytes = numbered(amount, step);
            model.insert(model.end(), bytes.begin(), bytes.end());
          }
          break;
        case 2:
          if (amount <= packet->size()) {
            packet->consume(amount);
            model.erase(model.begin(), model.begin() + amount);
          }
          break;
        case 3: {
          const Bytes front = packet->front(amount);
          if (amount <= model.size() && amount <= Packet::kHeadBytes) {
            ASSERT_EQ(copy(front), std::vector<std::byte>(model.begin(), model.begin() + amount));
          } else {
            ASSERT_TRUE(front.empty());
          }
          break;
        }
        case 4:
          if (rng.below(4) == 0) {
            packet->truncate(amount);
            if (amount < model.size()) model.resize(amount);
          }
          break;
        default:
          ASSERT_TRUE(packet->unshare_payload(pool.chunks()));
      }
      ASSERT_EQ(all_bytes(*packet), model);
    }
  }
  EXPECT_EQ(pool.chunks().bytes_in_use(), 0u);
}

}  // namespace
}  // namespace sockeye
