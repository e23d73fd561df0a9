// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A Packet is one IP packet on its way: headers in a private area with headroom, payload as slices
// of shared chunks.
//
//     head_: | headroom | headers ...... | unused |      slices_: [chunk a: 100..1548][chunk b: 0..36]
//                       ^ front                            payload
//
// Outbound, each layer pushes its header in front. Inbound, each layer reads front(n) and consumes
// it; front(n) first moves bytes from the slices into the header area where a packet came in as one
// block, so a header is always contiguous and the payload is always only slices. What a Packet's
// slices refer to is never written; who must change payload (corruption, translation) calls
// unshare_payload() first.
//
// A Packet may be larger than the MTU of the link (up to 64 KiB, GSO): segment_size then says how
// it is to be cut. Packets come from a PacketPool and go back to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/drop.h"
#include "core/time.h"
#include "packet/chunk.h"

namespace sockeye {

class PacketPool;

// What is known about the transport checksum of a packet.
enum class ChecksumState : std::uint8_t {
  absent,    // not computed: the packet has only been on links that cannot damage it (trusted)
  present,   // the field holds a checksum that the receiver must verify
  verified,  // the receiver has verified it
};

class Packet {
 public:
  static constexpr std::uint32_t kHeadBytes = 320;
  static constexpr std::uint32_t kHeadroom = 160;  // IPv4/IPv6 with extensions + TCP with options
  static constexpr std::uint32_t kSlicesMax = 18;
  static constexpr std::uint32_t kLargest = 65535;  // whole IP packet

  // --- headers
  Bytes head() const { return {head_.data() + head_begin_, std::size_t{head_end_} - head_begin_}; }
  MutableBytes mutable_head() { return {head_.data() + head_begin_, std::size_t{head_end_} - head_begin_}; }
  // Makes room for `bytes` in front of what is there; nullptr-free: more than the headroom asserts.
  MutableBytes push_front(std::uint32_t bytes) {
    SOCKEYE_ASSERT(bytes <= head_begin_);
    head_begin_ = static_cast<std::uint16_t>(head_begin_ - bytes);
    return {head_.data() + head_begin_, bytes};
  }
  // The first `bytes` of the packet, contiguous; empty when the packet is shorter or `bytes` exceeds
  // the header area.
  Bytes front(std::uint32_t bytes) {
    if (head_begin_ + bytes <= head_end_) return {head_.data() + head_begin_, bytes};
    return gather_front(bytes);
  }
  void consume(std::uint32_t bytes) {  // bytes <= size()
    if (head_begin_ + bytes <= head_end_)
      head_begin_ = static_cast<std::uint16_t>(head_begin_ + bytes);
    else
      consume_slices(bytes);
  }
  // Cuts the packet to its first `bytes` (link padding).
  void truncate(std::uint32_t bytes) {
    if (bytes < size()) cut_to(bytes);
  }

  // --- payload
  std::span<const Slice> slices() const { return {slices_.data() + first_slice_, slice_count_}; }
  std::uint32_t payload_size() const { return payload_bytes_; }  // bytes in slices
  std::uint32_t size() const { return static_cast<std::uint32_t>(head_end_ - head_begin_) + payload_bytes_; }
  bool append(Slice slice);  // false when there is no place for another slice
  Slice take_slice();        // removes and returns the first slice; only while slices remain
  std::uint32_t copy_payload(MutableBytes out, std::uint32_t skip = 0) const;  // bytes copied
  // Replaces the payload by one private copy; false when the pool is exhausted.
  bool unshare_payload(ChunkPool& chunks);
  // Changes one byte of the packet, headers first; a byte of the payload only after unshare_payload().
  void flip_bits(std::uint32_t at, std::byte mask);
  // A second packet with the same bytes: headers copied, payload shared, metadata copied.
  std::unique_ptr<Packet, struct PacketDeleter> clone() const;
  // All bytes of the packet, headers first, into out (at least size() bytes).
  void serialize(MutableBytes out) const;

  // --- what travels beside the bytes
  ChecksumState checksum = ChecksumState::absent;
  std::uint16_t segment_size = 0;  // transport payload per cut packet; 0: do not cut
  bool cwr_in_pieces = false;      // CWR is part of a number (RFC 9768) and stands in every cut packet
  std::uint8_t transmission = 0;   // 0 first time on the wire, n-th retransmission (saturates)
  Instant release = Instant{};     // pacing: not before this instant
  Instant due = Instant{};         // set by a link: when the other end may have it

  PacketPool& pool() const { return *pool_; }

 private:
  friend class PacketPool;
  friend class PacketList;
  void reset();
  void compact_slices();
  Bytes gather_front(std::uint32_t bytes);
  void consume_slices(std::uint32_t bytes);
  void cut_to(std::uint32_t bytes);

  PacketPool* pool_ = nullptr;
  Packet* next_ = nullptr;
  std::uint16_t head_begin_ = kHeadroom;
  std::uint16_t head_end_ = kHeadroom;
  std::uint8_t first_slice_ = 0;
  std::uint8_t slice_count_ = 0;
  std::uint32_t payload_bytes_ = 0;
  std::array<Slice, kSlicesMax> slices_;
  std::array<std::byte, kHeadBytes> head_;
};

struct PacketDeleter {
  void operator()(Packet* packet) const;
};
using PacketPtr = std::unique_ptr<Packet, PacketDeleter>;

// A first-in first-out list of packets: how batches move between layers without allocation.
class PacketList {
 public:
  PacketList() = default;
  PacketList(PacketList&& other) noexcept;
  PacketList& operator=(PacketList&& other) noexcept;
  ~PacketList() { clear(); }

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return count_; }
  const Packet& front() const { return *first_; }
  Packet& front() { return *first_; }
  void push_back(PacketPtr packet) {
    Packet* raw = packet.release();
    raw->next_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_) = raw;
    last_ = raw;
    ++count_;
  }
  PacketPtr pop_front() {
    Packet* raw = first_;
    if (raw == nullptr) return nullptr;
    first_ = raw->next_;
    if (first_ == nullptr) last_ = nullptr;
    raw->next_ = nullptr;
    --count_;
    return PacketPtr(raw);
  }
  void splice_back(PacketList&& other);
  void clear();

 private:
  Packet* first_ = nullptr;
  Packet* last_ = nullptr;
  std::size_t count_ = 0;
};

// Owns free packets and the chunk pool that payloads come from. One per thread (world, simulation,
// embedding program); stacks that share links share it, so that payloads pass between them by
// reference.
class PacketPool {
 public:
  explicit PacketPool(std::size_t packets_max = 1u << 20, std::size_t chunk_bytes_max = std::size_t{1} << 32)
      : chunks_(chunk_bytes_max), packets_max_(packets_max) {}
  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;
  ~PacketPool();

  PacketPtr allocate();                // null when packets_max are out
  PacketPtr from_bytes(Bytes packet);  // an inbound packet as one block; null when exhausted
  ChunkPool& chunks() { return chunks_; }
  std::size_t packets_in_use() const { return in_use_; }

 private:
  friend struct PacketDeleter;
  void release(Packet* packet);

  ChunkPool chunks_;
  Packet* free_ = nullptr;
  std::size_t free_count_ = 0;
  std::size_t in_use_ = 0;
  std::size_t packets_max_;
};

}  // namespace sockeye
