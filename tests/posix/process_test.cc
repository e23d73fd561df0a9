// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The C face where the kernel cannot be the oracle: the descriptor limit, virtual time, deadlock, two
// hosts, links, handles. Everything else about calls is compared with the kernel in tests/parity.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "sockeye/sockeye.h"

namespace {

constexpr std::uint64_t kMs = 1'000'000;

sockaddr_in address(std::uint32_t ip, std::uint16_t port) {
  sockaddr_in value{};
  value.sin_family = AF_INET;
  value.sin_port = htons(port);
  value.sin_addr.s_addr = htonl(ip);
  return value;
}
const sockaddr* any(const sockaddr_in& value) {
  return reinterpret_cast<const sockaddr*>(&value);
}
constexpr std::uint32_t kRight = 0x0a000002;

class TwoHosts : public ::testing::Test {
 protected:
  TwoHosts() : net(sk_net_create(nullptr)) {
    sk_stack_options options{};
    options.name = "left";
    left = sk_stack_create(net, &options);
    options.name = "right";
    options.descriptors_max = 8;
    right = sk_stack_create(net, &options);
    sk_link_options link{};
    link.delay = 10 * kMs;
    EXPECT_EQ(0, sk_link_pair(left, "10.0.0.1/24", right, "10.0.0.2/24,fd00::2/64", &link));
  }
  ~TwoHosts() override { sk_net_destroy(net); }

  int listener(sk_stack* stack, std::uint16_t port, int flags = 0) {
    const int fd = sk_socket(stack, AF_INET, SOCK_STREAM | flags, 0);
    const sockaddr_in here = address(INADDR_ANY, port);
    EXPECT_EQ(0, sk_bind(stack, fd, any(here), sizeof here));
    EXPECT_EQ(0, sk_listen(stack, fd, 8));
    return fd;
  }
  int connect(std::uint16_t port, int expected = 0) {
    const int fd = sk_socket(left, AF_INET, SOCK_STREAM, 0);
    const sockaddr_in there = address(kRight, port);
    errno = 0;
    const int result = sk_connect(left, fd, any(there), sizeof there);
    EXPECT_EQ(expected, result == 0 ? 0 : errno);
    return fd;
  }
  void pair() {
    const int listening = listener(right, 9000);
    client = connect(9000);
    server = sk_accept(right, listening, nullptr, nullptr);
    EXPECT_GE(server, 0);
    sk_close(right, listening);
  }

  sk_net* net;
  sk_stack* left;
  sk_stack* right;
  int client = -1;
  int server = -1;
};

TEST_F(TwoHosts, ConnectTakesOneRoundTrip) {
  listener(right, 9000);
  const std::uint64_t before = sk_net_now(net);
  connect(9000);
  EXPECT_EQ(20 * kMs, sk_net_now(net) - before);
}

TEST_F(TwoHosts, BytesTakeTheDelayOfTheLinkAndNothingElse) {
  pair();
  const std::uint64_t before = sk_net_now(net);
  EXPECT_EQ(5, sk_send(left, client, "hello", 5, 0));
  EXPECT_EQ(before, sk_net_now(net));
  char bytes[8];
  EXPECT_EQ(5, sk_recv(right, server, bytes, sizeof bytes, 0));
  EXPECT_EQ(10 * kMs, sk_net_now(net) - before);
}

TEST_F(TwoHosts, RefusalTakesARoundTrip) {
  const std::uint64_t before = sk_net_now(net);
  connect(9, ECONNREFUSED);
  EXPECT_EQ(20 * kMs, sk_net_now(net) - before);
}

TEST_F(TwoHosts, AnUnreachableNetworkIsKnownAtOnce) {
  const int fd = sk_socket(left, AF_INET, SOCK_STREAM, 0);
  const sockaddr_in there = address(0x08080808, 80);
  EXPECT_EQ(-1, sk_connect(left, fd, any(there), sizeof there));
  EXPECT_EQ(ENETUNREACH, errno);
  EXPECT_EQ(0u, sk_net_now(net));
}

// The host is gone: SYNs go into the void, 1 + 2 + 4 + … + 64 seconds (tcp_syn_retries = 6).
TEST_F(TwoHosts, ConnectToADeadHostTimesOut) {
  sk_stack_destroy(right);
  const std::uint64_t before = sk_net_now(net);
  connect(9000, ETIMEDOUT);
  EXPECT_EQ(127'000 * kMs, sk_net_now(net) - before);
}

TEST_F(TwoHosts, WaitingForNothingIsADeadlock) {
  pair();
  char byte;
  EXPECT_EQ(-1, sk_recv(left, client, &byte, 1, 0));
  EXPECT_EQ(EDEADLK, errno);
  pollfd entry = {client, POLLIN, 0};
  EXPECT_EQ(-1, sk_poll(left, &entry, 1, -1));
  EXPECT_EQ(EDEADLK, errno);
  const int set = sk_epoll_create1(left, 0);
  epoll_event event{};
  event.events = EPOLLIN;
  EXPECT_EQ(0, sk_epoll_ctl(left, set, EPOLL_CTL_ADD, client, &event));
  EXPECT_EQ(-1, sk_epoll_wait(left, set, &event, 1, -1));
  EXPECT_EQ(EDEADLK, errno);
}

TEST_F(TwoHosts, TimeLimitsAreExact) {
  pair();
  sk_net_run(net, 1000 * kMs);
  const std::uint64_t before = sk_net_now(net);
  pollfd entry = {client, POLLIN, 0};
  EXPECT_EQ(0, sk_poll(left, &entry, 1, 70));
  EXPECT_EQ(70 * kMs, sk_net_now(net) - before);
  EXPECT_EQ(0, sk_poll(left, &entry, 1, 0));
  EXPECT_EQ(70 * kMs, sk_net_now(net) - before);
  const timeval limit = {2, 500'000};
  EXPECT_EQ(0, sk_setsockopt(left, client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  char byte;
  EXPECT_EQ(-1, sk_recv(left, client, &byte, 1, 0));
  EXPECT_EQ(EAGAIN, errno);
  EXPECT_EQ(2570 * kMs, sk_net_now(net) - before);
}

TEST_F(TwoHosts, PollWakesWhenBytesArrive) {
  pair();
  const std::uint64_t before = sk_net_now(net);
  EXPECT_EQ(1, sk_send(right, server, "x", 1, 0));
  pollfd entry = {client, POLLIN, 0};
  EXPECT_EQ(1, sk_poll(left, &entry, 1, 1000));
  EXPECT_EQ(POLLIN, entry.revents);
  EXPECT_EQ(10 * kMs, sk_net_now(net) - before);
}

TEST_F(TwoHosts, TheDescriptorLimitIsEmfile) {
  const int listening = listener(right, 9000);
  std::vector<int> fds;
  for (int i = 0; i < 4; ++i) fds.push_back(sk_socket(right, AF_INET, SOCK_DGRAM, 0));
  EXPECT_EQ(3, listening);
  EXPECT_EQ(7, fds.back());
  EXPECT_EQ(-1, sk_socket(right, AF_INET, SOCK_DGRAM, 0));
  EXPECT_EQ(EMFILE, errno);
  EXPECT_EQ(-1, sk_dup(right, listening));
  EXPECT_EQ(EMFILE, errno);
  EXPECT_EQ(-1, sk_epoll_create1(right, 0));
  EXPECT_EQ(EMFILE, errno);
  connect(9000);
  EXPECT_EQ(-1, sk_accept(right, listening, nullptr, nullptr));
  EXPECT_EQ(EMFILE, errno);
  sk_close(right, fds[1]);
  EXPECT_EQ(fds[1], sk_accept(right, listening, nullptr, nullptr));  // it had stayed in the queue
}

TEST_F(TwoHosts, PortsBelow1024NeedTheRight) {
  const int fd = sk_socket(left, AF_INET, SOCK_STREAM, 0);
  const sockaddr_in low = address(INADDR_ANY, 80);
  EXPECT_EQ(-1, sk_bind(left, fd, any(low), sizeof low));
  EXPECT_EQ(EACCES, errno);
  sk_stack_options options{};
  options.privileged = 1;
  sk_stack* root = sk_stack_create(net, &options);
  const int allowed = sk_socket(root, AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(0, sk_bind(root, allowed, any(low), sizeof low));
}

TEST_F(TwoHosts, AHostHasAProfile) {
  sk_stack_options options{};
  const auto syn_count = [&](const char* profile) {
    options.profile = profile;
    sk_stack* stack = sk_stack_create(net, &options);
    if (stack == nullptr) return -errno;
    int value = 0;
    socklen_t size = sizeof value;
    const int fd = sk_socket(stack, AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(0, sk_getsockopt(stack, fd, IPPROTO_TCP, TCP_SYNCNT, &value, &size));
    return value;
  };
  EXPECT_EQ(6, syn_count(nullptr));
  EXPECT_EQ(6, syn_count("linux"));
  EXPECT_EQ(7, syn_count("rfc"));  // RFC 9293 3.8.3 MUST-23 (rfc profile)
  EXPECT_EQ(-EINVAL, syn_count("bsd"));
}

TEST_F(TwoHosts, NonblockingConnectMovesWithPoll) {
  const int listening = listener(right, 9000);
  const int fd = sk_socket(left, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const sockaddr_in there = address(kRight, 9000);
  EXPECT_EQ(-1, sk_connect(left, fd, any(there), sizeof there));
  EXPECT_EQ(EINPROGRESS, errno);
  pollfd entry = {fd, POLLOUT, 0};
  EXPECT_EQ(0, sk_poll(left, &entry, 1, 19));
  EXPECT_EQ(1, sk_poll(left, &entry, 1, 19));
  EXPECT_EQ(20 * kMs, sk_net_now(net));
  EXPECT_GE(sk_accept4(right, listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), 0);
}

TEST_F(TwoHosts, SelectWaits) {
  pair();
  sk_send(right, server, "x", 1, 0);
  fd_set in;
  FD_ZERO(&in);
  FD_SET(client, &in);
  const timeval second = {1, 0};
  EXPECT_EQ(1, sk_select(left, client + 1, &in, nullptr, nullptr, &second));
  EXPECT_TRUE(FD_ISSET(client, &in));
}

TEST_F(TwoHosts, ABlockingSendSendsAllWhileThePeerReads) {
  // The peer's program cannot run while we block, so the buffers must do: more than they hold is a
  // deadlock of the two, and the answer is how far it came.
  pair();
  const std::string big(32 << 20, 'x');
  const timeval limit = {5, 0};
  sk_setsockopt(left, client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const ssize_t sent = sk_send(left, client, big.data(), big.size(), 0);
  EXPECT_GT(sent, 100'000);
  EXPECT_LT(sent, static_cast<ssize_t>(big.size()));
  std::string got(big.size(), ' ');
  std::size_t have = 0;
  while (have < static_cast<std::size_t>(sent)) {
    const ssize_t n = sk_recv(right, server, got.data() + have, got.size() - have, 0);
    ASSERT_GT(n, 0);
    have += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(static_cast<std::size_t>(sent), have);
}

TEST_F(TwoHosts, Describe) {
  pair();
  const std::size_t length = sk_stack_describe(left, nullptr, 0);
  std::string text(length + 1, '\0');
  EXPECT_EQ(length, sk_stack_describe(left, text.data(), text.size()));
  EXPECT_NE(std::string::npos, text.find("tcp ESTABLISHED 0 0 10.0.0.1:"));
  EXPECT_NE(std::string::npos, text.find(" 10.0.0.2:9000\n"));
  char little[5];
  sk_stack_describe(left, little, sizeof little);
  EXPECT_STREQ("tcp ", little);
  EXPECT_STREQ("left", sk_stack_name(left));
}

TEST_F(TwoHosts, WrongHandlesAndAddresses) {
  EXPECT_EQ(-1, sk_socket(nullptr, AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(EINVAL, errno);
  for (const char* wrong :
       {"", "10.0.0.1/33", "10.0.0/24", "10.0.0.1/", "fd00::1/129", "10.0.0.1/24,", "host/24"}) {
    const bool trailing =
        std::strcmp(wrong, "10.0.0.1/24,") == 0;  // an empty rest is no address, and no harm
    if (trailing) continue;
    EXPECT_EQ(-1, sk_link_pair(left, wrong, right, "10.1.0.2/24", nullptr)) << wrong;
    EXPECT_EQ(EINVAL, errno);
    EXPECT_EQ(nullptr, sk_link_create(left, wrong, nullptr, nullptr, nullptr)) << wrong;
  }
  sk_net* other = sk_net_create(nullptr);
  sk_stack* stranger = sk_stack_create(other, nullptr);
  EXPECT_EQ(-1, sk_link_pair(left, "10.1.0.1/24", stranger, "10.1.0.2/24", nullptr));
  sk_net_destroy(other);
}

// --- a link to the program

struct Sent {
  std::vector<std::string> packets;
  static void take(void* user, sk_stack*, const void* packet, size_t size) {
    static_cast<Sent*>(user)->packets.emplace_back(static_cast<const char*>(packet), size);
  }
};

TEST(RawLink, APingIsAnsweredWithValidChecksums) {
  sk_net* net = sk_net_create(nullptr);
  sk_stack* stack = sk_stack_create(net, nullptr);
  Sent sent;
  sk_link* link = sk_link_create(stack, "192.0.2.1/24", nullptr, Sent::take, &sent);
  ASSERT_NE(nullptr, link);
  // IPv4, 28 bytes, TTL 64, ICMP, 192.0.2.9 > 192.0.2.1; echo request 0x1234, 1
  unsigned char ping[] = {0x45, 0, 0,   28, 0, 0, 0, 0, 64, 1, 0,    0,    192, 0,
                          2,    9, 192, 0,  2, 1, 8, 0, 0,  0, 0x12, 0x34, 0,   1};
  const auto checksum = [](unsigned char* at, std::size_t size, std::size_t field) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size; i += 2) sum += static_cast<std::uint32_t>(at[i] << 8 | at[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    at[field] = static_cast<unsigned char>(sum >> 8);
    at[field + 1] = static_cast<unsigned char>(sum);
  };
  checksum(ping, 20, 10);
  checksum(ping + 20, 8, 2);
  EXPECT_EQ(0, sk_link_input(link, ping, sizeof ping));
  sk_net_turn(net);
  ASSERT_EQ(1u, sent.packets.size());
  auto* pong = reinterpret_cast<unsigned char*>(sent.packets[0].data());
  ASSERT_EQ(28u, sent.packets[0].size());
  EXPECT_EQ(0, pong[20]);  // echo reply
  EXPECT_EQ(0, std::memcmp(pong + 24, ping + 24, 4));
  unsigned char copy[8];
  std::memcpy(copy, pong + 20, 8);
  copy[2] = copy[3] = 0;
  checksum(copy, 8, 2);
  EXPECT_EQ(0, std::memcmp(copy, pong + 20, 8));

  ping[22] = static_cast<unsigned char>(ping[22] ^ 1);  // a damaged one is not
  EXPECT_EQ(0, sk_link_input(link, ping, sizeof ping));
  sk_net_turn(net);
  EXPECT_EQ(1u, sent.packets.size());
  sk_net_destroy(net);
}

TEST(RawLink, WhatIsNoPacketIsRefused) {
  sk_net* net = sk_net_create(nullptr);
  sk_stack* stack = sk_stack_create(net, nullptr);
  sk_link* link = sk_link_create(stack, "192.0.2.1/24", nullptr, nullptr, nullptr);
  std::string bytes(2000, 'E');  // 0x45
  EXPECT_EQ(-1, sk_link_input(link, bytes.data(), bytes.size()));
  EXPECT_EQ(EMSGSIZE, errno);
  EXPECT_EQ(-1, sk_link_input(link, bytes.data(), 0));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, sk_link_input(link, "\x75xxxxxxxxxxxxxxxxxxx", 20));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, sk_link_input(nullptr, bytes.data(), 20));
  for (int i = 0; i < 4096; ++i) ASSERT_EQ(0, sk_link_input(link, bytes.data(), 100));
  EXPECT_EQ(-1, sk_link_input(link, bytes.data(), 100));
  EXPECT_EQ(ENOBUFS, errno);
  sk_net_turn(net);  // garbage is dropped, not believed
  EXPECT_EQ(0, sk_link_input(link, bytes.data(), 100));
  sk_net_destroy(net);
}

// --- a given clock

struct Steps {
  std::uint64_t now = 5 * kMs;
  std::vector<std::uint64_t> waits;
};

TEST(GivenClock, IsReadAndWaitedOn) {
  Steps steps;
  const sk_clock clock = {&steps, [](void* user) { return static_cast<Steps*>(user)->now; },
                          [](void* user, std::uint64_t until) {
                            auto* self = static_cast<Steps*>(user);
                            self->waits.push_back(until);
                            self->now = until;
                          },
                          0};
  const sk_net_options options = {3, &clock, nullptr};
  sk_net* net = sk_net_create(&options);
  sk_stack* stack = sk_stack_create(net, nullptr);
  EXPECT_EQ(5 * kMs, sk_net_now(net));
  const int fd = sk_socket(stack, AF_INET, SOCK_DGRAM, 0);
  pollfd entry = {fd, POLLIN, 0};
  EXPECT_EQ(0, sk_poll(stack, &entry, 1, 30));
  EXPECT_EQ((std::vector<std::uint64_t>{35 * kMs}), steps.waits);
  sk_net_destroy(net);
}

// The same seed sends the same packets; another seed other ones.
TEST(Determinism, TheSeedDecides) {
  const auto run = [](std::uint64_t seed) {
    std::string trace;
    const sk_net_options options = {seed, nullptr, nullptr};
    sk_net* net = sk_net_create(&options);
    sk_stack* a = sk_stack_create(net, nullptr);
    sk_stack* b = sk_stack_create(net, nullptr);
    sk_link_options link{};
    link.user = &trace;
    link.tap = [](void* user, sk_stack*, const void* packet, size_t size) {
      static_cast<std::string*>(user)->append(static_cast<const char*>(packet), size);
    };
    sk_link_pair(a, "10.0.0.1/24", b, "10.0.0.2/24", &link);
    const int fd = sk_socket(a, AF_INET, SOCK_STREAM, 0);
    const sockaddr_in there = address(kRight, 9);
    sk_connect(a, fd, any(there), sizeof there);
    sk_net_destroy(net);
    return trace;
  };
  EXPECT_FALSE(run(1).empty());
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

// TCP_AO_GET_KEYS: the length that getsockopt(2) is given is that of one key, of as many as nkeys says.
TEST_F(TwoHosts, KeysAreReadAsAnArray) {
  constexpr int kAddKey = 38, kGetKeys = 41;
  constexpr std::size_t kOne = 304, kCountAt = 272, kFlagsAt = 276, kSendIdAt = 278;
  const int fd = sk_socket(left, AF_INET, SOCK_STREAM, 0);
  for (unsigned char id = 1; id <= 3; ++id) {
    unsigned char key[288]{};  // struct tcp_ao_add
    const sockaddr_in peer = address(kRight, 0);
    std::memcpy(key, &peer, sizeof peer);
    std::memcpy(key + 128, "hmac(sha1)", 10);
    key[202] = 32;
    key[203] = key[204] = id;
    ASSERT_EQ(0, sk_setsockopt(left, fd, IPPROTO_TCP, kAddKey, key, sizeof key));
  }
  std::vector<unsigned char> keys(3 * kOne, 0);  // struct tcp_ao_getsockopt
  keys[kCountAt] = 2;
  keys[kFlagsAt] = 4;  // get_all
  socklen_t size = kOne;
  ASSERT_EQ(0, sk_getsockopt(left, fd, IPPROTO_TCP, kGetKeys, keys.data(), &size));
  EXPECT_EQ(kOne, size);
  EXPECT_EQ(3, keys[kCountAt]);  // so many matched
  EXPECT_EQ(1, keys[kSendIdAt]);
  EXPECT_EQ(2, keys[kOne + kSendIdAt]);
  EXPECT_EQ(std::vector<unsigned char>(keys.begin() + 2 * kOne, keys.end()),
            std::vector<unsigned char>(kOne, 0));  // no room for it
}

}  // namespace
