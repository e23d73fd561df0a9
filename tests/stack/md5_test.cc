// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP-MD5 between two hosts: who has the key gets through, all others are dropped and counted under
// the name that Linux counts them. The option itself is compared with the kernel.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stack/packets.h"
#include "stack/parity.h"
#include "stack/two_hosts.h"
#include "wire/tcp.h"

namespace sockeye {
namespace {

constexpr int kMd5 = 14, kMd5Ext = 32;

struct Wanted {
  std::string address = "10.0.0.1";
  std::string key = "secret";
  unsigned flags = 0;
  unsigned prefix = 0;
  int interface = 0;
  int family = AF_INET;
  int key_bytes = -1;  // -1: of the key
};

// struct tcp_md5sig.
ByteString md5sig(const Wanted& wanted) {
  ByteString bytes(216);
  const auto family = static_cast<std::uint16_t>(wanted.family);
  std::memcpy(bytes.data(), &family, sizeof family);
  if (wanted.address.find(':') != std::string::npos)
    inet_pton(AF_INET6, wanted.address.c_str(), bytes.data() + 8);
  else
    inet_pton(AF_INET, wanted.address.c_str(), bytes.data() + 4);
  bytes[128] = static_cast<std::byte>(wanted.flags);
  bytes[129] = static_cast<std::byte>(wanted.prefix);
  const auto size = static_cast<std::uint16_t>(wanted.key_bytes < 0 ? static_cast<int>(wanted.key.size())
                                                                    : wanted.key_bytes);
  std::memcpy(bytes.data() + 130, &size, sizeof size);
  std::memcpy(bytes.data() + 132, &wanted.interface, sizeof wanted.interface);
  std::memcpy(bytes.data() + 136, wanted.key.data(), std::min<std::size_t>(wanted.key.size(), 80));
  return bytes;
}

class Md5 : public TwoHosts {
 protected:
  Md5() : TwoHosts({.mtu = 1500, .checksum_trusted = false}) {}
  static void set_key(const SocketRef& socket, const Wanted& wanted, int option = kMd5) {
    EXPECT_TRUE(socket->set_option(IPPROTO_TCP, option, md5sig(wanted)));
  }
  // How far a connect() from left gets in ten seconds.
  std::string attempt(const SocketRef& client, unsigned port = 179) {
    (void)client->connect(at("10.0.0.2", port));
    run(10s);
    return outcome(client->connect(at("10.0.0.2", port)));
  }
  std::uint64_t dropped(Drop reason) { return right.stack.drops()[reason]; }
};

TEST_F(Md5, WithTheKeyEverythingWorks) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  set_key(listener, {.address = "10.0.0.0", .flags = 1, .prefix = 24}, kMd5Ext);
  SocketRef client = left.tcp();
  set_key(client, {.address = "10.0.0.2"});
  ASSERT_EQ(attempt(client), "ok");
  SocketRef server = *listener->accept();
  const std::string text(200'000, 'k');
  EXPECT_EQ(transfer(client, server, text), text);
  EXPECT_TRUE(send(server, "back"));
  run(1s);
  EXPECT_EQ(receive(client), "back");
  // 1460 less the option and its padding; no timestamps.
  EXPECT_EQ(client->report().tcp->send_mss, 1440u);
  EXPECT_FALSE(client->report().tcp->timestamps);
  client->close();
  run(1s);
  EXPECT_EQ(receive(server), "");
  server->close();
  run(1s);
  for (const SocketReport& line : right.stack.report()) EXPECT_EQ(line.state, tcp::State::listen);
  EXPECT_EQ(right.stack.drops().total(), 0u);
  EXPECT_EQ(left.stack.drops().total(), 0u);
}

TEST_F(Md5, OverIpv6) {
  SocketRef listener = right.listener(at("fd00::2", 179));
  set_key(listener, {.address = "fd00::1", .family = AF_INET6});
  SocketRef client = left.tcp(kInet6);
  set_key(client, {.address = "fd00::2", .family = AF_INET6});
  EXPECT_EQ(outcome(client->connect(at("fd00::2", 179))), "EINPROGRESS");
  run(1s);
  EXPECT_EQ(outcome(client->connect(at("fd00::2", 179))), "ok");
  EXPECT_EQ(right.stack.drops().total(), 0u);
}

TEST_F(Md5, WithoutItNothingDoes) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  set_key(listener, {.address = "10.0.0.1"});
  EXPECT_EQ(attempt(left.tcp()), "EALREADY");
  EXPECT_GE(dropped(Drop::md5_not_found), 3u);
  SocketRef wrong = left.tcp();
  set_key(wrong, {.address = "10.0.0.2", .key = "sekret"});
  EXPECT_EQ(attempt(wrong), "EALREADY");
  EXPECT_GE(dropped(Drop::md5_failure), 3u);
  SocketRef open = right.listener(at("10.0.0.2", 80));
  SocketRef eager = left.tcp();
  set_key(eager, {.address = "10.0.0.2"});
  EXPECT_EQ(attempt(eager, 80), "EALREADY");
  EXPECT_GE(dropped(Drop::md5_unexpected), 3u);
}

// What RFC 2385 is for: a RST that an attacker forged.
TEST_F(Md5, AnUnsignedResetIsNone) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  set_key(listener, {.address = "10.0.0.1"});
  SocketRef client = left.tcp();
  set_key(client, {.address = "10.0.0.2"});
  ASSERT_EQ(attempt(client), "ok");
  SocketRef server = *listener->accept();
  // The key goes: the client's stack now sends what an attacker would, in the right place.
  set_key(client, {.address = "10.0.0.2", .key = ""});
  EXPECT_TRUE(send(client, "forged"));
  run(100ms);
  EXPECT_EQ(receive(server), "EAGAIN");
  EXPECT_GE(dropped(Drop::md5_not_found), 1u);
  client->close();
  run(1s);
  EXPECT_EQ(server->report().state, tcp::State::established);
}

TEST_F(Md5, TheOptionAnswersAsTheKernel) {
  const Wanted cases[] = {
      {},
      {.key = ""},
      {.key = std::string(80, 'x')},
      {.key = std::string(80, 'x'), .key_bytes = 81},
      {.family = AF_INET6},
      {.flags = 1, .prefix = 24},
      {.flags = 1, .prefix = 33},
      {.flags = 2, .interface = 1},
      {.flags = 2, .interface = 0},
  };
  const auto on_kernel = [](int socket, int option, const ByteString& value) -> std::string {
    if (::setsockopt(socket, IPPROTO_TCP, option, value.data(), static_cast<socklen_t>(value.size())) == 0)
      return "ok";
    return error_name(errno);
  };
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  const bool kernel_has_it = on_kernel(probe, kMd5, md5sig({})) == "ok";
  ::close(probe);
  if (!kernel_has_it) GTEST_SKIP() << "this kernel has no TCP-MD5";
  for (const int option : {kMd5, kMd5Ext})
    for (const Wanted& wanted : cases) {
      const int kernel = ::socket(AF_INET, SOCK_STREAM, 0);
      SocketRef ours = left.tcp();
      const ByteString value = md5sig(wanted);
      for (int twice = 0; twice < 2; ++twice)
        EXPECT_EQ(on_kernel(kernel, option, value), outcome(ours->set_option(IPPROTO_TCP, option, value)))
            << option << " key " << wanted.key << " flags " << wanted.flags << " prefix " << wanted.prefix;
      const ByteString shorter(value.begin(), value.end() - 1);
      EXPECT_EQ(on_kernel(kernel, option, shorter), outcome(ours->set_option(IPPROTO_TCP, option, shorter)));
      EXPECT_EQ(int_option(ours, IPPROTO_TCP, option), -ENOPROTOOPT);
      ::close(kernel);
    }
}

}  // namespace
}  // namespace sockeye
