// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 7323 3-5: our TSval clock (1 ms, with an offset per connection so that it neither tells the
// uptime nor links connections, 7.1), TS.Recent and when it moves (4.3), the test for old segments
// (PAWS, 5.3, with the rule for connections idle for 24 days, 5.5), and round-trip times from echoes.
#pragma once

#include <cstdint>
#include <optional>

#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

class TimestampState {
 public:
  // `recent` is the TSval of the peer's SYN.
  void enable(Instant now, std::uint32_t offset, std::uint32_t recent) {
    offset_ = offset;
    recent_ = recent;
    recent_set_s_ = seconds(now);
    enabled_ = true;
  }
  void disable() { enabled_ = false; }
  bool is_enabled() const { return enabled_; }
  std::uint32_t offset() const { return offset_; }
  std::uint32_t recent() const { return recent_; }  // TS.Recent: what a segment echoes

  // RFC 7323 5.4 MUST-17
  static std::uint32_t value_at(Instant now, std::uint32_t offset) {
    return static_cast<std::uint32_t>(to_ms(now.time_since_epoch())) + offset;
  }
  std::uint32_t value(Instant now) const { return value_at(now, offset_); }

  // 5.3 R1: the segment's TSval is older than TS.Recent, by more than Linux's grace of one tick. Never so
  // when TS.Recent is older than 24 days (5.5), or zero as some peers' SYNs have it. The caller exempts
  // RSTs. RFC 7323 3.2 MUST-12; RFC 7323 5.5 SHLD-4
  bool is_old(Instant now, std::uint32_t ts_value) const {
    return enabled_ && recent_ != 0 && is_before(ts_value + 1, recent_) && !is_stale(now);
  }
  // Not older than TS.Recent at all (RFC 7323 5.4's condition for header prediction).
  bool is_in_order(std::uint32_t ts_value) const { return recent_ != 0 && !is_before(ts_value, recent_); }
  // RFC 7323 4.3 MUST-14: of the segments that passed, the one that covers the last byte acknowledged sets
  // TS.Recent.
  void on_segment(Instant now, std::uint32_t ts_value, SeqNum seq, SeqNum last_ack_sent) {
    if (seq > last_ack_sent) return;
    if (recent_ != 0 && is_before(ts_value, recent_) && !is_stale(now)) return;
    recent_ = ts_value;
    recent_set_s_ = seconds(now);
  }
  // RFC 7323 3.2 MUST-9; RFC 7323 4.1 MUST-13: the time since we sent `echo`; empty for an echo that we
  // cannot have sent. The answer has the clock's grain of 1 ms, at least 1 ms: the send time of the segment
  // is finer when known.
  std::optional<Duration> round_trip(Instant now, std::uint32_t echo) const {
    if (!enabled_ || echo == 0) return std::nullopt;
    const std::uint32_t elapsed_ms = value(now) - echo;
    if (elapsed_ms > kLongestMs) return std::nullopt;
    return std::chrono::milliseconds(elapsed_ms == 0 ? 1 : elapsed_ms);
  }
  // Is TSval `a` older than `b`?
  static bool is_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

 private:
  static constexpr std::uint32_t kStaleSeconds = 24u * 24 * 3600;
  static constexpr std::uint32_t kLongestMs = 1u << 30;

  static std::uint32_t seconds(Instant now) {
    return static_cast<std::uint32_t>(to_ns(now.time_since_epoch()) / 1'000'000'000);
  }
  bool is_stale(Instant now) const { return seconds(now) - recent_set_s_ > kStaleSeconds; }

  std::uint32_t offset_ = 0;
  std::uint32_t recent_ = 0;
  std::uint32_t recent_set_s_ = 0;
  bool enabled_ = false;
};

}  // namespace sockeye::tcp
