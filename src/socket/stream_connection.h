// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A TCP connection in its host: the connection itself, its place in the tables, its one timer entry
// (D14) and who holds it. Three may hold it, one after the other:
//
//   a listener's accept queue  ->  a StreamSocket  ->  nobody (an orphan that finishes its close)
//
// A finished connection leaves the tables at once (retire) and is destroyed when nobody holds it.
#pragma once

#include <cstdint>
#include <optional>

#include "core/intrusive_list.h"
#include "core/timer_wheel.h"
#include "icmp/icmp_error.h"
#include "socket/host.h"
#include "socket/socket_options.h"
#include "tcp/connection.h"

namespace sockeye {

class StreamSocket;
class Listener;

struct AcceptTag {};

class StreamConnection final : public TimerEntry, public ListHook<DirtyTag>, public ListHook<AcceptTag> {
 public:
  // `claim` says how the local port is used; the tuple must not be in the table.
  StreamConnection(SocketHost& host, const FiveTuple& tuple, const tcp::Path& path,
                   const tcp::Settings& settings, Interface& interface, const PortUse& claim);
  ~StreamConnection();

  const FiveTuple& tuple() const { return tcp_.tuple(); }
  tcp::Connection& tcp() { return tcp_; }
  const tcp::Connection& tcp() const { return tcp_; }
  const tcp::Settings& settings() const { return tcp_.settings(); }
  bool is_retired() const { return use_ == nullptr; }
  tcp::State state() const { return is_retired() ? tcp::State::closed : tcp_.state(); }
  std::uint32_t serial() const { return serial_; }  // order of creation

  StreamSocket* socket() const { return socket_; }
  void set_socket(StreamSocket* socket) { socket_ = socket; }
  Listener* listener() const { return listener_; }
  void set_listener(Listener* listener) { listener_ = listener; }
  // What the socket's options say about the headers of its packets.
  void set_hops(std::uint8_t ttl, std::uint8_t tos, PathMtuDiscovery discovery) {
    ttl_ = ttl;
    tos_ = tos;
    discovery_ = discovery;
  }

  // For TCP-AO: where the connection stands; a segment that passed names the key that the peer wants.
  tcp::SignedPosition signed_position() const;
  void on_genuine(const TcpSignature& signature);
  void set_asked_key(std::uint8_t send_id) {
    ao_key_ = send_id;
    has_ao_key_ = true;
  }
  void forget_asked_key() { has_ao_key_ = false; }  // the program has chosen anew
  // Of a new connection of a listener: its own ring. `first`: the signature on the segment that made it.
  void own_ao_keys(const TcpSignature& first);

  // The path's MTU as the host knows it now, and what signatures take of it.
  void refresh_path(bool resend);

  // --- driven by the stack
  void on_segment(const tcp::Segment& segment, Packet& packet);
  void on_icmp_error(const IcmpError& report);
  // Sends packets, a fair share of `budget` at most, tells the waiters, arms the timer, retires. False:
  // it has more to send and wants another round. The connection may be gone afterwards (when true).
  bool settle(std::size_t& budget);
  // Nobody holds it any more: closes what is open and lets it finish alone.
  void orphan(bool abort);
  // The stack ends: no more packets.
  void discard();

 private:
  // Packets of one connection per visit, so that others come to their turn (hostile.md F28).
  static constexpr std::size_t kPacketsPerVisit = 32;

  void on_timer(Instant now) override;
  bool transmit_one();
  void tell_waiters();
  void retire();
  void abort_orphan();
  void forget_orphan();
  void rearm();

  SocketHost& host_;
  tcp::Connection tcp_;
  Interface* interface_;
  PortUse* use_;  // null: retired
  StreamSocket* socket_ = nullptr;
  Listener* listener_ = nullptr;
  std::uint32_t serial_;
  std::uint16_t identification_ = 0;  // of the next IPv4 packet, as Linux per connection: peers merge by it
  std::uint8_t ttl_;
  std::uint8_t tos_ = 0;
  PathMtuDiscovery discovery_ = PathMtuDiscovery::want;
  std::uint8_t ao_key_ = 0;  // SendID that the peer asked for, if it has
  bool has_ao_key_ : 1 = false;
  bool is_orphan_ : 1 = false;  // and counted as one
  bool is_locked_ : 1 = false;  // the path is narrower than the least we cut to: no DF

 public:
  std::uint32_t pacing_place = 0;  // the heap's; last, in what would be padding
};

}  // namespace sockeye
