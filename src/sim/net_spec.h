// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What `--net` says: the qualities of the way between any two hosts, once per direction (the round
// trip time is twice the delay). One spec is a comma-separated list, an optional profile first:
//
//     spec    := (profile | item) (',' item)*
//     item    := delay=20ms        one way; us ms s m
//              | delay=20ms~5ms    uniform in 15..25 ms; packets stay in order
//              | rate=10mbit       kbit mbit gbit, counted in IP bytes
//              | queue=64KiB       in front of the rate: KiB MiB, or p for packets
//              | ecn=50%           from this filling of the queue on, packets that know ECN are marked
//              | loss=1%           each packet by itself, behind the rate
//              | duplicate=1%      a second copy right behind the first
//              | reorder=1%        late by up to another delay (1 ms at least): others overtake it
//              | corrupt=0.1%      one bit is flipped; the receiver's checksum finds it
//              | mtu=1400          largest IP packet
//              | seed=7            of everything random here and in the hosts
//     profile := 4g | dsl | sat | wifi-bad
//
// Units are compulsory except for seed and mtu. A spec that does not parse is refused with one line
// that names the place and what was expected. Not in this grammar yet, and refused by name: up: and
// down: prefixes, ranges a..b, burst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace sockeye::sim {

// A probability in parts per 10^9, so that a decision is an integer comparison on every machine.
struct Chance {
  static constexpr std::uint64_t kCertain = 1'000'000'000;
  std::uint64_t parts = 0;

  constexpr explicit operator bool() const { return parts != 0; }
  friend constexpr bool operator==(const Chance&, const Chance&) = default;
};

struct NetSpec {
  Duration delay = Duration::zero();
  Duration jitter = Duration::zero();  // delay - jitter .. delay + jitter; at most delay
  std::uint64_t rate = 0;              // bits per second; 0: no limit
  std::uint64_t queue_bytes = 0;       // 0: not given
  std::uint64_t queue_packets = 0;     // 0: not given
  Chance ecn{};                        // of the queue's limit; none: nothing is marked
  Chance loss{};
  Chance duplicate{};
  Chance reorder{};
  Chance corrupt{};
  std::uint32_t mtu = 0;  // 0: not given
  std::optional<std::uint64_t> seed{};

  friend bool operator==(const NetSpec&, const NetSpec&) = default;

  // Packets as they would be on a wire: at most an MTU long, with checksums (decisions.md D9).
  bool carries_real_packets() const {
    return loss || duplicate || reorder || corrupt || rate != 0 || mtu != 0;
  }
  bool draws() const { return loss || duplicate || reorder || corrupt || jitter != Duration::zero(); }
  std::uint32_t effective_mtu() const { return mtu != 0 ? mtu : carries_real_packets() ? 1500 : 65535; }
  // What the queue holds when a rate is given without one: 100 ms of the rate, at least 64 KiB.
  std::uint64_t queue_limit_bytes() const;

  // Canonical text: parse_net_spec() of it gives an equal spec. Empty for a spec without qualities.
  std::string to_string() const;
};

struct NetSpecResult {
  std::optional<NetSpec> spec{};
  std::string error{};  // one line; empty when there is a spec
};

NetSpecResult parse_net_spec(std::string_view text);

}  // namespace sockeye::sim
