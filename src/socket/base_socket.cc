// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/base_socket.h"

namespace sockeye {

const SocketOptions BaseSocket::kDefaults{};

BaseSocket::BaseSocket(SocketHost& host, Kind kind, bool is_v6)
    : Socket(kind, is_v6, host.next_cookie()), host_(host) {
  bound_.address = wildcard();
  if (host.ip.path_mtus().rules().no_discovery == 1) own_options().mtu_discover = PathMtuDiscovery::dont;
  host_.sockets.push_back(*this);
  ++host_.socket_count;
}

BaseSocket::~BaseSocket() {
  release_port();
  --host_.socket_count;
}

SocketOptions& BaseSocket::own_options() {
  if (!options_) options_ = std::make_unique<SocketOptions>(kDefaults);
  return *options_;
}

void BaseSocket::inherit(const BaseSocket& listener, const Endpoint& local) {
  options_ = listener.options_ ? std::make_unique<SocketOptions>(*listener.options_) : nullptr;
  if (options_) options_->reports.reset();
  bound_ = local;
  port_is_explicit_ = listener.port_is_explicit_;
  address_is_explicit_ = listener.address_is_explicit_;
}

PortUse BaseSocket::claim() const {
  const SocketOptions& o = options();
  PortUse claim;
  claim.address = bound_.address;
  claim.port = bound_.port;
  claim.is_v6 = is_v6();
  claim.v6only = is_v6() && o.v6only;
  claim.reuse_address = o.reuse_address;
  claim.reuse_port = o.reuse_port;
  claim.device = o.device;
  return claim;
}

void BaseSocket::on_claim_changed() {
  if (use_ == nullptr) return;
  const SocketOptions& o = options();
  use_->reuse_address = o.reuse_address;
  use_->reuse_port = o.reuse_port;
  use_->device = o.device;
}

void BaseSocket::set_bound_address(const IpAddress& address) {
  bound_.address = address;
  if (use_ != nullptr) use_->address = address;
}

std::uint8_t BaseSocket::hop_limit(const IpAddress& peer) const {
  const std::int16_t own = peer.is_v4() ? options().ttl : options().hops;
  return own < 0 ? host_.limits.ttl : static_cast<std::uint8_t>(own);
}

std::uint8_t BaseSocket::service(const IpAddress& peer) const {
  if (peer.is_v4()) return options().tos;
  return options().traffic_class < 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(options().traffic_class);
}

Result<> BaseSocket::check_family(const IpAddress& peer) const {
  if (!is_v6()) {
    if (!peer.is_v4()) return Errno::afnosupport;
    return {};
  }
  if (peer.is_v4() && options().v6only) return Errno::netunreach;
  return {};
}

IpAddress BaseSocket::resolve_unspecified(const IpAddress& peer) const {
  if (!peer.is_unspecified()) return peer;
  if (!bound_.address.is_unspecified()) return bound_.address;
  // A socket bound to the IPv4 wildcard through a mapped address stays in IPv4.
  if (peer.is_v4() || bound_.address == IpAddress::any_v4()) return IpAddress::loopback_v4();
  return IpAddress::loopback_v6();
}

// Linux: inet_bind and inet6_bind, before the port is looked at.
Result<> BaseSocket::check_bind_address(const Endpoint& local) const {
  const IpAddress& address = local.address;
  if (!is_v6()) {
    if (!address.is_v4()) return Errno::afnosupport;
  } else {
    if (address.is_multicast() && address.is_v6() && is_stream()) return Errno::inval;
    if (address.is_v4() && options().v6only) return Errno::inval;
  }
  if (address.is_unspecified() || options().freebind || address.is_multicast()) return {};
  if (address.is_v4() && host_.ip.is_broadcast(address)) return {};
  if (!host_.ip.is_local(address)) return Errno::addrnotavail;
  return {};
}

Result<> BaseSocket::bind(const Endpoint& local) {
  if (auto checked = check_bind_address(local); !checked) return checked;
  if (local.port != 0 && local.port < host_.limits.unprivileged_port && !host_.privileged)
    return Errno::acces;
  if (use_ != nullptr || !is_idle()) return Errno::inval;
  const IpAddress before = bound_.address;
  bound_.address = local.address;
  if (local.port == 0 && options().bind_address_no_port && !local.address.is_unspecified()) {
    address_is_explicit_ = true;  // connect() will choose the port
    return {};
  }
  if (auto claimed = claim_port(local.port); !claimed) {
    bound_.address = before;
    return claimed;
  }
  address_is_explicit_ = !local.address.is_unspecified();
  port_is_explicit_ = local.port != 0;
  return {};
}

Result<> BaseSocket::claim_port(std::uint16_t port) {
  PortUse wanted = claim();
  if (port == 0) {
    const auto found = host_.port_choice.for_bind([&](std::uint16_t candidate) {
      if (is_stream()) host_.refresh_time_wait(candidate);
      wanted.port = candidate;
      return !ports().conflicts(wanted, nullptr, true);
    });
    if (!found) return Errno::addrinuse;
    wanted.port = *found;
  } else {
    if (is_stream()) host_.refresh_time_wait(port, true);
    wanted.port = port;
    if (ports().conflicts(wanted, nullptr, false)) return Errno::addrinuse;
  }
  bound_.port = wanted.port;
  wanted.owner = this;
  use_ = ports().add(wanted);
  return {};
}

Result<> BaseSocket::bind_automatically() {
  if (bound_.port != 0) return {};
  return claim_port(0);
}

void BaseSocket::release_port() {
  if (use_ == nullptr) return;
  ports().remove(use_);
  use_ = nullptr;
}

void BaseSocket::forget_port() {
  release_port();
  bound_.port = 0;
  port_is_explicit_ = false;
}

void BaseSocket::reclaim_port() {
  PortUse wanted = claim();
  wanted.owner = this;
  use_ = ports().add(wanted);
}

}  // namespace sockeye
