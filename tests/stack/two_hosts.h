// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Two hosts with one pipe between them, in virtual time: 10.0.0.1 / fd00::1 on the left and
// 10.0.0.2 / fd00::2 on the right. settle() turns both until nothing is left to do now; run(d) lets d
// pass, turning a host whenever its deadline comes.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "core/rng.h"
#include "link/pipe.h"
#include "stack/stack.h"

namespace sockeye {

inline constexpr int kInet = 2, kInet6 = 10, kStreamType = 1, kDatagramType = 2;

inline Endpoint at(std::string_view address, unsigned port) {
  const auto parsed = IpAddress::parse(address);
  EXPECT_TRUE(parsed) << address;
  return {parsed.value_or(IpAddress()), static_cast<std::uint16_t>(port)};
}

struct HostUnderTest {
  HostUnderTest(const StackConfig& config, PacketPool& pool, std::uint64_t seed)
      : secret(seed), open(seed + 1), stack(config, pool, secret, open) {
    stack.set_privileged(true);
  }
  SeededRng secret;
  SeededRng open;
  Stack stack;

  SocketRef socket(int domain, int type) {
    auto made = stack.socket(domain, type, 0);
    EXPECT_TRUE(made);
    return made ? *made : SocketRef();
  }
  SocketRef tcp(int domain = kInet) { return socket(domain, kStreamType); }
  SocketRef udp(int domain = kInet) { return socket(domain, kDatagramType); }
  // A listening socket.
  SocketRef listener(const Endpoint& local, int backlog = 16) {
    SocketRef made = tcp(local.address.is_v4() ? kInet : kInet6);
    EXPECT_TRUE(made->bind(local));
    EXPECT_TRUE(made->listen(backlog));
    return made;
  }
};

class TwoHosts : public ::testing::Test {
 protected:
  explicit TwoHosts(const PipeOptions& options = {}, const StackConfig& config = {})
      : pipe(options), left(config, pool, 1), right(config, pool, 1000) {
    left.stack.add_interface("eth0", pipe.left(),
                             {{*IpAddress::parse("10.0.0.1"), 24}, {*IpAddress::parse("fd00::1"), 64}});
    right.stack.add_interface("eth0", pipe.right(),
                              {{*IpAddress::parse("10.0.0.2"), 24}, {*IpAddress::parse("fd00::2"), 64}});
  }

  // Turns both hosts at the present instant until they have nothing more to do; the next deadline.
  Instant settle() {
    for (int turn = 0; turn < 1'000'000; ++turn) {
      const Instant next = std::min(left.stack.poll(now), right.stack.poll(now));
      if (std::min(next, std::min(pipe.left().next_arrival(), pipe.right().next_arrival())) > now)
        return next;
    }
    ADD_FAILURE() << "a million turns without rest";
    return kNever;
  }
  void run(Duration duration) {
    const Instant end = now + duration;
    for (;;) {
      const Instant next =
          std::min(settle(), std::min(pipe.left().next_arrival(), pipe.right().next_arrival()));
      if (next > end) break;
      now = next;
    }
    now = end;
    settle();
  }

  // --- calls with less to write
  static Result<std::size_t> send(const SocketRef& socket, std::string_view text, int flags = 0) {
    const Bytes bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
    Outgoing message;
    message.buffers = {&bytes, 1};
    message.flags = flags;
    return socket->send(message);
  }
  static Result<std::size_t> send_to(const SocketRef& socket, std::string_view text, const Endpoint& to) {
    const Bytes bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
    Outgoing message;
    message.buffers = {&bytes, 1};
    message.to = to;
    return socket->send(message);
  }
  // The text received, or the name of the error.
  static std::string receive(const SocketRef& socket, std::size_t room = 65536, Incoming* details = nullptr) {
    std::string text(room, '\0');
    const MutableBytes bytes(reinterpret_cast<std::byte*>(text.data()), text.size());
    Incoming local;
    Incoming& message = details != nullptr ? *details : local;
    message.buffers = {&bytes, 1};
    const auto got = socket->receive(message);
    if (!got) return std::string(name_of(got.error()));
    text.resize(*got);
    return text;
  }
  // What arrives of a text within a second: time goes on between the reads.
  std::string transfer(const SocketRef& from, const SocketRef& to, const std::string& text) {
    std::size_t sent = 0;
    std::string got;
    for (int round = 0; round < 1000 && got.size() < text.size(); ++round) {
      if (const auto taken = send(from, std::string_view(text).substr(sent)); taken) sent += *taken;
      run(1ms);
      const std::string piece = receive(to);
      if (piece != "EAGAIN") got += piece;
    }
    return got;
  }
  static int int_option(const SocketRef& socket, int level, int name) {
    int value = -12345;
    const auto got = socket->get_option(level, name, {reinterpret_cast<std::byte*>(&value), sizeof value});
    return got ? value : -to_int(got.error());
  }
  static Result<> set_int(const SocketRef& socket, int level, int name, int value) {
    return socket->set_option(level, name, {reinterpret_cast<const std::byte*>(&value), sizeof value});
  }
  // A connection from left to a fresh listener on the right: {client, server}.
  std::pair<SocketRef, SocketRef> connect_pair(unsigned port = 80) {
    SocketRef listener = right.listener(at("10.0.0.2", port));
    SocketRef client = left.tcp();
    EXPECT_EQ(outcome(client->connect(at("10.0.0.2", port))), "EINPROGRESS");
    run(1s);
    EXPECT_EQ(outcome(client->connect(at("10.0.0.2", port))), "ok");
    auto server = listener->accept();
    EXPECT_TRUE(server);
    return {client, server ? *server : SocketRef()};
  }
  template <class T>
  static std::string outcome(const Result<T>& result) {
    return result ? "ok" : std::string(name_of(result.error()));
  }

  PacketPool pool;
  Pipe pipe;
  Instant now{};
  HostUnderTest left;
  HostUnderTest right;
};

}  // namespace sockeye
