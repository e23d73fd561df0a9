// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP's options in every state that a program can bring a socket into: what setting them answers there, what
// they read as afterwards, and what an accepted socket has of its listener, on the kernel and here.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <climits>
#include <functional>
#include <set>

#include "stack/parity.h"

namespace sockeye {
namespace {

struct Option {
  const char* text;
  int level;
  int name;
  std::vector<int> values;
};

const std::vector<Option>& options() {
  static const std::vector<Option> all = {
      {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, {1, 0, 2, -1}},
      {"TCP_CORK", IPPROTO_TCP, TCP_CORK, {1, 0, 5}},
      {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, {0, 1, 3, -1}},
      {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, {1, 0, 7}},
      {"SO_MARK", SOL_SOCKET, SO_MARK, {1, 0, 666, -1}},
      {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, {-1, 0, 1, 32767, 32768}},
      {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, {-1, 0, 1, 32767, 32768}},
      {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, {-1, 0, 1, 127, 128}},
      {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, {-1, 0, 1, 999, 1000, INT_MAX}},
      {"TCP_LINGER2",
       IPPROTO_TCP,
       TCP_LINGER2,
       {-5, -1, 0, 1, 59, 60, 119, 120, 121, 1000, INT_MAX, INT_MIN}},
      {"TCP_WINDOW_CLAMP",
       IPPROTO_TCP,
       TCP_WINDOW_CLAMP,
       {-1, 1, 1151, 1152, 1153, 10'000, 1 << 20, INT_MAX, 0}},
      {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, {-1, 1, 87, 88, 536, 1460, 32767, 32768, 0}},
      {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, {-1, 0, 1, 127, 128}},
      {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, {-1, 0, 1, 2, 3, 4, 7, 8, 100, 1000, INT_MAX}},
      {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, {-1, 0, 1, 2304, 2305, 5000, 100'000}},
      {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, {-1, 0, 1, 1152, 1153, 5000, 100'000}},
      {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, {0, 1, 1000, 30'000}},
      {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, {1, 1000, INT_MAX, 0}},
  };
  return all;
}

// A socket in a state; what else it needs stays open in `c`.
using Reach = std::function<int(SocketCalls& c, unsigned port)>;

int listener(SocketCalls& c, unsigned port) {
  const int s = c.open(AF_INET, SOCK_STREAM);
  EXPECT_EQ(c.set(s, SOL_SOCKET, SO_REUSEADDR, 1), "ok");
  EXPECT_EQ(c.bind(s, "127.0.0.1", port), "ok");
  EXPECT_EQ(c.listen(s, 8), "ok");
  return s;
}
struct Ends {
  int client;
  int server;
};
Ends connect(SocketCalls& c, unsigned port, int listening) {
  const int client = c.open(AF_INET, SOCK_STREAM);
  (void)c.connect(client, "127.0.0.1", port);
  c.wait(client, POLLOUT);
  c.wait(listening, POLLIN);
  const int server = c.accept(listening);
  EXPECT_GE(server, 0);
  return {client, server};
}
Ends connected(SocketCalls& c, unsigned port) {
  return connect(c, port, listener(c, port));
}
// The client has said all.
Ends half_closed(SocketCalls& c, unsigned port) {
  const Ends ends = connected(c, port);
  (void)c.shutdown(ends.client, SHUT_WR);
  c.wait(ends.server, POLLIN);
  return ends;
}

struct State {
  const char* text;
  Reach reach;
};
const std::vector<State>& states() {
  static const std::vector<State> all = {
      {"closed", [](SocketCalls& c, unsigned) { return c.open(AF_INET, SOCK_STREAM); }},
      {"listening", [](SocketCalls& c, unsigned port) { return listener(c, port); }},
      {"connected", [](SocketCalls& c, unsigned port) { return connected(c, port).client; }},
      {"accepted", [](SocketCalls& c, unsigned port) { return connected(c, port).server; }},
      {"close-wait", [](SocketCalls& c, unsigned port) { return half_closed(c, port).server; }},
      {"fin-wait", [](SocketCalls& c, unsigned port) { return half_closed(c, port).client; }},
      {"ended",
       [](SocketCalls& c, unsigned port) {
         const Ends ends = half_closed(c, port);
         (void)c.shutdown(ends.server, SHUT_WR);
         c.wait(ends.client, POLLIN);
         return ends.server;
       }},
  };
  return all;
}

std::string log_of(std::unique_ptr<SocketCalls> c, const Option& option, const State& state) {
  const int s = state.reach(*c, unused_port());
  std::string log;
  // What nobody has set yet depends on the machine's memory and links.
  if (option.level == IPPROTO_TCP && option.name != TCP_MAXSEG && option.name != TCP_WINDOW_CLAMP)
    log += "first reads " + c->get(s, option.level, option.name) + "\n";
  // ... as does what the loopback's segments carry; how a connection answers has a test of its own.
  const std::string name = state.text;
  const bool reads = option.name != TCP_MAXSEG || name == "closed" || name == "listening";
  for (const int value : option.values) {
    log += std::to_string(value) + ": " + c->set(s, option.level, option.name, value);
    if (reads) log += " reads " + c->get(s, option.level, option.name);
    log += "\n";
  }
  return log;
}

TEST(OptionStates, SetAndReadInEveryState) {
  for (const Option& option : options())
    for (const State& state : states())
      EXPECT_EQ(log_of(kernel_calls(), option, state), log_of(our_calls(), option, state))
          << option.text << ' ' << state.text << " (kernel first)";
}

TEST(OptionStates, AcceptedSocketsInherit) {
  for (const Option& option : options())
    for (const int value : option.values) {
      std::string answers[2];
      int i = 0;
      for (auto* make : {kernel_calls, our_calls}) {
        auto c = make();
        const unsigned port = unused_port();
        const int l = listener(*c, port);
        // It would not be accepted without data; a clamp beyond the buffer reads as the buffer.
        const bool is_beyond = option.name == TCP_WINDOW_CLAMP && (value <= 0 || value > 65535);
        const bool is_loopback = option.name == TCP_MAXSEG && value != 88 && value != 536 && value != 1460;
        if (option.name == TCP_DEFER_ACCEPT || is_beyond || is_loopback) continue;
        (void)c->set(l, option.level, option.name, value);
        answers[i++] = c->get(connect(*c, port, l).server, option.level, option.name);
      }
      EXPECT_EQ(answers[0], answers[1]) << option.text << ' ' << value << " (kernel first)";
    }
}

// It is agreed upon in the handshake; what is set later neither fails nor changes anything.
TEST(OptionStates, MaxSegmentIsOfTheHandshake) {
  std::string logs[2];
  int i = 0;
  for (auto* make : {kernel_calls, our_calls}) {
    auto c = make();
    const unsigned port = unused_port();
    const int l = listener(*c, port);
    const int client = c->open(AF_INET, SOCK_STREAM);
    std::string& log = logs[i++];
    log += c->set(client, IPPROTO_TCP, TCP_MAXSEG, 1000) + " " + c->get(client, IPPROTO_TCP, TCP_MAXSEG);
    (void)c->connect(client, "127.0.0.1", port);
    c->wait(client, POLLOUT);
    c->wait(l, POLLIN);
    const int server = c->accept(l);
    for (const int s : {client, server}) log += " " + c->get(s, IPPROTO_TCP, TCP_MAXSEG);
    for (const int s : {client, server}) {
      log += " " + c->set(s, IPPROTO_TCP, TCP_MAXSEG, 500) + " " + c->get(s, IPPROTO_TCP, TCP_MAXSEG);
      log += " " + c->set(s, IPPROTO_TCP, TCP_MAXSEG, 0) + " " + c->get(s, IPPROTO_TCP, TCP_MAXSEG);
    }
    (void)c->set(client, IPPROTO_TCP, TCP_MAXSEG, 500);
    (void)c->shutdown(client, SHUT_WR);
    c->wait(server, POLLIN);
    (void)c->shutdown(server, SHUT_WR);
    c->wait(client, POLLIN);
    for (const int s : {client, server}) log += " ended " + c->get(s, IPPROTO_TCP, TCP_MAXSEG);
  }
  EXPECT_EQ(logs[0], logs[1]) << "(kernel first)";
}

}  // namespace
}  // namespace sockeye
