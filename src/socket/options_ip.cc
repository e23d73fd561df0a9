// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The rows of IPPROTO_IP and IPPROTO_IPV6. The former work on AF_INET6 sockets too, for what they send
// to IPv4. Multicast groups cannot be joined (ENODEV: no interface has multicast); the other multicast
// options, IP_HDRINCL, IP_MINTTL, IP_RECVORIGDSTADDR, IP_UNICAST_IF, flow labels and the rest are
// refused.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "socket/base_socket.h"
#include "socket/option_flag.h"
#include "socket/option_table.h"

namespace sockeye {
namespace {

// <linux/in.h> and <linux/in6.h> cannot be included beside <netinet/in.h>.
constexpr int kIpBindAddressNoPort = 24;
constexpr int kIpv6Freebind = 78;
constexpr int kIpv6Transparent = 75;
constexpr int kIpv6MtuDiscover = 23;
constexpr int kIpv6Mtu = 24;
constexpr int kIpv6RecvErr = 25;
constexpr int kIpv6DontFrag = 62;

// Linux: the ECN bits of a stream are TCP's own.
Result<> set_tos(BaseSocket& socket, int value) {
  SocketOptions& options = socket.own_options();
  if (socket.is_stream()) value = (value & ~3) | (options.tos & 3);
  options.tos = static_cast<std::uint8_t>(value);  // the low byte of whatever it is
  socket.hops_changed();
  return {};
}

Result<> set_ttl(BaseSocket& socket, int value) {
  if (value == 0) return Errno::inval;
  socket.own_options().ttl = static_cast<std::int16_t>(value);
  socket.hops_changed();
  return {};
}
Result<int> get_ttl(const BaseSocket& socket) {
  return socket.options().ttl < 0 ? socket.host().limits.ttl : socket.options().ttl;
}

Result<> set_hops(BaseSocket& socket, int value) {
  socket.own_options().hops = static_cast<std::int16_t>(value);
  socket.hops_changed();
  return {};
}
Result<int> get_hops(const BaseSocket& socket) {
  return socket.options().hops < 0 ? socket.host().limits.ttl : socket.options().hops;
}

Result<> set_traffic_class(BaseSocket& socket, int value) {
  if (value < 0) value = 0;
  if (socket.is_stream()) value = (value & ~3) | (std::max<int>(socket.options().traffic_class, 0) & 3);
  socket.own_options().traffic_class = static_cast<std::int16_t>(value);
  socket.hops_changed();
  return {};
}

Result<int> get_path_mtu(const BaseSocket& socket) {
  const auto mtu = socket.path_mtu();
  if (!mtu) return Errno::notconn;
  return static_cast<int>(*mtu);
}

Result<> set_v6only(BaseSocket& socket, int value) {
  if (socket.is_bound() || !socket.is_idle()) return Errno::inval;
  socket.own_options().v6only = value != 0;
  return {};
}

Result<> refuse_membership(BaseSocket&, Bytes value) {
  return value.size() < 8 ? Errno::inval : Errno::nodev;
}
Result<> refuse_leaving(BaseSocket&, Bytes value) {
  return value.size() < 8 ? Errno::inval : Errno::addrnotavail;
}

constexpr std::uint8_t kDatagram = OptionRow::kDatagram;
constexpr OptionRow kRows[] = {
    {.level = IPPROTO_IP,
     .name = IP_TOS,
     .text = "IP_TOS",
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_tos,
     .get = +[](const BaseSocket& s) -> Result<int> { return s.options().tos; },
     .effect = "the TOS byte of what is sent; a stream keeps its ECN bits"},
    {.level = IPPROTO_IP,
     .name = IP_TTL,
     .text = "IP_TTL",
     .minimum = -1,
     .maximum = 255,
     .set = set_ttl,
     .get = get_ttl,
     .effect = "the TTL of what is sent; -1: the host's"},
    {.level = IPPROTO_IP,
     .name = IP_OPTIONS,
     .text = "IP_OPTIONS",
     .kind = OptionKind::structure,
     .set_bytes =
         +[](BaseSocket&, Bytes v) -> Result<> { return v.empty() ? Result<>() : Result<>(Errno::inval); },
     .get_bytes = +[](BaseSocket&, MutableBytes) -> Result<std::size_t> { return std::size_t{0}; },
     .effect = "always none; EINVAL for any"},
    {.level = IPPROTO_IP,
     .name = IP_RECVERR,
     .text = "IP_RECVERR",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .set = set_flag<&SocketOptions::receive_errors>,
     .get = get_flag<&SocketOptions::receive_errors>,
     .effect = "ICMP errors are queued for MSG_ERRQUEUE and reported without a connected peer too"},
    {.level = IPPROTO_IP,
     .name = IP_PKTINFO,
     .text = "IP_PKTINFO",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .set = set_flag<&SocketOptions::packet_info>,
     .get = get_flag<&SocketOptions::packet_info>,
     .effect = "ancillary data: destination address and interface"},
    {.level = IPPROTO_IP,
     .name = IP_RECVTTL,
     .text = "IP_RECVTTL",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .set = set_flag<&SocketOptions::receive_ttl>,
     .get = get_flag<&SocketOptions::receive_ttl>,
     .effect = "ancillary data: TTL"},
    {.level = IPPROTO_IP,
     .name = IP_RECVTOS,
     .text = "IP_RECVTOS",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .set = set_flag<&SocketOptions::receive_tos>,
     .get = get_flag<&SocketOptions::receive_tos>,
     .effect = "ancillary data: TOS"},
    {.level = IPPROTO_IP,
     .name = IP_MTU_DISCOVER,
     .text = "IP_MTU_DISCOVER",
     .maximum = 5,
     .set = +[](BaseSocket& s, int v) -> Result<> {
       s.own_options().mtu_discover = static_cast<PathMtuDiscovery>(v);
       s.hops_changed();
       return {};
     },
     .get = +[](const BaseSocket& s) -> Result<int> { return static_cast<int>(s.options().mtu_discover); },
     .effect = "whether datagrams are cut here (DONT, WANT) or refused with EMSGSIZE (DO, PROBE); whether "
               "streams set DF (WANT, DO)"},
    {.level = IPPROTO_IP,
     .name = IP_MTU,
     .text = "IP_MTU",
     .get = get_path_mtu,
     .effect = "the path's MTU; ENOTCONN"},
    {.level = IPPROTO_IP,
     .name = IP_FREEBIND,
     .text = "IP_FREEBIND",
     .kind = OptionKind::boolean,
     .short_value = ShortValue::not_nothing,
     .set = set_flag<&SocketOptions::freebind>,
     .get = get_flag<&SocketOptions::freebind>,
     .effect = "bind() takes addresses that this host does not have"},
    {.level = IPPROTO_IP,
     .name = IP_TRANSPARENT,
     .text = "IP_TRANSPARENT",
     .kind = OptionKind::boolean,
     .set = +[](BaseSocket&, int v) -> Result<> { return v != 0 ? Result<>(Errno::perm) : Result<>(); },
     .get = +[](const BaseSocket&) -> Result<int> { return 0; },
     .effect = "always 0; EPERM to switch it on"},
    {.level = IPPROTO_IP,
     .name = kIpBindAddressNoPort,
     .text = "IP_BIND_ADDRESS_NO_PORT",
     .kind = OptionKind::boolean,
     .set = set_flag<&SocketOptions::bind_address_no_port>,
     .get = get_flag<&SocketOptions::bind_address_no_port>,
     .effect = "bind() to an address and port 0 leaves the port to connect()"},
    {.level = IPPROTO_IP,
     .name = IP_ADD_MEMBERSHIP,
     .text = "IP_ADD_MEMBERSHIP",
     .kind = OptionKind::structure,
     .set_bytes = refuse_membership,
     .effect = "ENODEV: no interface has multicast"},
    {.level = IPPROTO_IP,
     .name = IP_DROP_MEMBERSHIP,
     .text = "IP_DROP_MEMBERSHIP",
     .kind = OptionKind::structure,
     .set_bytes = refuse_leaving,
     .effect = "EADDRNOTAVAIL"},
    {.level = IPPROTO_IP,
     .name = MCAST_JOIN_GROUP,
     .text = "MCAST_JOIN_GROUP",
     .kind = OptionKind::structure,
     .set_bytes = refuse_membership,
     .effect = "ENODEV: no interface has multicast"},

    {.level = IPPROTO_IPV6,
     .name = IPV6_V6ONLY,
     .text = "IPV6_V6ONLY",
     .kind = OptionKind::boolean,
     .v6_only = true,
     .set = set_v6only,
     .get = get_flag<&SocketOptions::v6only>,
     .effect = "no IPv4 through this socket; EINVAL once it is bound"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_UNICAST_HOPS,
     .text = "IPV6_UNICAST_HOPS",
     .v6_only = true,
     .minimum = -1,
     .maximum = 255,
     .set = set_hops,
     .get = get_hops,
     .effect = "the hop limit of what is sent; -1: the host's"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_TCLASS,
     .text = "IPV6_TCLASS",
     .v6_only = true,
     .minimum = -1,
     .maximum = 255,
     .set = set_traffic_class,
     .get = +[](const BaseSocket& s) -> Result<int> {
       return s.options().traffic_class < 0 ? 0 : static_cast<int>(s.options().traffic_class);
     },
     .effect = "the traffic class of what is sent"},
    {.level = IPPROTO_IPV6,
     .name = kIpv6RecvErr,
     .text = "IPV6_RECVERR",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .v6_only = true,
     .set = set_flag<&SocketOptions::receive_errors_v6>,
     .get = get_flag<&SocketOptions::receive_errors_v6>,
     .effect = "as IP_RECVERR, for ICMPv6"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_RECVPKTINFO,
     .text = "IPV6_RECVPKTINFO",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .v6_only = true,
     .set = set_flag<&SocketOptions::packet_info_v6>,
     .get = get_flag<&SocketOptions::packet_info_v6>,
     .effect = "ancillary data: destination address and interface"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_RECVHOPLIMIT,
     .text = "IPV6_RECVHOPLIMIT",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .v6_only = true,
     .set = set_flag<&SocketOptions::receive_hops>,
     .get = get_flag<&SocketOptions::receive_hops>,
     .effect = "ancillary data: hop limit"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_RECVTCLASS,
     .text = "IPV6_RECVTCLASS",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .v6_only = true,
     .set = set_flag<&SocketOptions::receive_traffic_class>,
     .get = get_flag<&SocketOptions::receive_traffic_class>,
     .effect = "ancillary data: traffic class"},
    {.level = IPPROTO_IPV6,
     .name = kIpv6MtuDiscover,
     .text = "IPV6_MTU_DISCOVER",
     .v6_only = true,
     .maximum = 5,
     .set = +[](BaseSocket& s, int v) -> Result<> {
       s.own_options().mtu_discover_v6 = static_cast<PathMtuDiscovery>(v);
       s.hops_changed();
       return {};
     },
     .get = +[](const BaseSocket& s) -> Result<int> { return static_cast<int>(s.options().mtu_discover_v6); },
     .effect = "as IP_MTU_DISCOVER"},
    {.level = IPPROTO_IPV6,
     .name = kIpv6Mtu,
     .text = "IPV6_MTU",
     .v6_only = true,
     .get = get_path_mtu,
     .effect = "the path's MTU; ENOTCONN"},
    {.level = IPPROTO_IPV6,
     .name = kIpv6DontFrag,
     .text = "IPV6_DONTFRAG",
     .kind = OptionKind::boolean,
     .sockets = kDatagram,
     .v6_only = true,
     .short_value = ShortValue::zero,
     .set = set_flag<&SocketOptions::dont_fragment>,
     .get = get_flag<&SocketOptions::dont_fragment>,
     .effect = "datagrams larger than the path are refused (EMSGSIZE), not cut"},
    {.level = IPPROTO_IPV6,
     .name = kIpv6Freebind,
     .text = "IPV6_FREEBIND",
     .kind = OptionKind::boolean,
     .v6_only = true,
     .set = set_flag<&SocketOptions::freebind>,
     .get = get_flag<&SocketOptions::freebind>,
     .effect = "as IP_FREEBIND"},
    {.level = IPPROTO_IPV6,
     .name = kIpv6Transparent,
     .text = "IPV6_TRANSPARENT",
     .kind = OptionKind::boolean,
     .v6_only = true,
     .set = +[](BaseSocket&, int v) -> Result<> { return v != 0 ? Result<>(Errno::perm) : Result<>(); },
     .get = +[](const BaseSocket&) -> Result<int> { return 0; },
     .effect = "always 0; EPERM to switch it on"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_JOIN_GROUP,
     .text = "IPV6_JOIN_GROUP",
     .kind = OptionKind::structure,
     .v6_only = true,
     .set_bytes = refuse_membership,
     .effect = "ENODEV: no interface has multicast"},
    {.level = IPPROTO_IPV6,
     .name = IPV6_LEAVE_GROUP,
     .text = "IPV6_LEAVE_GROUP",
     .kind = OptionKind::structure,
     .v6_only = true,
     .set_bytes = refuse_leaving,
     .effect = "EADDRNOTAVAIL"},
    {.level = IPPROTO_IPV6,
     .name = MCAST_JOIN_GROUP,
     .text = "MCAST_JOIN_GROUP (IPv6)",
     .kind = OptionKind::structure,
     .v6_only = true,
     .set_bytes = refuse_membership,
     .effect = "ENODEV: no interface has multicast"},
};

}  // namespace

std::span<const OptionRow> ip_level_options() {
  return kRows;
}

}  // namespace sockeye
