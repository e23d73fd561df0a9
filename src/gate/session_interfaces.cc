// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/session_interfaces.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>
#include <string_view>

#include "gate/sockaddr.h"

namespace sockeye::gate {

namespace {

constexpr std::string_view kLoopback = "lo";
constexpr std::string_view kEthernet = "eth0";
constexpr int kMtu = 65535;

struct Interface {
  std::string_view name;
  int index = 0;
  std::optional<InterfaceAddress> v4;
};

std::vector<Interface> interfaces_of(const Stack& stack) {
  std::vector<Interface> found{{kLoopback, 1, InterfaceAddress{IpAddress::loopback_v4(), 8}}};
  const auto addresses = stack.addresses();
  if (addresses.empty()) return found;
  Interface ethernet{kEthernet, 2, std::nullopt};
  for (const InterfaceAddress& address : addresses)
    if (address.address.is_v4() && !ethernet.v4) ethernet.v4 = address;
  found.push_back(ethernet);
  return found;
}

void put_address(ifreq& request, std::uint32_t host_order) {
  const auto bytes = format_sockaddr(Endpoint{IpAddress::v4(host_order), 0}, false);
  std::memcpy(&request.ifr_addr, bytes.data(), sizeof request.ifr_addr);
}

std::uint32_t mask_of(const InterfaceAddress& address) {
  return address.prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - address.prefix_length);
}

void put_name(ifreq& request, const Interface& interface) {
  std::memset(request.ifr_name, 0, sizeof request.ifr_name);
  std::memcpy(request.ifr_name, interface.name.data(), interface.name.size());
}

std::vector<std::byte> as_vector(const ifreq& request) {
  const Bytes bytes = std::as_bytes(std::span(&request, 1));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> list(const Stack& stack, std::size_t room) {
  std::vector<std::byte> out;
  for (const Interface& interface : interfaces_of(stack)) {
    if (!interface.v4) continue;
    if (room != 0 && out.size() + sizeof(ifreq) > room) break;
    ifreq request{};
    put_name(request, interface);
    put_address(request, interface.v4->address.to_v4());
    const auto bytes = as_vector(request);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

const Interface* find(const std::vector<Interface>& interfaces, const ifreq& request, bool by_index) {
  const std::string_view name(request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name));
  for (const Interface& interface : interfaces)
    if (by_index ? interface.index == request.ifr_ifindex : interface.name == name) return &interface;
  return nullptr;
}

Result<> fill(ifreq& request, const Interface& interface, unsigned long question) {
  const bool loopback = interface.name == kLoopback;
  switch (question) {
    case SIOCGIFNAME:
      put_name(request, interface);
      return {};
    case SIOCGIFINDEX:
      request.ifr_ifindex = interface.index;
      return {};
    case SIOCGIFFLAGS:
      request.ifr_flags =
          static_cast<short>(IFF_UP | IFF_RUNNING | (loopback ? IFF_LOOPBACK : IFF_POINTOPOINT));
      return {};
    case SIOCGIFMTU:
      request.ifr_mtu = kMtu;
      return {};
    case SIOCGIFMETRIC:
      request.ifr_metric = 0;
      return {};
    case SIOCGIFTXQLEN:
      request.ifr_qlen = 1000;
      return {};
    case SIOCGIFHWADDR:
      std::memset(&request.ifr_hwaddr, 0, sizeof request.ifr_hwaddr);
      request.ifr_hwaddr.sa_family = loopback ? ARPHRD_LOOPBACK : ARPHRD_NONE;
      return {};
    default:
      break;
  }
  if (!interface.v4) return Errno::addrnotavail;
  const std::uint32_t address = interface.v4->address.to_v4();
  switch (question) {
    case SIOCGIFADDR:
      put_address(request, address);
      return {};
    case SIOCGIFNETMASK:
      put_address(request, mask_of(*interface.v4));
      return {};
    case SIOCGIFBRDADDR:
    case SIOCGIFDSTADDR:
      put_address(request, loopback ? 0 : address | ~mask_of(*interface.v4));
      return {};
    default:
      return Errno::notty;
  }
}

bool is_change(unsigned long request) {
  return request == SIOCSIFADDR || request == SIOCSIFFLAGS || request == SIOCSIFNETMASK ||
         request == SIOCSIFMTU || request == SIOCSIFNAME || request == SIOCADDRT || request == SIOCDELRT ||
         request == SIOCSIFBRDADDR || request == SIOCSIFDSTADDR || request == SIOCSIFHWADDR;
}

}  // namespace

Result<std::vector<std::byte>> answer_interface_request(const Stack& stack, unsigned long request,
                                                        Bytes given, std::size_t room) {
  if (request == SIOCGIFCONF) return list(stack, room);
  if (is_change(request)) return Errno::perm;
  if (request < SIOCGIFNAME || request > SIOCGIFMAP) return Errno::notty;
  ifreq filled{};
  if (given.size() < sizeof filled) return Errno::inval;
  std::memcpy(&filled, given.data(), sizeof filled);
  const auto interfaces = interfaces_of(stack);
  const Interface* interface = find(interfaces, filled, request == SIOCGIFNAME);
  if (interface == nullptr) return Errno::nodev;
  if (const auto done = fill(filled, *interface, request); !done) return done.error();
  return as_vector(filled);
}

}  // namespace sockeye::gate
