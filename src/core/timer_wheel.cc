// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "core/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace sockeye {

TimerWheel::Place TimerWheel::place_of(Key deadline) const {
  const Key difference = deadline ^ now_;
  const unsigned level =
      difference == 0 ? 0 : (63u - static_cast<unsigned>(std::countl_zero(difference))) / kBitsPerLevel;
  return {level, static_cast<unsigned>(deadline >> (level * kBitsPerLevel)) & (kSlots - 1)};
}

void TimerWheel::arm(TimerEntry& entry, Instant deadline) {
  if (entry.is_armed()) cancel(entry);
  entry.deadline_ = std::max(deadline, instant_of(now_));
  next_ = std::min(next_, entry.deadline_);
  insert(entry);
}

void TimerWheel::insert(TimerEntry& entry) {
  const Key key = key_of(entry.deadline_);
  const Place place = place_of(key);
  Slot& slot = slots_[place.level][place.slot];
  const std::uint64_t bit = std::uint64_t{1} << place.slot;
  if ((occupied_[place.level] & bit) == 0 || slot.entries.empty()) {
    occupied_[place.level] |= bit;
    levels_ |= 1u << place.level;
    slot.earliest = key;
    slot.is_stale = false;
  } else if (key <= slot.earliest) {
    slot.earliest = key;
    slot.is_stale = false;
  }
  slot.entries.push_back(entry);
}

void TimerWheel::cancel(TimerEntry& entry) {
  if (!entry.is_armed()) return;
  const Key key = key_of(entry.deadline_);
  const Place place = place_of(key);
  Slot& slot = slots_[place.level][place.slot];
  entry.unlink();
  if (entry.deadline_ <= next_) is_next_known_ = false;
  if (slot.entries.empty())
    forget(place);
  else if (key == slot.earliest)
    slot.is_stale = true;
}

// The slot in which the earliest entry lies: the lowest occupied level, whose slots all lie ahead.
bool TimerWheel::find_first(Place& place) {
  while (levels_ != 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(levels_));
    place = {level, static_cast<unsigned>(std::countr_zero(occupied_[level]))};
    if (!slots_[place.level][place.slot].entries.empty()) return true;
    forget(place);  // its entries were destroyed while armed
  }
  return false;
}

TimerWheel::Key TimerWheel::start_of(Place place) const {
  const unsigned shift = place.level * kBitsPerLevel;
  const unsigned above = shift + kBitsPerLevel;
  const Key high = above >= 64 ? 0 : now_ >> above << above;
  return high | Key{place.slot} << shift;
}

void TimerWheel::find_next() {
  is_next_known_ = true;
  next_ = kNever;
  Place place;
  if (!find_first(place)) return;
  if (place.level == 0) {
    next_ = instant_of(start_of(place));
    return;
  }
  Slot& slot = slots_[place.level][place.slot];
  if (slot.is_stale) {
    Key earliest = ~Key{0};
    unsigned seen = 0;
    TimerEntry* entry = slot.entries.first();
    for (; entry != nullptr && ++seen <= kScanMax; entry = slot.entries.next(*entry))
      earliest = std::min(earliest, key_of(entry->deadline_));
    if (entry == nullptr) {
      slot.earliest = earliest;
      slot.is_stale = false;
    }
  }
  next_ = instant_of(slot.earliest);
}

void TimerWheel::fire_slot(unsigned slot, Instant now) {
  auto& due = slots_[0][slot].entries;
  while (!due.empty()) due.pop_front().on_timer(now);  // may arm and cancel, here too
  forget({0, slot});
}

void TimerWheel::cascade(Place place) {
  IntrusiveList<TimerEntry> moving;
  moving.splice_back(slots_[place.level][place.slot].entries);
  forget(place);
  while (!moving.empty()) insert(moving.pop_front());
}

void TimerWheel::advance(Instant now) {
  const Key target = std::max(key_of(now), now_);
  is_next_known_ = false;
  Place place;
  while (find_first(place)) {
    const Key start = start_of(place);
    if (start > target) break;
    now_ = start;
    if (place.level == 0)
      fire_slot(place.slot, now);
    else
      cascade(place);
  }
  now_ = target;
  is_next_known_ = false;  // who fired may have asked
}

}  // namespace sockeye
