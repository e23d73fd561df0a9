// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The ICMP and ICMPv6 "host unreachable" that the network sends for an address that no host has
// (RFC 1122 3.2.2.1, RFC 4443 3.1).
#pragma once

#include "packet/packet.h"
#include "sim/flow_table.h"

namespace sockeye::sim {

// Null: this packet must not be answered (an ICMP error, a later fragment, multicast; RFC 1122 3.2.2)
// or the pool is exhausted.
PacketPtr make_unreachable(Packet& about, const PacketSummary& summary);

}  // namespace sockeye::sim
