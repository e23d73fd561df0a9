// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The ICMP and ICMPv6 errors that the network sends: "host unreachable" for an address that no host has
// (RFC 1122 3.2.2.1, RFC 4443 3.1), and "packet too big" from a narrow hop (RFC 1191 4, RFC 4443 3.2).
#pragma once

#include "packet/packet.h"
#include "sim/flow_table.h"

namespace sockeye::sim {

// Null: this packet must not be answered (an ICMP error, a later fragment, multicast; RFC 1122 3.2.2)
// or the pool is exhausted.
PacketPtr make_unreachable(Packet& about, const PacketSummary& summary);
// `mtu`: what the hop takes.
PacketPtr make_too_big(Packet& about, const PacketSummary& summary, std::uint32_t mtu);

}  // namespace sockeye::sim
