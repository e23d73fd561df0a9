// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// From a packet to its socket. Streams: the five-tuple, then TIME_WAIT records, then listeners; what
// nobody wants is answered with a RST. Datagrams: the best-scoring socket, or all that a group
// address is for. ICMP errors: the socket whose packet they quote.
#pragma once

#include "icmp/icmp_error.h"
#include "socket/host.h"

namespace sockeye {

void receive_stream(SocketHost& host, PacketPtr packet, const IpArrival& arrival);
// False: nobody has the port; `packet` is still whole, for an ICMP error.
bool receive_datagram(SocketHost& host, PacketPtr& packet, const IpArrival& arrival);
void receive_icmp_error(SocketHost& host, const IcmpError& error);

}  // namespace sockeye
