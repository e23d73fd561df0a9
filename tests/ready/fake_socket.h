// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A Socket without a network: two byte counters, a list of connections, a pending error. It obeys the
// contract of socket/socket.h (an answer at once, an event for every change), so the floors above can
// be tested alone and driven into corners that a real connection reaches only by luck.
#pragma once

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>

#include "socket/socket.h"

namespace sockeye::test {

class FakeSocket final : public Socket {
 public:
  explicit FakeSocket(Kind kind = Kind::stream) : Socket(kind, false, 1) {}

  // --- what the test does to it
  void deliver(std::string_view bytes) {
    inbound_.append(bytes);
    waiters().notify(Readiness::in);
  }
  void finish_input() {
    input_ended_ = true;
    waiters().notify(Readiness::in | Readiness::rdhup);
  }
  void make_space(std::size_t bytes) {
    space_ += bytes;
    waiters().notify(Readiness::out);
  }
  void fail(Errno error) {
    pending_ = error;
    waiters().notify(Readiness::err | Readiness::in | Readiness::out);
  }
  void offer(SocketRef connection) {
    queue_.push_back(std::move(connection));
    waiters().notify(Readiness::in);
  }
  void finish_connect(std::optional<Errno> error) {
    connect_result_ = error;
    connect_finished_ = true;
    waiters().notify(error ? Readiness::err | Readiness::hup : Readiness::out);
  }
  std::string sent;
  int low_water = 1;

  // --- Socket
  Result<> bind(const Endpoint&) override { return {}; }
  Result<> listen(int) override { return {}; }
  Result<> connect(std::optional<Endpoint>) override {
    if (connected_) return Errno::isconn;
    if (!connect_finished_) return std::exchange(connecting_, true) ? Errno::already : Errno::inprogress;
    connecting_ = connect_finished_ = false;
    if (connect_result_) return *connect_result_;
    connected_ = true;
    return {};
  }
  Result<SocketRef> accept() override {
    if (queue_.empty()) return Errno::again;
    SocketRef first = std::move(queue_.front());
    queue_.pop_front();
    return first;
  }
  Result<std::size_t> send(const Outgoing& message) override {
    if (pending_) return *std::exchange(pending_, std::nullopt);
    std::size_t taken = 0;
    for (const Bytes& buffer : message.buffers) {
      const std::size_t n = std::min(buffer.size(), space_);
      sent.append(reinterpret_cast<const char*>(buffer.data()), n);
      space_ -= n;
      taken += n;
    }
    if (taken == 0) return Errno::again;
    return taken;
  }
  Result<std::size_t> receive(Incoming& message) override {
    if (inbound_.empty()) {
      if (pending_) return *std::exchange(pending_, std::nullopt);
      if (input_ended_) return std::size_t{0};
      return Errno::again;
    }
    std::size_t given = 0;
    for (const MutableBytes& buffer : message.buffers) {
      const std::size_t n = std::min(buffer.size(), inbound_.size() - given);
      std::memcpy(buffer.data(), inbound_.data() + given, n);
      given += n;
    }
    if ((message.flags & MessageFlags::kPeek) == 0) inbound_.erase(0, given);
    return given;
  }
  Result<> shutdown(int) override { return {}; }
  void close() override {}
  Result<> set_option(int, int, Bytes) override { return Errno::noprotoopt; }
  Result<std::size_t> get_option(int level, int name, MutableBytes value) override {
    if (level != SOL_SOCKET || name != SO_RCVLOWAT) return Errno::noprotoopt;
    std::memcpy(value.data(), &low_water, sizeof low_water);
    return sizeof low_water;
  }
  Result<int> control(unsigned long request) override {
    if (request != FIONREAD) return Errno::notty;
    return static_cast<int>(inbound_.size());
  }
  Readiness readiness() const override {
    Readiness ready = Readiness::none;
    if (!inbound_.empty() || input_ended_ || !queue_.empty() || pending_) ready |= Readiness::in;
    if (input_ended_) ready |= Readiness::rdhup;
    if (space_ > 0 || pending_) ready |= Readiness::out;
    if (pending_) ready |= Readiness::err;
    return ready;
  }
  Endpoint local() const override { return {}; }
  std::optional<Endpoint> remote() const override { return std::nullopt; }
  SocketReport report() const override { return {}; }

 private:
  std::string inbound_;
  std::size_t space_ = 0;
  std::deque<SocketRef> queue_;
  std::optional<Errno> pending_;
  std::optional<Errno> connect_result_;
  bool input_ended_ = false;
  bool connecting_ = false;
  bool connect_finished_ = false;
  bool connected_ = false;
};

}  // namespace sockeye::test
