// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An ICMP error as a transport understands it: which of our packets it is about, and what it means in
// errno (RFC 1122 3.2.2, 4.2.3.9; RFC 4443; the numbers are Linux's).
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/errno.h"
#include "core/ip_address.h"

namespace sockeye {

struct IcmpError {
  IpProtocol protocol{};
  Endpoint local{};   // the quoted packet's source: ours
  Endpoint remote{};  // its destination
  Errno error = Errno::hostunreach;
  bool hard = false;           // this socket will not get through (a connected datagram socket is told)
  std::uint32_t sequence = 0;  // the quoted TCP sequence number
  std::uint32_t mtu = 0;       // of a packet-too-big message; 0: not one
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  bool is_v6 = false;
  IpAddress offender{};  // who sent the message
  Bytes payload{};       // quoted bytes behind the UDP header
};

// What type and code mean; empty: no error (or one that is ignored: source quench, redirect).
struct IcmpMeaning {
  Errno error{};
  bool hard = false;
};
std::optional<IcmpMeaning> meaning_of_icmp(std::uint8_t type, std::uint8_t code);
std::optional<IcmpMeaning> meaning_of_icmpv6(std::uint8_t type, std::uint8_t code);

}  // namespace sockeye
