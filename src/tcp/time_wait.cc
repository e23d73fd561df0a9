// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/time_wait.h"

#include "tcp/resources.h"
#include "tcp/timestamps.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint32_t kFirstBuckets = 64;
constexpr std::uint32_t kReuseAfterMs = 1000;
// RFC 9293 3.10.7.4 wants the new ISS beyond what the old connection used; the largest unscaled window
// on top keeps segments of the old one out of the new one's window, as Linux does.
constexpr std::uint32_t kReopenDistance = 65537;

// The table has a key of its own, so that its hash tells nothing about sequence numbers.
constexpr std::uint64_t kKeyLabel = 0x74696d652d776169u;

}  // namespace

TimeWaitTable::TimeWaitTable(Resources& resources)
    : resources_(resources), key_(derive_key(resources.isn_key, kKeyLabel)), buckets_(kFirstBuckets, kNone) {}

TimeWaitTable::~TimeWaitTable() = default;

std::uint32_t TimeWaitTable::milliseconds(Instant now) {
  return static_cast<std::uint32_t>(to_ms(now.time_since_epoch()));
}

Instant TimeWaitTable::expiry_of(const Record& item) const {
  const auto left_ms = static_cast<std::int32_t>(item.expiry_ms - milliseconds(latest_));
  return std::chrono::floor<std::chrono::milliseconds>(latest_) + std::chrono::milliseconds(left_ms);
}

// --- records

std::optional<std::uint16_t> TimeWaitTable::intern(const IpAddress& address) {
  if (const auto found = local_index_.find(address); found != local_index_.end()) return found->second;
  std::size_t index = 0;
  if (locals_.size() == 0xffff) {  // all numbers are given out: take one that no record uses any more
    while (index < locals_.size() && locals_[index].records != 0) ++index;
    if (index == locals_.size()) return std::nullopt;
    local_index_.erase(locals_[index].address);
  } else {
    index = locals_.size();
    locals_.emplace_back();
  }
  locals_[index] = {address, 0};
  local_index_[address] = static_cast<std::uint16_t>(index);
  return static_cast<std::uint16_t>(index);
}

FiveTuple TimeWaitTable::tuple_of(const Record& record) const {
  return {{locals_[record.local].address, record.local_port}, {record.remote, record.remote_port}};
}

std::uint32_t TimeWaitTable::take_record() {
  if (free_ == kNone) {
    const auto first = static_cast<std::uint32_t>(slabs_.size()) * kSlabRecords;
    slabs_.push_back(std::make_unique<Record[]>(kSlabRecords));
    for (std::uint32_t i = kSlabRecords; i-- > 0;) {
      record(first + i).newer = free_;
      free_ = first + i;
    }
  }
  const std::uint32_t index = free_;
  free_ = record(index).newer;
  return index;
}

void TimeWaitTable::link_newest(std::uint32_t index) {
  record(index).older = newest_;
  record(index).newer = kNone;
  (newest_ == kNone ? oldest_ : record(newest_).newer) = index;
  newest_ = index;
}

void TimeWaitTable::unlink(std::uint32_t index) {
  const Record& item = record(index);
  (item.older == kNone ? oldest_ : record(item.older).newer) = item.newer;
  (item.newer == kNone ? newest_ : record(item.newer).older) = item.older;
  cursor_ = kNone;
}

// 2 MSL begin anew.
void TimeWaitTable::restart(Instant now, std::uint32_t index) {
  latest_ = now;
  record(index).expiry_ms = milliseconds(now + resources_.config.time_wait + 999us);
  unlink(index);
  link_newest(index);
}

std::uint32_t* TimeWaitTable::port_count(std::uint16_t port) {
  auto& page = port_pages_[port >> 8];
  if (!page) page = std::make_unique<std::array<std::uint32_t, 256>>();
  return &(*page)[port & 0xff];
}

bool TimeWaitTable::add(Instant now, const TimeWait& from) {
  if (const std::uint32_t old = find(from.tuple); old != kNone) remove(old);
  if (size_ >= resources_.config.time_wait_max) return false;
  latest_ = now;
  const auto local = intern(from.tuple.local.address);
  if (!local) return false;
  const std::uint32_t index = take_record();
  Record& item = record(index);
  item = Record();
  item.remote = from.tuple.remote.address;
  item.remote_port = from.tuple.remote.port;
  item.local_port = from.tuple.local.port;
  item.snd_nxt = from.snd_nxt;
  item.rcv_nxt = from.rcv_nxt;
  item.timestamp_recent = from.timestamp_recent;
  item.timestamp_offset = from.timestamp_offset;
  item.expiry_ms = milliseconds(now + resources_.config.time_wait + 999us);
  item.window = from.window;
  item.local = *local;
  item.timestamps = from.timestamps;
  link_newest(index);
  ++locals_[item.local].records;
  ++*port_count(item.local_port);
  if (++size_ > buckets_.size()) grow_buckets();
  std::uint32_t& bucket = buckets_[bucket_of(hash_of(from.tuple))];
  item.next_in_bucket = bucket;
  bucket = index;
  return true;
}

void TimeWaitTable::remove(std::uint32_t index) {
  Record& item = record(index);
  std::uint32_t* link = &buckets_[bucket_of(hash_of(tuple_of(item)))];
  while (*link != index) link = &record(*link).next_in_bucket;
  *link = item.next_in_bucket;
  unlink(index);
  --locals_[item.local].records;
  --*port_count(item.local_port);
  --size_;
  item.newer = free_;
  free_ = index;
}

// --- the hash table

std::uint64_t TimeWaitTable::hash_of(const FiveTuple& tuple) const {
  const std::array<std::uint64_t, 5> words = {
      tuple.local.address.high(), tuple.local.address.low(), tuple.remote.address.high(),
      tuple.remote.address.low(), static_cast<std::uint64_t>(tuple.local.port) << 16 | tuple.remote.port};
  return siphash13(key_, words);
}

// With n buckets, 2^k <= n < 2^(k+1): the hash modulo 2^(k+1) where that bucket exists already,
// otherwise modulo 2^k.
std::uint32_t TimeWaitTable::bucket_of(std::uint64_t hash) const {
  const auto count = static_cast<std::uint32_t>(buckets_.size());
  std::uint32_t mask = kFirstBuckets - 1;
  while (mask + 1 < count) mask = mask << 1 | 1;
  const std::uint32_t bucket = static_cast<std::uint32_t>(hash) & mask;
  return bucket < count ? bucket : bucket & (mask >> 1);
}

// One more bucket takes its share of the bucket it is split from.
void TimeWaitTable::grow_buckets() {
  const auto added = static_cast<std::uint32_t>(buckets_.size());
  std::uint32_t half = kFirstBuckets;
  while (half * 2 <= added) half *= 2;
  std::uint32_t rest = buckets_[added - half];
  buckets_[added - half] = kNone;
  buckets_.push_back(kNone);
  while (rest != kNone) {
    Record& item = record(rest);
    const std::uint32_t next = item.next_in_bucket;
    std::uint32_t& bucket = buckets_[bucket_of(hash_of(tuple_of(item)))];
    item.next_in_bucket = bucket;
    bucket = rest;
    rest = next;
  }
}

std::uint32_t TimeWaitTable::find(const FiveTuple& tuple) const {
  if (size_ == 0) return kNone;
  std::uint32_t index = buckets_[bucket_of(hash_of(tuple))];
  while (index != kNone) {
    const Record& item = record(index);
    if (item.remote_port == tuple.remote.port && item.local_port == tuple.local.port &&
        item.remote == tuple.remote.address && locals_[item.local].address == tuple.local.address)
      return index;
    index = item.next_in_bucket;
  }
  return kNone;
}

// --- questions

bool TimeWaitTable::contains(const FiveTuple& tuple) const {
  return find(tuple) != kNone;
}

std::size_t TimeWaitTable::size() const {
  return size_;
}

std::size_t TimeWaitTable::count_on_port(std::uint16_t local_port) const {
  const auto& page = port_pages_[local_port >> 8];
  return page ? (*page)[local_port & 0xff] : 0;
}

std::optional<TimeWaitTable::View> TimeWaitTable::at(Instant now, std::size_t index) const {
  if (index >= size_) return std::nullopt;
  if (cursor_ == kNone || index < cursor_position_) {
    cursor_ = oldest_;
    cursor_position_ = 0;
  }
  for (; cursor_position_ < index; ++cursor_position_) cursor_ = record(cursor_).newer;
  const Record& item = record(cursor_);
  const auto left_ms = static_cast<std::int32_t>(item.expiry_ms - milliseconds(now));
  return View{tuple_of(item), std::chrono::milliseconds(left_ms < 0 ? 0 : left_ms)};
}

bool TimeWaitTable::holds(const Endpoint& local) const {
  const auto found = local_index_.find(local.address);
  if (found == local_index_.end() || locals_[found->second].records == 0) return false;
  for (std::uint32_t index = oldest_; index != kNone; index = record(index).newer)
    if (record(index).local == found->second && record(index).local_port == local.port) return true;
  return false;
}

// --- what happens

std::optional<SeqNum> TimeWaitTable::reuse(Instant now, const FiveTuple& tuple) {
  const std::uint32_t index = find(tuple);
  if (index == kNone) return std::nullopt;
  const Record& item = record(index);
  const std::uint32_t since_ms =
      milliseconds(now) - (item.expiry_ms - static_cast<std::uint32_t>(to_ms(resources_.config.time_wait)));
  // With timestamps a second apart PAWS keeps the old connection's segments out of the new one.
  if (!item.timestamps || static_cast<std::int32_t>(since_ms) <= static_cast<std::int32_t>(kReuseAfterMs))
    return std::nullopt;
  const SeqNum beyond = item.snd_nxt + kReopenDistance;
  remove(index);
  return beyond;
}

// The answer to what does not fit: where we are. Not more often than tcp_invalid_ratelimit allows for
// segments that carry nothing, or two ends that disagree would talk for ever (hostile E20).
TimeWaitVerdict TimeWaitTable::acknowledge(Instant now, std::uint32_t index, const Segment& segment,
                                           Drop reason) {
  Record& item = record(index);
  TimeWaitVerdict verdict;
  verdict.drop = reason;
  if (segment.length() == 0 || segment.flags.syn) {
    const auto interval_ms = static_cast<std::uint32_t>(to_ms(resources_.config.invalid_ratelimit));
    const std::uint32_t now_ms = milliseconds(now) | 1;
    if (item.last_ack_ms != 0 && now_ms - item.last_ack_ms < interval_ms) {
      verdict.drop = Drop::challenge_limited;
      return verdict;
    }
    item.last_ack_ms = now_ms;
  }
  Segment reply;
  reply.source_port = item.local_port;
  reply.destination_port = item.remote_port;
  reply.seq = item.snd_nxt;
  reply.ack = item.rcv_nxt;
  reply.flags.ack = true;
  reply.window = item.window;
  if (item.timestamps)
    reply.options.timestamps =
        TcpTimestamps{TimestampState::value_at(now, item.timestamp_offset), item.timestamp_recent};
  verdict.reply = reply;
  return verdict;
}

// RFC 9293 3.10.7.4 for TIME-WAIT, RFC 6191 for SYNs, RFC 1337 (off by default, as in Linux) for RSTs.
std::optional<TimeWaitVerdict> TimeWaitTable::on_segment(Instant now, const FiveTuple& tuple,
                                                         const Segment& segment) {
  const std::uint32_t index = find(tuple);
  if (index == kNone) return std::nullopt;
  Record& item = record(index);
  TimeWaitVerdict verdict;
  const bool has_timestamp = item.timestamps && segment.options.timestamps.has_value();
  const bool is_old =
      has_timestamp && TimestampState::is_before(segment.options.timestamps->value, item.timestamp_recent);
  const bool is_expected = segment.seq == item.rcv_nxt && !segment.flags.syn;

  if (segment.flags.rst) {
    verdict.drop = segment.seq == item.rcv_nxt ? Drop::time_wait : Drop::rst_out_of_window;
    if (segment.seq == item.rcv_nxt && !resources_.config.rfc1337) {
      verdict.drop.reset();
      remove(index);
    }
    return verdict;
  }
  if (is_expected && segment.length() == 0 && !is_old) {  // the bare ACK of our last ACK's duplicate
    if (has_timestamp) item.timestamp_recent = segment.options.timestamps->value;
    restart(now, index);
    return verdict;
  }
  // RFC 9293 3.6.1 SHLD-4
  const bool is_new_syn = segment.flags.syn && !segment.flags.ack && !is_old &&
                          (segment.seq > item.rcv_nxt ||
                           (has_timestamp && segment.options.timestamps->value != item.timestamp_recent));
  if (is_new_syn) {
    verdict.reopen_beyond = item.snd_nxt + kReopenDistance;
    remove(index);
    return verdict;
  }
  // A FIN sent again because our ACK was lost, or something old. A SYN without ACK may be a new
  // connection with an unlucky number: it gets its answer but no new 2 MSL.
  if (is_old || segment.flags.ack) restart(now, index);
  return acknowledge(now, index, segment, is_old ? Drop::paws : Drop::time_wait);
}

std::optional<Instant> TimeWaitTable::next_timer() const {
  if (oldest_ == kNone) return std::nullopt;
  return expiry_of(record(oldest_));
}

void TimeWaitTable::on_timer(Instant now) {
  latest_ = now;
  while (oldest_ != kNone && expiry_of(record(oldest_)) <= now) remove(oldest_);
}

}  // namespace sockeye::tcp
