// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/sockaddr.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace sockeye::gate {

namespace {

constexpr std::size_t kV6LengthMin = 24;  // SIN6_LEN_RFC2133: without the scope id

template <class T>
std::optional<T> load(Bytes bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

IpAddress from_v4(const in_addr& address) {
  return IpAddress::v4(load32(std::as_bytes(std::span(&address.s_addr, 1)).data()));
}

IpAddress from_v6(const in6_addr& address) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), address.s6_addr, bytes.size());
  return IpAddress::v6(bytes);
}

in_addr to_v4(const IpAddress& address) {
  in_addr out{};
  if (address.is_v4()) store32(std::as_writable_bytes(std::span(&out.s_addr, 1)).data(), address.to_v4());
  return out;
}

in6_addr to_v6(const IpAddress& address) {
  in6_addr out{};
  std::memcpy(out.s6_addr, address.bytes().data(), 16);
  return out;
}

Result<std::optional<Endpoint>> parse_v4(Bytes bytes) {
  const auto address = load<sockaddr_in>(bytes);
  if (!address) return Errno::inval;
  return std::optional(Endpoint{from_v4(address->sin_addr), ntohs(address->sin_port)});
}

Result<std::optional<Endpoint>> parse_v6(Bytes bytes) {
  if (bytes.size() < kV6LengthMin) return Errno::inval;
  sockaddr_in6 address{};
  std::memcpy(&address, bytes.data(), std::min(bytes.size(), sizeof address));
  return std::optional(Endpoint{from_v6(address.sin6_addr), ntohs(address.sin6_port)});
}

template <class T>
void append_control(std::vector<std::byte>& out, int level, int type, const T& value, Bytes tail = {}) {
  cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(sizeof(T) + tail.size());
  const std::size_t at = out.size();
  out.resize(at + CMSG_SPACE(sizeof(T) + tail.size()));
  std::memcpy(out.data() + at, &header, sizeof header);
  std::memcpy(out.data() + at + CMSG_LEN(0), &value, sizeof value);
  if (!tail.empty()) std::memcpy(out.data() + at + CMSG_LEN(sizeof(T)), tail.data(), tail.size());
}

Result<> set_byte(std::optional<int>& field, Bytes data, int low, int high) {
  // Linux takes an int, and for the TOS of IPv4 a single byte too.
  int value = 0;
  if (const auto number = load<int>(data)) {
    value = *number;
  } else if (data.size() == 1) {
    value = load8(data.data());
  } else {
    return Errno::inval;
  }
  if (value < low || value > high) return Errno::inval;
  if (value >= 0) field = value;
  return {};
}

Result<> parse_ip_control(int type, Bytes data, Outgoing& message) {
  if (type == IP_PKTINFO) {
    const auto info = load<in_pktinfo>(data);
    if (!info || data.size() != sizeof(in_pktinfo)) return Errno::inval;
    const IpAddress from = from_v4(info->ipi_spec_dst);
    if (!from.is_unspecified()) message.from = from;
    return {};
  }
  if (type == IP_TTL) return set_byte(message.ttl, data, 1, 255);
  if (type == IP_TOS) return set_byte(message.tos, data, 0, 255);
  return Errno::inval;
}

Result<> parse_ipv6_control(int type, Bytes data, Outgoing& message) {
  if (type == IPV6_PKTINFO) {
    const auto info = load<in6_pktinfo>(data);
    if (!info) return Errno::inval;
    const IpAddress from = from_v6(info->ipi6_addr);
    if (!from.is_unspecified()) message.from = from;
    return {};
  }
  if (type == IPV6_HOPLIMIT) return set_byte(message.ttl, data, -1, 255);
  if (type == IPV6_TCLASS) return set_byte(message.tos, data, -1, 255);
  return Errno::inval;
}

bool option_is_on(Socket& socket, int level, int name) {
  int value = 0;
  const auto size = socket.get_option(level, name, std::as_writable_bytes(std::span(&value, 1)));
  return size.has_value() && value != 0;
}

}  // namespace

Result<std::optional<Endpoint>> parse_sockaddr(Bytes bytes, bool is_v6_socket, Socket::Kind kind,
                                               AddressUse use) {
  const auto family = load<sa_family_t>(bytes);
  if (!family) return Errno::inval;
  if (*family == AF_UNSPEC && use == AddressUse::connect) return std::optional<Endpoint>();
  if (!is_v6_socket) {
    if (bytes.size() < sizeof(sockaddr_in)) return Errno::inval;
    // bind and sendto take AF_UNSPEC as a spelling of AF_INET (bind only for the wildcard).
    if (*family == AF_UNSPEC && use == AddressUse::send) return parse_v4(bytes);
    if (*family == AF_UNSPEC) {
      auto parsed = parse_v4(bytes);
      if (parsed && (*parsed)->address == IpAddress::any_v4()) return parsed;
      return Errno::afnosupport;
    }
    if (*family != AF_INET) return Errno::afnosupport;
    return parse_v4(bytes);
  }
  // Datagram sockets of AF_INET6 connect and send to plain IPv4 addresses; glibc relies on it.
  const bool takes_v4 = kind == Socket::Kind::datagram && use != AddressUse::bind;
  if (*family == AF_INET && takes_v4) return parse_v4(bytes);
  if (*family == AF_UNSPEC && use == AddressUse::send) return std::optional<Endpoint>();
  if (bytes.size() < kV6LengthMin) return Errno::inval;
  if (*family != AF_INET6) return Errno::afnosupport;
  return parse_v6(bytes);
}

std::vector<std::byte> format_sockaddr(const Endpoint& endpoint, bool is_v6_socket) {
  std::vector<std::byte> out;
  if (is_v6_socket) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_addr = to_v6(endpoint.address);
    if (endpoint.address == IpAddress::any_v4()) address.sin6_addr = in6_addr{};
    const Bytes bytes = std::as_bytes(std::span(&address, 1));
    out.assign(bytes.begin(), bytes.end());
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr = to_v4(endpoint.address);
    const Bytes bytes = std::as_bytes(std::span(&address, 1));
    out.assign(bytes.begin(), bytes.end());
  }
  return out;
}

Result<> parse_control(Bytes bytes, bool is_v6_socket, Outgoing& message) {
  while (bytes.size() >= sizeof(cmsghdr)) {
    cmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.cmsg_len < CMSG_LEN(0) || header.cmsg_len > bytes.size()) return Errno::inval;
    const Bytes data = bytes.subspan(CMSG_LEN(0), header.cmsg_len - CMSG_LEN(0));
    Result<> done;
    if (header.cmsg_level == IPPROTO_IP) {
      done = parse_ip_control(header.cmsg_type, data, message);
    } else if (header.cmsg_level == IPPROTO_IPV6 && is_v6_socket) {
      done = parse_ipv6_control(header.cmsg_type, data, message);
    } else if (header.cmsg_level == SOL_SOCKET || header.cmsg_level == IPPROTO_UDP) {
      done = Errno::inval;  // SCM_RIGHTS, UDP_SEGMENT, …: not over these sockets
    }
    if (!done) return done;
    bytes = bytes.subspan(std::min(bytes.size(), CMSG_ALIGN(header.cmsg_len)));
  }
  return {};
}

ControlWanted ControlWanted::of(Socket& socket) {
  ControlWanted wanted;
  if (socket.is_v6()) {
    wanted.packet_info = option_is_on(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    wanted.ttl = option_is_on(socket, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
    wanted.tos = option_is_on(socket, IPPROTO_IPV6, IPV6_RECVTCLASS);
  } else {
    wanted.packet_info = option_is_on(socket, IPPROTO_IP, IP_PKTINFO);
    wanted.ttl = option_is_on(socket, IPPROTO_IP, IP_RECVTTL);
    wanted.tos = option_is_on(socket, IPPROTO_IP, IP_RECVTOS);
  }
  return wanted;
}

std::vector<std::byte> format_control(const Incoming& message, bool is_v6_socket,
                                      const ControlWanted& wanted) {
  std::vector<std::byte> out;
  if (is_v6_socket) {
    if (wanted.packet_info && message.to)
      append_control(out, IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo{to_v6(*message.to), 1});
    if (wanted.ttl) append_control(out, IPPROTO_IPV6, IPV6_HOPLIMIT, message.ttl);
    if (wanted.tos) append_control(out, IPPROTO_IPV6, IPV6_TCLASS, message.tos);
    return out;
  }
  if (wanted.packet_info && message.to)
    append_control(out, IPPROTO_IP, IP_PKTINFO, in_pktinfo{1, to_v4(*message.to), to_v4(*message.to)});
  if (wanted.ttl) append_control(out, IPPROTO_IP, IP_TTL, message.ttl);
  if (wanted.tos) append_control(out, IPPROTO_IP, IP_TOS, static_cast<std::uint8_t>(message.tos));
  return out;
}

std::vector<std::byte> format_error_report(const Incoming::ErrorReport& report, bool is_v6_socket) {
  sock_extended_err error{};
  error.ee_errno = static_cast<std::uint32_t>(to_int(report.error));
  error.ee_origin = report.origin;
  error.ee_type = report.type;
  error.ee_code = report.code;
  error.ee_info = report.info;
  std::vector<std::byte> offender;
  if (report.offender) {
    offender = format_sockaddr(Endpoint{report.offender->address, 0}, is_v6_socket);
  } else {
    offender.resize(is_v6_socket ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));  // AF_UNSPEC
  }
  std::vector<std::byte> out;
  append_control(out, is_v6_socket ? int{IPPROTO_IPV6} : int{IPPROTO_IP},
                 is_v6_socket ? IPV6_RECVERR : IP_RECVERR, error, offender);
  return out;
}

}  // namespace sockeye::gate
