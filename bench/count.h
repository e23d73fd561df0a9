// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Instructions are counted from outside (dev/bench --instructions runs this program under valgrind,
// which needs no counters of the processor and gives the same figure on a busy machine): here an
// operation is done a given number of times. The difference of two runs leaves the set-up out.
#pragma once

#include <cstdint>
#include <string>

namespace sockeye::bench {

// "segment", "round-trip", "connection", "datagram", "floor-segment", "floor-round-trip": at least
// `count` times; how often it was done. 0: no such operation.
std::uint64_t do_operations(const std::string& name, std::uint64_t count);

}  // namespace sockeye::bench
