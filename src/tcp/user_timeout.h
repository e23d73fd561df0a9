// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// When a connection whose segments are not acknowledged is given up (RFC 9293 3.8.3: R2; the socket
// option TCP_USER_TIMEOUT). Like Linux, R2 counts retransmissions as if the time-out had begun at its
// minimum: 15 retries are 924.6 seconds, whatever the round-trip time.
#pragma once

#include "core/time.h"

namespace sockeye::tcp {

struct GiveUp {
  Duration rto_min = 200ms;
  Duration rto_max = 120s;
  Duration user_timeout = Duration::zero();  // zero: not set
  unsigned retransmissions = 0;              // done already
  unsigned retries = 15;

  // How long `retries` doubling time-outs take, the first one included.
  // RFC 9293 3.8.3 SHLD-11
  Duration patience() const {
    Duration total = Duration::zero();
    Duration step = rto_min;
    for (unsigned i = 0; i <= retries; ++i) {
      total += step;
      step = step * 2 < rto_max ? step * 2 : rto_max;
    }
    return total;
  }
  // `since_first`: since the first retransmission; `unacked`: since the data was sent.
  // RFC 9293 3.8.3 MUST-21
  bool decide(Duration since_first, Duration unacked) const {
    if (user_timeout > Duration::zero()) return unacked >= user_timeout;
    return retransmissions > 0 && since_first >= patience();
  }
};

}  // namespace sockeye::tcp
