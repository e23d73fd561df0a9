// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/receive_buffer.h"

#include <algorithm>
#include <cstring>

namespace sockeye::tcp {
namespace {

constexpr std::uint32_t kAlwaysCopy = 256;  // a slice this small in a chunk much larger is copied

}  // namespace

void ReceiveBuffer::push(Slice slice) {
  size_ += slice.size();
  if (!slices_.empty() && slices_.back().continues_with(slice)) {
    slices_.back().extend(slice.size());
    return;
  }
  if (slices_.empty() || slices_.back().chunk() != slice.chunk()) held_bytes_ += slice.chunk()->capacity();
  slices_.push_back(std::move(slice));
}

bool ReceiveBuffer::append_copy(ChunkPool& chunks, Bytes bytes) {
  std::uint32_t done = 0;
  const auto total = static_cast<std::uint32_t>(bytes.size());
  ChunkRef fresh;
  if (!own_ || own_->room() < total) {
    // Decide before anything is taken: all of it or nothing.
    const std::uint32_t first = own_ ? own_->room() : 0;
    fresh = chunks.allocate(std::min(std::max(total - first, std::min(size_, 4000u)), ChunkPool::largest()));
    if (!fresh) return false;
  }
  while (done < total) {
    if (!own_ || own_->room() == 0) own_ = std::move(fresh);
    SOCKEYE_ASSERT(own_);
    const std::uint32_t step = std::min(total - done, own_->room());
    const std::uint32_t at = own_->size();
    std::memcpy(own_->tail().data(), bytes.data() + done, step);
    own_->commit(step);
    push(Slice(own_, at, step));
    done += step;
  }
  return true;
}

bool ReceiveBuffer::append(ChunkPool& chunks, Slice slice, std::uint32_t limit_bytes) {
  if (slice.empty()) return true;
  const bool continues = !slices_.empty() && slices_.back().continues_with(slice);
  if (!continues) {
    const std::uint32_t capacity = slice.chunk()->capacity();
    const bool cheap = slices_.empty() && capacity <= ChunkPool::kSizes[0];
    const bool tiny = slice.size() < kAlwaysCopy && slice.size() < capacity / 4 && !cheap;
    const bool holds_too_much = held_bytes_ > 2 * std::uint64_t{limit_bytes} && slice.size() < capacity / 2;
    if (tiny || holds_too_much) return append_copy(chunks, slice.bytes());
  }
  push(std::move(slice));
  return true;
}

std::uint32_t ReceiveBuffer::copy(MutableBytes out, std::uint32_t offset) const {
  std::uint32_t done = 0;
  for (std::size_t i = 0; i < slices_.size() && done < out.size(); ++i) {
    Bytes bytes = slices_[i].bytes();
    if (offset >= bytes.size()) {
      offset -= static_cast<std::uint32_t>(bytes.size());
      continue;
    }
    bytes = bytes.subspan(offset);
    offset = 0;
    const std::size_t step = std::min(bytes.size(), out.size() - done);
    std::memcpy(out.data() + done, bytes.data(), step);
    done += static_cast<std::uint32_t>(step);
  }
  return done;
}

void ReceiveBuffer::remove(std::uint32_t bytes) {
  SOCKEYE_ASSERT(bytes <= size_);
  size_ -= bytes;
  while (bytes > 0) {
    Slice& first = slices_.front();
    if (bytes < first.size()) {
      first.remove_prefix(bytes);
      return;
    }
    bytes -= first.size();
    const Chunk* chunk = first.chunk();
    if (slices_.size() == 1 || slices_[1].chunk() != chunk) held_bytes_ -= chunk->capacity();
    slices_.pop_front();
  }
  if (slices_.empty()) own_.reset();
}

void ReceiveBuffer::clear() {
  slices_.clear();
  own_.reset();
  size_ = 0;
  held_bytes_ = 0;
}

}  // namespace sockeye::tcp
