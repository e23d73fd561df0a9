// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Payload bytes live in chunks: append-only, reference-counted blocks. A send buffer appends user
// bytes to a chunk once; segments, retransmissions, in-memory links and the receiver's queue hold
// Slices of the same chunk, and the last Slice to go returns it to its pool.
//
//   Chunk   | header | bytes already appended .......| room |
//   Slice            ^--- offset, length ---^
//
// Reference counts are not atomic: a pool, its chunks and everything that refers to them belong to
// one thread; a link that crosses threads copies (decisions.md D12). Bytes once appended never
// change. Pools have a limit in bytes; at the limit allocate() answers nullptr (ENOBUFS).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/assert.h"
#include "core/bytes.h"

namespace sockeye {

class ChunkPool;

class Chunk {
 public:
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t size() const { return size_; }
  std::uint32_t room() const { return capacity_ - size_; }
  const std::byte* data() const { return reinterpret_cast<const std::byte*>(this + 1); }
  // The unwritten rest. Write into it, then commit().
  MutableBytes tail() { return {reinterpret_cast<std::byte*>(this + 1) + size_, room()}; }
  void commit(std::uint32_t bytes) {
    SOCKEYE_ASSERT(bytes <= room());
    size_ += bytes;
  }
  bool is_shared() const { return references_ > 1; }
  // Only for the one holder of a chunk that nobody else refers to (Packet::flip_bits).
  std::byte& private_byte(std::uint32_t at) {
    SOCKEYE_ASSERT(!is_shared() && at < size_);
    return reinterpret_cast<std::byte*>(this + 1)[at];
  }

 private:
  friend class ChunkPool;
  friend class ChunkRef;
  Chunk(ChunkPool& pool, std::uint32_t capacity, std::uint8_t size_class)
      : pool_(&pool), capacity_(capacity), size_class_(size_class) {}

  ChunkPool* pool_;
  Chunk* next_free_ = nullptr;
  std::uint32_t references_ = 0;
  std::uint32_t capacity_;
  std::uint32_t size_ = 0;
  std::uint8_t size_class_;
};

// A counted reference; moves are free.
class ChunkRef {
 public:
  ChunkRef() = default;
  explicit ChunkRef(Chunk* chunk) : chunk_(chunk) {
    if (chunk_ != nullptr) ++chunk_->references_;
  }
  ChunkRef(const ChunkRef& other) : ChunkRef(other.chunk_) {}
  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef() { reset(); }
  void reset();

  Chunk* get() const { return chunk_; }
  Chunk* operator->() const { return chunk_; }
  explicit operator bool() const { return chunk_ != nullptr; }

 private:
  Chunk* chunk_ = nullptr;
};

// A range of a chunk's bytes, holding a reference to it.
class Slice {
 public:
  Slice() = default;
  Slice(ChunkRef chunk, std::uint32_t offset, std::uint32_t length)
      : chunk_(std::move(chunk)), offset_(offset), length_(length) {}

  std::uint32_t size() const { return length_; }
  bool empty() const { return length_ == 0; }
  Bytes bytes() const { return chunk_ ? Bytes(chunk_->data() + offset_, length_) : Bytes(); }
  const Chunk* chunk() const { return chunk_.get(); }

  Slice sub(std::uint32_t offset, std::uint32_t length) const {
    SOCKEYE_ASSERT(offset + length <= length_);
    return Slice(chunk_, offset_ + offset, length);
  }
  void remove_prefix(std::uint32_t bytes) {
    SOCKEYE_ASSERT(bytes <= length_);
    offset_ += bytes;
    length_ -= bytes;
  }
  void truncate(std::uint32_t length) {
    SOCKEYE_ASSERT(length <= length_);
    length_ = length;
  }
  // Is `next` the continuation of this slice in the same chunk? Then they can be one.
  bool continues_with(const Slice& next) const {
    return chunk_.get() == next.chunk_.get() && offset_ + length_ == next.offset_;
  }
  void extend(std::uint32_t bytes) { length_ += bytes; }
  std::byte& private_byte(std::uint32_t at) const { return chunk_->private_byte(offset_ + at); }

 private:
  ChunkRef chunk_;
  std::uint32_t offset_ = 0;
  std::uint32_t length_ = 0;
};

class ChunkPool {
 public:
  static constexpr std::array<std::uint32_t, 4> kSizes = {512, 4096, 16384, 65536};

  explicit ChunkPool(std::size_t limit_bytes = std::size_t{1} << 32) : limit_bytes_(limit_bytes) {}
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool();  // every chunk must be back

  // A chunk with room for at least `bytes` (at most the largest class, 64 KiB less its header), or
  // an empty reference when the pool's limit is reached.
  ChunkRef allocate(std::uint32_t bytes);
  // A chunk that already holds a copy of `bytes`; empty on failure.
  ChunkRef copy_of(Bytes bytes);

  std::size_t bytes_in_use() const { return in_use_bytes_; }  // by whole chunks
  std::size_t limit() const { return limit_bytes_; }
  static constexpr std::uint32_t largest() {
    return kSizes.back() - static_cast<std::uint32_t>(sizeof(Chunk));
  }

 private:
  friend class ChunkRef;
  void release(Chunk* chunk);

  std::array<Chunk*, kSizes.size()> free_{};
  std::array<std::uint32_t, kSizes.size()> free_count_{};
  std::size_t limit_bytes_;
  std::size_t in_use_bytes_ = 0;
};

inline void ChunkRef::reset() {
  if (chunk_ != nullptr && --chunk_->references_ == 0) chunk_->pool_->release(chunk_);
  chunk_ = nullptr;
}

}  // namespace sockeye
