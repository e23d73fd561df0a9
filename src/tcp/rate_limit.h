// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How often a whole host may do something in answer to strangers: so many times a second. The count of
// each second lies between half the limit and one and a half of it, by a keyed hash, so that nobody can
// learn from it what others caused (RFC 5961 10, CVE-2016-5696; hostile.md E4).
#pragma once

#include <array>
#include <cstdint>

#include "core/siphash.h"
#include "core/time.h"

namespace sockeye::tcp {

class RateLimit {
 public:
  explicit RateLimit(const SipKey& key) : key_(key) {}

  bool allow(Instant now, std::uint32_t per_second) {
    const auto second = static_cast<std::uint64_t>(to_ns(now.time_since_epoch()) / 1'000'000'000);
    if (second != second_) {
      second_ = second;
      const std::array<std::uint64_t, 1> words = {second};
      left_ =
          (std::uint64_t{per_second} + 1) / 2 + (per_second == 0 ? 0 : siphash13(key_, words) % per_second);
    }
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  SipKey key_;
  std::uint64_t second_ = ~std::uint64_t{0};
  std::uint64_t left_ = 0;
};

}  // namespace sockeye::tcp
