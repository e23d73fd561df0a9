// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ip/route_table.h"

#include <algorithm>

namespace sockeye {

bool Interface::is_broadcast(const IpAddress& address) const {
  if (!address.is_v4()) return false;
  for (const auto& own : addresses) {
    if (!own.address.is_v4() || own.prefix_length > 30) continue;
    const std::uint32_t host_bits =
        own.prefix_length == 0 ? 0xffffffffu : (1u << (32 - own.prefix_length)) - 1;
    if (address.to_v4() == (own.address.to_v4() | host_bits)) return true;
  }
  return false;
}

void RouteTable::add(const IpAddress& prefix, unsigned length, Interface& interface) {
  const auto place =
      std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) { return route.length < length; });
  routes_.insert(place, Route{prefix, length, &interface});
}

Interface* RouteTable::lookup(const IpAddress& destination) const {
  for (const Route& route : routes_)
    if (route.prefix.is_v4() == destination.is_v4() && destination.same_prefix(route.prefix, route.length))
      return route.interface;
  return nullptr;
}

}  // namespace sockeye
