// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The kernel's address and control-message bytes to and from our words. What programs give is checked
// as Linux's inet and inet6 families check it; every length is taken from the bytes, never believed.
// Scope ids and flow labels are not carried (RFC 4007 scopes come with links of their own).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/result.h"
#include "socket/socket.h"

namespace sockeye::gate {

// Which call an address is for: they differ in what family and length they take.
enum class AddressUse : std::uint8_t { bind, connect, send };

// Empty: AF_UNSPEC (connect: dissolve; send on IPv6: no address; bind never).
Result<std::optional<Endpoint>> parse_sockaddr(Bytes bytes, bool is_v6_socket, Socket::Kind kind,
                                               AddressUse use);

// struct sockaddr_in or, for a socket of AF_INET6, struct sockaddr_in6 (IPv4 as ::ffff:a.b.c.d).
std::vector<std::byte> format_sockaddr(const Endpoint& endpoint, bool is_v6_socket);

// Control messages of sendmsg into `message`: IP_PKTINFO, IP_TTL, IP_TOS, IPV6_PKTINFO, IPV6_HOPLIMIT,
// IPV6_TCLASS. EINVAL for malformed ones and unknown ones of these levels; other levels: EINVAL too.
Result<> parse_control(Bytes bytes, bool is_v6_socket, Outgoing& message);

// Which control messages a program has asked to get with each datagram.
struct ControlWanted {
  bool packet_info = false;
  bool ttl = false;
  bool tos = false;
  bool any() const { return packet_info || ttl || tos; }
  static ControlWanted of(Socket& socket);
};
// What recvmsg reports besides the data.
std::vector<std::byte> format_control(const Incoming& message, bool is_v6_socket,
                                      const ControlWanted& wanted);
// The one message of MSG_ERRQUEUE: struct sock_extended_err and the offender's address.
std::vector<std::byte> format_error_report(const Incoming::ErrorReport& report, bool is_v6_socket);

}  // namespace sockeye::gate
