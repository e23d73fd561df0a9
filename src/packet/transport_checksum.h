// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The checksums of TCP, UDP and ICMPv6 over a whole Packet: the header is in its head, the payload in
// slices. Called by who sends to a link that can damage packets, and by who receives from one.
#pragma once

#include <cstdint>
#include <optional>

#include "core/ip_address.h"
#include "packet/packet.h"

namespace sockeye {

// The Internet checksum of `bytes` bytes of the packet from `offset` on (both counted from its first
// byte) under the pseudo header: what the field must hold if it was zero, or 0 for a received packet
// that is intact.
std::uint16_t transport_checksum(const Packet& packet, std::uint32_t offset, std::uint32_t bytes,
                                 const IpAddress& source, const IpAddress& destination, IpProtocol protocol);

// The same to the packet's end.
inline std::uint16_t transport_checksum(const Packet& packet, std::uint32_t offset, const IpAddress& source,
                                        const IpAddress& destination, IpProtocol protocol) {
  return transport_checksum(packet, offset, packet.size() - offset, source, destination, protocol);
}

// Where the transport of a whole IP packet (front of the packet: the IP header) begins, past IPv4
// options and IPv6 extension headers. Empty: a fragment, malformed, or no transport.
struct TransportPlace {
  IpAddress source{};
  IpAddress destination{};
  IpProtocol protocol = IpProtocol::no_next_header;
  std::uint32_t offset = 0;  // from the IP header's first byte
  std::uint32_t bytes = 0;   // header and payload of the transport
};
std::optional<TransportPlace> find_transport(Packet& packet);

// For a whole IP packet. Computes and writes the checksum of TCP, UDP or ICMPv6 (UDP: 0 becomes 0xffff)
// and sets packet.checksum to `present`. Leaves other protocols, ICMPv4 (whose sum its sender always
// writes) and fragments alone.
// RFC 9293 3.1 MUST-2
void fill_checksum(Packet& packet);

// For a whole IP packet. False: there is a checksum and it is wrong. A packet whose checksum is
// `absent` or `verified` is taken as it is; one that passes becomes `verified`. UDP over IPv4 may
// carry 0: no checksum (RFC 768); over IPv6 it may not (RFC 8200 8.1). Fragments cannot be verified and
// pass: the reassembled datagram is looked at.
// RFC 9293 3.1 MUST-3
bool verify_checksum(Packet& packet);

// The same for a received packet whose IP header was consumed already: its front is the transport's.
bool verify_checksum(Packet& packet, const IpAddress& source, const IpAddress& destination,
                     IpProtocol protocol);

}  // namespace sockeye
