// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Which interface leads to an address: the longest matching prefix wins, and among equals the first
// that was added. Links are point to point or know their hosts themselves, so a route names no
// gateway. A host has a handful of routes; they are kept sorted by length and searched in order.
#pragma once

#include <vector>

#include "core/ip_address.h"
#include "ip/interface.h"

namespace sockeye {

class RouteTable {
 public:
  // `length` counts within the family of `prefix`: 0..32 or 0..128.
  void add(const IpAddress& prefix, unsigned length, Interface& interface);
  Interface* lookup(const IpAddress& destination) const;  // nullptr: no route

 private:
  struct Route {
    IpAddress prefix;
    unsigned length;
    Interface* interface;
  };
  std::vector<Route> routes_;  // longest first
};

}  // namespace sockeye
