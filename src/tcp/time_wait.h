// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Connections in TIME_WAIT as compact records (at most 64 bytes, D13): RFC 9293 3.6.1, RFC 1337,
// RFC 6191. One table per stack, bounded; at the limit a new record is refused and counted
// (hostile.md F11). Orphans in FIN_WAIT_2 stay Connections until they time out.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "core/drop.h"
#include "core/ip_address.h"
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

  bool add(Instant now, const TimeWait& record);  // false: the table is full
  bool contains(const FiveTuple& tuple) const;
  std::size_t size() const;
  // How many records hold this local port (bind without SO_REUSEADDR must fail).
  std::size_t count_on_port(std::uint16_t local_port) const;
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

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockeye::tcp
