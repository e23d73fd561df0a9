// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ready/poll_call.h"

namespace sockeye {

std::size_t PollCall::scan() {
  woken_ = false;
  std::size_t count = 0;
  for (PollEntry& entry : entries_) {
    if (entry.target != nullptr) entry.ready = entry.target->poll_bits() & entry.interest;
    if (entry.ready != 0) ++count;
  }
  return count;
}

void PollCall::arm() {
  if (waiters_ != nullptr) return;
  waiters_ = std::make_unique<EntryWaiter[]>(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].target == nullptr) continue;
    waiters_[i].call = this;
    waiters_[i].interest = entries_[i].interest;
    entries_[i].target->waiters().add(waiters_[i]);
  }
}

}  // namespace sockeye
