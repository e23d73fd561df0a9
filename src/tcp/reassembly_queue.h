// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 9293 3.10.7.4, seventh: data that arrived ahead of its turn waits here for the hole to be filled.
// Contiguous data forms a block; blocks are sorted, so an arrival finds its place by binary search, and
// the usual one, at the end, at once. Overlaps are cut so that a byte is held only once: what was
// received first stays.
//
//   rcv_nxt          block               block
//      | . . hole . [slice slice slice] . [slice] . .
//
// Bounded twice, because a stranger decides what comes (hostile.md F12, F13): in charged bytes (payload
// plus kChargePerSlice for each slice) and in blocks. Allocates when it grows; an empty queue holds
// nothing. The FIN is not here: the connection remembers its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/seqnum.h"
#include "packet/chunk.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

class ReassemblyQueue {
 public:
  static constexpr std::uint32_t kChargePerSlice = 64;
  static constexpr std::uint32_t kBlocksMax = 4096;

  struct Inserted {
    std::uint32_t new_bytes = 0;           // taken into the queue
    std::optional<SackBlock> duplicate{};  // the first range that was here already (RFC 2883)
    std::optional<SackBlock> block{};      // the block that now holds the arrival (RFC 2018: report it first)
    bool is_full = false;                  // some of it found no room
  };
  // `slices` begin at `seq`, which lies beyond the next byte expected; `charge_max` bounds charged_bytes().
  Inserted insert(SeqNum seq, std::span<const Slice> slices, std::uint32_t charge_max);

  // The next slice in order: it begins exactly at rcv_nxt. Call until empty, advancing rcv_nxt.
  // What lies below rcv_nxt is dropped; `duplicate`, when given, receives the first such range.
  std::optional<Slice> pop_in_order(SeqNum rcv_nxt, std::optional<SackBlock>* duplicate = nullptr);

  bool empty() const { return blocks_.size() == first_; }
  std::uint32_t bytes() const { return bytes_; }
  std::uint32_t charged_bytes() const { return bytes_ + kChargePerSlice * slice_count_; }
  std::size_t block_count() const { return blocks_.size() - first_; }
  SackBlock block(std::size_t index) const;  // in sequence order
  SeqNum end() const;                        // one past the highest byte; only when not empty
  // Memory pressure (RFC 2018 8 allows it): forgets the highest block. Answers the bytes let go.
  std::uint32_t drop_highest_block();
  void clear();

 private:
  struct Node {
    Slice slice;
    std::uint32_t next = kNone;
  };
  struct Block {
    SeqNum begin{};
    SeqNum end{};
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
  };
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::size_t first_ending_at_or_after(SeqNum seq) const;
  bool add_range(Block& run, SackBlock range, SeqNum seq, std::span<const Slice> slices,
                 std::uint32_t charge_max);
  bool append_slice(Block& run, Slice slice, std::uint32_t charge_max);
  void join(Block& left, const Block& right);
  void replace(std::size_t from, std::size_t to, const Block& run);
  std::uint32_t take_node();
  void free_node(std::uint32_t node);
  void forget_first_block();
  void become_empty();

  std::vector<Block> blocks_;  // [first_, size) are in use, sorted, neither overlapping nor touching
  std::size_t first_ = 0;
  std::vector<Node> nodes_;
  std::uint32_t free_ = kNone;
  std::uint32_t bytes_ = 0;
  std::uint32_t slice_count_ = 0;
};

}  // namespace sockeye::tcp
