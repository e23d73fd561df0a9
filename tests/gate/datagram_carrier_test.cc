// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Datagram carriers under a real UDP (decisions.md D18): the one-slot mailbox of an unconnected socket,
// native reads and writes of a connected one.
#include "carrier_bench.h"

namespace sockeye::gate {
namespace {

class DatagramCarrier : public CarrierBench {
 protected:
  struct Datagrams {
    UniqueFd program;
    SocketRef socket;
    std::unique_ptr<DatagramEnd> world;
  };

  Datagrams make(Stack& stack, std::uint16_t port) {
    Datagrams made;
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    made.program.reset(ends[0]);
    made.socket = make_socket(stack, SOCK_DGRAM);
    EXPECT_TRUE(made.socket->bind({IpAddress::any_v4(), port}).has_value());
    made.world = std::make_unique<DatagramEnd>(carriers_, made.socket, UniqueFd(ends[1]));
    return made;
  }
  // sendto: a request of the agent, so a call on the socket.
  static void send_to(Datagrams& from, const Endpoint& to, std::string_view text) {
    const std::array buffers{std::as_bytes(std::span(text.data(), text.size()))};
    Outgoing message{.buffers = buffers, .to = to};
    EXPECT_EQ(from.socket->send(message).value_or(0), text.size());
  }
  static std::string sender(Datagrams& at, bool peeked = false) {
    const auto facts = at.world->facts(peeked);
    return facts && facts->from ? facts->from->to_string() : "none";
  }

  Datagrams server = make(server_, 5353);
  Datagrams one = make(client_, 2001);
  Datagrams two = make(client_, 2002);
  const Endpoint to_server{kServer, 5353};
};

TEST_F(DatagramCarrier, TheSenderOfEachDatagramIsKnown) {
  send_to(one, to_server, "from one");
  send_to(two, to_server, "from two");
  send_to(one, to_server, "again one");
  settle();
  EXPECT_EQ(polled(server.program.get()), "IN OUT");
  EXPECT_EQ(read_text(server.program.get()), "from one");
  EXPECT_EQ(sender(server), "10.0.0.1:2001");
  settle();
  EXPECT_EQ(read_text(server.program.get()), "from two");
  settle();  // the mailbox is refilled before the agent asks
  EXPECT_EQ(sender(server), "10.0.0.1:2002");
  EXPECT_EQ(read_text(server.program.get()), "again one");
  settle();
  EXPECT_EQ(sender(server), "10.0.0.1:2001");
  EXPECT_EQ(polled(server.program.get()), "OUT");
}

TEST_F(DatagramCarrier, PeekingFionreadAndTruncationAreTheKernels) {
  send_to(one, to_server, "0123456789");
  send_to(two, to_server, "second");
  settle();
  EXPECT_EQ(read_text(server.program.get(), 4, MSG_PEEK), "0123");
  EXPECT_EQ(sender(server, true), "10.0.0.1:2001");
  int bytes = 0;
  ASSERT_EQ(::ioctl(server.program.get(), FIONREAD, &bytes), 0);
  EXPECT_EQ(bytes, 10);
  EXPECT_EQ(read_size(server.program.get(), 4, MSG_TRUNC), 10);
  settle();
  EXPECT_EQ(read_text(server.program.get()), "second");
}

TEST_F(DatagramCarrier, EmptyDatagramIsNotTheEnd) {
  send_to(one, to_server, "");
  settle();
  EXPECT_EQ(polled(server.program.get()), "IN OUT");
  EXPECT_EQ(read_size(server.program.get()), 0);
  settle();
  EXPECT_EQ(polled(server.program.get()), "OUT");
}

TEST_F(DatagramCarrier, ConnectedSocketsReadAndWriteNatively) {
  ASSERT_TRUE(one.socket->connect(to_server).has_value());
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(write_to(one.program.get(), "n" + std::to_string(i)), i < 10 ? 2 : 3);
  settle();
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(read_text(server.program.get()), "n" + std::to_string(i));
    ASSERT_EQ(sender(server), "10.0.0.1:2001");
    settle();
  }
  for (int i = 0; i < 20; ++i) send_to(server, {kClient, 2001}, "answer " + std::to_string(i));
  send_to(two, {kClient, 2001}, "a stranger");
  settle();
  for (int i = 0; i < 20; ++i) ASSERT_EQ(read_text(one.program.get()), "answer " + std::to_string(i));
  EXPECT_EQ(polled(one.program.get()), "OUT");
}

TEST_F(DatagramCarrier, LargestDatagramBothWays) {
  ASSERT_TRUE(one.socket->connect(to_server).has_value());
  const std::string big = pattern(65507);
  ASSERT_EQ(write_to(one.program.get(), big), 65507);
  settle();
  EXPECT_TRUE(read_text(server.program.get()) == big);
  send_to(server, {kClient, 2001}, big);
  settle();
  EXPECT_TRUE(read_text(one.program.get()) == big);
}

TEST_F(DatagramCarrier, TooLargeIsRefusedAndCounted) {
  ASSERT_TRUE(one.socket->connect(to_server).has_value());
  ASSERT_EQ(write_to(one.program.get(), pattern(65508)), 65508);
  ASSERT_EQ(write_to(one.program.get(), "fits"), 4);
  settle();
  EXPECT_EQ(one.world->refused_sends(), 1u);
  EXPECT_EQ(read_text(server.program.get()), "fits");
}

TEST_F(DatagramCarrier, RefusedPortIsRememberedForTheNextCall) {
  ASSERT_TRUE(one.socket->connect(Endpoint{kServer, 9}).has_value());
  ASSERT_EQ(write_to(one.program.get(), "anybody?"), 8);
  settle();
  EXPECT_EQ(one.world->take_error(), Errno::connrefused);
  EXPECT_EQ(one.world->take_error(), std::nullopt);
}

TEST_F(DatagramCarrier, LastDatagramsBeforeCloseAreSent) {
  ASSERT_TRUE(one.socket->connect(to_server).has_value());
  ASSERT_EQ(write_to(one.program.get(), ""), 0);
  ASSERT_EQ(write_to(one.program.get(), "last"), 4);
  one.program.reset();
  settle();
  EXPECT_TRUE(one.world->is_finished());
  EXPECT_EQ(read_size(server.program.get()), 0);
  settle();
  EXPECT_EQ(read_text(server.program.get()), "last");
}

TEST_F(DatagramCarrier, AReaderThatDoesNotReadLosesOnlyItsOwnDatagrams) {
  for (int i = 0; i < 3000; ++i) {
    send_to(one, to_server, pattern(1000));
    if (i % 50 == 49) settle();
  }
  EXPECT_EQ(polled(server.program.get()), "IN OUT");
  int got = 0;
  while (read_size(server.program.get()) == 1000) {
    ++got;
    settle();
  }
  EXPECT_GT(got, 50);
  EXPECT_LT(got, 3000);
  send_to(one, to_server, "fresh");
  settle();
  EXPECT_EQ(read_text(server.program.get()), "fresh");
}

}  // namespace
}  // namespace sockeye::gate
