// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "packet/packet.h"

#include <algorithm>
#include <cstring>

namespace sockeye {

// Headers that came as a part of the payload move into the header area.
Bytes Packet::gather_front(std::uint32_t bytes) {
  std::uint32_t have = static_cast<std::uint32_t>(head_end_ - head_begin_);
  if (bytes > size() || bytes > kHeadBytes) return {};
  if (head_begin_ + bytes > kHeadBytes) {  // slide what is there to the beginning
    std::memmove(head_.data(), head_.data() + head_begin_, have);
    head_begin_ = 0;
    head_end_ = static_cast<std::uint16_t>(have);
  }
  while (have < bytes) {
    Slice& slice = slices_[first_slice_];
    const std::uint32_t step = std::min(bytes - have, slice.size());
    std::memcpy(head_.data() + head_end_, slice.bytes().data(), step);
    head_end_ = static_cast<std::uint16_t>(head_end_ + step);
    have += step;
    slice.remove_prefix(step);
    payload_bytes_ -= step;
    if (slice.empty()) (void)take_slice();
  }
  return {head_.data() + head_begin_, bytes};
}

void Packet::consume_slices(std::uint32_t bytes) {
  SOCKEYE_ASSERT(bytes <= size());
  const std::uint32_t from_head =
      std::min<std::uint32_t>(bytes, static_cast<std::uint32_t>(head_end_ - head_begin_));
  head_begin_ = static_cast<std::uint16_t>(head_begin_ + from_head);
  bytes -= from_head;
  while (bytes > 0) {
    Slice& slice = slices_[first_slice_];
    const std::uint32_t step = std::min(bytes, slice.size());
    slice.remove_prefix(step);
    payload_bytes_ -= step;
    bytes -= step;
    if (slice.empty()) (void)take_slice();
  }
}

void Packet::cut_to(std::uint32_t bytes) {
  std::uint32_t excess = size() - bytes;
  while (excess > 0 && slice_count_ > 0) {
    Slice& last = slices_[first_slice_ + slice_count_ - 1u];
    const std::uint32_t step = std::min(excess, last.size());
    last.truncate(last.size() - step);
    payload_bytes_ -= step;
    excess -= step;
    if (last.empty()) {
      last = Slice();
      --slice_count_;
    }
  }
  head_end_ = static_cast<std::uint16_t>(head_end_ - excess);
}

void Packet::compact_slices() {
  if (first_slice_ == 0) return;
  for (std::uint32_t i = 0; i < slice_count_; ++i) slices_[i] = std::move(slices_[first_slice_ + i]);
  first_slice_ = 0;
}

bool Packet::append(Slice slice) {
  if (slice.empty()) return true;
  payload_bytes_ += slice.size();
  if (slice_count_ > 0) {
    Slice& last = slices_[first_slice_ + slice_count_ - 1u];
    if (last.continues_with(slice)) {
      last.extend(slice.size());
      return true;
    }
  }
  if (slice_count_ == kSlicesMax) {
    payload_bytes_ -= slice.size();
    return false;
  }
  if (first_slice_ + slice_count_ == kSlicesMax) compact_slices();
  slices_[first_slice_ + slice_count_] = std::move(slice);
  ++slice_count_;
  return true;
}

Slice Packet::take_slice() {
  SOCKEYE_ASSERT(slice_count_ > 0);
  Slice slice = std::move(slices_[first_slice_]);
  slices_[first_slice_] = Slice();
  payload_bytes_ -= slice.size();
  ++first_slice_;
  if (--slice_count_ == 0) first_slice_ = 0;
  return slice;
}

std::uint32_t Packet::copy_payload(MutableBytes out, std::uint32_t skip) const {
  std::uint32_t done = 0;
  for (const Slice& slice : slices()) {
    Bytes bytes = slice.bytes();
    if (skip >= bytes.size()) {
      skip -= static_cast<std::uint32_t>(bytes.size());
      continue;
    }
    bytes = bytes.subspan(skip);
    skip = 0;
    const std::size_t step = std::min(bytes.size(), out.size() - done);
    if (step == 0) break;
    std::memcpy(out.data() + done, bytes.data(), step);
    done += static_cast<std::uint32_t>(step);
  }
  return done;
}

bool Packet::unshare_payload(ChunkPool& chunks) {
  if (payload_bytes_ == 0) return true;
  std::array<Slice, 2> copies;  // the largest packet may need a second chunk
  std::uint32_t done = 0;
  for (auto& copy : copies) {
    const std::uint32_t step = std::min(payload_bytes_ - done, ChunkPool::largest());
    if (step == 0) break;
    ChunkRef chunk = chunks.allocate(step);
    if (!chunk) return false;
    copy_payload(chunk->tail().first(step), done);
    chunk->commit(step);
    copy = Slice(std::move(chunk), 0, step);
    done += step;
  }
  while (slice_count_ > 0) (void)take_slice();
  for (auto& copy : copies)
    if (!copy.empty()) append(std::move(copy));
  return true;
}

void Packet::flip_bits(std::uint32_t at, std::byte mask) {
  SOCKEYE_ASSERT(at < size());
  const auto headers = static_cast<std::uint32_t>(head_end_ - head_begin_);
  if (at < headers) {
    head_[head_begin_ + at] ^= mask;
    return;
  }
  at -= headers;
  std::size_t i = first_slice_;
  for (; at >= slices_[i].size(); ++i) at -= slices_[i].size();
  slices_[i].private_byte(at) ^= mask;
}

PacketPtr Packet::clone() const {
  PacketPtr copy = pool_->allocate();
  if (!copy) return copy;
  copy->head_begin_ = head_begin_;
  copy->head_end_ = head_end_;
  std::memcpy(copy->head_.data() + head_begin_, head_.data() + head_begin_,
              static_cast<std::size_t>(head_end_ - head_begin_));
  for (const Slice& slice : slices()) copy->append(slice);
  copy->checksum = checksum;
  copy->segment_size = segment_size;
  copy->cwr_in_pieces = cwr_in_pieces;
  copy->transmission = transmission;
  copy->release = release;
  copy->due = due;
  return copy;
}

void Packet::serialize(MutableBytes out) const {
  const Bytes headers = head();
  if (!headers.empty()) std::memcpy(out.data(), headers.data(), headers.size());
  copy_payload(out.subspan(headers.size()));
}

void Packet::reset() {
  while (slice_count_ > 0) (void)take_slice();
  first_slice_ = 0;
  payload_bytes_ = 0;
  head_begin_ = head_end_ = kHeadroom;
  checksum = ChecksumState::absent;
  segment_size = 0;
  cwr_in_pieces = false;
  transmission = 0;
  release = due = Instant{};
  next_ = nullptr;
}

void PacketDeleter::operator()(Packet* packet) const {
  packet->pool().release(packet);
}

PacketList::PacketList(PacketList&& other) noexcept
    : first_(std::exchange(other.first_, nullptr)),
      last_(std::exchange(other.last_, nullptr)),
      count_(std::exchange(other.count_, 0)) {}

PacketList& PacketList::operator=(PacketList&& other) noexcept {
  std::swap(first_, other.first_);
  std::swap(last_, other.last_);
  std::swap(count_, other.count_);
  return *this;
}

void PacketList::splice_back(PacketList&& other) {
  if (other.empty()) return;
  (last_ == nullptr ? first_ : last_->next_) = other.first_;
  last_ = other.last_;
  count_ += other.count_;
  other.first_ = other.last_ = nullptr;
  other.count_ = 0;
}

void PacketList::clear() {
  while (!empty()) pop_front().reset();
}

PacketPool::~PacketPool() {
  SOCKEYE_ASSERT(in_use_ == 0);
  while (free_ != nullptr) {
    Packet* next = free_->next_;
    delete free_;
    free_ = next;
  }
}

PacketPtr PacketPool::allocate() {
  if (in_use_ == packets_max_) return nullptr;
  Packet* packet = free_;
  if (packet != nullptr) {
    free_ = packet->next_;
    packet->next_ = nullptr;
    --free_count_;
  } else {
    packet = new (std::nothrow) Packet();
    if (packet == nullptr) return nullptr;
    packet->pool_ = this;
  }
  ++in_use_;
  return PacketPtr(packet);
}

PacketPtr PacketPool::from_bytes(Bytes bytes) {
  PacketPtr packet = allocate();
  if (!packet) return packet;
  while (!bytes.empty()) {
    const auto step = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), ChunkPool::largest()));
    ChunkRef chunk = chunks_.copy_of(bytes.first(step));
    if (!chunk || !packet->append(Slice(std::move(chunk), 0, step))) return nullptr;
    bytes = bytes.subspan(step);
  }
  packet->checksum = ChecksumState::present;
  return packet;
}

void PacketPool::release(Packet* packet) {
  packet->reset();
  --in_use_;
  if (free_count_ >= 4096) {
    delete packet;
    return;
  }
  packet->next_ = free_;
  free_ = packet;
  ++free_count_;
}

}  // namespace sockeye
