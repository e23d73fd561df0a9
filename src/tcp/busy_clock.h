// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How long a connection had something to send, and what held it back meanwhile: the peer's window, or a
// send buffer too small for what the program wants to write (Linux's tcp_chrono: TCP_INFO's busy_time,
// rwnd_limited and sndbuf_limited). The rest of the busy time belongs to congestion control or the path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

enum class SendLimit : std::uint8_t { idle, busy, receive_window, send_buffer };

// Sums over the life of a connection, in steps of 64 microseconds (they reach for three days of being busy
// and stay there).
class BusyTotals {
 public:
  void add(SendLimit limit, Duration time) {
    std::uint32_t& sum = steps_[static_cast<std::size_t>(limit) - 1];
    const std::uint64_t more = (static_cast<std::uint64_t>(to_us(time)) + kStepUs / 2) / kStepUs;
    sum = static_cast<std::uint32_t>(sum + more < 0xffffffffu ? sum + more : 0xffffffffu);
  }
  Duration of(SendLimit limit) const {
    return std::chrono::microseconds(std::uint64_t{steps_[static_cast<std::size_t>(limit) - 1]} * kStepUs);
  }

 private:
  static constexpr std::uint32_t kStepUs = 64;
  std::array<std::uint32_t, 3> steps_{};
};

// The running phase; lives while something is to be sent or in flight.
class BusyClock {
 public:
  void enter(Instant now, SendLimit limit, BusyTotals& totals) {
    if (limit == limit_) return;
    if (limit_ != SendLimit::idle) totals.add(limit_, now - since_);
    limit_ = limit;
    since_ = now;
  }
  SendLimit limit() const { return limit_; }
  Duration running(Instant now) const { return limit_ == SendLimit::idle ? Duration::zero() : now - since_; }

 private:
  Instant since_{};
  SendLimit limit_ = SendLimit::idle;
};

}  // namespace sockeye::tcp
