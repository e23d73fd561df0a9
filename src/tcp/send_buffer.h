// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The bytes that a program has sent and the peer has not acknowledged (RFC 9293 3.9.1.2). They are
// copied once, into chunks; segments and retransmissions refer to the chunks by slices. Chunks grow
// with the amount that is sent: a byte now and then costs 512 bytes, a bulk transfer uses 64 KiB.
#pragma once

#include <cstdint>

#include "core/ring_queue.h"
#include "packet/packet.h"

namespace sockeye::tcp {

class SendBuffer {
 public:
  // Copies `bytes` to the end; the answer is less than asked only when the pool is exhausted.
  std::uint32_t append(ChunkPool& chunks, Bytes bytes);
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Lets go of the first `bytes`: they were acknowledged.
  void release(std::uint32_t bytes);
  // Appends `length` bytes from `offset` on to the packet's payload, without copying. The answer is
  // less than asked when the packet has no place for another slice.
  std::uint32_t slice_into(Packet& packet, std::uint32_t offset, std::uint32_t length);
  void copy(MutableBytes out) const;  // the first out.size() bytes, at most size()
  void clear();

 private:
  struct Piece {
    Slice slice{};
    std::uint32_t begin = 0;  // stream offset of the first byte, modulo 2^32
  };
  std::size_t piece_at(std::uint32_t offset);

  RingQueue<Piece> pieces_;
  ChunkRef tail_;           // the chunk that still has room
  std::uint32_t base_ = 0;  // stream offset of the first byte kept
  std::uint32_t size_ = 0;
  std::uint32_t popped_ = 0;  // pieces let go of, so that the cursor survives pop_front
  std::uint32_t cursor_ = 0;  // the piece that was last sent from: bulk sending never searches
};

}  // namespace sockeye::tcp
