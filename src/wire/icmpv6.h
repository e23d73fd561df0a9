// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// ICMPv6 (RFC 4443): message numbers and the quoted packet. The eight bytes at the beginning have
// ICMP's layout (wire/icmp.h). Neighbour discovery is not here: our links need none (D6).
#pragma once

#include "wire/icmp.h"

namespace sockeye {

struct Icmpv6Type {
  static constexpr std::uint8_t kUnreachable = 1, kPacketTooBig = 2, kTimeExceeded = 3, kParameterProblem = 4,
                                kEchoRequest = 128, kEchoReply = 129;
};
struct Icmpv6Code {  // of kUnreachable
  static constexpr std::uint8_t kNoRoute = 0, kProhibited = 1, kBeyondScope = 2, kAddress = 3, kPort = 4,
                                kPolicy = 5, kReject = 6;
};

// Empty: quotes too little, a fragment other than the first, or a chain of headers past its end.
std::optional<QuotedPacket> parse_icmpv6_quote(Bytes quote);

}  // namespace sockeye
