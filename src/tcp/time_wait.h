// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Connections in TIME_WAIT as compact records (at most 64 bytes, D13): RFC 9293 3.6.1, RFC 1337,
// RFC 6191. One table per stack, bounded; at the limit a new record is refused and counted
// (hostile.md F11). Orphans in FIN_WAIT_2 stay Connections until they time out.
//
// Records lie in slabs and are named by number. All live equally long, so their order of arrival is the
// order of expiry: one list. They are found by a keyed hash; its table grows by one bucket with each
// record (linear hashing, Litwin 1980), so that no segment ever pays for a rehash of all. A host has
// few addresses of its own: a record names its local one by a number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/drop.h"
#include "core/ip_address.h"
#include "core/siphash.h"
#include "core/time.h"
#include "tcp/segment.h"

namespace sockeye::tcp {

struct Resources;

struct TimeWait {
  FiveTuple tuple{};
  SeqNum snd_nxt{};
  SeqNum rcv_nxt{};
  std::uint16_t window = 0;  // as it would be written on the wire
  bool timestamps = false;
  std::uint32_t timestamp_recent = 0;
  std::uint32_t timestamp_offset = 0;
};

struct TimeWaitVerdict {
  std::optional<Drop> drop{};
  std::optional<Segment> reply{};
  // The segment is a SYN that may open a new connection (RFC 6191): the record is gone, give the
  // segment to the listener, and if it is accepted its ISS must lie beyond this.
  std::optional<SeqNum> reopen_beyond{};
};

class TimeWaitTable {
 public:
  explicit TimeWaitTable(Resources& resources);
  ~TimeWaitTable();
  TimeWaitTable(const TimeWaitTable&) = delete;
  TimeWaitTable& operator=(const TimeWaitTable&) = delete;

  // False: the table is full. A record of the same tuple is replaced.
  // RFC 9293 3.6.1 MUST-13
  bool add(Instant now, const TimeWait& record);
  bool contains(const FiveTuple& tuple) const;
  std::size_t size() const;
  // How many records hold this local port (bind without SO_REUSEADDR must fail).
  std::size_t count_on_port(std::uint16_t local_port) const;
  // Is there a record with this local end? Walks over all in the worst case: for bind(), not for packets.
  bool holds(const Endpoint& local) const;
  // May connect() reuse this tuple now (tcp_tw_reuse: timestamps, a second old)? Then removes it and
  // answers the sequence number beyond which the new ISS must lie.
  std::optional<SeqNum> reuse(Instant now, const FiveTuple& tuple);

  // Empty: no record with this tuple.
  std::optional<TimeWaitVerdict> on_segment(Instant now, const FiveTuple& tuple, const Segment& segment);

  std::optional<Instant> next_timer() const;
  void on_timer(Instant now);  // forgets what has expired

  struct View {
    FiveTuple tuple{};
    Duration left{};
  };
  std::optional<View> at(Instant now, std::size_t index) const;  // in order of expiry
  std::uint64_t hash_of(const FiveTuple& tuple) const;           // keyed (hostile.md F19)

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint32_t kSlabRecords = 1024;

  struct Record {
    IpAddress remote{};
    std::uint16_t remote_port = 0;
    std::uint16_t local_port = 0;
    SeqNum snd_nxt{};
    SeqNum rcv_nxt{};
    std::uint32_t timestamp_recent = 0;
    std::uint32_t timestamp_offset = 0;
    std::uint32_t expiry_ms = 0;
    std::uint32_t last_ack_ms = 0;  // of an ACK without data (hostile.md E20); 0: none yet
    std::uint32_t next_in_bucket = kNone;
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
    std::uint16_t window = 0;
    std::uint16_t local = 0;  // into locals_
    bool timestamps = false;
  };
  static_assert(sizeof(Record) <= 64, "decisions.md D13");
  struct Local {
    IpAddress address{};
    std::uint32_t records = 0;
  };

  Record& record(std::uint32_t index) { return slabs_[index / kSlabRecords][index % kSlabRecords]; }
  const Record& record(std::uint32_t index) const {
    return slabs_[index / kSlabRecords][index % kSlabRecords];
  }
  std::optional<std::uint16_t> intern(const IpAddress& address);
  FiveTuple tuple_of(const Record& record) const;
  std::uint32_t bucket_of(std::uint64_t hash) const;
  std::uint32_t find(const FiveTuple& tuple) const;
  void grow_buckets();
  std::uint32_t take_record();
  void link_newest(std::uint32_t index);
  void unlink(std::uint32_t index);
  void remove(std::uint32_t index);
  void restart(Instant now, std::uint32_t index);
  std::uint32_t* port_count(std::uint16_t port);
  TimeWaitVerdict acknowledge(Instant now, std::uint32_t index, const Segment& segment, Drop reason);
  static std::uint32_t milliseconds(Instant now);
  Instant expiry_of(const Record& record) const;

  Resources& resources_;
  SipKey key_;
  std::vector<std::unique_ptr<Record[]>> slabs_;
  std::uint32_t free_ = kNone;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::size_t size_ = 0;
  Instant latest_{};  // the last time that was told: near enough to complete an expiry_ms
  std::vector<std::uint32_t> buckets_;
  std::vector<Local> locals_;
  std::map<IpAddress, std::uint16_t> local_index_;
  // Counts per local port, in pages of 256 ports made when first needed.
  std::array<std::unique_ptr<std::array<std::uint32_t, 256>>, 256> port_pages_{};
  // Where at() was last, so that listing all is not quadratic.
  mutable std::size_t cursor_position_ = 0;
  mutable std::uint32_t cursor_ = kNone;
};

}  // namespace sockeye::tcp
