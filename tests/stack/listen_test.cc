// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The two queues behind listen(), SO_REUSEPORT groups, deferred accept, and running out of things.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <map>
#include <set>

#include "stack/two_hosts.h"

namespace sockeye {
namespace {

class Listening : public TwoHosts {
 protected:
  SocketRef begin_connect(const Endpoint& to) {
    SocketRef client = left.tcp(to.address.is_v4() ? kInet : kInet6);
    EXPECT_EQ(outcome(client->connect(to)), "EINPROGRESS");
    settle();
    return client;
  }
};

// Linux: the queue is full when it holds more than the backlog; then SYNs are dropped, and the client
// sees a connection that hangs until somebody accepts.
TEST_F(Listening, OverflowDropsAndRecovers) {
  SocketRef listener = right.listener(at("10.0.0.2", 80), 1);
  std::vector<SocketRef> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(begin_connect(at("10.0.0.2", 80)));
  EXPECT_EQ(listener->report().receive_queue, 2u);
  EXPECT_EQ(listener->report().send_queue, 1u);
  EXPECT_GE(right.stack.drops()[Drop::accept_queue_full], 2u);
  EXPECT_FALSE(any(clients[3]->readiness() & Readiness::out));
  std::size_t accepted = 0;
  std::vector<SocketRef> servers;
  for (int i = 0; i < 10 && accepted < 4; ++i) {
    while (auto server = listener->accept()) {
      servers.push_back(*server);
      ++accepted;
    }
    run(3s);
  }
  EXPECT_EQ(accepted, 4u);
  for (const SocketRef& client : clients) EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "ok");
}

TEST_F(Listening, ReusePortBalancesAndOneClientStaysWithOneServer) {
  std::vector<SocketRef> group;
  for (int i = 0; i < 4; ++i) {
    SocketRef member = right.tcp();
    ASSERT_TRUE(set_int(member, SOL_SOCKET, SO_REUSEPORT, 1));
    ASSERT_TRUE(member->bind(at("0.0.0.0", 80)));
    ASSERT_TRUE(member->listen(500));
    group.push_back(member);
  }
  std::vector<SocketRef> clients;
  for (int i = 0; i < 400; ++i) clients.push_back(begin_connect(at("10.0.0.2", 80)));
  for (const SocketRef& member : group) {
    const auto share = member->report().receive_queue;
    EXPECT_GT(share, 60u);
    EXPECT_LT(share, 140u);
  }
}

TEST_F(Listening, DatagramGroupsBalanceToo) {
  std::vector<SocketRef> group;
  for (int i = 0; i < 4; ++i) {
    SocketRef member = right.udp();
    ASSERT_TRUE(set_int(member, SOL_SOCKET, SO_REUSEPORT, 1));
    ASSERT_TRUE(member->bind(at("0.0.0.0", 53)));
    group.push_back(member);
  }
  std::vector<SocketRef> clients;  // kept open: every client has a port of its own
  for (int i = 0; i < 200; ++i) {
    SocketRef client = clients.emplace_back(left.udp());
    EXPECT_TRUE(send_to(client, "a", at("10.0.0.2", 53)));
    EXPECT_TRUE(send_to(client, "b", at("10.0.0.2", 53)));
    settle();
  }
  for (const SocketRef& member : group) {
    std::map<Endpoint, int> seen;
    Incoming details;
    while (receive(member, 10, &details) != "EAGAIN") ++seen[*details.from];
    EXPECT_GT(seen.size(), 25u);
    for (const auto& [client, datagrams] : seen) EXPECT_EQ(datagrams, 2) << client.to_string();
  }
}

// RFC 9293 3.9.1.1 MUST-43
TEST_F(Listening, TheMoreSpecificListenerWins) {
  SocketRef any_six = right.tcp(kInet6);
  ASSERT_TRUE(any_six->bind(at("::", 80)));
  ASSERT_TRUE(any_six->listen(5));
  SocketRef client = begin_connect(at("10.0.0.2", 80));
  auto server = any_six->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ((*server)->remote()->address, *IpAddress::parse("10.0.0.1"));
  EXPECT_TRUE((*server)->is_v6());
  SocketRef second = begin_connect(at("fd00::2", 80));
  EXPECT_TRUE(any_six->accept());
}

TEST_F(Listening, DeferAcceptWaitsForBytes) {
  SocketRef listener = right.tcp();
  ASSERT_TRUE(set_int(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5));
  ASSERT_TRUE(listener->bind(at("10.0.0.2", 80)));
  ASSERT_TRUE(listener->listen(5));
  SocketRef talker = begin_connect(at("10.0.0.2", 80));
  SocketRef silent = begin_connect(at("10.0.0.2", 80));
  EXPECT_EQ(outcome(listener->accept()), "EAGAIN");
  EXPECT_TRUE(send(talker, "GET"));
  settle();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(receive(*server), "GET");
  EXPECT_EQ(outcome(listener->accept()), "EAGAIN");
  EXPECT_EQ(int_option(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT), 7);  // 1 + 2 + 4 seconds, as Linux counts
  run(6s);
  EXPECT_EQ(outcome(listener->accept()), "EAGAIN");
  run(2s);  // the SYN-ACK was sent once more, and its answer ends the wait
  EXPECT_EQ(outcome(listener->accept()), "ok");
}

// TCP_SAVE_SYN: an accepted socket can look at the SYN once.
TEST_F(Listening, TheSynIsKeptWhenAskedFor) {
  constexpr int kSaveSyn = 27, kSavedSyn = 28;
  SocketRef listener = right.listener(at("10.0.0.2", 80));
  ASSERT_TRUE(set_int(listener, IPPROTO_TCP, kSaveSyn, 1));
  SocketRef client = begin_connect(at("10.0.0.2", 80));
  auto server = listener->accept();
  ASSERT_TRUE(server);
  std::byte syn[200];
  EXPECT_EQ(outcome((*server)->get_option(IPPROTO_TCP, kSavedSyn, std::span(syn).first(20))), "EINVAL");
  EXPECT_EQ((*server)->get_option(IPPROTO_TCP, kSavedSyn, syn).value_or(0), 60u);  // 20, and 40 with options
  EXPECT_EQ(syn[0], std::byte{0x45});
  EXPECT_EQ(syn[33], std::byte{0x02});  // the flags
  EXPECT_EQ((*server)->get_option(IPPROTO_TCP, kSavedSyn, syn).value_or(99), 0u);
}

// RFC 9293 3.6.1, bind(2): a record holds its own address until it expires, and no other.
TEST_F(Listening, TimeWaitHoldsItsAddressOnly) {
  const auto leave_a_record = [&](const char* address) {
    SocketRef listener = right.listener(at(address, 80));
    SocketRef client = begin_connect(at(address, 80));
    auto server = listener->accept();
    ASSERT_TRUE(server);
    (*server)->close();
    settle();
    client->close();
    settle();
  };
  const auto bind_anew = [&](const char* address) {
    SocketRef socket = right.tcp(at(address, 80).address.is_v4() ? kInet : kInet6);
    return outcome(socket->bind(at(address, 80)));
  };
  leave_a_record("10.0.0.2");
  EXPECT_EQ(bind_anew("10.0.0.2"), "EADDRINUSE");
  EXPECT_EQ(bind_anew("0.0.0.0"), "EADDRINUSE");
  EXPECT_EQ(bind_anew("fd00::2"), "ok");
  run(30s);
  leave_a_record("fd00::2");
  run(31s);
  EXPECT_EQ(bind_anew("fd00::2"), "EADDRINUSE");
  EXPECT_EQ(bind_anew("10.0.0.2"), "ok");
  run(30s);
  EXPECT_EQ(bind_anew("fd00::2"), "ok");
}

TEST_F(Listening, ClosingTheListenerResetsWhatNobodyAccepted) {
  SocketRef listener = right.listener(at("10.0.0.2", 80));
  SocketRef client = begin_connect(at("10.0.0.2", 80));
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "ok");
  listener->close();
  settle();
  EXPECT_EQ(receive(client), "ECONNRESET");
}

// hostile.md F4: the connection is accepted and then says what became of it.
TEST_F(Listening, ResetBeforeAccept) {
  SocketRef listener = right.listener(at("10.0.0.2", 80));
  SocketRef client = begin_connect(at("10.0.0.2", 80));
  const struct linger abort { 1, 0 };
  ASSERT_TRUE(client->set_option(SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&abort, 1))));
  client->close();
  settle();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(receive(*server), "ECONNRESET");
}

// hostile.md F24: EADDRNOTAVAIL when a range of ports is spent on one destination, and only on that.
class FewPorts : public TwoHosts {
 protected:
  static StackConfig few() {
    StackConfig config;
    config.ephemeral_first = 40000;
    config.ephemeral_last = 40063;
    return config;
  }
  FewPorts() : TwoHosts({}, few()) {}
};

TEST_F(FewPorts, ExhaustionIsPerDestination) {
  SocketRef one = right.listener(at("10.0.0.2", 80), 200);
  SocketRef other = right.listener(at("10.0.0.2", 81), 200);
  std::vector<SocketRef> clients;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 64; ++i) {
    SocketRef client = left.tcp();
    ASSERT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "EINPROGRESS") << i;
    ports.insert(client->local().port);
    clients.push_back(client);
    settle();
  }
  EXPECT_EQ(ports.size(), 64u);
  SocketRef late = left.tcp();
  EXPECT_EQ(outcome(late->connect(at("10.0.0.2", 80))), "EADDRNOTAVAIL");
  EXPECT_EQ(outcome(late->connect(at("10.0.0.2", 81))), "EINPROGRESS");
  SocketRef bound = left.tcp();
  EXPECT_EQ(outcome(bound->bind(at("10.0.0.1", 0))), "EADDRINUSE");
  clients[10]->close();
  run(50s);
  SocketRef again = left.tcp();
  EXPECT_EQ(outcome(again->connect(at("10.0.0.2", 80))), "EADDRNOTAVAIL");  // FIN_WAIT_2: the server sleeps
  run(20s);
  EXPECT_EQ(outcome(again->connect(at("10.0.0.2", 80))), "EINPROGRESS");  // forgotten (tcp_fin_timeout)
}

TEST_F(FewPorts, DatagramSocketsRunOut) {
  std::vector<SocketRef> sockets;
  for (int i = 0; i < 64; ++i) {
    sockets.push_back(left.udp());
    ASSERT_EQ(outcome(sockets.back()->bind(at("0.0.0.0", 0))), "ok");
  }
  SocketRef late = left.udp();
  EXPECT_EQ(outcome(late->bind(at("0.0.0.0", 0))), "EADDRINUSE");
  EXPECT_EQ(outcome(late->connect(at("10.0.0.2", 53))), "EAGAIN");
}

TEST_F(Listening, PrivilegedPortsAndForeignAddresses) {
  right.stack.set_privileged(false);
  SocketRef socket = right.tcp();
  EXPECT_EQ(outcome(socket->bind(at("0.0.0.0", 80))), "EACCES");
  EXPECT_EQ(outcome(socket->bind(at("10.0.0.1", 8080))), "EADDRNOTAVAIL");
  EXPECT_EQ(outcome(socket->bind(at("fd00::2", 8080))), "EAFNOSUPPORT");
  EXPECT_EQ(outcome(socket->bind(at("10.0.0.2", 8080))), "ok");
  SocketRef away = left.tcp();
  EXPECT_EQ(outcome(away->connect(at("192.0.2.1", 80))), "ENETUNREACH");
  EXPECT_EQ(outcome(left.udp()->connect(at("192.0.2.1", 80))), "ENETUNREACH");
}

TEST_F(Listening, ReportShowsEverySocketAndEveryQueue) {
  SocketRef listener = right.listener(at("10.0.0.2", 80));
  SocketRef udp = right.udp();
  ASSERT_TRUE(udp->bind(at("10.0.0.2", 53)));
  SocketRef client = begin_connect(at("10.0.0.2", 80));
  auto report = right.stack.report();
  ASSERT_EQ(report.size(), 3u);
  EXPECT_EQ(report[0].state, tcp::State::listen);
  EXPECT_EQ(report[0].receive_queue, 1u);
  EXPECT_FALSE(report[1].is_stream);
  EXPECT_EQ(report[2].state, tcp::State::established);
  EXPECT_EQ(report[2].cookie, 0u);  // nobody has accepted it
  auto server = listener->accept();
  ASSERT_TRUE(server);
  (*server)->close();
  settle();
  EXPECT_EQ(receive(client), "");
  client->close();
  run(1s);
  report = right.stack.report();
  ASSERT_EQ(report.size(), 3u);
  EXPECT_EQ(report[2].state, tcp::State::time_wait);
  EXPECT_TRUE(left.stack.report().empty());
  run(61s);
  EXPECT_EQ(right.stack.report().size(), 2u);
}

// A half-open connection is shown, and gives up after its retries.
TEST_F(Listening, HalfOpenConnectionsAreShown) {
  SocketRef listener = right.listener(at("10.0.0.2", 80));
  SocketRef client = left.tcp();
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 80))), "EINPROGRESS");
  (void)left.stack.poll(now);
  (void)right.stack.poll(now);  // the SYN-ACK is under way: the left side sleeps for ever
  auto report = right.stack.report();
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[1].state, tcp::State::syn_received);
  for (Instant next = now; next < now + 300s;) {
    now = next;
    PacketList lost;
    pipe.left().receive(now, lost, 100);
    next = right.stack.poll(now);
    if (next == kNever) break;
  }
  EXPECT_EQ(right.stack.report().size(), 1u);
}

}  // namespace
}  // namespace sockeye
