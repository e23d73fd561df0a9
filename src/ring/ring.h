// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The waist of the system: everything that waits goes through a Ring. StackRing is the one over our
// own stack; a later backend is the host kernel's io_uring. One per stack, single-threaded.
#pragma once

#include "ring/op.h"

namespace sockeye {

class Ring {
 public:
  virtual ~Ring() = default;
  // Tries at once without parking: true when the op completed (result is set, done is NOT called).
  virtual bool try_now(Op& op) = 0;
  virtual void submit(Op& op) = 0;  // never calls done
  // A request: the op completes exactly once, with success if it had succeeded, else -ECANCELED.
  virtual void cancel(Op& op) = 0;
  virtual Instant now() const = 0;
  // Tries what was woken, fires deadlines, and calls done() of everything that completed.
  virtual void drive(Instant now) = 0;
  virtual Instant next_deadline() const = 0;
  virtual bool has_work() const = 0;  // drive() would do something now
};

}  // namespace sockeye
