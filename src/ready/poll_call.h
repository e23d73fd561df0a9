// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One call of poll(2) (select(2) is turned into one): entries with interests, a scan that fills in
// what is ready, and, when nothing is, waiters that say when another scan is worth while. A scan costs
// O(entries), as in the kernel; a wake-up costs O(1).
#pragma once

#include <memory>
#include <span>

#include "ready/pollable.h"

namespace sockeye {

inline constexpr std::uint32_t kPollAlways = POLLERR | POLLHUP;

struct PollEntry {
  Pollable* target = nullptr;  // none: the entry never becomes ready (a negative descriptor)
  std::uint32_t interest = 0;  // poll(2) always adds kPollAlways, select(2) does not
  std::uint32_t ready = 0;
};

class PollCall {
 public:
  // The entries outlive the call.
  explicit PollCall(std::span<PollEntry> entries) : entries_(entries) {}
  PollCall(const PollCall&) = delete;
  PollCall& operator=(const PollCall&) = delete;

  std::size_t scan();  // fills in `ready`; the number of entries that are
  void arm();          // begin to take note of events; scan again after it
  void disarm() { waiters_.reset(); }
  // Has anything happened since the last scan?
  bool woken() const { return woken_; }

 private:
  struct EntryWaiter final : Waiter {
    void on_event(Readiness events) override {
      if (!any(events) || (expand(events) & interest) != 0) call->woken_ = true;
    }
    PollCall* call = nullptr;
    std::uint32_t interest = 0;
  };

  std::span<PollEntry> entries_;
  std::unique_ptr<EntryWaiter[]> waiters_;
  bool woken_ = false;
};

}  // namespace sockeye
