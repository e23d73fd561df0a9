// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the pointers of include/sockeye/sockeye.h point to.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "posix/hosts.h"
#include "sockeye/sockeye.h"

struct sk_stack {
  sk_net& net;
  sockeye::posix::Host& host;
};

struct sk_link {
  sk_net& net;
  sockeye::posix::RawLink& link;
};

// A program's clock as the hosts see it.
class GivenClock final : public sockeye::posix::Clock {
 public:
  explicit GivenClock(const sk_clock& clock) : clock_(clock) {}
  sockeye::Instant now() override;
  void wait_until(sockeye::Instant until) override;
  bool has_outside() const override { return clock_.has_outside != 0; }

 private:
  const sk_clock& clock_;
};

struct sk_net {
  explicit sk_net(const sk_net_options& options);

  const sk_lock* lock;

  std::optional<GivenClock> clock;
  sockeye::posix::Hosts hosts;
  std::vector<std::unique_ptr<sk_stack>> stacks;
  std::deque<sk_link> links;
};

// Around every call: one thread is inside (drivers/threads.h), if the program has several.
class Inside {
 public:
  explicit Inside(const sk_net& net) : lock_(net.lock) {
    if (lock_ != nullptr) lock_->lock(lock_->user);
  }
  ~Inside() {
    if (lock_ != nullptr) lock_->unlock(lock_->user);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  const sk_lock* lock_;
};
