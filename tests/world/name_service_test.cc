// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A host whose programs ask name servers that do not exist: 8.8.8.8, 127.0.0.53, an address of the
// world's own prefix.
#include "world/name_service.h"

#include <gtest/gtest.h>

#include <array>

#include "ring/stack_ring.h"
#include "wire/dns.h"

namespace sockeye::world {
namespace {

constexpr IpAddress kOwn = IpAddress::v4(10, 0, 0, 1);
constexpr IpAddress kServer = IpAddress::v4(10, 0, 0, 2);

struct Names final : NameTable {
  bool neighbour_serves = false;
  std::vector<IpAddress> addresses_of(std::string_view name) const override {
    if (dns::same_name(name, "server")) return {kServer, *IpAddress::parse("fd00:50c:e7e::2")};
    if (dns::same_name(name, "localhost")) return {IpAddress::loopback_v4(), IpAddress::loopback_v6()};
    return {};
  }
  std::string name_of(const IpAddress& address) const override { return address == kServer ? "server" : ""; }
  bool has_server(const Endpoint& at, IpProtocol) const override {
    return neighbour_serves && at.address == kServer;
  }
};

Bytes as_bytes(const std::vector<std::byte>& bytes) {
  return bytes;
}

dns::Response answer_to(const Names& names, std::string_view name, dns::Type type) {
  const auto reply = answer_query(names, dns::make_query(7, name, type, true));
  const auto response = dns::parse_response(reply);
  EXPECT_TRUE(response.has_value());
  return response.value_or(dns::Response{});
}

TEST(NameAnswer, a_host_has_an_address_of_each_family) {
  const Names names;
  const dns::Response v4 = answer_to(names, "SERVER", dns::Type::a);
  ASSERT_EQ(v4.records.size(), 1U);
  EXPECT_EQ(v4.records[0].address, kServer);
  const dns::Response v6 = answer_to(names, "server", dns::Type::aaaa);
  ASSERT_EQ(v6.records.size(), 1U);
  EXPECT_EQ(v6.records[0].address, *IpAddress::parse("fd00:50c:e7e::2"));
  EXPECT_EQ(v6.id, 7);
}

TEST(NameAnswer, other_types_of_a_known_name_have_no_data_and_unknown_names_do_not_exist) {
  const Names names;
  const dns::Response mail = answer_to(names, "server", static_cast<dns::Type>(15));
  EXPECT_EQ(mail.code, dns::Code::no_error);
  EXPECT_TRUE(mail.records.empty());
  EXPECT_EQ(answer_to(names, "server.example.com", dns::Type::a).code, dns::Code::name_error);
  EXPECT_EQ(answer_to(names, "", dns::Type::a).code, dns::Code::name_error);
}

TEST(NameAnswer, addresses_of_hosts_lead_back_to_names) {
  const Names names;
  const dns::Response known = answer_to(names, dns::reverse_name(kServer), dns::Type::ptr);
  ASSERT_EQ(known.records.size(), 1U);
  EXPECT_EQ(known.records[0].target, "server");
  EXPECT_EQ(answer_to(names, dns::reverse_name(IpAddress::v4(8, 8, 8, 8)), dns::Type::ptr).code,
            dns::Code::name_error);
}

TEST(NameAnswer, what_is_no_query_gets_no_answer) {
  const Names names;
  EXPECT_TRUE(answer_query(names, {}).empty());
  const std::array<std::byte, 3> junk{};
  EXPECT_TRUE(answer_query(names, junk).empty());
}

// A host with an interface that leads nowhere.
struct Fixture : testing::Test {
  Fixture() {
    stack.add_interface("eth0", pipe.left(), {{kOwn, 24}});
    service = std::make_unique<NameService>(names, stack, ring);
  }
  void turn() {
    for (int i = 0; i < 20; ++i) {
      stack.poll(now);
      ring.drive(now);
    }
  }
  SocketRef open(int type) {
    auto socket = stack.socket(2, type, 0);
    EXPECT_TRUE(socket.has_value());
    return *socket;
  }

  Names names;
  Instant now{1h};
  PacketPool pool;
  SeededRng secret{1}, random{2};
  Pipe pipe;
  Stack stack{StackConfig{}, pool, secret, random, now};
  StackRing ring{now};
  std::unique_ptr<NameService> service;
};

using NameServiceUdp = Fixture;
using NameServiceTcp = Fixture;

// Asks over UDP; what comes back and from where.
std::pair<std::vector<std::byte>, std::optional<Endpoint>> ask(Fixture& f, const IpAddress& server) {
  SocketRef socket = f.open(2);
  EXPECT_TRUE(socket->connect(Endpoint{server, 53}).has_value()) << server.to_string();
  const auto query = dns::make_query(1, "server", dns::Type::a, false);
  const Bytes out[] = {query};
  Outgoing message;
  message.buffers = out;
  EXPECT_TRUE(socket->send(message).has_value());
  f.turn();
  std::vector<std::byte> reply(512);
  const MutableBytes in[] = {reply};
  Incoming incoming;
  incoming.buffers = in;
  const auto size = socket->receive(incoming);
  socket->close();
  reply.resize(size.value_or(0));
  return {reply, incoming.from};
}

TEST_F(NameServiceUdp, whichever_server_is_asked_answers_from_its_own_address) {
  for (const IpAddress& server : {IpAddress::v4(8, 8, 8, 8), IpAddress::v4(127, 0, 0, 53),
                                  IpAddress::loopback_v4(), kOwn, kServer, IpAddress::v4(10, 0, 0, 138)}) {
    const auto [reply, from] = ask(*this, server);
    const auto response = dns::parse_response(reply);
    ASSERT_TRUE(response.has_value()) << server.to_string();
    EXPECT_EQ(response->records.size(), 1U);
    EXPECT_EQ(from, (Endpoint{server, 53}));
  }
}

TEST_F(NameServiceUdp, a_server_of_the_hosts_own_comes_first) {
  SocketRef own = open(2);
  stack.set_privileged(true);
  ASSERT_TRUE(own->bind({IpAddress::loopback_v4(), 53}).has_value());
  EXPECT_TRUE(ask(*this, IpAddress::loopback_v4()).first.empty());
  EXPECT_TRUE(any(own->readiness() & Readiness::in));
  EXPECT_FALSE(ask(*this, IpAddress::v4(8, 8, 8, 8)).first.empty());
  own->close();
}

TEST_F(NameServiceUdp, a_neighbours_server_is_reached_over_the_network) {
  names.neighbour_serves = true;
  EXPECT_TRUE(ask(*this, kServer).first.empty());  // the pipe leads nowhere
  EXPECT_LE(pipe.right().next_arrival(), now);     // but the query is in it
}

TEST_F(NameServiceUdp, other_ports_of_unknown_addresses_stay_unreachable) {
  SocketRef socket = open(2);
  const auto result = socket->connect(Endpoint{IpAddress::v4(8, 8, 8, 8), 54});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), Errno::netunreach);
  socket->close();
}

TEST_F(NameServiceTcp, two_queries_on_one_connection_and_nothing_of_it_in_the_report) {
  SocketRef socket = open(1);
  EXPECT_EQ(socket->connect(Endpoint{IpAddress::v4(192, 0, 2, 1), 53}).error(), Errno::inprogress);
  turn();
  ASSERT_TRUE(socket->connect(Endpoint{IpAddress::v4(192, 0, 2, 1), 53}).has_value());
  std::vector<std::byte> both;
  for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
    const auto query = dns::make_query(3, "server", type, false);
    std::byte length[2];
    store16(length, static_cast<std::uint16_t>(query.size()));
    both.insert(both.end(), length, length + 2);
    both.insert(both.end(), query.begin(), query.end());
  }
  const std::size_t cut = both.size() - 5;  // the second one in two pieces
  for (const Bytes piece : {as_bytes(both).first(cut), as_bytes(both).subspan(cut)}) {
    const Bytes out[] = {piece};
    Outgoing message;
    message.buffers = out;
    EXPECT_TRUE(socket->send(message).has_value());
    now += 1ms;
    turn();
  }
  std::vector<std::byte> reply(2000);
  const MutableBytes in[] = {reply};
  Incoming incoming;
  incoming.buffers = in;
  reply.resize(socket->receive(incoming).value_or(0));
  ASSERT_GT(reply.size(), 4U);
  const std::size_t first = load16(reply.data());
  const auto one = dns::parse_response(as_bytes(reply).subspan(2, first));
  const auto two = dns::parse_response(as_bytes(reply).subspan(4 + first));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->type, dns::Type::a);
  EXPECT_EQ(two->type, dns::Type::aaaa);
  EXPECT_EQ(stack.report().size(), 1U);  // the program's own end
  socket->close();
  turn();
}

}  // namespace
}  // namespace sockeye::world
