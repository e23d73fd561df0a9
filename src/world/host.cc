// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/host.h"

#include <algorithm>

namespace sockeye::world {

Host::Host(const StackConfig& config, PacketPool& pool, std::uint64_t secret_seed, std::uint64_t open_seed,
           Instant start)
    : secret_(secret_seed), open_(open_seed), stack_(config, pool, secret_, open_, start), ring_(start) {
  stack_.set_waker(this);
}

void Host::serve_names(const NameTable& names) {
  name_service_ = std::make_unique<NameService>(names, stack_, ring_);
}

bool Host::work(Instant now) {
  const bool ring_due = ring_.has_work() || ring_.next_deadline() <= now;
  if (!dirty_ && !ring_due && deadline_ > now) return false;
  dirty_ = false;
  if (ring_due) ring_.drive(now);
  deadline_ = stack_.poll(now);
  // A call that waits for what just came takes it before the carriers hear of it.
  if (ring_.has_work()) ring_.drive(now);
  return true;
}

Instant Host::next_deadline() const {
  if (dirty_ || ring_.has_work()) return Instant::min();
  return std::min(deadline_, ring_.next_deadline());
}

}  // namespace sockeye::world
