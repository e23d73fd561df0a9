// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What stream and datagram sockets have in common: their host, their options, their claim on a local
// port and the checks of bind(2) in Linux's order.
#pragma once

#include <memory>
#include <optional>

#include "socket/host.h"
#include "socket/socket.h"
#include "socket/socket_options.h"
#include "tcp/config.h"

namespace sockeye {

class BaseSocket : public Socket, public ListHook<SocketListTag> {
 public:
  ~BaseSocket() override;

  Result<> bind(const Endpoint& local) final;
  Result<> set_option(int level, int name, Bytes value) final;
  Result<std::size_t> get_option(int level, int name, MutableBytes value) final;

  SocketHost& host() const { return host_; }
  const SocketOptions& options() const { return options_ ? *options_ : kDefaults; }
  SocketOptions& own_options();
  bool is_stream() const { return kind() == Kind::stream; }
  bool is_bound() const { return use_ != nullptr; }

  // How the socket would claim its port with its present address and options.
  PortUse claim() const;
  // Options that change what others may claim.
  void on_claim_changed();
  // What goes into the headers of packets to this peer.
  std::uint8_t hop_limit(const IpAddress& peer) const;
  std::uint8_t service(const IpAddress& peer) const;
  std::uint8_t hop_limit(const FiveTuple& tuple) const { return hop_limit(tuple.remote.address); }
  std::uint8_t service(const FiveTuple& tuple) const { return service(tuple.remote.address); }
  PathMtuDiscovery path_discovery(const FiveTuple& tuple) const {
    return tuple.remote.address.is_v4() ? options().mtu_discover : options().mtu_discover_v6;
  }

  // --- what the option table needs to know or to do
  virtual tcp::Settings* own_settings() { return nullptr; }  // streams only; then settings_changed()
  virtual const tcp::Settings* read_settings() const { return nullptr; }
  virtual void settings_changed() {}
  // What the keys of stamps count from (SOF_TIMESTAMPING_OPT_ID): the first byte that is not acknowledged,
  // or the next that will be sent. Empty: there is no connection.
  virtual std::optional<std::uint32_t> stream_position(bool /*is_end*/) const { return std::nullopt; }
  virtual std::optional<IpAddress> peer_address() const { return std::nullopt; }  // of a stream's connection
  // TCP-AO: the SendID that the peer has asked for; the program has chosen one itself.
  virtual std::optional<std::uint8_t> asked_ao_key() const { return std::nullopt; }
  virtual void forget_asked_ao_key() {}
  virtual void push() {}                                  // tcp::Connection::push(), if there is one
  virtual void set_quick_ack(int value) { (void)value; }  // TCP_QUICKACK
  virtual std::optional<tcp::Info> tcp_info() const { return std::nullopt; }
  virtual std::uint32_t receive_buffer_bytes() const = 0;  // SO_RCVBUF
  virtual std::uint32_t send_buffer_bytes() const = 0;
  virtual bool is_listening() const { return false; }
  virtual bool is_idle() const { return true; }  // not connected, not connecting, not listening
  virtual std::optional<Errno> take_error() = 0;
  virtual std::optional<std::uint32_t> path_mtu() const = 0;  // IP_MTU; empty: not connected
  virtual void hops_changed() {}

 protected:
  BaseSocket(SocketHost& host, Kind kind, bool is_v6);
  // What an accepted socket has from its listener: options, and what of its name the program chose.
  void inherit(const BaseSocket& listener, const Endpoint& local);

  // The address that the socket has bound (or connect chose), and its port.
  const Endpoint& bound() const { return bound_; }
  void set_bound_address(const IpAddress& address);
  PortUse* use() const { return use_; }
  // Claims `bound_` with the port given, or a free one; the errors of bind(2).
  Result<> claim_port(std::uint16_t port);
  Result<> bind_automatically();  // an ephemeral port, when there is none yet
  void release_port();
  void forget_port();   // released, and getsockname says 0
  void reclaim_port();  // the claim on a port that the program chose, after a connection had it
  IpAddress wildcard() const { return is_v6() ? IpAddress::any_v6() : IpAddress::any_v4(); }
  bool port_is_explicit() const { return port_is_explicit_; }
  bool address_is_explicit() const { return address_is_explicit_; }
  PortTable& ports() const { return is_stream() ? host_.stream_ports : host_.datagram_ports; }
  // May this socket talk to `peer`: afnosupport, netunreach (IPv4 through an IPv6-only socket).
  Result<> check_family(const IpAddress& peer) const;
  // 0.0.0.0 and :: mean this host.
  IpAddress resolve_unspecified(const IpAddress& peer) const;

  SocketHost& host_;

 private:
  static const SocketOptions kDefaults;
  Result<> check_bind_address(const Endpoint& local) const;

  std::unique_ptr<SocketOptions> options_;
  PortUse* use_ = nullptr;
  Endpoint bound_;
  bool port_is_explicit_ = false;  // here, in what would be padding
  bool address_is_explicit_ = false;
};

}  // namespace sockeye
