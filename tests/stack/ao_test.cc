// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP-AO between two hosts: handshake, data, close, a change of keys while the connection lives; and
// every way not to get through, under the name that Linux counts it by.
#include "stack/ao_hosts.h"
#include "tcp/snapshot.h"

namespace sockeye {
namespace {

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
  // Both ask to be sent with the new key; what arrives says so, and what leaves obeys (RFC 5925 7.5).
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kInfo, ao_info(2, 0, 2))), "ok");
  EXPECT_EQ(outcome(server->set_option(IPPROTO_TCP, kInfo, ao_info(2, 0, 3))), "ok");
  EXPECT_EQ(transfer(client, server, "new key"), "new key");
  EXPECT_EQ(transfer(server, client, "new key"), "new key");
  // An option that has nothing to do with it changes nothing of that.
  EXPECT_EQ(outcome(set_int(server, IPPROTO_TCP, 1, 1)), "ok");
  // The old one can go, here and there: it is used no more.
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kDelete, ao_del({}))), "ok");
  EXPECT_EQ(transfer(server, client, "answer"), "answer");
  WantedKey first{.peer = "10.0.0.1"};
  EXPECT_EQ(outcome(server->set_option(IPPROTO_TCP, kDelete, ao_del(first))), "ok");
  EXPECT_EQ(transfer(client, server, "again"), "again");
  EXPECT_EQ(right.stack.drops().total(), 0u);
  EXPECT_EQ(left.stack.drops().total(), 0u);
}

// A key in use stays, unless another takes its place in the same call.
TEST_F(Ao, AKeyInUseIsNotDeleted) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  ASSERT_EQ(add(listener, {.peer = "10.0.0.1"}), "ok");
  SocketRef client = left.tcp();
  ASSERT_EQ(add(client, {}), "ok");
  ASSERT_EQ(attempt(client, at("10.0.0.2", 179)), "ok");
  SocketRef server = *listener->accept();
  EXPECT_EQ(outcome(server->set_option(IPPROTO_TCP, kDelete, ao_del({.peer = "10.0.0.1"}))), "EBUSY");
  const WantedKey next{.peer = "10.0.0.1", .send_id = 2, .receive_id = 3, .secret = "new"};
  ASSERT_EQ(add(server, next), "ok");
  ASSERT_EQ(add(client, {.send_id = 3, .receive_id = 2, .secret = "new"}), "ok");
  ByteString chosen = ao_del({.peer = "10.0.0.1"});
  chosen[132] = std::byte{3};  // set_current, set_rnext
  chosen[141] = std::byte{2};
  chosen[142] = std::byte{3};
  EXPECT_EQ(outcome(server->set_option(IPPROTO_TCP, kDelete, chosen)), "ok");
  EXPECT_EQ(transfer(server, client, "new key"), "new key");
  // The listener's own is nobody's current key.
  EXPECT_EQ(outcome(listener->set_option(IPPROTO_TCP, kDelete, chosen)), "EINVAL");
  EXPECT_EQ(outcome(listener->set_option(IPPROTO_TCP, kDelete, ao_del({.peer = "10.0.0.1"}))), "ok");
}

// The SYN says which of its keys the listener shall answer with.
TEST_F(Ao, AListenerAnswersWithTheKeyThatTheClientHas) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  ASSERT_EQ(add(listener, {.peer = "10.0.0.1"}), "ok");
  ASSERT_EQ(add(listener, {.peer = "10.0.0.1", .send_id = 2, .receive_id = 2, .secret = "new"}), "ok");
  SocketRef client = left.tcp();
  ASSERT_EQ(add(client, {.send_id = 2, .receive_id = 2, .secret = "new"}), "ok");
  ASSERT_EQ(attempt(client, at("10.0.0.2", 179)), "ok");
  SocketRef server = *listener->accept();
  EXPECT_EQ(transfer(server, client, "with the second key"), "with the second key");
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
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kInfo, ao_info(32, 0, 0))), "EINVAL");
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kInfo, ao_info(1, 77, 0))), "ENOENT");
  ByteString shorter = ao_add({});
  shorter.pop_back();
  EXPECT_EQ(outcome(s->set_option(IPPROTO_TCP, kAdd, shorter)), "EINVAL");
}

}  // namespace
}  // namespace sockeye
