// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Small programs for simulated hosts, over stream sockets: a server that swallows or echoes and
// digests what it got, and a client that sends a pattern, closes its half, and reads to the end.
// They make the calls a careful non-blocking program makes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/sim_host.h"
#include "sim/stream_pattern.h"

namespace sockeye::sim {

// What became of one connection, at one end.
struct StreamReport {
  Endpoint peer{};
  StreamDigest received{};
  std::uint64_t sent = 0;
  std::optional<Errno> error{};  // that ended it; empty: it was closed in order
  bool ended = false;
};

class StreamServer final : public Task {
 public:
  enum class Mode : std::uint8_t {
    sink,  // read to the end, close
    echo,  // write back what was read, close at its end
    hold,  // accept, and neither read nor close
  };
  StreamServer(SimHost& host, const Endpoint& local, Mode mode, int backlog = 128);
  ~StreamServer() override;

  void run() override;
  void close();                                          // the listener; its connections go on
  std::optional<Errno> error() const { return error_; }  // of bind or listen
  std::size_t accepted() const { return reports_.size(); }
  std::size_t ended() const;
  const StreamReport& report(std::size_t n) const { return *reports_[n]; }  // in order of accept

 private:
  SocketRef listener_;
  Mode mode_;
  std::optional<Errno> error_;
  std::vector<std::unique_ptr<StreamReport>> reports_;
};

struct StreamClientOptions {
  std::uint64_t bytes = 0;
  std::uint64_t pattern = 1;              // seed
  std::uint32_t write_bytes = 65536;      // at most that many a call
  bool half_close = true;                 // SHUT_WR when all is sent; otherwise stay
  bool read_to_end = true;                // then wait for the server's end
  std::optional<Endpoint> local{};        // bind before connect
  bool keepalive = false;                 // 1 s idle, 1 s between, 3 probes
  std::string_view congestion_control{};  // TCP_CONGESTION; empty: the host's. Outlives the client.
};

class StreamClient final : public Task {
 public:
  using Options = StreamClientOptions;
  StreamClient(SimHost& host, const Endpoint& server, const Options& options);
  ~StreamClient() override;

  void run() override;
  void close();
  bool is_connected() const { return connected_; }
  bool has_sent_all() const { return connected_ && report_.sent == options_.bytes; }
  const StreamReport& report() const { return report_; }
  StreamDigest sent_digest() const { return digest_of(StreamPattern(options_.pattern), options_.bytes); }
  Socket& socket() { return *socket_; }

 private:
  std::optional<Errno> open();
  bool connect();
  bool write();
  bool read();
  void end(std::optional<Errno> error);

  SocketRef socket_;
  Endpoint server_;
  Options options_;
  StreamReport report_;
  std::vector<std::byte> pending_;  // generated, not yet taken by the socket
  std::size_t pending_at_ = 0;
  bool connected_ = false;
  bool shut_ = false;
};

}  // namespace sockeye::sim
