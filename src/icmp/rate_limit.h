// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How many ICMP errors a host sends (RFC 1812 4.3.2.8, RFC 4443 2.4 f): one bucket for everybody (1000
// a second, bursts of 50) and one per peer (one a second, bursts of 6), Linux's figures. The common
// bucket loses up to three extra tokens at random, so that a stranger cannot count with it (SAD DNS,
// hostile.md C3).
#pragma once

#include <cstdint>
#include <map>

#include "core/ip_address.h"
#include "core/rng.h"
#include "core/time.h"

namespace sockeye {

class IcmpRateLimit {
 public:
  explicit IcmpRateLimit(Rng& open) : open_(open) {}
  bool allow(Instant now, const IpAddress& peer);

 private:
  struct Bucket {
    std::int64_t tokens_ns = 0;  // credit in nanoseconds of refill time
    Instant at{};
  };
  static constexpr std::size_t kPeersMax = 256;
  static bool take(Bucket& bucket, Instant now, Duration per_token, unsigned burst, unsigned count);

  Rng& open_;
  Bucket common_{50'000'000, Instant{}};
  std::map<IpAddress, Bucket> peers_;
};

}  // namespace sockeye
