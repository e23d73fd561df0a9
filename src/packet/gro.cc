// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "packet/gro.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "packet/tcp_place.h"
#include "wire/checksum.h"

namespace sockeye {
namespace {

struct Candidate {
  Packet* packet = nullptr;  // the first of its flow that may still grow, already in the output
  TcpPlace place{};
  std::uint32_t piece_bytes = 0;
  std::uint32_t pieces = 1;
};

bool is_plain(const TcpPlace& place) {
  return place.tcp == (place.is_v4 ? 20u : 40u);
}

// The same addresses and ports.
bool is_same_flow(const std::byte* a, const std::byte* b, const TcpPlace& place) {
  const std::size_t addresses = place.is_v4 ? 12 : 8;
  return std::memcmp(a + addresses, b + addresses, place.tcp - addresses + 4) == 0;
}

// All of the IP header but lengths, IPv4's ID and checksum. Version, TOS, TTL, flags, flow label.
bool is_same_ip(const std::byte* a, const std::byte* b, bool is_v4) {
  if (!is_v4) return std::memcmp(a, b, 4) == 0 && std::memcmp(a + 6, b + 6, 2) == 0;
  return std::memcmp(a, b, 2) == 0 && std::memcmp(a + 6, b + 6, 4) == 0;
}

// Fits the ID to a packet that was cut from one (see gso.h)?
bool is_next_id(const std::byte* first, const std::byte* next, std::uint32_t pieces) {
  const std::uint16_t id = load16(first + 4);
  const bool is_atomic = id == 0 && (load8(first + 6) & 0x40) != 0;
  return load16(next + 4) == (is_atomic ? 0 : static_cast<std::uint16_t>(id + pieces));
}

// All of the TCP header but sequence number, checksum, PSH and FIN.
bool is_same_tcp(const std::byte* a, const std::byte* b, std::uint32_t tcp_bytes) {
  constexpr std::uint8_t kMayDiffer = tcp_byte::kPsh | tcp_byte::kFin;
  return std::memcmp(a + 8, b + 8, 5) == 0 &&                     // ack, data offset
         ((load8(a + 13) ^ load8(b + 13)) & ~kMayDiffer) == 0 &&  // flags
         std::memcmp(a + 14, b + 14, 2) == 0 &&                   // window
         std::memcmp(a + 18, b + 18, tcp_bytes - 18) == 0;        // urgent pointer, options
}

// TCP-MD5 and TCP-AO sign each segment by itself (RFC 2385 2, RFC 5925 5.1): of a merged one no code is
// right, whatever its neighbour's options look like. The usual options, or none, are told at once.
bool is_signed(const std::byte* tcp, std::uint32_t tcp_bytes) {
  constexpr std::uint32_t kFixed = 20, kOnlyTimestamps = 0x0101080a;
  constexpr std::uint8_t kEnd = 0, kNop = 1, kMd5 = 19, kAo = 29;
  if (tcp_bytes == kFixed || (tcp_bytes == kFixed + 12 && load32(tcp + kFixed) == kOnlyTimestamps))
    return false;
  for (std::uint32_t at = kFixed; at < tcp_bytes;) {
    const std::uint8_t kind = load8(tcp + at);
    if (kind == kMd5 || kind == kAo) return true;
    if (kind == kEnd || (kind != kNop && at + 1 == tcp_bytes)) break;
    at += kind == kNop ? 1u : std::max<std::uint32_t>(load8(tcp + at + 1), 2);
  }
  return false;
}

// A damaged header is told now and for one piece only: what has become one packet is dropped as one.
bool has_correct_ip(const Packet& packet, const TcpPlace& place) {
  if (!place.is_v4 || packet.checksum == ChecksumState::absent) return true;
  Checksum sum;
  sum.add(packet.head().first(20));
  return sum.is_correct();
}

class Merger {
 public:
  explicit Merger(PacketList& out) : out_(out) {}
  ~Merger() {
    for (Candidate& candidate : candidates_) close(candidate);
  }
  Merger(const Merger&) = delete;
  Merger& operator=(const Merger&) = delete;

  void take(PacketPtr packet) {
    const auto place = find_tcp(*packet);
    if (!place || !is_plain(*place)) {
      // It may belong to a flow that is being merged; nothing may move past it.
      if (place)
        for (Candidate& candidate : candidates_) close(candidate);
      out_.push_back(std::move(packet));
      return;
    }
    Candidate* candidate = find(*packet, *place);
    const bool may_merge = is_mergeable(*packet, *place);
    if (candidate != nullptr && may_merge && fits(*candidate, *packet, *place)) {
      merge(*candidate, *packet, *place);
      return;
    }
    if (candidate != nullptr) close(*candidate);
    if (may_merge && !ends_a_merge(*packet, *place))
      (candidate != nullptr ? *candidate : free_place()) = {packet.get(), *place, place->payload_bytes, 1};
    out_.push_back(std::move(packet));
  }

 private:
  static const std::byte* tcp_of(const Packet& packet, const TcpPlace& place) {
    return packet.head().data() + place.tcp;
  }
  static bool ends_a_merge(const Packet& packet, const TcpPlace& place) {
    return (load8(tcp_of(packet, place) + 13) & (tcp_byte::kPsh | tcp_byte::kFin)) != 0;
  }
  static bool is_mergeable(Packet& packet, const TcpPlace& place) {
    constexpr std::uint8_t kNever = tcp_byte::kSyn | tcp_byte::kRst | tcp_byte::kUrg | tcp_byte::kCwr;
    return packet.segment_size == 0 && place.payload_bytes > 0 && place.payload_bytes <= 0xffff &&
           packet.head().size() == place.header_bytes && packet.payload_size() == place.payload_bytes &&
           (load8(tcp_of(packet, place) + 13) & kNever) == 0 && has_correct_ip(packet, place) &&
           !is_signed(tcp_of(packet, place), place.header_bytes - place.tcp) && verify_checksum(packet);
  }

  Candidate* find(const Packet& packet, const TcpPlace& place) {
    for (Candidate& candidate : candidates_) {
      if (candidate.packet == nullptr || candidate.place.is_v4 != place.is_v4) continue;
      if (is_same_flow(candidate.packet->head().data(), packet.head().data(), place)) return &candidate;
    }
    return nullptr;
  }

  Candidate& free_place() {
    for (Candidate& candidate : candidates_)
      if (candidate.packet == nullptr) return candidate;
    Candidate& victim = candidates_[next_victim_++ % candidates_.size()];
    close(victim);
    return victim;
  }

  static bool fits(const Candidate& candidate, const Packet& packet, const TcpPlace& place) {
    const Packet& whole = *candidate.packet;
    const TcpPlace& first = candidate.place;
    const std::byte* a = whole.head().data();
    const std::byte* b = packet.head().data();
    const std::uint32_t merged = whole.payload_size();
    const auto last = whole.slices().back();
    const std::size_t slices = whole.slices().size() + packet.slices().size() -
                               (last.continues_with(packet.slices().front()) ? 1 : 0);
    return first.header_bytes == place.header_bytes && place.payload_bytes <= candidate.piece_bytes &&
           load32(b + place.tcp + 4) == load32(a + first.tcp + 4) + merged && is_same_ip(a, b, place.is_v4) &&
           (!place.is_v4 || is_next_id(a, b, candidate.pieces)) &&
           is_same_tcp(a + first.tcp, b + place.tcp, place.header_bytes - place.tcp) &&
           whole.checksum == packet.checksum && slices <= Packet::kSlicesMax &&
           first.header_bytes + merged + place.payload_bytes <= Packet::kLargest;
  }

  static void merge(Candidate& candidate, Packet& packet, const TcpPlace& place) {
    Packet& whole = *candidate.packet;
    const bool is_last = ends_a_merge(packet, place) || place.payload_bytes < candidate.piece_bytes;
    std::byte* head = whole.mutable_head().data();
    std::byte* flags = head + candidate.place.tcp + 13;
    store8(flags, load8(flags) | load8(tcp_of(packet, place) + 13));
    while (packet.payload_size() > 0) {
      const bool has_place = whole.append(packet.take_slice());
      SOCKEYE_ASSERT(has_place);  // fits() has counted
    }
    whole.segment_size = static_cast<std::uint16_t>(candidate.piece_bytes);
    whole.transmission = std::max(whole.transmission, packet.transmission);
    ++candidate.pieces;
    if (is_last) close(candidate);
  }

  // Nothing more comes: its IP header is told how long it has become.
  static void close(Candidate& candidate) {
    if (candidate.packet != nullptr && candidate.pieces > 1)
      write_ip_length(candidate.packet->mutable_head().data(), candidate.place,
                      candidate.packet->payload_size());
    candidate.packet = nullptr;
  }

  PacketList& out_;
  std::array<Candidate, 8> candidates_{};
  std::size_t next_victim_ = 0;
};

}  // namespace

void merge_batch(PacketList& packets) {
  if (packets.size() < 2) return;
  PacketList out;
  Merger merger(out);
  while (PacketPtr packet = packets.pop_front()) merger.take(std::move(packet));
  packets = std::move(out);
}

}  // namespace sockeye
