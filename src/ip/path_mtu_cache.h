// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What ICMP said about the MTU of the way to a destination (RFC 1191, RFC 8201). Values are clamped
// (hostile.md C6): a message cannot push the MTU below 552 (IPv4, Linux's min_pmtu) or 1280 (IPv6).
// An entry is forgotten after ten minutes; the cache is bounded, the oldest entry makes room (C8).
#pragma once

#include <cstdint>
#include <map>

#include "core/ip_address.h"
#include "core/time.h"

namespace sockeye {

class PathMtuCache {
 public:
  static constexpr std::size_t kEntriesMax = 1024;
  static constexpr Duration kLifetime = 600s;
  static constexpr std::uint32_t kMinimumV4 = 552;

  // A router reported `mtu`. The answer: does the way have a smaller MTU now than before?
  bool lower(Instant now, const IpAddress& destination, std::uint32_t mtu, std::uint32_t link_mtu);
  std::uint32_t lookup(Instant now, const IpAddress& destination, std::uint32_t link_mtu) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t mtu;
    Instant expires;
  };
  std::map<IpAddress, Entry> entries_;
};

}  // namespace sockeye
