// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What ICMP said about the MTU of the way to a destination (RFC 1191, RFC 8201). It cannot be talked
// down at will (hostile.md C6): an IPv4 path never counts as narrower than 552 bytes (Linux's min_pmtu);
// a report below that, or one that names no MTU, locks the entry there: packets go without DF, so that
// routers may cut them (RFC 1191 3, 5). An IPv6 report below 1280 is no report (RFC 8201 4). An entry is
// forgotten after ten minutes (RFC 1191 6.3); the cache is bounded, the oldest makes room (C8).
#pragma once

#include <cstdint>
#include <map>

#include "core/ip_address.h"
#include "core/time.h"

namespace sockeye {

struct PathMtuRules {
  std::uint32_t minimum_v4 = 552;  // net.ipv4.route.min_pmtu
  Duration lifetime = 600s;        // net.ipv4.route.mtu_expires, net.ipv6.route.mtu_expires
  // net.ipv4.ip_no_pmtu_disc. 1: sockets begin with IP_PMTUDISC_DONT and a report means the minimum;
  // 2: reports are ignored; 3: believed only where the transport can check what they quote.
  unsigned no_discovery = 0;
};

class PathMtuCache {
 public:
  static constexpr std::size_t kEntriesMax = 1024;

  void set_rules(const PathMtuRules& rules) { rules_ = rules; }
  const PathMtuRules& rules() const { return rules_; }

  // A router reported `mtu`. The answer: does the way have a smaller MTU now than before?
  bool lower(Instant now, const IpAddress& destination, std::uint32_t mtu, std::uint32_t link_mtu);
  std::uint32_t lookup(Instant now, const IpAddress& destination, std::uint32_t link_mtu) const;
  // IPv4: the way is narrower than anything that we would cut to, so DF must not be set.
  bool is_locked(Instant now, const IpAddress& destination) const;
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t mtu;
    bool locked;
    Instant expires;
  };
  const Entry* find(Instant now, const IpAddress& destination) const;

  PathMtuRules rules_{};
  std::map<IpAddress, Entry> entries_;
};

}  // namespace sockeye
