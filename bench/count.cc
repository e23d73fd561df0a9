// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "count.h"

#include "floor.h"
#include "harness.h"
#include "sockeye.h"

namespace sockeye::bench {

std::uint64_t do_operations(const std::string& name, std::uint64_t count) {
  Effort effort = Effort::operations(count);
  if (name == "segment")
    sockeye_bulk({1500, true, 65536}, std::move(effort));
  else if (name == "round-trip")
    sockeye_round_trip_ns({65535, false, 1}, 1, std::move(effort));
  else if (name == "connection")
    sockeye_connections_per_second(std::move(effort));
  else if (name == "datagram")
    sockeye_datagrams_per_second(64, std::move(effort));
  else if (name == "floor-segment")
    floor_bulk({1448, true, 128 * 1024}, std::move(effort));
  else if (name == "floor-round-trip")
    floor_round_trip_ns({1, false, 128 * 1024}, std::move(effort));
  return effort.done();  // nothing moves an Effort: it is counted in place
}

}  // namespace sockeye::bench
