// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP-AO between two hosts: handshake, data, close, a change of keys while the connection lives; and
// every way not to get through, under the name that Linux counts it by.
#include <arpa/inet.h>
#include <netinet/in.h>

#include "stack/packets.h"
#include "stack/two_hosts.h"
#include "tcp/snapshot.h"

namespace sockeye {
namespace {

constexpr int kAdd = 38, kDelete = 39, kInfo = 40;

struct WantedKey {
  std::string peer = "10.0.0.2";
  unsigned send_id = 1;
  unsigned receive_id = 1;
  std::string secret = "testvector";
  std::string algorithm = "hmac(sha1)";
  unsigned code_bytes = 0;
  unsigned key_flags = 0;
  unsigned flags = 0;
  int prefix = -1;  // -1: the host
};

ByteString address_of(const std::string& peer) {
  ByteString bytes(128);
  const bool is_v6 = peer.find(':') != std::string::npos;
  const auto family = static_cast<std::uint16_t>(is_v6 ? AF_INET6 : AF_INET);
  std::memcpy(bytes.data(), &family, sizeof family);
  inet_pton(family, peer.c_str(), bytes.data() + (is_v6 ? 8 : 4));
  return bytes;
}

// struct tcp_ao_add.
ByteString ao_add(const WantedKey& wanted) {
  ByteString bytes = address_of(wanted.peer) + ByteString(160);
  const bool is_v6 = wanted.peer.find(':') != std::string::npos;
  std::memcpy(bytes.data() + 128, wanted.algorithm.data(), wanted.algorithm.size());
  std::memcpy(bytes.data() + 196, &wanted.flags, 4);
  bytes[202] = static_cast<std::byte>(wanted.prefix >= 0 ? wanted.prefix : is_v6 ? 128 : 32);
  bytes[203] = static_cast<std::byte>(wanted.send_id);
  bytes[204] = static_cast<std::byte>(wanted.receive_id);
  bytes[205] = static_cast<std::byte>(wanted.code_bytes);
  bytes[206] = static_cast<std::byte>(wanted.key_flags);
  bytes[207] = static_cast<std::byte>(wanted.secret.size());
  std::memcpy(bytes.data() + 208, wanted.secret.data(), wanted.secret.size());
  return bytes;
}

// struct tcp_ao_del.
ByteString ao_del(const WantedKey& wanted) {
  ByteString bytes = address_of(wanted.peer) + ByteString(16);
  bytes[138] = std::byte{32};
  bytes[139] = static_cast<std::byte>(wanted.send_id);
  bytes[140] = static_cast<std::byte>(wanted.receive_id);
  return bytes;
}

// struct tcp_ao_info_opt.
ByteString ao_info(std::uint32_t flags, unsigned current, unsigned next) {
  ByteString bytes(48);
  std::memcpy(bytes.data(), &flags, 4);
  bytes[6] = static_cast<std::byte>(current);
  bytes[7] = static_cast<std::byte>(next);
  return bytes;
}

class Ao : public TwoHosts {
 protected:
  Ao() : TwoHosts({.mtu = 1500, .checksum_trusted = false}) {}
  static std::string add(const SocketRef& socket, const WantedKey& wanted) {
    return outcome(socket->set_option(IPPROTO_TCP, kAdd, ao_add(wanted)));
  }
  // How far a connect() from left gets in five seconds.
  std::string attempt(const SocketRef& client, const Endpoint& to) {
    (void)client->connect(to);
    run(5s);
    return outcome(client->connect(to));
  }
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
  std::uint64_t dropped(Drop reason) { return right.stack.drops()[reason]; }
};

TEST_F(Ao, WithTheKeyEverythingWorks) {
  unsigned port = 1000;
  for (const bool over_v6 : {false, true})
    for (const std::string algorithm : {"hmac(sha1)", "cmac(aes128)"})
      for (const unsigned key_flags : {0u, 2u}) {
        const std::string us = over_v6 ? "fd00::1" : "10.0.0.1", them = over_v6 ? "fd00::2" : "10.0.0.2";
        const Endpoint service = at(them, ++port);
        SocketRef listener = right.listener(service);
        ASSERT_EQ(
            add(listener,
                {.peer = us, .send_id = 7, .receive_id = 9, .algorithm = algorithm, .key_flags = key_flags}),
            "ok");
        SocketRef client = left.tcp(over_v6 ? kInet6 : kInet);
        ASSERT_EQ(add(client, {.peer = them,
                               .send_id = 9,
                               .receive_id = 7,
                               .algorithm = algorithm,
                               .key_flags = key_flags}),
                  "ok");
        ASSERT_EQ(attempt(client, service), "ok") << algorithm << key_flags;
        SocketRef server = *listener->accept();
        const std::string text(50'000, 'k');
        EXPECT_EQ(transfer(client, server, text), text);
        EXPECT_EQ(transfer(server, client, text), text);
        // Timestamps have room beside 16 bytes of TCP-AO.
        EXPECT_EQ(client->report().tcp->send_mss, (over_v6 ? 1440u : 1460u) - 12 - 16);
        client->close();
        run(1s);
        EXPECT_EQ(receive(server), "");
        server->close();
        run(1s);
      }
  EXPECT_EQ(right.stack.drops().total(), 0u);
  EXPECT_EQ(left.stack.drops().total(), 0u);
}

// A signed connection changes its stack (as bytes) and goes on: the keys, the numbers that they sign, and the
// key that the peer has asked for move along.
TEST_F(Ao, AConnectionMovesWithItsKeys) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  ASSERT_EQ(add(listener, {.peer = "10.0.0.1"}), "ok");
  SocketRef client = left.tcp();
  ASSERT_EQ(add(client, {}), "ok");
  ASSERT_EQ(attempt(client, at("10.0.0.2", 179)), "ok");
  SocketRef server = *listener->accept();
  const std::string text(50'000, 'k');
  EXPECT_EQ(transfer(client, server, text), text);
  for (int i = 0; i < 3; ++i) {
    auto taken = left.stack.take_connection(*client);
    ASSERT_TRUE(taken) << name_of(taken.error());
    const auto read = tcp::snapshot_from_bytes(tcp::to_bytes(*taken));
    ASSERT_TRUE(read);
    auto put = left.stack.put_connection(*read);
    ASSERT_TRUE(put) << name_of(put.error());
    client = *put;
    run(1s);
    EXPECT_EQ(transfer(client, server, text), text);
    EXPECT_EQ(transfer(server, client, text), text);
  }
  EXPECT_EQ(right.stack.drops()[Drop::ao_bad], 0u);
  EXPECT_EQ(left.stack.drops()[Drop::ao_bad], 0u);
}

TEST_F(Ao, WithoutItNothingDoes) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  ASSERT_EQ(add(listener, {.peer = "10.0.0.0", .prefix = 24}), "ok");
  EXPECT_EQ(attempt(left.tcp(), at("10.0.0.2", 179)), "EALREADY");
  EXPECT_GE(dropped(Drop::ao_required), 2u);
  SocketRef wrong = left.tcp();
  ASSERT_EQ(add(wrong, {.secret = "other"}), "ok");
  EXPECT_EQ(attempt(wrong, at("10.0.0.2", 179)), "EALREADY");
  EXPECT_GE(dropped(Drop::ao_bad), 2u);
  SocketRef unknown = left.tcp();
  ASSERT_EQ(add(unknown, {.send_id = 2, .receive_id = 2}), "ok");
  EXPECT_EQ(attempt(unknown, at("10.0.0.2", 179)), "EALREADY");
  EXPECT_GE(dropped(Drop::ao_key_not_found), 2u);
}

TEST_F(Ao, KeysChangeWhileTheConnectionLives) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  ASSERT_EQ(add(listener, {.peer = "10.0.0.1"}), "ok");
  SocketRef client = left.tcp();
  ASSERT_EQ(add(client, {}), "ok");
  ASSERT_EQ(attempt(client, at("10.0.0.2", 179)), "ok");
  SocketRef server = *listener->accept();
  ASSERT_EQ(add(server, {.peer = "10.0.0.1", .send_id = 2, .receive_id = 3, .secret = "new"}), "ok");
  ASSERT_EQ(add(client, {.send_id = 3, .receive_id = 2, .secret = "new"}), "ok");
  EXPECT_EQ(transfer(client, server, "old key"), "old key");
  // The client asks to be sent with the new key, and sends with it.
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kInfo, ao_info(3, 3, 2))), "ok");
  EXPECT_EQ(transfer(client, server, "new key"), "new key");
  // The old one can go, here and there: it is used no more.
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kDelete, ao_del({}))), "ok");
  EXPECT_EQ(transfer(server, client, "answer"), "answer");
  WantedKey first{.peer = "10.0.0.1"};
  EXPECT_EQ(outcome(server->set_option(IPPROTO_TCP, kDelete, ao_del(first))), "ok");
  EXPECT_EQ(transfer(client, server, "again"), "again");
  EXPECT_EQ(right.stack.drops().total(), 0u);
  EXPECT_EQ(left.stack.drops().total(), 0u);
}

TEST_F(Ao, PeersWithoutAKeyCanBeRefused) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  EXPECT_EQ(outcome(listener->set_option(IPPROTO_TCP, kInfo, ao_info(4, 0, 0))), "ok");
  EXPECT_EQ(attempt(left.tcp(), at("10.0.0.2", 179)), "EALREADY");
  EXPECT_GE(dropped(Drop::ao_required), 2u);
}

TEST_F(Ao, WhatIsWrongIsRefused) {
  SocketRef s = left.tcp();
  EXPECT_EQ(add(s, {.algorithm = "hmac(md5)"}), "ENOENT");
  EXPECT_EQ(add(s, {.code_bytes = 17}), "EMSGSIZE");
  EXPECT_EQ(add(s, {.key_flags = 4}), "EINVAL");
  EXPECT_EQ(add(s, {.flags = 4}), "EINVAL");
  EXPECT_EQ(add(s, {.prefix = 33}), "EINVAL");
  EXPECT_EQ(add(s, {.peer = "fd00::1"}), "EINVAL");  // the family of the socket
  EXPECT_EQ(add(s, {}), "ok");
  EXPECT_EQ(add(s, {}), "EEXIST");
  EXPECT_EQ(add(s, {.send_id = 5}), "EEXIST");  // the ReceiveID is in use
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kDelete, ao_del({.send_id = 5}))), "ENOENT");
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kInfo, ao_info(8, 0, 0))), "EINVAL");
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kInfo, ao_info(1, 77, 0))), "ENOENT");
  EXPECT_EQ(int_option(s, IPPROTO_TCP, kInfo), -ENOPROTOOPT);
  ByteString shorter = ao_add({});
  shorter.pop_back();
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kAdd, shorter)), "EINVAL");
}

}  // namespace
}  // namespace sockeye
