// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 5961 7: how often a connection answers segments that it does not believe. As Linux, one interval
// per connection (tcp_invalid_ratelimit): a limit shared by all would tell an attacker about others
// (CVE-2016-5696), and two ends that disagree cannot talk for ever (hostile.md E20).
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

class ChallengeAck {
 public:
  bool allow(Instant now, Duration interval) {
    const std::uint32_t now_ms = static_cast<std::uint32_t>(to_ms(now.time_since_epoch())) | 1;
    if (last_ms_ != 0 && now_ms - last_ms_ < static_cast<std::uint32_t>(to_ms(interval))) return false;
    last_ms_ = now_ms;
    return true;
  }

 private:
  std::uint32_t last_ms_ = 0;  // 0: none yet
};

}  // namespace sockeye::tcp
