// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The SACK blocks that we send: RFC 2018 4 (the block of the latest arrival first, then the ones
// reported most recently, repeated) and RFC 2883 (a duplicate range once, before all others). Three
// blocks fit beside timestamps, four without.
#pragma once

#include <array>
#include <cstdint>

#include "core/seqnum.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

// RFC 2018 4 MUST-4, SHLD-4; RFC 2018 8 MUST-9
class SackReport {
 public:
  // Data out of order has arrived; `block` is the whole contiguous block that now holds it.
  void on_block(SackBlock block) {
    std::array<SackBlock, kKept> kept{};
    kept[0] = block;
    std::uint8_t count = 1;
    for (std::uint8_t i = 0; i < count_; ++i) {
      const SackBlock& old = blocks_[i];
      const bool is_part = old.begin >= block.begin && old.end <= block.end;
      if (!is_part && count < kKept) kept[count++] = old;
    }
    blocks_ = kept;
    count_ = count;
  }
  // A range arrived that had been received before: goes out once, with the next ACK.
  void on_duplicate(SackBlock range) {
    duplicate_ = range;
    has_duplicate_ = true;
  }
  // rcv_nxt moved: blocks that it has passed are no longer reported.
  void on_advance(SeqNum rcv_nxt) {
    std::uint8_t count = 0;
    for (std::uint8_t i = 0; i < count_; ++i)
      if (blocks_[i].end > rcv_nxt) blocks_[count++] = blocks_[i];
    count_ = count;
  }
  // Some of what was reported had to be forgotten (RFC 2018 8): start over from `blocks`.
  void clear() {
    count_ = 0;
    has_duplicate_ = false;
  }

  bool empty() const { return count_ == 0 && !has_duplicate_; }

  // Writes the blocks of an ACK into its options (whose timestamps are already set) and marks the
  // duplicate as sent.
  void write_to(TcpOptions& options) {
    const std::uint8_t room = options.timestamps ? 3 : 4;
    options.sack_count = 0;
    if (has_duplicate_) options.sack[options.sack_count++] = duplicate_;
    has_duplicate_ = false;
    for (std::uint8_t i = 0; i < count_ && options.sack_count < room; ++i)
      options.sack[options.sack_count++] = blocks_[i];
  }

 private:
  static constexpr std::uint8_t kKept = 4;
  std::array<SackBlock, kKept> blocks_{};  // newest first
  SackBlock duplicate_{};
  std::uint8_t count_ = 0;
  bool has_duplicate_ = false;
};

}  // namespace sockeye::tcp
