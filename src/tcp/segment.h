// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A Segment: a TCP header as a value plus the length of its payload (RFC 9293 3.1). The payload
// itself travels in a Packet.
#pragma once

#include "wire/tcp.h"

namespace sockeye::tcp {

struct Segment : TcpHeader {
  std::uint32_t payload_bytes = 0;
  std::uint8_t ip_ecn = 0;  // the two bits of the IP header that it came or goes with: tcp/ecn.h

  // SEG.LEN: data plus one each for SYN and FIN (RFC 9293 3.4).
  std::uint32_t length() const { return payload_bytes + (flags.syn ? 1u : 0u) + (flags.fin ? 1u : 0u); }
  SeqNum end() const { return seq + length(); }
};

}  // namespace sockeye::tcp
