// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The bytes that arrived in order and that the program has not read: slices of the chunks in which
// they came. What waits is charged by its payload plus 64 bytes per slice (decisions.md D12), so that
// many small segments cannot cost more than the window says. Two rules keep a small slice from holding
// a large chunk: very small ones are copied into a chunk of our own at once, and when the chunks held
// come to more than twice the buffer's limit, everything that arrives is copied.
#pragma once

#include <cstdint>

#include "core/ring_queue.h"
#include "packet/chunk.h"

namespace sockeye::tcp {

class ReceiveBuffer {
 public:
  static constexpr std::uint32_t kSliceCharge = 64;

  // False: the pool is exhausted and a copy was needed; nothing was taken.
  bool append(ChunkPool& chunks, Slice slice, std::uint32_t limit_bytes);
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // What the waiting bytes count against the window.
  std::uint32_t charge() const { return size_ + kSliceCharge * static_cast<std::uint32_t>(slices_.size()); }
  // Copies from `offset` on; nothing is removed.
  std::uint32_t copy(MutableBytes out, std::uint32_t offset) const;
  void remove(std::uint32_t bytes);
  void clear();

 private:
  bool append_copy(ChunkPool& chunks, Bytes bytes);
  void push(Slice slice);

  RingQueue<Slice> slices_;
  ChunkRef own_;  // where small pieces are copied to
  std::uint32_t size_ = 0;
  std::uint64_t held_bytes_ = 0;  // capacity of the chunks behind slices_, neighbours counted once
};

}  // namespace sockeye::tcp
