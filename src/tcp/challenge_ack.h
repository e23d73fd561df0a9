// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 5961 7: how many ACKs a connection may send in answer to segments that it does not believe. The
// count is per connection: a limit shared by all would tell an attacker about others (CVE-2016-5696).
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

class ChallengeAck {
 public:
  bool allow(Instant now, std::uint32_t per_second) {
    const auto second = static_cast<std::uint32_t>(to_ns(now.time_since_epoch()) / 1'000'000'000);
    if (second != second_) {
      second_ = second;
      sent_ = 0;
    }
    if (sent_ >= per_second) return false;
    ++sent_;
    return true;
  }

 private:
  std::uint32_t second_ = 0;
  std::uint32_t sent_ = 0;
};

}  // namespace sockeye::tcp
