// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Pools keep what comes back: in steady state an allocation is a pop from a free list. A free list
// gives memory back to the system only beyond kKeepBytes, so that a burst does not stay for ever.
#include "packet/chunk.h"

#include <cstring>
#include <new>

namespace sockeye {
namespace {

constexpr std::size_t kKeepBytes = std::size_t{16} << 20;  // per size class

}  // namespace

ChunkPool::~ChunkPool() {
  SOCKEYE_ASSERT(in_use_bytes_ == 0);
  for (Chunk* chunk : free_) {
    while (chunk != nullptr) {
      Chunk* next = chunk->next_free_;
      ::operator delete(chunk);
      chunk = next;
    }
  }
}

ChunkRef ChunkPool::allocate(std::uint32_t bytes) {
  SOCKEYE_ASSERT(bytes <= largest());
  std::uint8_t size_class = 0;
  while (kSizes[size_class] - sizeof(Chunk) < bytes) ++size_class;
  const std::uint32_t block = kSizes[size_class];
  if (in_use_bytes_ + block > limit_bytes_) return ChunkRef();
  Chunk* chunk = free_[size_class];
  if (chunk != nullptr) {
    free_[size_class] = chunk->next_free_;
    --free_count_[size_class];
    chunk->size_ = 0;
  } else {
    void* memory = ::operator new(block, std::nothrow);
    if (memory == nullptr) return ChunkRef();
    chunk = ::new (memory) Chunk(*this, block - static_cast<std::uint32_t>(sizeof(Chunk)), size_class);
  }
  in_use_bytes_ += block;
  return ChunkRef(chunk);
}

ChunkRef ChunkPool::copy_of(Bytes bytes) {
  ChunkRef chunk = allocate(static_cast<std::uint32_t>(bytes.size()));
  if (!chunk || bytes.empty()) return chunk;
  std::memcpy(chunk->tail().data(), bytes.data(), bytes.size());
  chunk->commit(static_cast<std::uint32_t>(bytes.size()));
  return chunk;
}

void ChunkPool::release(Chunk* chunk) {
  const std::uint8_t size_class = chunk->size_class_;
  const std::uint32_t block = kSizes[size_class];
  in_use_bytes_ -= block;
  if (std::size_t{free_count_[size_class]} * block >= kKeepBytes) {
    ::operator delete(chunk);
    return;
  }
  chunk->next_free_ = free_[size_class];
  free_[size_class] = chunk;
  ++free_count_[size_class];
}

}  // namespace sockeye
