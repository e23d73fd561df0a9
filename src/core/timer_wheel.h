// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One wheel per stack, one intrusive entry per connection (and per fragment queue, SYN entry, …).
// Hierarchical (Varghese, Lauck 1987): arm and cancel are O(1), expiry is exact to the nanosecond,
// and entries that expire at the same instant fire in the order in which they were armed.
//
// A holder that only moves its deadline *later* need not re-arm: it stores the new deadline, and when
// the old one fires it sees that it is early and arms again (an ACK costs no timer work).
#pragma once

#include <array>
#include <cstdint>

#include "core/intrusive_list.h"
#include "core/time.h"

namespace sockeye {

class TimerEntry : public ListHook<> {
 public:
  bool is_armed() const { return is_linked(); }
  Instant deadline() const { return deadline_; }

 protected:
  ~TimerEntry() = default;

 private:
  friend class TimerWheel;
  virtual void on_timer(Instant now) = 0;
  Instant deadline_ = kNever;
  std::uint64_t order_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant start = Instant{}) : now_(start) {}

  // Arms or re-arms. A deadline in the past fires at the next advance().
  void arm(TimerEntry& entry, Instant deadline);
  void cancel(TimerEntry& entry);

  // Fires everything due at or before now, earliest first, ties by arming order. An entry armed by a
  // firing entry at or before now fires in the same call.
  void advance(Instant now);

  // The earliest deadline, exactly; kNever when nothing is armed. O(levels), not O(entries).
  Instant next_deadline();

 private:
  // The timing wheel's levels are the implementer's; the interface above is what the stack relies on.
  static constexpr unsigned kBitsPerLevel = 6;
  static constexpr unsigned kLevels = 11;  // 66 bits: every Instant has a place
  static constexpr unsigned kSlots = 1u << kBitsPerLevel;

  void place(TimerEntry& entry);

  Instant now_;
  std::uint64_t next_order_ = 0;
  std::size_t armed_ = 0;
  std::array<std::uint64_t, kLevels> occupied_{};  // one bit per slot
  std::array<std::array<IntrusiveList<TimerEntry>, kSlots>, kLevels> slots_;
};

}  // namespace sockeye
