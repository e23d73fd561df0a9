// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The floor: the cheapest possible packet path in one process. What it does is what any stack must
// do: copy in (with the checksum), write real IPv4 and TCP headers with timestamps, queue, parse,
// verify, look up the connection by its five-tuple, queue in order, copy out, acknowledge every
// second segment. What it leaves out is what makes a stack: timers, retransmission, windows,
// congestion control, options that vary, errors. Our figures are given as a fraction of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness.h"

namespace sockeye::bench {

struct FloorOptions {
  std::size_t segment_bytes = 1448;
  bool checksum = true;
  std::size_t in_flight_bytes = 128 * 1024;
};

// Gbit/s of payload through the floor, counted in segments.
double floor_bulk(const FloorOptions& options, Effort&& effort);
// Nanoseconds for a message of `segment_bytes` there and back.
double floor_round_trip_ns(const FloorOptions& options, Effort&& effort);

}  // namespace sockeye::bench
