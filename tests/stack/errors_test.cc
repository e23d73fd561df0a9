// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Errors that the network reports, and how they reach a program (hostile.md C5, C9, C10).
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/packets.h"

namespace sockeye {
namespace {

class Errors : public TwoHosts {};

TEST_F(Errors, ErrorQueueTellsEverything) {
  SocketRef client = left.udp();
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_RECVERR, 1));
  ASSERT_TRUE(send_to(client, "anybody?", at("10.0.0.2", 9)));
  settle();
  EXPECT_TRUE(any(client->readiness() & Readiness::err));
  EXPECT_EQ(outcome(send_to(client, "again", at("10.0.0.2", 9))), "ECONNREFUSED");  // once
  Incoming details;
  details.flags = MessageFlags::kErrQueue;
  EXPECT_EQ(receive(client, 100, &details), "anybody?");
  ASSERT_TRUE(details.error_report);
  EXPECT_EQ(details.error_report->error, Errno::connrefused);
  EXPECT_EQ(details.error_report->origin, 2);
  EXPECT_EQ(details.error_report->type, 3);
  EXPECT_EQ(details.error_report->code, 3);
  EXPECT_EQ(details.error_report->offender->address, at("10.0.0.2", 0).address);
  EXPECT_EQ(details.from, at("10.0.0.2", 9));
  details.flags = MessageFlags::kErrQueue;
  EXPECT_EQ(receive(client, 100, &details), "EAGAIN");
  EXPECT_FALSE(any(client->readiness() & Readiness::err));
}

TEST_F(Errors, UnconnectedSocketsHearNothing) {
  SocketRef client = left.udp();
  ASSERT_TRUE(send_to(client, "anybody?", at("10.0.0.2", 9)));
  settle();
  EXPECT_EQ(receive(client), "EAGAIN");
}

TEST_F(Errors, OverIpv6) {
  SocketRef client = left.udp(kInet6);
  ASSERT_TRUE(set_int(client, IPPROTO_IPV6, 25 /* IPV6_RECVERR */, 1));
  ASSERT_TRUE(client->connect(at("fd00::2", 9)));
  ASSERT_TRUE(send(client, "anybody?"));
  settle();
  Incoming details;
  details.flags = MessageFlags::kErrQueue;
  EXPECT_EQ(receive(client, 100, &details), "anybody?");
  ASSERT_TRUE(details.error_report);
  EXPECT_EQ(details.error_report->origin, 3);
  EXPECT_EQ(details.error_report->type, 1);
  EXPECT_EQ(details.error_report->code, 4);
}

TEST_F(Errors, LocalErrorsAreQueuedToo) {
  SocketRef client = left.udp();
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_RECVERR, 1));
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO));
  EXPECT_EQ(outcome(send_to(client, std::string(65507, 'x'), at("10.0.0.2", 9))),
            "ok");  // the link's MTU is 65535
  settle();
}

TEST_F(Errors, BroadcastNeedsTheOption) {
  SocketRef listener = right.udp();
  ASSERT_TRUE(listener->bind(at("0.0.0.0", 67)));
  SocketRef client = left.udp();
  EXPECT_EQ(outcome(send_to(client, "who?", at("10.0.0.255", 67))), "EACCES");
  ASSERT_TRUE(set_int(client, SOL_SOCKET, SO_BROADCAST, 1));
  EXPECT_EQ(outcome(send_to(client, "who?", at("10.0.0.255", 67))), "ok");
  settle();
  EXPECT_EQ(receive(listener), "who?");
}

// The receive buffer is bounded, the newest datagrams are lost, and the counter says so (F27).
TEST_F(Errors, ReceiveBufferIsBounded) {
  SocketRef server = right.udp();
  ASSERT_TRUE(set_int(server, SOL_SOCKET, SO_RCVBUF, 4096));
  ASSERT_TRUE(server->bind(at("10.0.0.2", 53)));
  SocketRef client = left.udp();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(send_to(client, "x", at("10.0.0.2", 53)));
  settle();
  int got = 0;
  while (receive(server) == "x") ++got;
  EXPECT_EQ(got, 11);  // 8192 / 768, and one more
  EXPECT_EQ(right.stack.drops()[Drop::receive_buffer_full], 89u);
}

// A sender that outruns its link within a turn is told to wait, and told when it may go on.
TEST_F(Errors, SendBufferIsBoundedWithinATurn) {
  struct Counter final : Waiter {
    int events = 0;
    void on_event(Readiness) override { ++events; }
  } counter;
  SocketRef client = left.udp();
  ASSERT_TRUE(set_int(client, SOL_SOCKET, SO_SNDBUF, 4096));
  client->waiters().add(counter);
  int sent = 0;
  while (send_to(client, "x", at("10.0.0.2", 53)) && sent < 1000) ++sent;
  EXPECT_EQ(sent, 11);
  EXPECT_FALSE(any(client->readiness() & Readiness::out));
  settle();
  EXPECT_EQ(counter.events, 1);
  EXPECT_TRUE(any(client->readiness() & Readiness::out));
  client->waiters().remove(counter);
}

TEST_F(Errors, PacketInfoAndHops) {
  SocketRef server = right.udp();
  ASSERT_TRUE(server->bind(at("0.0.0.0", 53)));
  SocketRef client = left.udp();
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_TTL, 7));
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_TOS, 0xb8));
  ASSERT_TRUE(send_to(client, "x", at("10.0.0.2", 53)));
  settle();
  Incoming details;
  EXPECT_EQ(receive(server, 10, &details), "x");
  EXPECT_EQ(details.ttl, 7);
  EXPECT_EQ(details.tos, 0xb8);
  EXPECT_EQ(details.to, at("10.0.0.2", 0).address);
  EXPECT_EQ(details.interface_index, 2u);
}

// --- ICMP about streams

class StreamErrors : public Stranger {
 protected:
  // Connects to a peer that is only us, the stranger; the host's SYN comes back.
  ByteString begin(SocketRef& client) {
    client = host.tcp();
    EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::inprogress);
    turn();
    auto sent = answers();
    EXPECT_EQ(sent.size(), 1u);
    return sent.empty() ? ByteString(40) : sent[0];
  }
  void report(const ByteString& about, unsigned type, unsigned code) {
    ByteString message =
        bytes_of({type, code, 0, 0, 0, 0, 0, 0}) + ByteString(about.begin(), about.begin() + 28);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < message.size(); i += 2) sum += load16(message.data() + i);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store16(message.data() + 2, static_cast<std::uint16_t>(~sum));
    Ipv4Header header;
    header.protocol = 1;
    inject(v4(header, message));
  }
};

// RFC 9293 3.9.2.2 MUST-54
TEST_F(StreamErrors, HardErrorsEndAnAttempt) {
  SocketRef client;
  report(begin(client), 3, 1);
  EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::hostunreach);
  report(begin(client), 3, 3);
  EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::connrefused);
}

TEST_F(StreamErrors, OnlyWhenTheyQuoteWhatWasSent) {
  SocketRef client;
  ByteString syn = begin(client);
  syn[27] ^= std::byte{0x55};  // another sequence number
  report(syn, 3, 1);
  EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::already);
}

}  // namespace
}  // namespace sockeye
