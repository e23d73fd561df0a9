// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/send_buffer.h"

#include <algorithm>
#include <cstring>

namespace sockeye::tcp {

std::uint32_t SendBuffer::append(ChunkPool& chunks, Bytes bytes) {
  std::uint32_t done = 0;
  const auto total = static_cast<std::uint32_t>(bytes.size());
  while (done < total) {
    if (!tail_ || tail_->room() == 0) {
      // As much again as is already here, so that the number of chunks stays logarithmic.
      const std::uint32_t wish = std::min(std::max(total - done, size_), ChunkPool::largest());
      tail_ = chunks.allocate(wish);
      if (!tail_) tail_ = chunks.allocate(1);
      if (!tail_) return done;
    }
    const std::uint32_t step = std::min(total - done, tail_->room());
    const std::uint32_t at = tail_->size();
    std::memcpy(tail_->tail().data(), bytes.data() + done, step);
    tail_->commit(step);
    Slice slice(tail_, at, step);
    if (!pieces_.empty() && pieces_.back().slice.continues_with(slice)) {
      pieces_.back().slice.extend(step);
    } else {
      pieces_.push_back({std::move(slice), base_ + size_});
    }
    size_ += step;
    done += step;
  }
  return done;
}

void SendBuffer::release(std::uint32_t bytes) {
  SOCKEYE_ASSERT(bytes <= size_);
  size_ -= bytes;
  base_ += bytes;
  while (!pieces_.empty()) {
    Piece& first = pieces_.front();
    const std::uint32_t gone = base_ - first.begin;
    if (gone < first.slice.size()) {
      if (gone > 0) {
        first.slice.remove_prefix(gone);
        first.begin = base_;
      }
      break;
    }
    pieces_.pop_front();
    ++popped_;
  }
  // An empty buffer gives its chunk back, unless it is small and half empty: a program that writes a
  // few bytes at a time then stays in one chunk.
  if (size_ == 0 && tail_ && (tail_->capacity() > 4096 || tail_->room() < tail_->capacity() / 2))
    tail_.reset();
}

std::size_t SendBuffer::piece_at(std::uint32_t offset) {
  const std::uint32_t wanted = base_ + offset;
  const auto holds = [&](std::size_t index) {
    return index < pieces_.size() && wanted - pieces_[index].begin < pieces_[index].slice.size();
  };
  const std::size_t hint = cursor_ - popped_;
  if (holds(hint)) return hint;
  if (holds(hint + 1)) return hint + 1;
  std::size_t low = 0;
  std::size_t high = pieces_.size() - 1;
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    if (pieces_[middle].begin - base_ <= offset) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::uint32_t SendBuffer::slice_into(Packet& packet, std::uint32_t offset, std::uint32_t length) {
  SOCKEYE_ASSERT(offset + length <= size_);
  std::uint32_t done = 0;
  if (length == 0) return 0;
  std::size_t index = piece_at(offset);
  while (done < length) {
    const Piece& piece = pieces_[index];
    const std::uint32_t skip = base_ + offset + done - piece.begin;
    const std::uint32_t step = std::min(length - done, piece.slice.size() - skip);
    if (!packet.append(piece.slice.sub(skip, step))) break;
    done += step;
    cursor_ = popped_ + static_cast<std::uint32_t>(index);
    ++index;
  }
  return done;
}

void SendBuffer::copy(MutableBytes out) const {
  SOCKEYE_ASSERT(out.size() <= size_);
  std::size_t done = 0;
  for (std::size_t i = 0; done < out.size(); ++i) {
    const Bytes bytes = pieces_[i].slice.bytes();
    const std::size_t step = std::min(bytes.size(), out.size() - done);
    std::memcpy(out.data() + done, bytes.data(), step);
    done += step;
  }
}

void SendBuffer::clear() {
  pieces_.clear();
  tail_.reset();
  base_ = size_ = popped_ = cursor_ = 0;
}

}  // namespace sockeye::tcp
