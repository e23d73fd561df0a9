// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The Internet checksum (RFC 1071) as an accumulator, and the pseudo headers of IPv4 (RFC 9293 3.1)
// and IPv6 (RFC 8200 8.1). Sums of pieces may be added in any grouping as long as each piece but
// the last has even length; add() takes care of odd pieces itself.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/ip_address.h"

namespace sockeye {

// A one's complement sum of 16-bit words, however many have been added up, as one such word.
inline std::uint16_t fold_checksum(std::uint64_t sum) {
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32 & 0xffff) + (sum >> 48);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16));
}

class Checksum {
 public:
  void add(Bytes bytes);
  void add16(std::uint16_t value) { sum_ += __builtin_bswap16(value); }
  void add_pseudo_header(const IpAddress& source, const IpAddress& destination, IpProtocol protocol,
                         std::uint32_t transport_bytes);
  // The value for the header field: the one's complement of the folded sum, host order.
  std::uint16_t finish() const { return static_cast<std::uint16_t>(~__builtin_bswap16(fold_checksum(sum_))); }
  // A received packet whose bytes, checksum field included, were all added.
  bool is_correct() const { return finish() == 0; }

 private:
  std::uint64_t sum_ = 0;  // of little-endian words, not folded: good for 2^17 packets
  bool odd_ = false;       // the next byte is the low half of a word
};

}  // namespace sockeye
