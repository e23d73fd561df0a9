// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Interfaces, routes and the choice of a source address; receive() and send() have their own files.
#include "ip/ip_layer.h"

namespace sockeye {

IpLayer::IpLayer(PacketPool& pool, Rng& secret, DropCounters& drops)
    : pool_(pool), secret_(secret), drops_(drops), key_(SipKey::draw(secret)) {
  for (auto& identification : identifications_) identification = static_cast<std::uint16_t>(secret.next());
}

Interface& IpLayer::add_interface(std::string name, Link& link, std::vector<InterfaceAddress> addresses,
                                  bool default_route, bool is_loopback) {
  auto made = std::make_unique<Interface>();
  made->name = std::move(name);
  made->index = static_cast<unsigned>(interfaces_.size() + 1);
  made->link = &link;
  made->capabilities = link.capabilities();
  made->addresses = std::move(addresses);
  made->is_loopback = is_loopback;
  for (const auto& own : made->addresses) routes_.add(own.address, own.prefix_length, *made);
  if (default_route) {
    routes_.add(IpAddress::any_v4(), 0, *made);
    routes_.add(IpAddress::any_v6(), 0, *made);
  }
  for (const auto& other : interfaces_) other->last_source = other->last_destination = IpAddress();
  interfaces_.push_back(std::move(made));
  return *interfaces_.back();
}

Interface* IpLayer::interface_named(std::string_view name) const {
  for (const auto& interface : interfaces_)
    if (interface->name == name) return interface.get();
  return nullptr;
}

Interface* IpLayer::interface_at(unsigned index) const {
  return index >= 1 && index <= interfaces_.size() ? interfaces_[index - 1].get() : nullptr;
}

bool IpLayer::is_local(const IpAddress& address) const {
  if (address.is_loopback()) return true;
  for (const auto& interface : interfaces_)
    if (interface->has_address(address)) return true;
  return false;
}

bool IpLayer::is_broadcast(const IpAddress& address) const {
  if (!address.is_v4()) return false;
  if (address.is_limited_broadcast()) return true;
  for (const auto& interface : interfaces_)
    if (!interface->is_loopback && interface->is_broadcast(address)) return true;
  return false;
}

// RFC 6724 5: the destination itself if it is ours (rule 1), else the longest common prefix (rule 8).
const IpAddress* IpLayer::choose_source(const Interface& interface, const IpAddress& destination) const {
  const IpAddress* best = nullptr;
  unsigned best_length = 0;
  const unsigned length_max = destination.is_v4() ? 32 : 128;
  for (const auto& own : interface.addresses) {
    if (own.address.is_v4() != destination.is_v4()) continue;
    if (own.address == destination) return &own.address;
    unsigned length = 0;
    while (length < length_max && own.address.same_prefix(destination, length + 1)) ++length;
    if (best != nullptr && length <= best_length) continue;
    best = &own.address;
    best_length = length;
  }
  return best;
}

Result<IpLayer::Route> IpLayer::route(const IpAddress& destination, const IpAddress& source,
                                      unsigned device) const {
  Route route;
  const bool local = is_local(destination);
  if (local) {
    route.interface = interfaces_.front().get();
  } else if (device != 0) {
    route.interface = interface_at(device);
  } else {
    route.interface = routes_.lookup(destination);
  }
  if (route.interface == nullptr) return Errno::netunreach;
  if (!source.is_unspecified()) {
    if (source.is_loopback() && !local) return Errno::inval;  // as Linux
    route.source = source;
    return route;
  }
  if (local && !destination.is_loopback()) {
    route.source = destination;
    return route;
  }
  const IpAddress* chosen = choose_source(*route.interface, destination);
  // A host without any address of the family has no way out of it.
  if (chosen == nullptr) return destination.is_v4() ? Errno::netunreach : Errno::addrnotavail;
  route.source = *chosen;
  return route;
}

void IpLayer::complain(const IpArrival& arrival, PacketPtr packet, std::uint8_t type, std::uint8_t code,
                       std::uint32_t rest, bool even_multicast) {
  complaints_.push_back({type, code, rest, arrival, std::move(packet), even_multicast});
}

std::optional<IpComplaint> IpLayer::take_complaint() {
  if (complaints_.empty()) return std::nullopt;
  IpComplaint complaint = std::move(complaints_.back());
  complaints_.pop_back();
  return complaint;
}

}  // namespace sockeye
