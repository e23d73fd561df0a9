// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Entries stand in one vector in order of arrival; a removed one leaves a gap until half are gaps. An
// open-addressing table with a keyed hash finds an entry by its tuple, and a heap orders the instants
// at which SYN-ACKs are repeated; items of the heap that no longer fit their entry are skipped.
#include "tcp/syn_queue.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tcp/initial_sequence.h"
#include "tcp/negotiation.h"
#include "tcp/resources.h"
#include "tcp/timestamps.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint8_t kNotScaled = 15;
constexpr std::uint32_t kNone = 0xffffffff;

struct Entry {
  FiveTuple tuple{};
  SeqNum iss{};
  SeqNum irs{};
  std::uint32_t timestamp_recent = 0;
  Instant deadline = kNever;  // of the present SYN-ACK; kNever: a gap
  std::uint16_t peer_mss = 536;
  std::uint16_t our_mss = 536;
  std::uint16_t window = 0;
  std::uint8_t peer_scale : 4 = kNotScaled;
  std::uint8_t our_scale : 4 = 0;
  std::uint8_t retransmissions : 6 = 0;
  std::uint8_t sack : 1 = 0;
  std::uint8_t timestamps : 1 = 0;

  bool is_used() const { return deadline != kNever; }
};
static_assert(sizeof(Entry) <= 64, "decisions.md D13: a half-open connection costs 64 bytes");

struct Alarm {
  Instant deadline;
  std::uint32_t slot;
  // A heap of the standard library has the largest on top.
  friend bool operator<(const Alarm& a, const Alarm& b) {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.slot > b.slot;
  }
};

}  // namespace

struct SynQueue::Impl {
  explicit Impl(Resources& shared) : resources(shared) {}

  Resources& resources;
  std::uint32_t backlog = 0;
  std::vector<Entry> entries;
  std::vector<std::uint32_t> table;  // slots, kNone where free; a power of two, at most half full
  std::vector<Alarm> heap;
  std::size_t used = 0;

  std::size_t hash(const FiveTuple& tuple) const {
    const std::array<std::uint64_t, 3> words = {
        tuple.remote.address.high(), tuple.remote.address.low() ^ tuple.local.address.high(),
        tuple.local.address.low() ^ (std::uint64_t{tuple.remote.port} << 48)};
    return static_cast<std::size_t>(siphash13(resources.isn_key, words));
  }
  std::size_t place(const FiveTuple& tuple) const {
    const std::size_t mask = table.size() - 1;
    std::size_t at = hash(tuple) & mask;
    while (table[at] != kNone && !(entries[table[at]].tuple == tuple)) at = (at + 1) & mask;
    return at;
  }
  std::uint32_t find(const FiveTuple& tuple) const { return table.empty() ? kNone : table[place(tuple)]; }

  void rebuild(std::size_t table_size) {
    std::erase_if(entries, [](const Entry& entry) { return !entry.is_used(); });
    table.assign(table_size, kNone);
    heap.clear();
    for (std::uint32_t slot = 0; slot < entries.size(); ++slot) {
      table[place(entries[slot].tuple)] = slot;
      heap.push_back({entries[slot].deadline, slot});
    }
    std::make_heap(heap.begin(), heap.end());
  }

  std::uint32_t add(const Entry& entry) {
    if (2 * (entries.size() + 1) > table.size()) {
      std::size_t size = 16;
      while (size < 4 * (used + 1)) size *= 2;
      rebuild(size);
    }
    const auto slot = static_cast<std::uint32_t>(entries.size());
    entries.push_back(entry);
    table[place(entry.tuple)] = slot;
    ++used;
    schedule(slot);
    return slot;
  }
  void schedule(std::uint32_t slot) {
    heap.push_back({entries[slot].deadline, slot});
    std::push_heap(heap.begin(), heap.end());
  }
  void remove(std::uint32_t slot) {
    // Backward-shift deletion keeps the probe sequences whole.
    const std::size_t mask = table.size() - 1;
    std::size_t gap = place(entries[slot].tuple);
    for (std::size_t at = (gap + 1) & mask; table[at] != kNone; at = (at + 1) & mask) {
      const std::size_t home = hash(entries[table[at]].tuple) & mask;
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        table[gap] = table[at];
        gap = at;
      }
    }
    table[gap] = kNone;
    entries[slot].deadline = kNever;
    --used;
    if (used == 0) {
      entries.clear();
      heap.clear();
      table.clear();
    }
  }
  void drop_stale() {
    while (!heap.empty()) {
      const Alarm& top = heap.front();
      if (entries[top.slot].deadline == top.deadline) return;
      std::pop_heap(heap.begin(), heap.end());
      heap.pop_back();
    }
  }

  Duration timeout(const Entry& entry) const {
    const Duration wait =
        resources.config.rto_initial * (std::int64_t{1} << std::min<unsigned>(entry.retransmissions, 20));
    return std::min(wait, resources.config.rto_max);
  }
  Segment syn_ack(Instant now, const Entry& entry) const;
  Segment plain_ack(Instant now, const Entry& entry) const;
  Handshake complete(Instant now, const Entry& entry, const Segment& segment) const;
  ListenVerdict on_new(Instant now, const FiveTuple& tuple, const Segment& segment, const Settings& settings,
                       const Path& path, bool accept_queue_full, std::optional<SeqNum> iss_beyond);
  ListenVerdict on_known(Instant now, std::uint32_t slot, const Segment& segment, bool accept_queue_full);
  std::optional<ListenVerdict> refuse(Instant now, std::uint32_t slot, const Segment& segment);
};

Segment SynQueue::Impl::syn_ack(Instant now, const Entry& entry) const {
  Segment segment;
  segment.source_port = entry.tuple.local.port;
  segment.destination_port = entry.tuple.remote.port;
  segment.seq = entry.iss;
  segment.ack = entry.irs + 1;
  segment.flags.syn = segment.flags.ack = true;
  segment.window = entry.window;
  Offer offer;
  offer.mss = entry.our_mss;
  offer.window_scale = entry.our_scale;
  Negotiated agreed;
  agreed.sack = entry.sack != 0;
  agreed.timestamps = entry.timestamps != 0;
  agreed.timestamp_recent = entry.timestamp_recent;
  if (entry.peer_scale != kNotScaled) agreed.peer_window_scale = entry.peer_scale;
  const std::uint32_t offset = timestamp_offset(resources.timestamp_key, entry.tuple);
  segment.options = syn_ack_options(offer, agreed, TimestampState::value_at(now, offset));
  return segment;
}

Segment SynQueue::Impl::plain_ack(Instant now, const Entry& entry) const {
  Segment segment = syn_ack(now, entry);
  segment.seq = entry.iss + 1;
  segment.flags.syn = false;
  segment.window =
      static_cast<std::uint16_t>(entry.window >> (entry.peer_scale == kNotScaled ? 0 : entry.our_scale));
  const auto timestamps = segment.options.timestamps;
  segment.options = TcpOptions();
  segment.options.timestamps = timestamps;
  return segment;
}

Handshake SynQueue::Impl::complete(Instant now, const Entry& entry, const Segment& segment) const {
  Handshake handshake;
  handshake.iss = entry.iss;
  handshake.irs = entry.irs;
  handshake.peer_mss = entry.peer_mss;
  handshake.sack = entry.sack != 0;
  handshake.timestamps = entry.timestamps != 0;
  handshake.timestamp_recent = entry.timestamp_recent;
  handshake.timestamp_offset = timestamp_offset(resources.timestamp_key, entry.tuple);
  handshake.peer_window = segment.window;
  if (entry.peer_scale != kNotScaled) {
    handshake.peer_window_scale = entry.peer_scale;
    handshake.our_window_scale = entry.our_scale;
    handshake.peer_window <<= entry.peer_scale;
  }
  // The first SYN-ACK left one time-out before the deadline.
  if (entry.retransmissions == 0) handshake.rtt = now - (entry.deadline - timeout(entry));
  return handshake;
}

ListenVerdict SynQueue::Impl::on_new(Instant now, const FiveTuple& tuple, const Segment& segment,
                                     const Settings& settings, const Path& path, bool accept_queue_full,
                                     std::optional<SeqNum> iss_beyond) {
  ListenVerdict verdict;
  if (segment.flags.rst || !(segment.flags.syn || segment.flags.ack)) {
    verdict.drop = Drop::listen_no_syn;
  } else if (segment.flags.ack) {
    verdict.drop = Drop::listen_no_syn;
    verdict.reply = reset_for(segment);
  } else if (segment.flags.fin) {
    verdict.drop = Drop::listen_no_syn;  // SYN with FIN opens nothing (Linux)
  } else if (tuple.remote.address.is_multicast() || tuple.remote.address.is_limited_broadcast() ||
             tuple.remote.address.is_unspecified() || tuple.local.address.is_multicast()) {
    verdict.drop = Drop::multicast_syn;  // RFC 9293 3.9.2.3
  } else if (accept_queue_full) {
    verdict.drop = Drop::accept_queue_full;
  } else if (used >= std::max(resources.config.syn_backlog_max, 1u)) {
    verdict.drop = Drop::syn_queue_full;
  }
  if (verdict.drop) return verdict;

  const Offer offer = make_offer(resources.config, settings, path.mtu, path.is_v6, path.signature_bytes);
  const Negotiated agreed = negotiate(offer, segment.options, path.is_v6);
  Entry entry;
  entry.tuple = tuple;
  entry.iss = initial_sequence(resources.isn_key, tuple, now);
  if (iss_beyond && entry.iss <= *iss_beyond) entry.iss = *iss_beyond + 1u;
  entry.irs = segment.seq;
  entry.timestamp_recent = agreed.timestamp_recent;
  entry.peer_mss = agreed.peer_mss;
  entry.our_mss = offer.mss;
  entry.window = static_cast<std::uint16_t>(std::min(settings.receive_buffer, 65535u));
  if (agreed.peer_window_scale) entry.peer_scale = *agreed.peer_window_scale & 15u;
  entry.our_scale = agreed.our_window_scale & 15u;
  entry.sack = agreed.sack ? 1 : 0;
  entry.timestamps = agreed.timestamps ? 1 : 0;
  entry.deadline = now + timeout(entry);
  add(entry);
  verdict.reply = syn_ack(now, entry);
  return verdict;
}

// What RFC 9293 3.10.7.4 refuses in SYN-RECEIVED; empty: the segment completes the handshake.
std::optional<ListenVerdict> SynQueue::Impl::refuse(Instant now, std::uint32_t slot, const Segment& segment) {
  const Entry& entry = entries[slot];
  ListenVerdict verdict;
  const SeqNum rcv_nxt = entry.irs + 1;
  if (segment.flags.syn && !segment.flags.ack && !segment.flags.rst && segment.seq == entry.irs) {
    verdict.reply = syn_ack(now, entry);  // the SYN again: our answer was lost
    return verdict;
  }
  const auto& timestamps = segment.options.timestamps;
  const bool is_old = entry.timestamps != 0 && timestamps && !segment.flags.rst &&
                      TimestampState::is_before(timestamps->value, entry.timestamp_recent);
  const bool in_window = segment.end() >= rcv_nxt && segment.seq <= rcv_nxt + entry.window;
  if (is_old || !in_window) {
    verdict.drop = is_old ? Drop::paws : segment.flags.rst ? Drop::rst_out_of_window : Drop::out_of_window;
    if (!segment.flags.rst) verdict.reply = plain_ack(now, entry);
  } else if (segment.flags.rst) {
    if (segment.seq == rcv_nxt) {
      remove(slot);
    } else {
      verdict.drop = Drop::rst_out_of_window;
      verdict.reply = plain_ack(now, entry);
    }
  } else if (segment.flags.syn) {
    verdict.drop = Drop::syn_in_window;
    verdict.reply = plain_ack(now, entry);
  } else if (!segment.flags.ack) {
    verdict.drop = Drop::no_ack;
  } else if (segment.ack != entry.iss + 1) {
    verdict.drop = Drop::bad_ack;
    verdict.reply = reset_for(segment);
  } else {
    return std::nullopt;
  }
  return verdict;
}

ListenVerdict SynQueue::Impl::on_known(Instant now, std::uint32_t slot, const Segment& segment,
                                       bool accept_queue_full) {
  if (auto refused = refuse(now, slot, segment)) return *refused;
  ListenVerdict verdict;
  if (accept_queue_full) {
    // The entry stays and repeats its SYN-ACK, so the client tries again (Linux).
    verdict.drop = Drop::accept_queue_full;
    if (resources.config.abort_on_overflow) {
      verdict.reply = reset_for(segment);
      remove(slot);
    }
    return verdict;
  }
  verdict.handshake = complete(now, entries[slot], segment);
  remove(slot);
  return verdict;
}

SynQueue::SynQueue(Resources& resources, std::uint32_t backlog) : impl_(std::make_unique<Impl>(resources)) {
  impl_->backlog = backlog;
}

SynQueue::~SynQueue() = default;

void SynQueue::set_backlog(std::uint32_t backlog) {
  impl_->backlog = backlog;
}

std::size_t SynQueue::size() const {
  return impl_->used;
}

ListenVerdict SynQueue::on_segment(Instant now, const FiveTuple& tuple, const Segment& segment,
                                   const Settings& settings, const Path& path, bool accept_queue_full,
                                   std::optional<SeqNum> iss_beyond) {
  const std::uint32_t slot = impl_->find(tuple);
  if (slot == kNone) return impl_->on_new(now, tuple, segment, settings, path, accept_queue_full, iss_beyond);
  return impl_->on_known(now, slot, segment, accept_queue_full);
}

void SynQueue::on_icmp_error(const FiveTuple& tuple, SeqNum quoted_seq) {
  const std::uint32_t slot = impl_->find(tuple);
  if (slot != kNone && impl_->entries[slot].iss == quoted_seq) impl_->remove(slot);
}

std::optional<Instant> SynQueue::next_timer() const {
  impl_->drop_stale();
  if (impl_->heap.empty()) return std::nullopt;
  return impl_->heap.front().deadline;
}

std::optional<SynQueue::Due> SynQueue::next_due(Instant now) {
  Impl& q = *impl_;
  for (q.drop_stale(); !q.heap.empty() && q.heap.front().deadline <= now; q.drop_stale()) {
    const std::uint32_t slot = q.heap.front().slot;
    std::pop_heap(q.heap.begin(), q.heap.end());
    q.heap.pop_back();
    Entry& entry = q.entries[slot];
    if (entry.retransmissions >= std::min(q.resources.config.syn_ack_retries, 62u)) {
      q.remove(slot);
      continue;
    }
    entry.retransmissions = (entry.retransmissions + 1u) & 63u;
    entry.deadline = now + q.timeout(entry);
    q.schedule(slot);
    return Due{entry.tuple, q.syn_ack(now, entry), entry.retransmissions};
  }
  return std::nullopt;
}

FiveTuple SynQueue::tuple_at(std::size_t index) const {
  for (const Entry& entry : impl_->entries) {
    if (entry.is_used() && index-- == 0) return entry.tuple;
  }
  return FiveTuple();
}

std::optional<Segment> reset_for(const Segment& segment) {
  if (segment.flags.rst) return std::nullopt;
  Segment reset;
  reset.source_port = segment.destination_port;
  reset.destination_port = segment.source_port;
  reset.flags.rst = true;
  if (segment.flags.ack) {
    reset.seq = segment.ack;
  } else {
    reset.flags.ack = true;
    reset.ack = segment.end();
  }
  return reset;
}

}  // namespace sockeye::tcp
