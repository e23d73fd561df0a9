// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One wheel per stack, one intrusive entry per connection (and per fragment queue, SYN entry, …).
// Hierarchical (Varghese, Lauck 1987): arm and cancel are O(1), expiry is exact to the nanosecond,
// and entries that expire at the same instant fire in the order in which they were armed.
//
// A holder that only moves its deadline *later* need not re-arm: it stores the new deadline, and when
// the old one fires it sees that it is early and arms again (an ACK costs no timer work).
//
// How it works: level 0 has a slot for each of the 64 nanoseconds that differ from now in their last
// six bits only, level 1 for 64 times as much, and so on. An entry lies on the level of the highest
// bit in which its deadline differs from now; when now enters its slot, it moves to a lower level.
// All entries of one deadline are therefore always in one slot, in arming order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/intrusive_list.h"
#include "core/time.h"

namespace sockeye {

class TimerEntry : public ListHook<> {
 public:
  bool is_armed() const { return is_linked(); }
  Instant deadline() const { return deadline_; }  // as armed; not before the wheel's time then

 protected:
  virtual ~TimerEntry() = default;  // an armed entry is cancelled, but leaves next_deadline() early once

 private:
  friend class TimerWheel;
  virtual void on_timer(Instant now) = 0;
  Instant deadline_ = kNever;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant start = Instant{}) : now_(key_of(start)) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms or re-arms. A deadline in the past counts as now and fires at the next advance().
  void arm(TimerEntry& entry, Instant deadline);
  void cancel(TimerEntry& entry);

  // Fires everything due at or before now, earliest first, ties by arming order; every on_timer() is
  // given this `now`. An entry armed by a firing entry at or before now fires in the same call.
  void advance(Instant now);

  // The earliest deadline; kNever when nothing is armed. O(levels), not O(entries). Exact, but for one
  // case: when the earliest of more than kScanMax entries that lie far ahead was cancelled, it may
  // be that entry's deadline still: early, never late.
  Instant next_deadline() {
    if (!is_next_known_) find_next();
    return next_;
  }

 private:
  // Order-preserving: 0 is the smallest Instant.
  using Key = std::uint64_t;
  static constexpr unsigned kBitsPerLevel = 6;
  static constexpr unsigned kLevels = 11;  // 66 bits: every Instant has a place
  static constexpr unsigned kSlots = 1u << kBitsPerLevel;
  static constexpr unsigned kScanMax = 64;

  struct Slot {
    IntrusiveList<TimerEntry> entries;
    Key earliest = ~Key{0};  // on levels above 0; a lower bound when `is_stale`
    bool is_stale = false;   // the earliest entry was cancelled
  };
  struct Place {
    unsigned level;
    unsigned slot;
  };

  static Key key_of(Instant at) { return static_cast<Key>(at.time_since_epoch().count()) ^ (Key{1} << 63); }
  static Instant instant_of(Key key) {
    return Instant(Duration(static_cast<Duration::rep>(key ^ (Key{1} << 63))));
  }
  Place place_of(Key deadline) const;
  void insert(TimerEntry& entry);
  bool find_first(Place& place);
  void find_next();
  Key start_of(Place place) const;
  void fire_slot(unsigned slot, Instant now);
  void cascade(Place place);
  void forget(Place place) {
    occupied_[place.level] &= ~(std::uint64_t{1} << place.slot);
    if (occupied_[place.level] == 0) levels_ &= ~(1u << place.level);
  }

  Key now_;
  Instant next_ = kNever;  // the answer of next_deadline(): asked several times a turn, changed seldom
  bool is_next_known_ = true;
  std::uint32_t levels_ = 0;                       // one bit per level that has an occupied slot
  std::array<std::uint64_t, kLevels> occupied_{};  // one bit per slot
  std::array<std::array<Slot, kSlots>, kLevels> slots_;
};

}  // namespace sockeye
