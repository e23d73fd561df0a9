// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A live connection leaves this host as plain data, or comes to it (tcp/snapshot.h). Nothing is sent
// when it leaves: its peer shall not notice.
#include "socket/stream_socket.h"
#include "tcp/snapshot.h"

namespace sockeye {

Result<tcp::Snapshot> StreamSocket::take_connection() {
  if (connection_ == nullptr || connection_->is_retired()) return Errno::notconn;
  auto snapshot = connection_->tcp().snapshot(host_.now);
  if (!snapshot) return snapshot;
  const auto asked = connection_->signed_position().key_id;
  snapshot->has_asked_key = asked.has_value();
  snapshot->asked_key = asked.value_or(0);
  StreamConnection* gone = std::exchange(connection_, nullptr);
  gone->discard();
  gone->orphan(true);  // it is in no table any more: destroyed without a word
  own_settings_ = std::make_unique<tcp::Settings>(snapshot->settings);
  phase_ = Phase::idle;
  if (!address_is_explicit()) set_bound_address(wildcard());
  if (!port_is_explicit()) forget_port();
  waiters().notify(Readiness::out | Readiness::hup);
  return snapshot;
}

Result<> StreamSocket::put_connection(const tcp::Snapshot& snapshot) {
  if (!is_idle() || use() != nullptr) return Errno::inval;
  const FiveTuple& tuple = snapshot.tuple;
  if (auto checked = check_family(tuple.remote.address); !checked) return checked;
  if (!host_.ip.is_local(tuple.local.address)) return Errno::addrnotavail;
  const auto route = host_.route(tuple, IpProtocol::tcp, options().device);
  if (!route) return route.error();
  if (host_.connections.find(tuple) != nullptr || host_.time_waits.contains(tuple)) return Errno::addrinuse;
  PortUse wanted = claim();
  wanted.address = tuple.local.address;
  wanted.port = tuple.local.port;
  wanted.from_connect = true;
  wanted.state = PortUse::State::connected;
  auto* connection = new StreamConnection(
      host_, tuple, host_.path_to(tuple.remote.address, *route->interface, snapshot.settings.keys.get()),
      snapshot.settings, *route->interface, wanted);
  connection->set_socket(this);
  if (snapshot.has_asked_key) connection->set_asked_key(snapshot.asked_key);
  if (auto restored = connection->tcp().restore(host_.now, snapshot); !restored) {
    connection->discard();
    connection->orphan(true);
    return restored;
  }
  connection_ = connection;
  set_bound_address(tuple.local.address);
  hops_changed();
  phase_ = Phase::connected;
  host_.touch(*connection_);
  return {};
}

}  // namespace sockeye
