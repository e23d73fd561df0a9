// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the network does to a packet does not depend on when the packet came or what came between: it
// is a function of the seed and of the packet's place in its own flow (decisions.md D10).
//
//     draw = PRF(seed, who opened the flow towards whom and which service, n-th such flow,
//                direction, stage,
//                data:  offset in the stream and how often it was sent before
//                other: n-th such packet of this flow in this direction)
//
// So the same packet of the same flow meets the same fate in every run with the seed, in virtual or
// real time, however the flows interleave, and one more fault does not shift the draws of another.
#pragma once

#include <cstdint>

#include "core/rng.h"
#include "sim/net_spec.h"

namespace sockeye::sim {

enum class Stage : std::uint64_t { corrupt = 1, corrupt_bit, duplicate, loss, jitter, reorder, lateness };

struct Fate {
  std::uint64_t flow = 0;    // seed, flow, direction
  std::uint64_t packet = 0;  // class and place within the flow

  std::uint64_t draw(Stage stage) const {
    return mix64(mix64(flow ^ static_cast<std::uint64_t>(stage) * 0xd6e8feb86659fd93U) ^ packet);
  }
  // Uniform in [0, bound).
  std::uint64_t below(Stage stage, std::uint64_t bound) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(draw(stage)) * bound) >> 64);
  }
  bool strikes(Stage stage, Chance chance) const {
    return chance && below(stage, Chance::kCertain) < chance.parts;
  }
  // Of the network's second copy of this packet.
  Fate of_copy() const { return {flow, mix64(packet ^ 0xc0b1e5U)}; }
};

}  // namespace sockeye::sim
