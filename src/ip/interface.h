// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An Interface: a link, the addresses that this host has on it, and the packets that wait to be
// handed to it at the end of the turn.
#pragma once

#include <string>
#include <vector>

#include "core/ip_address.h"
#include "link/link.h"

namespace sockeye {

struct InterfaceAddress {
  IpAddress address{};
  unsigned prefix_length = 32;
};

struct Interface {
  std::string name{};
  unsigned index = 0;  // from 1, as if_nametoindex(3); 1 is lo
  Link* link = nullptr;
  LinkCapabilities capabilities{};
  std::vector<InterfaceAddress> addresses{};
  bool is_loopback = false;
  bool any_address = false;  // every address there is ours (socket/local_service.h)
  PacketList outbound{};
  Instant arrival = kNever;  // of the next packet, as the link said when it was asked last
  // The last unicast pair that was found to be in order: nearly every packet of a busy link has it.
  IpAddress last_source{};
  IpAddress last_destination{};

  bool was_in_order(const IpAddress& source, const IpAddress& destination) const {
    return source == last_source && destination == last_destination;
  }
  bool has_address(const IpAddress& address) const {
    for (const auto& own : addresses)
      if (own.address == address) return true;
    return false;
  }
  // The directed broadcast address of one of our IPv4 networks (RFC 919); none on /31 and /32.
  bool is_broadcast(const IpAddress& address) const;
};

}  // namespace sockeye
