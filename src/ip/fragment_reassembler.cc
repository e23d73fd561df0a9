// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ip/fragment_reassembler.h"

#include <algorithm>
#include <cstring>

#include "wire/ipv6.h"

namespace sockeye {
namespace {

// What a piece costs us: the packet object and its bytes.
std::size_t cost_of(const Packet& packet) {
  return sizeof(Packet) + packet.payload_size();
}
constexpr std::size_t kDatagramCost = 256;

}  // namespace

FragmentReassembler::Datagram* FragmentReassembler::oldest() {
  Datagram* v4 = v4_.first();
  Datagram* v6 = v6_.first();
  if (v4 == nullptr || v6 == nullptr) return v4 != nullptr ? v4 : v6;
  return v4->expires - kPatienceV4 <= v6->expires - kPatienceV6 ? v4 : v6;
}

FragmentReassembler::Datagram* FragmentReassembler::find(const Key& key) {
  const auto found = datagrams_.find(key);
  return found == datagrams_.end() ? nullptr : found->second.get();
}

FragmentReassembler::Datagram& FragmentReassembler::make(Instant now, const Key& key, Outcome& outcome) {
  const auto other = per_source_.find(key.source);
  if (other != per_source_.end() && other->second.count >= kPerSourceMax)
    evict(*other->second.datagrams.first(), outcome);
  auto made = std::make_unique<Datagram>();
  Datagram& datagram = *made;
  datagram.key = key;
  datagram.bytes = kDatagramCost;
  bytes_ += kDatagramCost;
  const bool is_v4 = key.source.is_v4();
  datagram.expires = now + (is_v4 ? kPatienceV4 : kPatienceV6);
  (is_v4 ? v4_ : v6_).push_back(datagram);
  Source& source = per_source_[key.source];
  source.datagrams.push_back(datagram);
  ++source.count;
  datagrams_.emplace(key, std::move(made));
  return datagram;
}

void FragmentReassembler::evict(Datagram& datagram, Outcome& outcome) {
  outcome.evicted += static_cast<std::uint32_t>(datagram.pieces.size());
  erase(datagram);
}

void FragmentReassembler::condemn(Datagram& datagram) {
  datagram.condemned = true;
  datagram.pieces.clear();
  datagram.header.clear();
  bytes_ -= datagram.bytes - kDatagramCost;
  datagram.bytes = kDatagramCost;
}

void FragmentReassembler::erase(Datagram& datagram) {
  bytes_ -= datagram.bytes;
  const auto source = per_source_.find(datagram.key.source);
  datagram.ListHook<SourceTag>::unlink();
  if (--source->second.count == 0) per_source_.erase(source);
  datagrams_.erase(datagrams_.find(datagram.key));
}

std::optional<Drop> FragmentReassembler::insert(Datagram& datagram, const Fragment& fragment,
                                                PacketPtr packet) {
  const std::uint32_t length = packet->size() - fragment.data_at;
  const std::uint32_t end = fragment.offset + length;
  auto& pieces = datagram.pieces;
  const auto next =
      std::lower_bound(pieces.begin(), pieces.end(), fragment.offset,
                       [](const Piece& piece, std::uint32_t offset) { return piece.offset < offset; });
  if (next != pieces.end() && next->offset == fragment.offset && next->length == length)
    return Drop::duplicate_fragment;
  const bool overlaps =
      (next != pieces.begin() && std::prev(next)->offset + std::prev(next)->length > fragment.offset) ||
      (next != pieces.end() && next->offset < end);
  if (overlaps) {
    condemn(datagram);
    return Drop::fragment_overlap;
  }
  // The end may be announced once, and nothing may lie beyond it.
  const bool contradicts = (datagram.total != 0 && (end > datagram.total || !fragment.more)) ||
                           (!fragment.more && !pieces.empty() && pieces.back().offset > fragment.offset);
  if (contradicts || pieces.size() >= kPiecesMax) {
    condemn(datagram);
    return contradicts ? Drop::bad_fragment : Drop::fragment_limit;
  }
  if (!fragment.more) datagram.total = end;
  if (fragment.offset == 0) datagram.header = fragment.header;
  const std::size_t cost = cost_of(*packet);
  datagram.bytes += cost;
  bytes_ += cost;
  datagram.received += length;
  pieces.insert(next, Piece{fragment.offset, length, fragment.data_at, std::move(packet)});
  return std::nullopt;
}

FragmentReassembler::Outcome FragmentReassembler::add(Instant now, Fragment fragment, PacketPtr packet) {
  Outcome outcome;
  Datagram* datagram = find(fragment.key);
  if (datagram == nullptr) datagram = &make(now, fragment.key, outcome);
  if (datagram->condemned) return {.drop = Drop::fragment_overlap};
  const std::uint32_t length = packet->size() - fragment.data_at;
  // RFC 791: what would exceed the largest packet (ping of death, B12). IPv6 does not count its header (RFC
  // 8200 3).
  const std::uint32_t largest = Packet::kLargest + (fragment.key.source.is_v6() ? kIpv6HeaderBytes : 0);
  if (fragment.header.size() + fragment.offset + length > largest ||
      (fragment.offset != 0 && datagram->header.size() + fragment.offset + length > largest)) {
    condemn(*datagram);
    outcome.drop = Drop::bad_fragment;
    return outcome;
  }
  outcome.drop = insert(*datagram, fragment, std::move(packet));
  if (outcome.drop) return outcome;
  if (datagram->total != 0 && datagram->received == datagram->total && !datagram->header.empty()) {
    outcome.header_bytes = static_cast<std::uint32_t>(datagram->header.size());
    if (datagram->header.size() + datagram->total > largest)
      outcome.drop = Drop::bad_fragment;
    else
      outcome.complete = assemble(*datagram);
    if (!outcome.complete && !outcome.drop) outcome.drop = Drop::no_memory;
    erase(*datagram);
    return outcome;
  }
  while (bytes_ > kBytesMax) {
    Datagram* victim = oldest();
    const bool was_ours = victim == datagram;
    evict(*victim, outcome);
    if (was_ours) break;
  }
  return outcome;
}

PacketPtr FragmentReassembler::assemble(Datagram& datagram) {
  PacketPool& pool = datagram.pieces.front().packet->pool();
  PacketPtr whole = pool.allocate();
  if (!whole) return whole;
  ChunkRef chunk;
  std::uint32_t left = datagram.total;
  for (Piece& piece : datagram.pieces) {
    if (piece.packet->checksum == ChecksumState::present) whole->checksum = ChecksumState::present;
    piece.packet->consume(piece.data_at);
    std::vector<std::byte> bytes(piece.length);
    piece.packet->serialize(bytes);
    Bytes rest = bytes;
    while (!rest.empty()) {
      if (!chunk || chunk->room() == 0) {
        chunk = pool.chunks().allocate(std::min(left, ChunkPool::largest()));
        if (!chunk) return nullptr;
      }
      const auto step = static_cast<std::uint32_t>(std::min<std::size_t>(rest.size(), chunk->room()));
      const std::uint32_t at = chunk->size();
      std::memcpy(chunk->tail().data(), rest.data(), step);
      chunk->commit(step);
      if (!whole->append(Slice(chunk, at, step))) return nullptr;
      rest = rest.subspan(step);
      left -= step;
    }
  }
  const MutableBytes header = whole->push_front(static_cast<std::uint32_t>(datagram.header.size()));
  std::memcpy(header.data(), datagram.header.data(), header.size());
  return whole;
}

std::optional<Instant> FragmentReassembler::next_timer() const {
  std::optional<Instant> next;
  auto& self = const_cast<FragmentReassembler&>(*this);
  if (const Datagram* v4 = self.v4_.first()) next = v4->expires;
  if (const Datagram* v6 = self.v6_.first(); v6 != nullptr && (!next || v6->expires < *next))
    next = v6->expires;
  return next;
}

std::optional<FragmentReassembler::Expired> FragmentReassembler::next_expired(Instant now) {
  for (auto* list : {&v4_, &v6_}) {
    Datagram* datagram = list->first();
    if (datagram == nullptr || datagram->expires > now) continue;
    Expired expired;
    expired.pieces = datagram->pieces.size();
    if (!datagram->pieces.empty() && datagram->pieces.front().offset == 0)
      expired.first = std::move(datagram->pieces.front().packet);
    erase(*datagram);
    return expired;
  }
  return std::nullopt;
}

}  // namespace sockeye
