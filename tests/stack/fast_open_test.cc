// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP Fast Open through sockets: MSG_FASTOPEN, TCP_FASTOPEN_CONNECT and a listener with TCP_FASTOPEN, as
// Linux answers them.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "stack/two_hosts.h"

namespace sockeye {
namespace {

constexpr int kFastOpenConnect = 30, kFastOpenKey = 33, kFastOpenNoCookie = 34;

class FastOpen : public TwoHosts {
 protected:
  static StackConfig with(unsigned bits) {
    StackConfig config;
    config.tcp.fast_open = bits;
    return config;
  }
  explicit FastOpen(unsigned bits = 3) : TwoHosts({}, with(bits)) {
    listener = right.tcp();
    EXPECT_TRUE(set_int(listener, IPPROTO_TCP, TCP_FASTOPEN, 2));
    EXPECT_TRUE(listener->bind(at("10.0.0.2", 80)));
    EXPECT_TRUE(listener->listen(16));
  }
  static Result<std::size_t> send_fast(const SocketRef& socket, std::string_view text, const Endpoint& to) {
    const Bytes bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
    Outgoing message;
    message.buffers = {&bytes, 1};
    message.to = to;
    message.flags = MessageFlags::kFastOpen;
    return socket->send(message);
  }
  // The first connection brings a cookie.
  void fetch_cookie() {
    SocketRef client = left.tcp();
    EXPECT_EQ(outcome(send_fast(client, "x", at("10.0.0.2", 80))), "EINPROGRESS");
    settle();
    EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "ok");
    EXPECT_TRUE(listener->accept());
  }
  std::uint64_t counted(const HostUnderTest& host, tcp::Counter which) {
    return host.stack.tcp_counters()[which];
  }
  SocketRef listener;
};

TEST_F(FastOpen, TheSecondRequestGoesWithTheSyn) {
  fetch_cookie();
  SocketRef client = left.tcp();
  EXPECT_EQ(send_fast(client, "GET /", at("10.0.0.2", 80)).value_or(0), 5u);
  (void)left.stack.poll(now);   // the SYN
  (void)right.stack.poll(now);  // its answer: the program has the request before the handshake is complete
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ((*server)->report().state, tcp::State::syn_received);
  EXPECT_EQ(receive(*server), "GET /");
  EXPECT_TRUE(send(*server, "200 OK"));
  settle();
  EXPECT_EQ(receive(client), "200 OK");
  EXPECT_TRUE(client->report().tcp->syn_data);
  EXPECT_EQ((*server)->report().state, tcp::State::established);
  EXPECT_EQ(counted(left, tcp::Counter::fast_open_active), 1u);
  EXPECT_EQ(counted(right, tcp::Counter::fast_open_passive), 1u);
}

TEST_F(FastOpen, ADeferredConnectSendsWithTheFirstWrite) {
  fetch_cookie();
  SocketRef client = left.tcp();
  ASSERT_TRUE(set_int(client, IPPROTO_TCP, kFastOpenConnect, 1));
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "ok");
  EXPECT_TRUE(any(client->readiness() & Readiness::out));
  run(5s);
  EXPECT_FALSE(listener->accept()) << "no SYN yet";
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "EISCONN");
  EXPECT_EQ(send(client, "hello").value_or(0), 5u);
  settle();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(receive(*server), "hello");
  EXPECT_EQ(counted(left, tcp::Counter::fast_open_active), 1u);
}

TEST_F(FastOpen, WithoutACookieADeferredConnectIsAPlainOne) {
  SocketRef client = left.tcp();
  ASSERT_TRUE(set_int(client, IPPROTO_TCP, kFastOpenConnect, 1));
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "EINPROGRESS");
  settle();
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "ok");
}

TEST_F(FastOpen, AMessageLargerThanTheSynGoesOn) {
  fetch_cookie();
  SocketRef client = left.tcp();
  const std::string text(5000, 'q');
  const std::size_t first = send_fast(client, text, at("10.0.0.2", 80)).value_or(0);
  EXPECT_GT(first, 1000u);
  EXPECT_LT(first, 65536u);
  settle();
  EXPECT_EQ(send(client, text.substr(first)).value_or(0), text.size() - first);
  settle();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(receive(*server), text);
}

// TCP_FASTOPEN 2: so many may wait for the end of the handshake. Finished ones make room.
TEST_F(FastOpen, TheQueueIsBounded) {
  fetch_cookie();
  std::vector<SocketRef> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(left.tcp());
    EXPECT_EQ(send_fast(clients.back(), "x", at("10.0.0.2", 80)).value_or(0), 1u);
    (void)left.stack.poll(now);
  }
  (void)right.stack.poll(now);
  EXPECT_EQ(counted(right, tcp::Counter::fast_open_passive), 2u);
  EXPECT_EQ(counted(right, tcp::Counter::fast_open_listen_overflow), 1u);
  settle();
  for (int i = 0; i < 3; ++i) {
    auto server = listener->accept();
    ASSERT_TRUE(server);
    EXPECT_EQ(receive(*server), "x");
  }
  clients.push_back(left.tcp());
  EXPECT_EQ(send_fast(clients.back(), "x", at("10.0.0.2", 80)).value_or(0), 1u);
  settle();
  EXPECT_EQ(counted(right, tcp::Counter::fast_open_passive), 3u);
}

TEST_F(FastOpen, AServerWithAnotherKeyTakesTheDataLater) {
  fetch_cookie();
  const std::byte key[16] = {std::byte{1}};
  ASSERT_TRUE(listener->set_option(IPPROTO_TCP, kFastOpenKey, key));
  std::byte back[32];
  EXPECT_EQ(listener->get_option(IPPROTO_TCP, kFastOpenKey, back).value_or(0), 16u);
  EXPECT_EQ(back[0], std::byte{1});
  SocketRef client = left.tcp();
  EXPECT_EQ(send_fast(client, "again", at("10.0.0.2", 80)).value_or(0), 5u);
  settle();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(receive(*server), "again");
  EXPECT_EQ(counted(right, tcp::Counter::fast_open_passive_fail), 1u);
  EXPECT_EQ(counted(left, tcp::Counter::fast_open_active_fail), 1u);
}

TEST_F(FastOpen, WhatIsRefused) {
  SocketRef client = left.tcp();
  const std::byte key[20] = {};
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kFastOpenKey, key)), "EINVAL");
  EXPECT_EQ(outcome(set_int(client, IPPROTO_TCP, TCP_FASTOPEN, -1)), "EINVAL");
  EXPECT_EQ(outcome(set_int(client, IPPROTO_TCP, kFastOpenConnect, 2)), "EINVAL");
  EXPECT_EQ(outcome(set_int(client, IPPROTO_TCP, kFastOpenNoCookie, 2)), "EINVAL");
  EXPECT_EQ(outcome(send_fast(client, "x", at("10.0.0.2", 80))), "EINPROGRESS");
  EXPECT_EQ(outcome(send_fast(client, "x", at("10.0.0.2", 80))), "EALREADY");
  EXPECT_EQ(outcome(set_int(client, IPPROTO_TCP, TCP_FASTOPEN, 1)), "EINVAL");
  settle();
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "ok");
  EXPECT_EQ(outcome(send_fast(client, "x", at("10.0.0.2", 80))), "EISCONN");
}

class NoFastOpen : public FastOpen {
 protected:
  NoFastOpen() : FastOpen(0) {}
};

TEST_F(NoFastOpen, IsRefusedWhereItIsOff) {
  SocketRef client = left.tcp();
  EXPECT_EQ(outcome(send_fast(client, "x", at("10.0.0.2", 80))), "EOPNOTSUPP");
  EXPECT_EQ(outcome(set_int(client, IPPROTO_TCP, kFastOpenConnect, 1)), "EOPNOTSUPP");
}

}  // namespace
}  // namespace sockeye
