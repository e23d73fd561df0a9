// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Life of a stream socket: listening, accepting, shutting down, closing, and the questions about it.
// connect() and the transfer of bytes have their own files.
#include "socket/stream_socket.h"

#include <algorithm>

namespace sockeye {

StreamSocket::StreamSocket(SocketHost& host, bool is_v6) : BaseSocket(host, Kind::stream, is_v6) {}

StreamSocket::StreamSocket(const StreamSocket& listener, StreamConnection& accepted)
    : BaseSocket(listener.host(), Kind::stream, listener.is_v6()),
      connection_(&accepted),
      phase_(Phase::connected) {
  inherit(listener, accepted.tuple().local);
  accepted.set_socket(this);
}

StreamSocket::~StreamSocket() {
  StreamSocket::close();
}

// --- options that live in TCP's settings

const tcp::Settings& StreamSocket::settings() const {
  if (connection_ != nullptr) return static_cast<const tcp::Connection&>(connection_->tcp()).settings();
  return own_settings_ ? *own_settings_ : host_.default_settings;
}

tcp::Settings* StreamSocket::own_settings() {
  if (connection_ != nullptr) return &connection_->tcp().settings();
  if (!own_settings_) own_settings_ = std::make_unique<tcp::Settings>(host_.default_settings);
  return own_settings_.get();
}

void StreamSocket::settings_changed() {
  if (connection_ == nullptr) return;
  connection_->tcp().on_settings_changed(host_.now);
  if (!connection_->is_retired()) connection_->refresh_path(true);
  host_.touch(*connection_);
}

std::optional<IpAddress> StreamSocket::peer_address() const {
  if (connection_ == nullptr) return std::nullopt;
  return connection_->tuple().remote.address;
}

std::optional<std::uint8_t> StreamSocket::asked_ao_key() const {
  return connection_ != nullptr ? connection_->signed_position().key_id : std::nullopt;
}

void StreamSocket::forget_asked_ao_key() {
  if (connection_ != nullptr) connection_->forget_asked_key();
}

void StreamSocket::push() {
  if (connection_ != nullptr) connection_->tcp().push();
}

std::optional<std::uint32_t> StreamSocket::stream_position(bool is_end) const {
  if (connection_ == nullptr || connection_->is_retired()) return std::nullopt;
  const tcp::Connection& tcp = connection_->tcp();
  return (is_end ? tcp.send_end() : tcp.first_unacknowledged()).value();
}

bool StreamSocket::has_error() const {
  return connection_ != nullptr ? connection_->tcp().error().has_value() : error_.has_value();
}

void StreamSocket::set_quick_ack(int value) {
  if (connection_ == nullptr) {
    own_settings()->quick_ack_off = value == 0;
    return;
  }
  connection_->tcp().set_quick_ack(value);
  host_.touch(*connection_);
}

void StreamSocket::hops_changed() {
  if (connection_ != nullptr)
    connection_->set_hops(hop_limit(connection_->tuple()), service(connection_->tuple()),
                          path_discovery(connection_->tuple()));
}

std::optional<tcp::Info> StreamSocket::tcp_info() const {
  if (connection_ != nullptr) {
    tcp::Info info = connection_->tcp().info(host_.now);
    info.state = connection_->state();
    return info;
  }
  tcp::Info info;
  info.state = listener_ ? tcp::State::listen : tcp::State::closed;
  if (listener_) {  // Linux: the queue's length and its limit
    info.unacked_segments = listener_->waiting();
    info.sacked_segments = listener_->backlog();
  }
  info.cwnd_segments = host_.config.initial_window;
  if (!listener_) {
    info.rto = host_.config.rto_initial;
    info.rttvar = host_.config.rto_initial / 4;
    info.send_mss = 536;
  }
  info.quick_ack = !settings().quick_ack_off;
  info.congestion_control = settings().congestion_control;
  return info;
}

std::optional<Errno> StreamSocket::take_error() {
  return connection_ != nullptr ? connection_->tcp().take_error() : std::exchange(error_, std::nullopt);
}

std::optional<std::uint32_t> StreamSocket::path_mtu() const {
  if (connection_ == nullptr || connection_->is_retired()) return std::nullopt;
  const auto route = host_.route(connection_->tuple(), IpProtocol::tcp, 0);
  if (!route) return std::nullopt;
  return host_.ip.path_mtu(host_.now, connection_->tuple().remote.address, *route->interface);
}

// --- listening

Result<> StreamSocket::listen(int backlog) {
  const auto limit = host_.config.somaxconn;
  const std::uint32_t clamped = std::min(static_cast<std::uint32_t>(backlog), limit);  // negative: the limit
  if (listener_) {
    listener_->set_backlog(clamped);
    return {};
  }
  if (phase_ != Phase::idle || connection_ != nullptr) return Errno::inval;
  if (use() == nullptr) {
    if (auto bound = bind_automatically(); !bound) return bound;
  } else {
    PortUse wanted = claim();
    wanted.state = PortUse::State::listening;
    // Two sockets may have bound the same port, but only one of them may listen (unless they share it).
    if (host_.stream_ports.conflicts(wanted, use(), false)) return Errno::addrinuse;
  }
  use()->state = PortUse::State::listening;
  listener_ = std::make_unique<Listener>(host_, *this, clamped);
  return {};
}

void StreamSocket::listen_as_service(std::uint32_t backlog) {
  SOCKEYE_ASSERT(is_idle() && use() == nullptr);
  listener_ = std::make_unique<Listener>(host_, *this, backlog);
  host_.service_point->listener = this;
}

Result<SocketRef> StreamSocket::accept() {
  if (!listener_) return Errno::inval;
  if (listener_->waiting() == 0) return Errno::again;
  if (host_.socket_count >= host_.limits.sockets_max) return Errno::nfile;  // it stays in the queue
  StreamConnection* connection = listener_->take();
  auto syn = listener_->take_saved_syn(*connection);
  auto* accepted = new StreamSocket(*this, *connection);
  if (!syn.empty()) accepted->own_options().saved_syn = std::move(syn);
  return SocketRef(accepted);
}

// --- the end

void StreamSocket::let_go_of_connection(bool abort) {
  if (connection_ == nullptr) return;
  StreamConnection* connection = std::exchange(connection_, nullptr);
  connection->orphan(abort);
}

void StreamSocket::on_connection_finished() {
  // A port that the program chose stays its own; one that was found for it is free again.
  if (port_is_explicit() && use() == nullptr) reclaim_port();
}

void StreamSocket::disconnect() {
  listener_.reset();
  if (connection_ != nullptr && !connection_->is_retired()) error_ = Errno::connreset;  // as Linux
  if (connection_ != nullptr && !own_settings_) own_settings_ = std::make_unique<tcp::Settings>(settings());
  let_go_of_connection(true);
  phase_ = Phase::idle;
  if (!address_is_explicit()) set_bound_address(wildcard());
  if (!port_is_explicit())
    forget_port();
  else if (use() == nullptr)
    reclaim_port();
  else
    use()->state = PortUse::State::bound;
}

Result<> StreamSocket::shutdown(int how) {
  if (how < 0 || how > 2) return Errno::inval;
  const bool reading = how != 1;
  const bool writing = how != 0;
  if (listener_) {
    if (reading) {
      disconnect();
      waiters().notify(Readiness::in | Readiness::hup);
    }
    return {};
  }
  if (connection_ == nullptr || connection_->is_retired()) {
    // An attempt that ended and was not asked about any more: Linux lets it connect no other time.
    if (phase_ == Phase::connecting) phase_ = Phase::disconnecting;
    return Errno::notconn;
  }
  if (connection_->state() == tcp::State::syn_sent) {
    disconnect();
    waiters().notify(Readiness::in | Readiness::out | Readiness::hup);
    return {};
  }
  phase_ = Phase::connected;  // Linux: connect() answers EISCONN from here on, even after the end
  auto done = connection_->tcp().shutdown(host_.now, reading, writing);
  host_.touch(*connection_);
  return done;
}

void StreamSocket::close() {
  listener_.reset();
  const bool abort = options().linger && options().linger_seconds == 0;
  let_go_of_connection(abort);
  release_port();
  ListHook<SocketListTag>::unlink();
}

// --- questions

Readiness StreamSocket::readiness() const {
  if (listener_) return listener_->waiting() > 0 ? Readiness::in : Readiness::none;
  const Readiness reports = has_reports() ? Readiness::err : Readiness::none;
  if (connection_ == nullptr)
    return Readiness::out | Readiness::hup | reports | (error_ ? Readiness::err : Readiness::none);
  return connection_->tcp().readiness() | reports;
}

Endpoint StreamSocket::local() const {
  return connection_ != nullptr ? connection_->tuple().local : bound();
}

std::optional<Endpoint> StreamSocket::remote() const {
  if (connection_ == nullptr) return std::nullopt;
  const tcp::State state = connection_->state();
  if (state == tcp::State::closed || state == tcp::State::syn_sent) return std::nullopt;
  return connection_->tuple().remote;
}

Result<int> StreamSocket::control(unsigned long request) {
  constexpr unsigned long kSiocInq = 0x541b, kSiocOutq = 0x5411, kSiocOutqNsd = 0x894b, kSiocAtMark = 0x8905;
  if (request != kSiocInq && request != kSiocOutq && request != kSiocOutqNsd && request != kSiocAtMark)
    return Errno::notty;
  if (listener_ && request != kSiocAtMark) return Errno::inval;
  if (connection_ == nullptr) return 0;
  const tcp::Connection& tcp = connection_->tcp();
  const tcp::State state = connection_->state();
  const bool opening = state == tcp::State::syn_sent || state == tcp::State::syn_received;
  switch (request) {
    case kSiocInq:
      return static_cast<int>(tcp.readable_bytes());
    case kSiocOutq:
      return opening ? 0 : static_cast<int>(tcp.unacknowledged_bytes());
    case kSiocOutqNsd:
      return opening ? 0 : static_cast<int>(tcp.unsent_bytes());
    default:
      return tcp.at_urgent_mark() ? 1 : 0;
  }
}

SocketReport StreamSocket::report() const {
  SocketReport report;
  report.is_stream = true;
  report.is_v6 = is_v6();
  report.v6only = is_v6() && options().v6only;
  report.cookie = cookie();
  if (const tcp::Settings* settings = read_settings()) report.mark = settings->mark;
  report.local = local();
  if (listener_) {
    report.state = tcp::State::listen;
    report.receive_queue = listener_->waiting();
    report.send_queue = listener_->backlog();
  } else if (connection_ != nullptr) {
    report.state = connection_->state();
    report.remote = connection_->tuple().remote;
    report.receive_queue = connection_->tcp().readable_bytes();
    report.send_queue = connection_->tcp().unacknowledged_bytes();
  }
  report.tcp = tcp_info();
  return report;
}

}  // namespace sockeye
