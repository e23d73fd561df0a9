// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/syn_queue.h"

#include <algorithm>

#include "tcp/ecn.h"
#include "tcp/initial_sequence.h"
#include "tcp/negotiation.h"
#include "tcp/resources.h"
#include "tcp/syn_cookie.h"
#include "tcp/syn_table.h"
#include "tcp/timestamps.h"

namespace sockeye::tcp {

struct SynQueue::Impl {
  explicit Impl(Resources& shared) : resources(shared), table(shared.isn_key) {}

  Resources& resources;
  std::uint32_t backlog = 0;
  FastOpenService fast_open{};
  bool no_fast_open_cookie = false;        // TCP_FASTOPEN_NO_COOKIE
  unsigned defer_accept = 0;               // time-outs
  unsigned retries = kRetransmissionsMax;  // of a SYN-ACK: the listener's TCP_SYNCNT, or the host's
  std::optional<Instant> last_overflow{};  // a cookie was sent
  SynTable table;

  Duration timeout(unsigned retransmissions) const {
    const Duration wait = resources.config.rto_initial * (std::int64_t{1} << std::min(retransmissions, 20u));
    return std::min(wait, resources.config.rto_max);
  }
  bool is_full() const { return table.size() >= backlog; }
  unsigned patience() const;
  Segment syn_ack(Instant now, const HalfOpen& entry) const;
  Segment plain_ack(Instant now, const HalfOpen& entry) const;
  Handshake complete(Instant now, const HalfOpen& entry, const Segment& segment) const;
  ListenVerdict on_new(Instant now, const FiveTuple& tuple, const Segment& segment, const Settings& settings,
                       const Path& path, bool accept_queue_full, std::optional<SeqNum> iss_beyond);
  HalfOpen make_entry(Instant now, const FiveTuple& tuple, const Segment& segment, const Settings& settings,
                      const Path& path) const;
  std::optional<Drop> refuse_new(const FiveTuple& tuple, const Segment& segment, bool accept_queue_full,
                                 bool is_reopened);
  // What a SYN's fast open comes to, and the cookie for the SYN-ACK.
  bool judge_fast_open(const FiveTuple& tuple, const Segment& segment, std::optional<FastOpenCookie>& gift);
  Segment send_cookie(Instant now, HalfOpen& entry);
  std::optional<ListenVerdict> take_cookie(Instant now, const FiveTuple& tuple, const Segment& segment,
                                           const Settings& settings, const Path& path,
                                           bool accept_queue_full);
  ListenVerdict on_known(Instant now, std::uint32_t slot, const Segment& segment, bool accept_queue_full);
  std::optional<ListenVerdict> refuse(Instant now, std::uint32_t slot, const Segment& segment);
};

// How often a SYN-ACK is repeated. Half of the room belongs to young entries: old ones are given up
// sooner while they would clog it (Linux: reqsk_timer_handler).
unsigned SynQueue::Impl::patience() const {
  unsigned most = retries;
  if (2 * table.size() <= std::max(8u, backlog)) return most;
  for (std::size_t fresh = 2 * table.young(); most > 2 && table.size() >= fresh; fresh *= 2) {
    --most;
    if (fresh == 0) return 2;
  }
  return most;
}

Segment SynQueue::Impl::syn_ack(Instant now, const HalfOpen& entry) const {
  Segment segment;
  segment.source_port = entry.tuple.local.port;
  segment.destination_port = entry.tuple.remote.port;
  segment.seq = entry.iss;
  segment.ack = entry.irs + 1;
  segment.flags.syn = segment.flags.ack = true;
  segment.flags.ece = entry.ecn == EcnMode::classic;  // RFC 3168 6.1.1
  // RFC 9768 3.1.4.2: the first repetition has no option, the others no flags either.
  const bool is_accurate = entry.ecn == EcnMode::accurate;
  if (is_accurate && entry.retransmissions < 2) set_ace(segment.flags, handshake_ace(entry.syn_ip_ecn));
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
  if (is_accurate && entry.retransmissions == 0 && resources.config.ecn_option > 0)
    segment.options.accurate_ecn = AccEcn::first_option();
  return segment;
}

Segment SynQueue::Impl::plain_ack(Instant now, const HalfOpen& entry) const {
  Segment segment = syn_ack(now, entry);
  segment.seq = entry.iss + 1;
  segment.flags.syn = false;
  set_ace(segment.flags, entry.ecn == EcnMode::accurate ? AccEcn().ace() : std::uint8_t{0});
  segment.window =
      static_cast<std::uint16_t>(entry.window >> (entry.peer_scale == kNotScaled ? 0 : entry.our_scale));
  const auto timestamps = segment.options.timestamps;
  segment.options = TcpOptions();
  segment.options.timestamps = timestamps;
  return segment;
}

Handshake SynQueue::Impl::complete(Instant now, const HalfOpen& entry, const Segment& segment) const {
  Handshake handshake;
  handshake.iss = entry.iss;
  handshake.irs = entry.irs;
  handshake.peer_mss = entry.peer_mss;
  handshake.sack = entry.sack != 0;
  handshake.timestamps = entry.timestamps != 0;
  handshake.ecn = entry.ecn;
  handshake.ecn_silent = entry.retransmissions >= 2;
  handshake.syn_ip_ecn = entry.syn_ip_ecn;
  if (segment.flags.ack && segment.options.sack_count == 0) handshake.ace = ace_of(segment.flags);
  handshake.timestamp_recent = entry.timestamp_recent;
  handshake.timestamp_offset = timestamp_offset(resources.timestamp_key, entry.tuple);
  handshake.peer_window = segment.window;
  if (entry.peer_scale != kNotScaled) {
    handshake.peer_window_scale = entry.peer_scale;
    handshake.our_window_scale = entry.our_scale;
    handshake.peer_window <<= entry.peer_scale;
  }
  // The first SYN-ACK left one time-out before the deadline.
  if (entry.retransmissions == 0) handshake.rtt = now - (entry.deadline() - timeout(entry.retransmissions));
  return handshake;
}

// Why a SYN makes no entry and gets no cookie.
std::optional<Drop> SynQueue::Impl::refuse_new(const FiveTuple& tuple, const Segment& segment,
                                               bool accept_queue_full, bool is_reopened) {
  if (segment.flags.fin) return Drop::listen_no_syn;  // SYN with FIN opens nothing (Linux)
  if (tuple.remote.address.is_multicast() || tuple.remote.address.is_limited_broadcast() ||
      tuple.remote.address.is_unspecified() || tuple.local.address.is_multicast())
    return Drop::multicast_syn;  // RFC 9293 3.9.2.3
  // Who comes out of TIME_WAIT is real, and gave back the room of a record: no limit (Linux).
  const unsigned cookies = resources.config.syncookies;
  const bool wants_cookie = (is_full() || cookies == 2) && !is_reopened;
  if (wants_cookie) {
    resources.counters.count(cookies != 0 ? Counter::req_q_full_do_cookies : Counter::req_q_full_drop);
    if (cookies == 0) return Drop::syn_queue_full;
  }
  if (accept_queue_full) {
    resources.counters.count(Counter::listen_overflows);
    return Drop::accept_queue_full;
  }
  // Without cookies the last quarter of tcp_max_syn_backlog is kept for peers that are known; nobody is.
  const std::uint32_t most = resources.config.syn_backlog_max;
  if (!wants_cookie && !is_reopened && cookies == 0 && table.size() + most / 4 > most)
    return Drop::syn_queue_full;
  return std::nullopt;
}

HalfOpen SynQueue::Impl::make_entry(Instant now, const FiveTuple& tuple, const Segment& segment,
                                    const Settings& settings, const Path& path) const {
  const Offer offer = make_offer(resources.config, settings, path.mtu, path.is_v6, path.signature_bytes);
  const Negotiated agreed = negotiate(offer, segment.options, path.is_v6);
  HalfOpen entry;
  entry.tuple = tuple;
  entry.irs = segment.seq;
  entry.timestamp_recent = agreed.timestamp_recent;
  entry.peer_mss = agreed.peer_mss;
  entry.our_mss = offer.mss;
  const std::uint32_t clamp = settings.window_clamp == 0 ? 65535u : settings.window_clamp;
  entry.window = static_cast<std::uint16_t>(std::min({settings.receive_buffer, clamp, 65535u}));
  if (agreed.peer_window_scale) entry.peer_scale = *agreed.peer_window_scale & 15u;
  entry.our_scale = agreed.our_window_scale & 15u;
  entry.sack = agreed.sack ? 1 : 0;
  entry.timestamps = agreed.timestamps ? 1 : 0;
  entry.ecn = ecn_for_syn(resources.config.ecn, ace_of(segment.flags), segment.ip_ecn);
  entry.syn_ip_ecn = segment.ip_ecn & 3;
  entry.set_deadline(now + timeout(entry.retransmissions));
  return entry;
}

ListenVerdict SynQueue::Impl::on_new(Instant now, const FiveTuple& tuple, const Segment& segment,
                                     const Settings& settings, const Path& path, bool accept_queue_full,
                                     std::optional<SeqNum> iss_beyond) {
  ListenVerdict verdict;
  if (segment.flags.rst || !(segment.flags.syn || segment.flags.ack)) {
    verdict.drop = Drop::listen_no_syn;
    return verdict;
  }
  if (segment.flags.ack) {
    if (auto taken = take_cookie(now, tuple, segment, settings, path, accept_queue_full)) return *taken;
    verdict.drop = Drop::listen_no_syn;
    verdict.reply = reset_for(segment);
    return verdict;
  }
  verdict.drop = refuse_new(tuple, segment, accept_queue_full, iss_beyond.has_value());
  if (verdict.drop) return verdict;
  HalfOpen entry = make_entry(now, tuple, segment, settings, path);
  if (!iss_beyond && (is_full() || resources.config.syncookies == 2)) {
    verdict.reply = send_cookie(now, entry);
    return verdict;
  }
  entry.iss = initial_sequence(resources.isn_key, tuple, now);
  if (iss_beyond && entry.iss <= *iss_beyond) entry.iss = *iss_beyond + 1u;
  std::optional<FastOpenCookie> gift;
  if (judge_fast_open(tuple, segment, gift)) {
    verdict.handshake = complete(now, entry, segment);
    verdict.handshake->rtt.reset();
    verdict.handshake->fast_open_cookie = gift;
    verdict.is_fast = true;
    return verdict;
  }
  table.add(entry);
  verdict.reply = syn_ack(now, entry);
  verdict.reply->options.fast_open = gift;
  return verdict;
}

// Linux: tcp_try_fastopen.
bool SynQueue::Impl::judge_fast_open(const FiveTuple& tuple, const Segment& segment,
                                     std::optional<FastOpenCookie>& gift) {
  Counters& counters = resources.counters;
  const auto& theirs = segment.options.fast_open;
  if (theirs && theirs->size == 0) counters.count(Counter::fast_open_cookie_reqd);
  const unsigned bits = resources.config.fast_open;
  if ((bits & kFastOpenServer) == 0 || !fast_open.is_on || (!theirs && segment.payload_bytes == 0))
    return false;
  if (!fast_open.has_room) {
    counters.count(Counter::fast_open_listen_overflow);
    return false;
  }
  const FastOpenKeys& keys = fast_open.keys != nullptr ? *fast_open.keys : resources.cookie_keys();
  const IpAddress& client = tuple.remote.address;
  const IpAddress& server = tuple.local.address;
  if ((bits & kFastOpenServerNoCookie) == 0 && !no_fast_open_cookie) {
    if (!theirs) return false;
    const int fits = theirs->size == 0 ? 0 : check_fast_open_cookie(keys, client, server, *theirs);
    if (fits != 1) {
      gift = make_fast_open_cookie(keys.primary, client, server);
      gift->is_experimental = theirs->is_experimental;
    }
    if (fits == 0) {
      if (theirs->size > 0) counters.count(Counter::fast_open_passive_fail);
      return false;
    }
    if (fits == 2) counters.count(Counter::fast_open_passive_alt_key);
  }
  counters.count(Counter::fast_open_passive);
  return true;
}

Segment SynQueue::Impl::send_cookie(Instant now, HalfOpen& entry) {
  entry.iss = make_syn_cookie(resources.cookie_key, entry.tuple, entry.irs, now, entry.peer_mss);
  if (entry.timestamps == 0) {  // nowhere to keep them
    entry.sack = 0;
    entry.ecn = EcnMode::none;
    entry.peer_scale = kNotScaled;
  }
  // A cookie has one bit for ECN.
  if (entry.ecn == EcnMode::accurate) entry.ecn = EcnMode::classic;
  last_overflow = now;
  resources.counters.count(Counter::syncookies_sent);
  Segment segment = syn_ack(now, entry);
  if (segment.options.timestamps) {
    CookieOptions kept;
    if (entry.peer_scale != kNotScaled) kept.peer_window_scale = std::uint8_t{entry.peer_scale};
    kept.sack = entry.sack != 0;
    kept.ecn = entry.ecn != EcnMode::none;
    const std::uint32_t offset = timestamp_offset(resources.timestamp_key, entry.tuple);
    segment.options.timestamps->value = stamp_cookie_options(TimestampState::value_at(now, 0), kept) + offset;
  }
  return segment;
}

// The ACK that answers a cookie is all there is: what the SYN said is read out of it. Empty: it is none.
std::optional<ListenVerdict> SynQueue::Impl::take_cookie(Instant now, const FiveTuple& tuple,
                                                         const Segment& segment, const Settings& settings,
                                                         const Path& path, bool accept_queue_full) {
  if (segment.flags.syn || !last_overflow || now - *last_overflow > kSynCookieValid) return std::nullopt;
  const auto mss = read_syn_cookie(resources.cookie_key, tuple, segment.seq - 1u, segment.ack - 1u, now);
  if (!mss) {
    resources.counters.count(Counter::syncookies_failed);
    return std::nullopt;
  }
  ListenVerdict verdict;
  if (accept_queue_full) {
    resources.counters.count(Counter::listen_overflows);
    verdict.drop = Drop::accept_queue_full;
    return verdict;
  }
  resources.counters.count(Counter::syncookies_recv);
  const Offer offer = make_offer(resources.config, settings, path.mtu, path.is_v6);
  Handshake handshake;
  handshake.iss = segment.ack - 1u;
  handshake.irs = segment.seq - 1u;
  handshake.peer_mss = *mss;
  handshake.peer_window = segment.window;
  const auto& timestamps = segment.options.timestamps;
  if (timestamps && offer.timestamps) {
    handshake.timestamps = true;
    handshake.timestamp_recent = timestamps->value;
    handshake.timestamp_offset = timestamp_offset(resources.timestamp_key, tuple);
    const CookieOptions kept = read_cookie_options(timestamps->echo - handshake.timestamp_offset);
    handshake.sack = kept.sack && offer.sack;
    if (kept.ecn && resources.config.ecn != 0) handshake.ecn = EcnMode::classic;
    if (kept.peer_window_scale && offer.window_scaling) {
      handshake.peer_window_scale = std::min(*kept.peer_window_scale, kWindowScaleMax);
      handshake.our_window_scale = offer.window_scale;
      handshake.peer_window <<= *handshake.peer_window_scale;
    }
  }
  verdict.handshake = handshake;
  return verdict;
}

// What RFC 9293 3.10.7.4 refuses in SYN-RECEIVED; empty: the segment completes the handshake.
std::optional<ListenVerdict> SynQueue::Impl::refuse(Instant now, std::uint32_t slot, const Segment& segment) {
  const HalfOpen& entry = table[slot];
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
      table.remove(slot);
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
  HalfOpen& entry = table[slot];
  if (entry.retransmissions < defer_accept && segment.end() == entry.irs + 1) {
    entry.acked = 1;
    resources.counters.count(Counter::defer_accept_drop);
    verdict.drop = Drop::accept_deferred;
    return verdict;
  }
  if (accept_queue_full) {
    entry.acked = 1;
    resources.counters.count(Counter::listen_overflows);
    // The entry stays and repeats its SYN-ACK, so the client tries again (Linux).
    verdict.drop = Drop::accept_queue_full;
    if (resources.config.abort_on_overflow) {
      verdict.reply = reset_for(segment);
      table.remove(slot);
    }
    return verdict;
  }
  verdict.handshake = complete(now, table[slot], segment);
  table.remove(slot);
  return verdict;
}

SynQueue::SynQueue(Resources& resources, std::uint32_t backlog) : impl_(std::make_unique<Impl>(resources)) {
  impl_->backlog = backlog;
}

SynQueue::~SynQueue() = default;

void SynQueue::set_backlog(std::uint32_t backlog) {
  impl_->backlog = backlog;
}

void SynQueue::set_fast_open(const FastOpenService& service) {
  impl_->fast_open = service;
}

void SynQueue::set_defer_accept(unsigned timeouts) {
  impl_->defer_accept = std::min(timeouts, kRetransmissionsMax);
}

std::size_t SynQueue::size() const {
  return impl_->table.size();
}

bool SynQueue::contains(const FiveTuple& tuple) const {
  return impl_->table.find(tuple) != SynTable::kNone;
}

ListenVerdict SynQueue::on_segment(Instant now, const FiveTuple& tuple, const Segment& segment,
                                   const Settings& settings, const Path& path, bool accept_queue_full,
                                   std::optional<SeqNum> iss_beyond) {
  const unsigned own = settings.syn_retries;
  impl_->retries = std::min(own != 0 ? own : impl_->resources.config.syn_ack_retries, kRetransmissionsMax);
  impl_->no_fast_open_cookie = settings.fast_open_no_cookie;
  const std::uint32_t slot = impl_->table.find(tuple);
  if (slot == SynTable::kNone)
    return impl_->on_new(now, tuple, segment, settings, path, accept_queue_full, iss_beyond);
  return impl_->on_known(now, slot, segment, accept_queue_full);
}

void SynQueue::on_icmp_error(const FiveTuple& tuple, SeqNum quoted_seq) {
  const std::uint32_t slot = impl_->table.find(tuple);
  if (slot != SynTable::kNone && impl_->table[slot].iss == quoted_seq) impl_->table.remove(slot);
}

std::optional<Instant> SynQueue::next_timer() const {
  return impl_->table.next_deadline();
}

std::optional<SynQueue::Due> SynQueue::next_due(Instant now) {
  Impl& q = *impl_;
  for (auto slot = q.table.pop_due(now); slot != SynTable::kNone; slot = q.table.pop_due(now)) {
    const HalfOpen& entry = q.table[slot];
    const unsigned count = entry.retransmissions;
    const bool awaits_data = q.defer_accept > 0 && entry.acked != 0;
    if (count >= q.patience() && (!awaits_data || count >= q.defer_accept)) {
      q.table.remove(slot);
      continue;
    }
    q.table.repeat(slot, now + q.timeout(count + 1));
    if (awaits_data && count + 1 < q.defer_accept) continue;  // the peer knows; its data will come
    return Due{entry.tuple, q.syn_ack(now, entry), entry.retransmissions};
  }
  return std::nullopt;
}

FiveTuple SynQueue::tuple_at(std::size_t index) const {
  for (const HalfOpen& entry : impl_->table.entries()) {
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
