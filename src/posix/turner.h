// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How a blocking call waits without knowing what time is: it asks its Turner to turn whatever its
// stack lives in (one stack, a network of them, a real link) until something may have changed.
// Implementations: posix/network.h (virtual or given clock); the owner of an event loop can bring its
// own.
#pragma once

#include "core/time.h"

namespace sockeye::posix {

class Turner {
 public:
  virtual Instant now() = 0;
  // Does everything that is due. If there was nothing, waits for the next thing to happen or for
  // `until`, whichever is first, and does that. `until` in the past: only what is due. False: nothing
  // was done, nothing will ever happen, and `until` is never.
  virtual bool turn(Instant until) = 0;

 protected:
  ~Turner() = default;
};

}  // namespace sockeye::posix
