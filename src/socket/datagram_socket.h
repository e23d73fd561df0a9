// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A SOCK_DGRAM socket: UDP (RFC 768, RFC 1122 4.1). One send is one datagram, one receive reads one
// datagram whole or truncated. "Connected" means a remembered peer: only its datagrams are received,
// and only then are ICMP errors about it reported (once) without IP_RECVERR.
#pragma once

#include <memory>

#include "icmp/icmp_error.h"
#include "socket/base_socket.h"
#include "socket/error_queue.h"
#include "udp/datagram_queue.h"

namespace sockeye {

class DatagramSocket final : public BaseSocket, public ListHook<WriterTag> {
 public:
  DatagramSocket(SocketHost& host, bool is_v6);
  ~DatagramSocket() override;

  Result<> listen(int backlog) override;
  Result<> connect(std::optional<Endpoint> to) override;
  Result<SocketRef> accept() override;
  Result<std::size_t> send(const Outgoing& message) override;
  Result<std::size_t> receive(Incoming& message) override;
  Result<> shutdown(int how) override;
  void close() override;
  Result<int> control(unsigned long request) override;

  Readiness readiness() const override;
  Endpoint local() const override { return bound(); }
  std::optional<Endpoint> remote() const override { return remote_; }
  SocketReport report() const override;

  bool is_idle() const override { return !remote_; }
  std::uint32_t receive_buffer_bytes() const override;
  std::uint32_t send_buffer_bytes() const override;
  std::optional<Errno> take_error() override;
  std::optional<std::uint32_t> path_mtu() const override;

  // --- from the network
  void on_datagram(udp::Datagram datagram);
  void on_icmp_error(const IcmpError& error);
  // --- from the host: what was sent has left for the link
  void on_flush();

 private:
  struct Target {
    Endpoint peer{};
    IpLayer::Route route{};
  };
  Result<Target> find_target(const Outgoing& message);
  Result<std::uint32_t> check_size(const Outgoing& message, const Target& target);
  void fill_header(const Outgoing& message, const Target& target, IpSend& how) const;
  Result<std::size_t> receive_error(Incoming& message);
  void report_local_error(const Target& target, std::uint32_t mtu);
  bool wants_errors(bool v6) const;
  bool is_writable() const;
  void set_error(Errno error);
  void dissolve();

  udp::DatagramQueue queue_;
  std::unique_ptr<ErrorQueue> errors_;  // while one is queued
  std::optional<Endpoint> remote_;
  std::optional<Errno> error_;
  std::uint32_t unsent_bytes_ = 0;  // charged for packets of this turn
  std::uint64_t unsent_flush_ = 0;  // the turn they belong to
  bool read_shut_ = false;
  bool write_shut_ = false;
};

}  // namespace sockeye
