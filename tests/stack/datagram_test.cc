// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Datagrams between two hosts.
#include "stack/two_hosts.h"

namespace sockeye {
namespace {

class Datagrams : public TwoHosts {};

TEST_F(Datagrams, OneSendIsOneReceive) {
  SocketRef server = right.udp();
  ASSERT_TRUE(server->bind(at("10.0.0.2", 53)));
  SocketRef client = left.udp();
  EXPECT_EQ(outcome(send_to(client, "one", at("10.0.0.2", 53))), "ok");
  EXPECT_EQ(outcome(send_to(client, "two", at("10.0.0.2", 53))), "ok");
  settle();
  Incoming details;
  EXPECT_EQ(receive(server, 100, &details), "one");
  EXPECT_EQ(details.from, at("10.0.0.1", client->local().port));
  EXPECT_EQ(details.to, at("10.0.0.2", 0).address);
  EXPECT_EQ(receive(server, 2, &details), "tw");
  EXPECT_TRUE(details.truncated);
  EXPECT_EQ(details.full_size, 3u);
  EXPECT_EQ(receive(server), "EAGAIN");
}

TEST_F(Datagrams, PortUnreachableIsReportedOnceToAConnectedSocket) {
  SocketRef client = left.udp();
  ASSERT_TRUE(client->connect(at("10.0.0.2", 9)));
  EXPECT_EQ(outcome(send(client, "anybody?")), "ok");
  settle();
  EXPECT_TRUE(any(client->readiness() & Readiness::err));
  EXPECT_EQ(receive(client), "ECONNREFUSED");
  EXPECT_EQ(receive(client), "EAGAIN");
}

}  // namespace
}  // namespace sockeye
