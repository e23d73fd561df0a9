// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The Internet layer of one host (RFC 1122 3, RFC 8200): which packets are ours, where a packet
// goes, what is cut and put together again. It knows protocol numbers but no transport.
//
//   link -> receive() -> Arrival: the packet whole, with its addresses and the length of its headers
//   transport -> send(): header in front, fragments if need be -> Interface::outbound
//
// A host never forwards. Errors that a packet deserves are returned as a Complaint; icmp/ words
// them, after its own rules of silence.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/drop.h"
#include "core/result.h"
#include "core/rng.h"
#include "core/siphash.h"
#include "ip/fragment_reassembler.h"
#include "ip/interface.h"
#include "ip/path_mtu_cache.h"
#include "ip/route_table.h"

namespace sockeye {

// A packet that is for us, as receive() understood it.
struct IpArrival {
  IpAddress source{};
  IpAddress destination{};
  std::uint32_t header_bytes = 0;  // IP header with options or extensions
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  bool is_group = false;  // to a broadcast or multicast address: never answered with an error
  Interface* interface = nullptr;
};

// A packet deserves an ICMP error.
struct IpComplaint {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;
  IpArrival arrival{};
  PacketPtr packet{};
  bool even_multicast = false;
};

struct IpSend {
  IpAddress source{};
  IpAddress destination{};
  IpProtocol protocol{};
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  bool dont_fragment = true;         // IPv4: set DF on a packet that goes whole
  std::uint16_t identification = 0;  // IPv4: of a packet that is not to be cut (RFC 6864: anything)
  bool may_cut = false;              // fragments at the source where the packet is larger than its way
  bool ignore_path_mtu = false;      // IP_PMTUDISC_PROBE / INTERFACE: only the link's MTU counts
  Interface* interface = nullptr;
};

class IpLayer {
 public:
  IpLayer(PacketPool& pool, Rng& secret, DropCounters& drops);

  // --- interfaces and routes
  Interface& add_interface(std::string name, Link& link, std::vector<InterfaceAddress> addresses,
                           bool default_route, bool is_loopback);
  std::vector<std::unique_ptr<Interface>>& interfaces() { return interfaces_; }
  const std::vector<std::unique_ptr<Interface>>& interfaces() const { return interfaces_; }
  Interface* interface_named(std::string_view name) const;
  Interface* interface_at(unsigned index) const;
  bool is_local(const IpAddress& address) const;  // one of ours, 127/8 and ::1 included
  bool is_broadcast(const IpAddress& address) const;

  struct Route {
    Interface* interface = nullptr;
    IpAddress source{};
  };
  // The way to `destination`. `source` is kept when it is specified, else chosen (RFC 6724 5, rules
  // 1, 2 and 8); `device` 0 is any interface. netunreach, addrnotavail, inval as Linux.
  Result<Route> route(const IpAddress& destination, const IpAddress& source, unsigned device) const;
  std::uint32_t path_mtu(Instant now, const IpAddress& destination, const Interface& interface) const {
    return path_mtus_.lookup(now, destination, interface.capabilities.mtu);
  }
  PathMtuCache& path_mtus() { return path_mtus_; }
  const PathMtuCache& path_mtus() const { return path_mtus_; }

  // --- in
  // True: `packet` is for a transport here and `arrival` is filled. False: discarded (counted), or
  // kept as a fragment; a complaint may have been left in complaint().
  bool receive(Instant now, Interface& from, PacketPtr& packet, IpArrival& arrival);
  std::optional<IpComplaint> take_complaint();
  std::optional<Instant> next_timer() const { return reassembler_.next_timer(); }
  void on_timer(Instant now);  // then take_complaint() until empty
  const FragmentReassembler& reassembler() const { return reassembler_; }

  // --- out
  // `packet` begins with the transport header. msgsize: larger than the way allows and not to be
  // cut; nobufs: no packet for a fragment. Otherwise the packet waits in its interface.
  Result<> send(Instant now, PacketPtr packet, const IpSend& how);

 private:
  std::optional<Drop> receive_v4(Instant now, PacketPtr& packet, IpArrival& arrival);
  std::optional<Drop> receive_v6(Instant now, PacketPtr& packet, IpArrival& arrival);
  std::optional<Drop> check_addresses(IpArrival& arrival) const;
  std::optional<Drop> check_new_addresses(IpArrival& arrival) const;
  std::optional<Drop> add_fragment(Instant now, FragmentReassembler::Fragment fragment, PacketPtr& packet,
                                   IpArrival& arrival);
  void complain(const IpArrival& arrival, PacketPtr packet, std::uint8_t type, std::uint8_t code,
                std::uint32_t rest, bool even_multicast = false);
  Result<> send_fragments(PacketPtr packet, const IpSend& how, std::uint32_t mtu);
  void push_header(Packet& packet, const IpSend& how);
  std::uint16_t next_identification(const IpSend& how);
  const IpAddress* choose_source(const Interface& interface, const IpAddress& destination) const;

  PacketPool& pool_;
  Rng& secret_;
  DropCounters& drops_;
  SipKey key_;
  std::vector<std::unique_ptr<Interface>> interfaces_;
  RouteTable routes_;
  PathMtuCache path_mtus_;
  FragmentReassembler reassembler_;
  std::array<std::uint16_t, 256> identifications_{};  // by a keyed hash of the two ends (RFC 7739)
  std::vector<IpComplaint> complaints_;
};

}  // namespace sockeye
