// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// connect() of a stream socket: which ends the connection will have, and what the calls after the
// first one answer (EALREADY, the error once, success once, EISCONN).
#include "socket/stream_socket.h"

namespace sockeye {

Result<> StreamSocket::connect(std::optional<Endpoint> to) {
  if (!to) {  // AF_UNSPEC
    disconnect();
    return {};
  }
  if (phase_ == Phase::connected || listener_) return Errno::isconn;
  if (phase_ == Phase::disconnecting) return Errno::inval;
  if (auto checked = check_family(to->address); !checked) return checked;
  if (phase_ == Phase::connecting) return finish_connect();
  const Result<> begun = begin_connect(*to);
  if (begun || begun.error() != Errno::inprogress || !options().fast_open_connect) return begun;
  if (!connection_->tcp().try_fast_open(host_.now)) return begun;  // its SYN asks for a cookie
  connection_->tcp().defer_syn();
  return {};
}

// sendto(MSG_FASTOPEN), as Linux: connect, and as much of the message as goes with the SYN. EINPROGRESS
// when nothing does, for want of a cookie.
Result<std::size_t> StreamSocket::send_fast_open(const Outgoing& message) {
  if ((host_.config.fast_open & tcp::kFastOpenClient) == 0) return Errno::opnotsupp;
  if (phase_ == Phase::connected || listener_) return Errno::isconn;
  if (phase_ == Phase::connecting) {
    const bool is_open = tcp::is_synchronized(connection_->state());
    if (is_open) phase_ = Phase::connected;
    if (!is_open && !connection_->tcp().is_syn_deferred()) return Errno::already;
    Outgoing rest = message;  // it has begun: by TCP_FASTOPEN_CONNECT, or by a call before this one
    rest.flags &= ~MessageFlags::kFastOpen;
    return transfer(rest);
  }
  if (phase_ == Phase::disconnecting || !message.to) return Errno::inval;
  if (auto checked = check_family(message.to->address); !checked) return checked.error();
  const Result<> begun = begin_connect(*message.to);
  if (!begun && begun.error() != Errno::inprogress) return begun.error();
  if (!connection_->tcp().try_fast_open(host_.now)) return after_first_bytes(message, 0);
  std::size_t done = 0;
  for (const Bytes& bytes : message.buffers) {
    const auto taken = connection_->tcp().send(host_.now, bytes, false, false);
    if (!taken) break;
    done += *taken;
    if (*taken < bytes.size()) break;
  }
  return after_first_bytes(message, done);
}

// `done` bytes of it go with the SYN.
Result<std::size_t> StreamSocket::after_first_bytes(const Outgoing& message, std::size_t done) {
  std::size_t wanted = 0;
  for (const Bytes& bytes : message.buffers) wanted += bytes.size();
  if (message.waits && done < wanted) connection_->tcp().expect_writer();
  if (done == 0) return Errno::inprogress;
  return done;
}

bool StreamSocket::is_opening() const {
  return phase_ == Phase::connecting && connection_->state() == tcp::State::syn_sent &&
         !connection_->tcp().is_syn_deferred();
}

Result<> StreamSocket::finish_connect() {
  switch (connection_->state()) {
    case tcp::State::syn_sent:
    case tcp::State::syn_received:
      return connection_->tcp().is_syn_deferred() ? Errno::isconn : Errno::already;
    case tcp::State::closed: {
      const Errno error = connection_->tcp().take_error().value_or(Errno::connaborted);
      disconnect();
      return error;
    }
    default:
      phase_ = Phase::connected;
      return {};
  }
}

bool StreamSocket::tuple_is_free(const FiveTuple& tuple, std::optional<SeqNum>& beyond) {
  if (host_.connections.find(tuple) != nullptr) return false;
  if (!host_.time_waits.contains(tuple)) return true;
  // Linux's tcp_tw_reuse = 2: only on loopback, and only when timestamps protect the new connection.
  if (!tuple.remote.address.is_loopback()) return false;
  beyond = host_.time_waits.reuse(host_.now, tuple);
  return beyond.has_value();
}

Result<std::uint16_t> StreamSocket::choose_port(const IpAddress& local_address, const Endpoint& remote_end,
                                                std::optional<SeqNum>& beyond) {
  const auto port =
      host_.port_choice.for_connect(host_.now, local_address, remote_end, [&](std::uint16_t candidate) {
        host_.refresh_time_wait(candidate);
        return host_.stream_ports.may_share(candidate) &&
               tuple_is_free({{local_address, candidate}, remote_end}, beyond);
      });
  if (!port) return Errno::addrnotavail;
  return *port;
}

Result<> StreamSocket::begin_connect(const Endpoint& to) {
  const Endpoint peer{resolve_unspecified(to.address), to.port};
  // RFC 9293 3.9.1.1 MUST-46
  if (peer.address.is_multicast() || host_.ip.is_broadcast(peer.address)) return Errno::netunreach;
  IpAddress source = bound().address;
  if (!source.is_unspecified() && source.is_v4() != peer.address.is_v4()) return Errno::inval;
  const auto route = host_.route({bound(), peer}, IpProtocol::tcp, options().device);
  if (!route) return route.error();
  // RFC 9293 3.9.1.1 MUST-43, MUST-44, MUST-45
  Endpoint here{route->source, bound().port};
  PortUse wanted = claim();
  std::optional<SeqNum> beyond;
  if (here.port == 0) {
    const auto port = choose_port(here.address, peer, beyond);
    if (!port) return port.error();
    here.port = *port;
    wanted.from_connect = true;
  } else if (!tuple_is_free({here, peer}, beyond)) {
    return Errno::addrnotavail;
  }
  wanted.address = here.address;
  wanted.port = here.port;
  wanted.state = PortUse::State::connected;
  tcp::Settings wanted_settings = settings();
  if (const auto& keys = wanted_settings.keys; keys != nullptr && keys->has_ao_info)
    wanted_settings.keys = std::make_shared<tcp::KeyRing>(keys->of_connection(peer.address, false));
  connection_ = new StreamConnection(
      host_, {here, peer}, host_.path_to(peer.address, *route->interface, wanted_settings.keys.get()),
      wanted_settings, *route->interface, wanted);
  own_settings_.reset();
  release_port();  // the connection holds it now
  connection_->set_socket(this);
  set_bound_address(here.address);
  hops_changed();
  phase_ = Phase::connecting;
  connection_->tcp().open_active(host_.now, beyond);
  if (options().defer_accept_timeouts > 0) connection_->tcp().expect_writer();  // Linux: of a client, this
  host_.touch(*connection_);
  return Errno::inprogress;
}

}  // namespace sockeye
