// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "posix/address.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sockeye::posix {
namespace {

constexpr socklen_t kV6Shortest = 24;  // RFC 2133's sockaddr_in6 had no scope

// The bytes a program passed, in memory that is aligned and long enough for every family.
Result<sockaddr_storage> copy_in(const sockaddr* address, socklen_t size) {
  sockaddr_storage storage{};
  if (size > sizeof storage) return Errno::inval;
  if (size > 0 && address == nullptr) return Errno::fault;
  if (size > 0) std::memcpy(&storage, address, size);
  return storage;
}

Endpoint from_v4(const sockaddr_storage& storage) {
  sockaddr_in in;
  std::memcpy(&in, &storage, sizeof in);
  return {IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
}

Endpoint from_v6(const sockaddr_storage& storage) {
  sockaddr_in6 in;
  std::memcpy(&in, &storage, sizeof in);
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
  return {IpAddress::v6(bytes), ntohs(in.sin6_port)};
}

bool is_v6_only(Socket& socket) {
  int value = 0;
  return socket.get_option(IPPROTO_IPV6, IPV6_V6ONLY, std::as_writable_bytes(std::span(&value, 1))) &&
         value != 0;
}

}  // namespace

Result<Endpoint> bind_address(const Socket& socket, const sockaddr* address, socklen_t size) {
  const Result<sockaddr_storage> in = copy_in(address, size);
  if (!in) return in.error();
  const auto family = in->ss_family;
  if (socket.is_v6()) {
    if (size < kV6Shortest) return Errno::inval;
    if (family != AF_INET6) return Errno::afnosupport;
    return from_v6(*in);
  }
  if (size < sizeof(sockaddr_in)) return Errno::inval;
  const Endpoint endpoint = from_v4(*in);
  const bool nearly = family == AF_UNSPEC && endpoint.address.is_unspecified();
  if (family != AF_INET && !nearly) return Errno::afnosupport;
  return endpoint;
}

Result<std::optional<Endpoint>> connect_address(Socket& socket, const sockaddr* address, socklen_t size) {
  const Result<sockaddr_storage> in = copy_in(address, size);
  if (!in) return in.error();
  if (size < sizeof(sa_family_t)) return Errno::inval;
  const auto family = in->ss_family;
  if (family == AF_UNSPEC) return std::optional<Endpoint>();
  if (!socket.is_v6()) {
    if (size < sizeof(sockaddr_in)) return Errno::inval;
    if (family != AF_INET) return Errno::afnosupport;
    return std::optional(from_v4(*in));
  }
  // A datagram socket of both families takes an IPv4 address as it is.
  if (socket.kind() == Socket::Kind::datagram && family == AF_INET) {
    if (is_v6_only(socket)) return Errno::afnosupport;
    if (size < sizeof(sockaddr_in)) return Errno::inval;
    return std::optional(from_v4(*in));
  }
  if (size < kV6Shortest) return Errno::inval;
  if (family != AF_INET6) return Errno::afnosupport;
  return std::optional(from_v6(*in));
}

Result<std::optional<Endpoint>> send_address(Socket& socket, const sockaddr* address, socklen_t size) {
  if (address == nullptr) return std::optional<Endpoint>();
  const Result<sockaddr_storage> in = copy_in(address, size);
  if (!in) return in.error();
  const auto family = in->ss_family;
  if (!socket.is_v6()) {
    if (size < sizeof(sockaddr_in)) return Errno::inval;
    if (family != AF_INET && family != AF_UNSPEC) return Errno::afnosupport;
    return std::optional(from_v4(*in));
  }
  if (size < sizeof(sa_family_t)) return Errno::inval;
  switch (family) {
    case AF_INET6:
      if (size < kV6Shortest) return Errno::inval;
      return std::optional(from_v6(*in));
    case AF_INET:
      if (is_v6_only(socket)) return Errno::netunreach;
      if (size < sizeof(sockaddr_in)) return Errno::inval;
      return std::optional(from_v4(*in));
    case AF_UNSPEC:
      return std::optional<Endpoint>();
    default:
      return Errno::inval;
  }
}

socklen_t to_sockaddr(const Socket& socket, const Endpoint& endpoint, sockaddr_storage& out) {
  out = {};
  if (!socket.is_v6()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    v4.sin_addr.s_addr = endpoint.address.is_v4() ? htonl(endpoint.address.to_v4()) : 0;
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.address.bytes().data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

namespace {
Result<> copy_out(const sockaddr_storage& from, socklen_t full, sockaddr* address, socklen_t* size) {
  if (size == nullptr) return Errno::fault;
  if (*size > 0x7fffffffu) return Errno::inval;
  const std::size_t room = std::min<std::size_t>(*size, full);
  if (room > 0 && address == nullptr) return Errno::fault;
  if (room > 0) std::memcpy(address, &from, room);
  *size = full;
  return {};
}
}  // namespace

Result<> store_address(const Socket& socket, const Endpoint& endpoint, sockaddr* address, socklen_t* size) {
  sockaddr_storage storage;
  const socklen_t full = to_sockaddr(socket, endpoint, storage);
  return copy_out(storage, full, address, size);
}

Result<> store_no_address(sockaddr* address, socklen_t* size) {
  return copy_out({}, 0, address, size);
}

}  // namespace sockeye::posix
