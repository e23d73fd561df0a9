// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "icmp/icmp_error.h"

#include <iterator>

#include "wire/icmpv6.h"

namespace sockeye {

std::optional<IcmpMeaning> meaning_of_icmp(std::uint8_t type, std::uint8_t code) {
  static constexpr IcmpMeaning kUnreachable[] = {
      {Errno::netunreach, false},   // 0 network
      {Errno::hostunreach, false},  // 1 host
      {Errno::noprotoopt, true},    // 2 protocol
      {Errno::connrefused, true},   // 3 port
      {Errno::msgsize, false},      // 4 fragmentation needed
      {Errno::opnotsupp, false},    // 5 source route failed
      {Errno::netunreach, true},    // 6 network unknown
      {Errno::hostdown, true},      // 7 host unknown
      {Errno::nonet, true},         // 8 host isolated
      {Errno::netunreach, true},    // 9 network prohibited
      {Errno::hostunreach, true},   // 10 host prohibited
      {Errno::netunreach, false},   // 11 network, for this service
      {Errno::hostunreach, false},  // 12 host, for this service
      {Errno::hostunreach, true},   // 13 filtered
      {Errno::hostunreach, true},   // 14 precedence violation
      {Errno::hostunreach, true},   // 15 precedence cut-off
  };
  switch (type) {
    case IcmpType::kUnreachable:
      if (code < std::size(kUnreachable)) return kUnreachable[code];
      return IcmpMeaning{Errno::hostunreach, false};
    case IcmpType::kTimeExceeded:
      return IcmpMeaning{Errno::hostunreach, false};
    case IcmpType::kParameterProblem:
      return IcmpMeaning{Errno::proto, true};
    default:
      return std::nullopt;
  }
}

std::optional<IcmpMeaning> meaning_of_icmpv6(std::uint8_t type, std::uint8_t code) {
  static constexpr IcmpMeaning kUnreachable[] = {
      {Errno::netunreach, false},   // 0 no route
      {Errno::acces, true},         // 1 prohibited
      {Errno::hostunreach, false},  // 2 beyond scope of the source
      {Errno::hostunreach, false},  // 3 address
      {Errno::connrefused, true},   // 4 port
      {Errno::acces, true},         // 5 policy
      {Errno::acces, true},         // 6 reject route
  };
  switch (type) {
    case Icmpv6Type::kUnreachable:
      if (code < std::size(kUnreachable)) return kUnreachable[code];
      return IcmpMeaning{Errno::proto, true};
    case Icmpv6Type::kPacketTooBig:
      return IcmpMeaning{Errno::msgsize, false};
    case Icmpv6Type::kTimeExceeded:
      return IcmpMeaning{Errno::hostunreach, false};
    case Icmpv6Type::kParameterProblem:
      return IcmpMeaning{Errno::proto, true};
    default:
      return std::nullopt;
  }
}

}  // namespace sockeye
