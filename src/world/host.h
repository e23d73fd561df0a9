// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One host of the world: a stack, the ring over it, a name and addresses. A host is turned only when
// something woke it (a call, a link, a completed operation) or its deadline has come.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "link/link.h"
#include "ring/stack_ring.h"
#include "stack/stack.h"
#include "world/name_service.h"

namespace sockeye::world {

class Host final : private LinkWaker {
 public:
  Host(const StackConfig& config, PacketPool& pool, std::uint64_t secret_seed, std::uint64_t open_seed,
       Instant start);
  // From now on names resolve here; `names` outlives the host.
  void serve_names(const NameTable& names);

  const std::string& name() const { return stack_.config().name; }
  Stack& stack() { return stack_; }
  const Stack& stack() const { return stack_; }
  Ring& ring() { return ring_; }

  // The stack wakes itself after socket calls; for work it cannot see.
  void touch() { dirty_ = true; }
  void set_now(Instant now) { stack_.set_now(now); }
  // Turns the stack and drives the ring if there is anything to do at `now`; true when there was.
  bool work(Instant now);
  Instant next_deadline() const;

 private:
  void wake() override { dirty_ = true; }

  SeededRng secret_;
  SeededRng open_;
  Stack stack_;
  StackRing ring_;
  std::unique_ptr<NameService> name_service_;
  Instant deadline_ = kNever;
  bool dirty_ = true;
};

}  // namespace sockeye::world
