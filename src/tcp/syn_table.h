// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where the half-open connections of one listener lie. Entries stand in one vector in order of arrival;
// a removed one leaves a gap until half are gaps. An open-addressing table with a keyed hash finds an
// entry by its tuple, and a heap orders the instants at which SYN-ACKs are repeated; items of the heap
// that no longer fit their entry are skipped.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/ip_address.h"
#include "core/seqnum.h"
#include "core/siphash.h"
#include "core/time.h"
#include "tcp/acc_ecn.h"

namespace sockeye::tcp {

inline constexpr std::uint8_t kNotScaled = 15;
inline constexpr unsigned kRetransmissionsMax = 15;  // what an entry can count

struct HalfOpen {
  FiveTuple tuple{};
  SeqNum iss{};
  SeqNum irs{};
  std::uint32_t timestamp_recent = 0;
  std::int64_t deadline_ns : 60 = kGap;  // 18 years; of the present SYN-ACK; kGap: a gap
  EcnMode ecn : 2 = EcnMode::none;
  std::uint8_t syn_ip_ecn : 2 = 0;
  std::uint16_t peer_mss = 536;
  std::uint16_t our_mss = 536;
  std::uint16_t window = 0;
  std::uint8_t peer_scale : 4 = kNotScaled;
  std::uint8_t our_scale : 4 = 0;
  std::uint8_t retransmissions : 4 = 0;
  std::uint8_t sack : 1 = 0;
  std::uint8_t timestamps : 1 = 0;
  std::uint8_t acked : 1 = 0;  // the completing ACK came, and was dropped

  static constexpr std::int64_t kGap = (std::int64_t{1} << 59) - 1;
  bool is_used() const { return deadline_ns != kGap; }
  Instant deadline() const { return Instant(Duration(std::int64_t{deadline_ns})); }
  void set_deadline(Instant at) { deadline_ns = to_ns(at.time_since_epoch()) & kGap; }
};
static_assert(sizeof(HalfOpen) <= 64, "decisions.md D13: a half-open connection costs 64 bytes");

class SynTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit SynTable(const SipKey& key) : key_(key) {}

  std::size_t size() const { return used_; }
  std::size_t young() const { return young_; }  // entries whose SYN-ACK was not repeated yet
  HalfOpen& operator[](std::uint32_t slot) { return entries_[slot]; }
  const std::vector<HalfOpen>& entries() const { return entries_; }  // gaps included
  std::uint32_t find(const FiveTuple& tuple) const { return table_.empty() ? kNone : table_[place(tuple)]; }

  std::uint32_t add(const HalfOpen& entry) {
    if (2 * (entries_.size() + 1) > table_.size()) {
      std::size_t size = 16;
      while (size < 4 * (used_ + 1)) size *= 2;
      rebuild(size);
    }
    const auto slot = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back(entry);
    table_[place(entry.tuple)] = slot;
    ++used_;
    ++young_;
    schedule(slot);
    return slot;
  }
  void remove(std::uint32_t slot) {
    // Backward-shift deletion keeps the probe sequences whole.
    const std::size_t mask = table_.size() - 1;
    std::size_t gap = place(entries_[slot].tuple);
    for (std::size_t at = (gap + 1) & mask; table_[at] != kNone; at = (at + 1) & mask) {
      const std::size_t home = hash(entries_[table_[at]].tuple) & mask;
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        table_[gap] = table_[at];
        gap = at;
      }
    }
    table_[gap] = kNone;
    if (entries_[slot].retransmissions == 0) --young_;
    entries_[slot].deadline_ns = HalfOpen::kGap;
    --used_;
    if (used_ == 0) {
      entries_.clear();
      heap_.clear();
      table_.clear();
    }
  }
  // Keyed, of every word for itself (hostile.md F19): no two that a stranger can choose cancel each other.
  // All entries have the listener's port.
  std::size_t hash(const FiveTuple& tuple) const {
    const std::array<std::uint64_t, 5> words = {tuple.remote.address.high(), tuple.remote.address.low(),
                                                tuple.local.address.high(), tuple.local.address.low(),
                                                tuple.remote.port};
    return static_cast<std::size_t>(siphash13(key_, words));
  }
  // The entry waits once more.
  void repeat(std::uint32_t slot, Instant deadline) {
    HalfOpen& entry = entries_[slot];
    if (entry.retransmissions == 0) --young_;
    entry.retransmissions = std::min(entry.retransmissions + 1u, kRetransmissionsMax) & 15u;
    entry.set_deadline(deadline);
    schedule(slot);
  }
  std::optional<Instant> next_deadline() {
    drop_stale();
    if (heap_.empty()) return std::nullopt;
    return heap_.front().deadline;
  }
  // The entry that has been due for longest; repeat() or remove() it. kNone: none is due.
  std::uint32_t pop_due(Instant now) {
    const auto next = next_deadline();
    if (!next || *next > now) return kNone;
    const std::uint32_t slot = heap_.front().slot;
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    return slot;
  }

 private:
  struct Alarm {
    Instant deadline;
    std::uint32_t slot;
    // A heap of the standard library has the largest on top.
    friend bool operator<(const Alarm& a, const Alarm& b) {
      return a.deadline != b.deadline ? a.deadline > b.deadline : a.slot > b.slot;
    }
  };

  std::size_t place(const FiveTuple& tuple) const {
    const std::size_t mask = table_.size() - 1;
    std::size_t at = hash(tuple) & mask;
    while (table_[at] != kNone && !(entries_[table_[at]].tuple == tuple)) at = (at + 1) & mask;
    return at;
  }
  void rebuild(std::size_t table_size) {
    std::erase_if(entries_, [](const HalfOpen& entry) { return !entry.is_used(); });
    table_.assign(table_size, kNone);
    heap_.clear();
    for (std::uint32_t slot = 0; slot < entries_.size(); ++slot) {
      table_[place(entries_[slot].tuple)] = slot;
      heap_.push_back({entries_[slot].deadline(), slot});
    }
    std::make_heap(heap_.begin(), heap_.end());
  }

  void schedule(std::uint32_t slot) {
    heap_.push_back({entries_[slot].deadline(), slot});
    std::push_heap(heap_.begin(), heap_.end());
  }
  void drop_stale() {
    while (!heap_.empty()) {
      const Alarm& top = heap_.front();
      if (entries_[top.slot].deadline() == top.deadline) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
  }

  SipKey key_;
  std::vector<HalfOpen> entries_;
  std::vector<std::uint32_t> table_;  // slots, kNone where free; a power of two, at most half full
  std::vector<Alarm> heap_;
  std::size_t used_ = 0;
  std::size_t young_ = 0;
};

}  // namespace sockeye::tcp
