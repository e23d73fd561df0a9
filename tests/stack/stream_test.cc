// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Streams between two hosts: the life of a connection as a program sees it.
#include "stack/two_hosts.h"

namespace sockeye {
namespace {

class Streams : public TwoHosts {};

TEST_F(Streams, ConnectAcceptEchoClose) {
  auto [client, server] = connect_pair();
  ASSERT_TRUE(server);
  EXPECT_EQ(client->remote(), at("10.0.0.2", 80));
  EXPECT_EQ(server->remote(), client->local());
  EXPECT_EQ(outcome(send(client, "hello")), "ok");
  settle();
  EXPECT_EQ(receive(server), "hello");
  EXPECT_EQ(receive(server), "EAGAIN");
  EXPECT_EQ(outcome(send(server, "world")), "ok");
  settle();
  EXPECT_EQ(receive(client), "world");
  client->close();
  settle();
  EXPECT_EQ(receive(server), "");
  server->close();
  run(100ms);
}

TEST_F(Streams, OneMegabyteArrivesInOrder) {
  auto [client, server] = connect_pair();
  std::string sent(1 << 20, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(mix64(i));
  std::string got;
  std::size_t at_byte = 0;
  for (int i = 0; i < 100'000 && got.size() < sent.size(); ++i) {
    if (at_byte < sent.size())
      if (auto n = send(client, std::string_view(sent).substr(at_byte, 100'000))) at_byte += *n;
    run(1ms);
    const std::string piece = receive(server);
    if (piece != "EAGAIN") got += piece;
  }
  EXPECT_TRUE(got == sent);
}

TEST_F(Streams, OverIpv6) {
  SocketRef listener = right.listener(at("fd00::2", 80));
  SocketRef client = left.tcp(kInet6);
  EXPECT_EQ(outcome(client->connect(at("fd00::2", 80))), "EINPROGRESS");
  settle();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ((*server)->remote()->address, *IpAddress::parse("fd00::1"));
  EXPECT_EQ(outcome(send(client, "six")), "ok");
  settle();
  EXPECT_EQ(receive(*server), "six");
}

TEST_F(Streams, RefusedOnceAndThenTheSocketMayTryAgain) {
  SocketRef client = left.tcp();
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 81))), "EINPROGRESS");
  settle();
  EXPECT_TRUE(any(client->readiness() & Readiness::err));
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 81))), "ECONNREFUSED");
  EXPECT_EQ(right.stack.drops()[Drop::no_socket], 1u);
  SocketRef listener = right.listener(at("10.0.0.2", 81));
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 81))), "EINPROGRESS");
  settle();
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 81))), "ok");
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 81))), "EISCONN");
}

TEST_F(Streams, LoopbackByAddressByNameAndByNothing) {
  SocketRef listener = left.tcp();
  ASSERT_TRUE(listener->bind(at("0.0.0.0", 8080)));
  ASSERT_TRUE(listener->listen(16));
  for (const auto* name : {"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1"}) {
    SocketRef client = left.tcp();
    EXPECT_EQ(outcome(client->connect(at(name, 8080))), "EINPROGRESS") << name;
    settle();
    EXPECT_EQ(outcome(client->connect(at(name, 8080))), "ok") << name;
    auto server = listener->accept();
    ASSERT_TRUE(server) << name;
    EXPECT_EQ((*server)->remote(), client->local());
  }
}

}  // namespace
}  // namespace sockeye
