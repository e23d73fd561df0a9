// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Ourselves, in process: two hosts over an in-memory link, turned by one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness.h"

namespace sockeye::bench {

struct SockeyeOptions {
  std::uint32_t mtu = 1500;
  bool checksum = true;  // made and verified, as on a wire
  std::size_t write_bytes = 65536;
};

double sockeye_bulk(const SockeyeOptions& options, Effort&& effort);  // Gbit/s of payload
// A message of `write_bytes` there and back; nanoseconds. Over `connections` in turn.
double sockeye_round_trip_ns(const SockeyeOptions& options, int connections, Effort&& effort);
double sockeye_datagrams_per_second(std::size_t bytes, Effort&& effort);
double sockeye_connections_per_second(Effort&& effort);  // connect, 1 byte each way, FIN both ways
double sockeye_idle_bytes_per_end(int connections);      // by the allocator's own count

}  // namespace sockeye::bench
