// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP-AO's arithmetic (RFC 5925, RFC 5926): the traffic keys of a connection, the code of a segment, and
// the extension that makes 64 bits of a sequence number. Who uses which key is signature.h's.
// Algorithms: HMAC-SHA-1-96 and AES-128-CMAC-96, the two that RFC 5926 demands.
#pragma once

#include <array>
#include <cstdint>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/seqnum.h"
#include "packet/packet.h"

namespace sockeye::tcp {

// What a socket or one of its keys has seen (struct tcp_ao_info_opt, struct tcp_ao_getsockopt), in segments.
struct AoKeyCounters {
  std::uint64_t good = 0;  // verified
  std::uint64_t bad = 0;   // failed verification
};
struct AoCounters : AoKeyCounters {
  std::uint64_t key_not_found = 0;
  std::uint64_t required = 0;      // unsigned
  std::uint64_t dropped_icmp = 0;  // messages
};

// A master key tuple (RFC 5925 3.1).
struct AoKey {
  static constexpr std::size_t kBytesMax = 80;  // TCP_AO_MAXKEYLEN
  enum class Algorithm : std::uint8_t { hmac_sha1, aes_cmac };

  IpAddress peer{};
  std::uint8_t prefix = 32;  // bits of `peer` that count, within its family
  std::uint8_t send_id = 0;  // KeyID of what we send
  std::uint8_t receive_id = 0;
  Algorithm algorithm = Algorithm::hmac_sha1;
  std::uint8_t code_bytes = 12;   // of the code in the option
  bool excludes_options = false;  // other options are not covered: middleboxes may change them
  std::uint8_t size = 0;
  std::array<std::byte, kBytesMax> secret{};
  mutable AoKeyCounters counters{};  // a key that verifies is the same key

  Bytes bytes() const { return Bytes(secret).first(size); }
  std::uint8_t option_bytes() const { return static_cast<std::uint8_t>(4 + code_bytes); }
};

// The initial sequence numbers of both ends; the destination's is 0 in a SYN without ACK.
struct AoIsns {
  SeqNum source{};
  SeqNum destination{};
};

using AoTrafficKey = std::array<std::byte, 20>;  // AES uses 16 of them
using AoCode = std::array<std::byte, 20>;        // AoKey::code_bytes of them go on the wire

// RFC 5925 5.2 with RFC 5926 3.1: of the direction from `source` to `destination`.
AoTrafficKey ao_traffic_key(const AoKey& key, const Endpoint& source, const Endpoint& destination,
                            const AoIsns& isns);

// RFC 5925 5.1. `header` with its options, the AO option at `option_at`; `packet` holds the payload behind
// `header_in_packet` bytes. `extension`: the upper half of the 64-bit sequence number.
AoCode ao_code(const AoKey& key, const AoTrafficKey& traffic_key, std::uint32_t extension,
               const FiveTuple& from_to, Bytes header, std::uint32_t option_at, const Packet& packet,
               std::uint32_t header_in_packet);

// RFC 5925 6.2: the upper half of `seq`, given the whole number of something near it.
constexpr std::uint32_t ao_extension(SeqNum seq, std::uint64_t near) {
  const auto low = static_cast<std::uint32_t>(near);
  const std::int64_t ahead = seq - SeqNum(low);
  return static_cast<std::uint32_t>((near + static_cast<std::uint64_t>(ahead)) >> 32);
}

// RFC 5925 7.8: the ICMP errors that a signed connection ignores once it is synchronized, unless it was told
// to accept them. The rest is advice at most: soft errors, and of IPv6 what tells the path's MTU.
constexpr bool ao_distrusts_icmp(bool is_v6, std::uint8_t type, std::uint8_t code) {
  if (is_v6) return type == 1 && (code == 1 || code == 4);
  return type == 3 && code >= 2 && code <= 4;
}

}  // namespace sockeye::tcp
