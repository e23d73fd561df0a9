// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A SOCK_STREAM socket: nothing yet, a listener, or the holder of a connection. Every answer is
// Linux's; what a connection itself answers (EAGAIN, EPIPE, ECONNRESET, end of file) is tcp/'s.
//
//   idle --listen--> listening            (Listener)
//   idle --connect--> connecting --> connected   (StreamConnection; also after accept)
//
// A connection that failed before it was established is let go by the connect() that reports it; then
// the socket is idle again and may connect elsewhere.
#pragma once

#include <memory>

#include "socket/base_socket.h"
#include "socket/listener.h"
#include "socket/stream_connection.h"

namespace sockeye {

class StreamSocket final : public BaseSocket {
 public:
  StreamSocket(SocketHost& host, bool is_v6);
  StreamSocket(const StreamSocket& listener, StreamConnection& accepted);
  ~StreamSocket() override;

  Result<> listen(int backlog) override;
  // Listens where no port leads: the service of this host (ServicePoint).
  void listen_as_service(std::uint32_t backlog);
  Result<> connect(std::optional<Endpoint> to) override;
  Result<SocketRef> accept() override;
  Result<std::size_t> send(const Outgoing& message) override;
  Result<std::size_t> receive(Incoming& message) override;
  Result<> shutdown(int how) override;
  void close() override;
  Result<int> control(unsigned long request) override;
  std::size_t send_room() const override;
  void set_external_unread(std::uint32_t bytes) override;

  Readiness readiness() const override;
  Endpoint local() const override;
  std::optional<Endpoint> remote() const override;
  SocketReport report() const override;

  const tcp::Settings& settings() const;
  tcp::Settings* own_settings() override;
  const tcp::Settings* read_settings() const override { return &settings(); }
  void settings_changed() override;
  std::optional<IpAddress> peer_address() const override;
  std::optional<std::uint8_t> asked_ao_key() const override;
  void forget_asked_ao_key() override;
  void push() override;
  std::optional<std::uint32_t> stream_position(bool is_end) const override;
  bool has_error() const override;
  void set_quick_ack(int value) override;
  bool is_opening() const override;
  std::optional<tcp::Info> tcp_info() const override;
  std::uint32_t receive_buffer_bytes() const override { return settings().receive_buffer; }
  std::uint32_t send_buffer_bytes() const override { return settings().send_buffer; }
  bool is_listening() const override { return listener_ != nullptr; }
  bool is_idle() const override {
    return !listener_ && (connection_ == nullptr || connection_->is_retired());
  }
  std::optional<Errno> take_error() override;
  std::optional<std::uint32_t> path_mtu() const override;
  void hops_changed() override;

  // The connection leaves as plain data, without a word to its peer, and the socket is idle again.
  // notconn: there is none; inval: it is opening or over.
  Result<tcp::Snapshot> take_connection();
  // An idle socket without a port goes on with a connection. addrinuse: there is one between these
  // ends (or its TIME_WAIT); addrnotavail: the local address is not this host's.
  Result<> put_connection(const tcp::Snapshot& snapshot);

  Listener* listener() const { return listener_.get(); }
  StreamConnection* connection() const { return connection_; }
  // From the connection: it has left the tables and will send nothing any more.
  void on_connection_finished();
  // From the connection: what was sent has news for the error queue.
  void take_notices();

 private:
  enum class Phase : std::uint8_t { idle, connecting, connected, disconnecting };  // Linux's socket state

  Result<> begin_connect(const Endpoint& to);
  Result<std::size_t> transfer(const Outgoing& message);
  Result<std::size_t> receive_bytes(Incoming& message);
  SendReports& own_reports();
  Result<std::size_t> receive_report(Incoming& message);
  bool has_reports() const;
  Result<std::size_t> send_fast_open(const Outgoing& message);
  Result<std::size_t> after_first_bytes(const Outgoing& message, std::size_t done);
  Result<> finish_connect();
  Result<std::uint16_t> choose_port(const IpAddress& local, const Endpoint& remote,
                                    std::optional<SeqNum>& beyond);
  // `beyond` is filled when the tuple's record in TIME_WAIT was given up for it.
  bool tuple_is_free(const FiveTuple& tuple, std::optional<SeqNum>& beyond);
  void disconnect();
  void let_go_of_connection(bool abort);
  Result<std::size_t> receive_scattered(Incoming& message);
  Result<std::size_t> discard_bytes(std::size_t bytes, bool peek);
  void after_receive();

  std::unique_ptr<tcp::Settings> own_settings_;  // before there is a connection; null: the host's
  std::unique_ptr<Listener> listener_;
  StreamConnection* connection_ = nullptr;
  Phase phase_ = Phase::idle;
  std::optional<Errno> error_;  // left behind by a connection that was dissolved
};

}  // namespace sockeye
