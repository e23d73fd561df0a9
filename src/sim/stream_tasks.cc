// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/stream_tasks.h"

#include <algorithm>

namespace sockeye::sim {
namespace {

constexpr int kInet = 2, kInet6 = 10, kStream = 1;
constexpr int kSolSocket = 1, kSoReuseAddr = 2, kSoKeepalive = 9;
constexpr int kIpprotoTcp = 6, kTcpKeepIdle = 4, kTcpKeepInterval = 5, kTcpKeepCount = 6, kTcpCongestion = 13;
constexpr int kShutWrite = 1;
constexpr std::size_t kReadBytes = 65536;

Result<> set_int(Socket& socket, int level, int name, int value) {
  return socket.set_option(level, name, std::as_bytes(std::span(&value, 1)));
}

Result<std::size_t> send_bytes(Socket& socket, Bytes bytes) {
  Outgoing message;
  message.buffers = std::span(&bytes, 1);
  return socket.send(message);
}

Result<std::size_t> receive_bytes(Socket& socket, MutableBytes bytes) {
  Incoming message;
  message.buffers = std::span(&bytes, 1);
  return socket.receive(message);
}

// One accepted connection.
class ServerConnection final : public Task {
 public:
  ServerConnection(SimHost& host, SocketRef socket, StreamServer::Mode mode, StreamReport& report)
      : Task(host), socket_(std::move(socket)), mode_(mode), report_(report) {
    wait_on(*socket_);
  }
  ~ServerConnection() override { stop_waiting(); }

  void run() override {
    if (mode_ == StreamServer::Mode::hold) return;
    std::byte buffer[kReadBytes];
    for (;;) {
      if (!flush()) return;
      const auto got = receive_bytes(*socket_, buffer);
      if (!got) {
        if (got.error() != Errno::again) end(got.error());
        return;
      }
      if (*got == 0) return end(std::nullopt);
      const Bytes bytes(buffer, *got);
      report_.received.add(bytes);
      if (mode_ == StreamServer::Mode::echo) pending_.assign(bytes.begin(), bytes.end());
    }
  }

 private:
  // False: what was read cannot be written yet, or the connection ended.
  bool flush() {
    while (!pending_.empty()) {
      const auto sent = send_bytes(*socket_, pending_);
      if (!sent) {
        if (sent.error() != Errno::again) end(sent.error());
        return false;
      }
      report_.sent += *sent;
      pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(*sent));
    }
    return true;
  }
  void end(std::optional<Errno> error) {
    report_.error = error;
    report_.ended = true;
    finish();
    socket_->close();
    socket_ = SocketRef();
  }

  SocketRef socket_;
  StreamServer::Mode mode_;
  StreamReport& report_;
  std::vector<std::byte> pending_;
};

}  // namespace

StreamServer::StreamServer(SimHost& host, const Endpoint& local, Mode mode, int backlog)
    : Task(host), mode_(mode) {
  auto made = host.stack().socket(local.address.is_v4() ? kInet : kInet6, kStream, 0);
  if (!made) {
    error_ = made.error();
    return;
  }
  listener_ = *made;
  Result<> done = set_int(*listener_, kSolSocket, kSoReuseAddr, 1);
  if (done) done = listener_->bind(local);
  if (done) done = listener_->listen(backlog);
  if (!done) error_ = done.error();
  wait_on(*listener_);
}

StreamServer::~StreamServer() {
  stop_waiting();
}

void StreamServer::run() {
  while (listener_ && !error_) {
    auto accepted = listener_->accept();
    if (!accepted) {
      if (accepted.error() != Errno::again && accepted.error() != Errno::connaborted)
        error_ = accepted.error();
      return;
    }
    reports_.push_back(std::make_unique<StreamReport>());
    reports_.back()->peer = (*accepted)->remote().value_or(Endpoint{});
    host().start<ServerConnection>(std::move(*accepted), mode_, *reports_.back());
  }
}

void StreamServer::close() {
  if (!listener_) return;
  finish();
  listener_->close();
  listener_ = SocketRef();
}

std::size_t StreamServer::ended() const {
  return static_cast<std::size_t>(
      std::count_if(reports_.begin(), reports_.end(), [](const auto& report) { return report->ended; }));
}

StreamClient::StreamClient(SimHost& host, const Endpoint& server, const Options& options)
    : Task(host), server_(server), options_(options) {
  report_.peer = server;
}

StreamClient::~StreamClient() {
  stop_waiting();
}

void StreamClient::run() {
  if (is_finished()) return;
  if (!socket_) {
    if (const auto error = open()) return end(error);
  }
  if (!connected_ && !connect()) return;
  if (!write()) return;
  if (!shut_ && options_.half_close) {
    shut_ = true;
    if (const auto done = socket_->shutdown(kShutWrite); !done) return end(done.error());
  }
  if (read() && options_.half_close) end(std::nullopt);
}

std::optional<Errno> StreamClient::open() {
  auto made = host().stack().socket(server_.address.is_v4() ? kInet : kInet6, kStream, 0);
  if (!made) return made.error();
  socket_ = *made;
  wait_on(*socket_);
  Result<> done;
  if (options_.local) done = socket_->bind(*options_.local);
  if (done && options_.keepalive) {
    done = set_int(*socket_, kSolSocket, kSoKeepalive, 1);
    if (done) done = set_int(*socket_, kIpprotoTcp, kTcpKeepIdle, 1);
    if (done) done = set_int(*socket_, kIpprotoTcp, kTcpKeepInterval, 1);
    if (done) done = set_int(*socket_, kIpprotoTcp, kTcpKeepCount, 3);
  }
  if (const std::string_view name = options_.congestion_control; done && !name.empty())
    done = socket_->set_option(kIpprotoTcp, kTcpCongestion, std::as_bytes(std::span(name)));
  return done ? std::nullopt : std::optional(done.error());
}

bool StreamClient::connect() {
  const auto done = socket_->connect(server_);
  if (done || done.error() == Errno::isconn) return connected_ = true;
  if (done.error() != Errno::inprogress && done.error() != Errno::already) end(done.error());
  return false;
}

// False: not everything is sent yet.
bool StreamClient::write() {
  const StreamPattern pattern(options_.pattern);
  while (report_.sent < options_.bytes) {
    if (pending_at_ == pending_.size()) {
      pending_.resize(static_cast<std::size_t>(
          std::min<std::uint64_t>(options_.write_bytes, options_.bytes - report_.sent)));
      pending_at_ = 0;
      pattern.fill(report_.sent, pending_);
    }
    const auto sent = send_bytes(*socket_, Bytes(pending_).subspan(pending_at_));
    if (!sent) {
      if (sent.error() != Errno::again)
        end(sent.error());
      else
        (void)read();  // an echo must not wait for us
      return false;
    }
    report_.sent += *sent;
    pending_at_ += *sent;
  }
  return true;
}

// True: the server has closed.
bool StreamClient::read() {
  std::byte buffer[kReadBytes];
  while (!is_finished()) {
    const auto got = receive_bytes(*socket_, buffer);
    if (!got) {
      if (got.error() != Errno::again) end(got.error());
      return false;
    }
    if (*got == 0) return true;
    report_.received.add(Bytes(buffer, *got));
  }
  return false;
}

void StreamClient::end(std::optional<Errno> error) {
  report_.error = error;
  report_.ended = true;
  finish();
  if (!socket_) return;
  socket_->close();
  socket_ = SocketRef();
}

void StreamClient::close() {
  if (!is_finished()) end(std::nullopt);
}

}  // namespace sockeye::sim
