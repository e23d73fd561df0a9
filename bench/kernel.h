// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The main rival: the host kernel's own TCP over loopback, both ends in one thread on one processor,
// without sleeping (its best form for these figures), with cubic (another default may pace loopback).
#pragma once

#include <cstddef>

namespace sockeye::bench {

double kernel_bulk(std::size_t write_bytes, double seconds);  // Gbit/s; negative: could not run
double kernel_round_trip_ns(std::size_t message_bytes, double seconds);
double kernel_datagrams_per_second(std::size_t bytes, double seconds);
double kernel_connections_per_second(double seconds);  // connect, 1 byte each way, close
double kernel_idle_bytes_per_end(int connections);     // slab growth / (2 * connections)

}  // namespace sockeye::bench
