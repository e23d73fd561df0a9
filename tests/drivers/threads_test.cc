// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Several threads on one net, in real time: nobody is kept by another's blocking call, nothing is lost,
// and what one thread does wakes the other. Run with ThreadSanitizer, too (.ci/run).
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "sockeye/sockeye.hpp"

namespace {

using namespace std::chrono_literals;

struct SharedNet : ::testing::Test {
  SharedNet() { net.link(left, "10.0.0.1/24", right, "10.0.0.2/24", {.delay = 100us}); }

  sockeye::Threads threads;
  sockeye::Net net{1, threads};
  sockeye::Host left = net.host("left");
  sockeye::Host right = net.host("right");
};

TEST_F(SharedNet, EveryThreadHasItsConversation) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 50;
  sockeye::Socket listener = right.listen("10.0.0.2", 8080);
  std::vector<std::thread> crew;
  std::atomic<int> whole = 0;
  for (int i = 0; i < kThreads; ++i) {
    crew.emplace_back([&] {
      sockeye::Socket server = listener.accept();
      std::string room(9, '\0');
      while (server.receive_exactly(room)) server.send_all(room);
    });
    crew.emplace_back([&, i] {
      sockeye::Socket client = left.connect("10.0.0.2", 8080);
      std::string said = "hello  ..", heard(9, '\0');
      for (int round = 0; round < kRounds; ++round) {
        said[6] = static_cast<char>('a' + i);
        said[8] = static_cast<char>('0' + round % 10);
        client.send_all(said);
        if (client.receive_exactly(heard) && heard == said) ++whole;
      }
    });
  }
  for (std::thread& one : crew) one.join();
  EXPECT_EQ(kThreads * kRounds, whole);
}

// Bulk both ways at once on one connection: a reader and a writer thread at each end.
TEST_F(SharedNet, ReadersAndWritersOfOneSocket) {
  constexpr std::size_t kBytes = 300'000;
  sockeye::Socket listener = right.listen("10.0.0.2", 8080);
  sockeye::Socket client = left.connect("10.0.0.2", 8080);
  sockeye::Socket server = listener.accept();
  const auto write = [](sockeye::Socket& end) {
    end.send_all(std::string(kBytes, 'x'));
    end.finish();
  };
  std::size_t got[2] = {};
  const auto read = [](sockeye::Socket& end, std::size_t& count) {
    for (std::string bytes = end.receive(); !bytes.empty(); bytes = end.receive()) count += bytes.size();
  };
  std::thread crew[] = {std::thread([&] { write(client); }), std::thread([&] { write(server); }),
                        std::thread([&] { read(client, got[0]); }),
                        std::thread([&] { read(server, got[1]); })};
  for (std::thread& one : crew) one.join();
  EXPECT_EQ(kBytes, got[0]);
  EXPECT_EQ(kBytes, got[1]);
}

// As on Linux: the reader keeps the open file; the peer hears of the close when the reader returns.
TEST_F(SharedNet, ClosingUnderAReaderClosesWhenTheReaderReturns) {
  sockeye::Socket listener = right.listen("10.0.0.2", 8080);
  sockeye::Socket client = left.connect("10.0.0.2", 8080);
  sockeye::Socket server = listener.accept();
  std::atomic<bool> reads = false;
  std::string heard;
  std::thread reader([&] {
    char room[8];
    reads = true;
    const ssize_t got = sk_recv(server.stack(), server.fd(), room, sizeof room, 0);
    heard.assign(room, got > 0 ? static_cast<std::size_t>(got) : 0);
  });
  while (!reads) std::this_thread::yield();
  net.run(2ms);  // it waits by now
  const int fd = server.fd();
  ASSERT_EQ(0, sk_close(server.stack(), fd));
  EXPECT_EQ(-1, sk_close(server.stack(), fd));
  EXPECT_EQ(EBADF, errno);
  client.send_all("late");
  reader.join();
  server.release();
  EXPECT_EQ("late", heard);
  EXPECT_EQ("", client.receive());
}

TEST_F(SharedNet, AWaitingEpollSetHearsOfWhatOthersAdd) {
  const int set = sk_epoll_create1(right.get(), 0);
  std::atomic<int> ready = 0;
  std::thread waiter([&] {
    epoll_event event{};
    ready = sk_epoll_wait(right.get(), set, &event, 1, -1);
  });
  net.run(1ms);
  sockeye::Socket listener = right.listen("10.0.0.2", 8080);
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(0, sk_epoll_ctl(right.get(), set, EPOLL_CTL_ADD, listener.fd(), &event));
  sockeye::Socket client = left.connect("10.0.0.2", 8080);
  waiter.join();
  EXPECT_EQ(1, ready);
}

TEST_F(SharedNet, TimeLimitsHold) {
  sockeye::Socket listener = right.listen("10.0.0.2", 8080);
  pollfd entry = {listener.fd(), POLLIN, 0};
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) net.run(200us);  // wakes the one that waits, for nothing
  });
  const auto before = net.now();
  EXPECT_EQ(0, sk_poll(right.get(), &entry, 1, 5));
  EXPECT_GE(net.now() - before, 5ms);
  other.join();
}

// A wire of the program's own: packets come from another thread, and in the midst of a call.
TEST(SharedWire, PacketsComeFromAnotherThread) {
  sockeye::Threads threads;
  sockeye::Net net{1, threads};
  sockeye::Host host = net.host("host");
  struct Wire {
    sk_link* link = nullptr;
    std::vector<unsigned char> syn;
    std::atomic<bool> sent = false;
  } wire;
  wire.link = sk_link_create(
      host.get(), "10.0.0.1/24", nullptr,
      [](void* user, sk_stack*, const void* packet, std::size_t size) {
        auto& w = *static_cast<Wire*>(user);
        const auto* bytes = static_cast<const unsigned char*>(packet);
        if (w.sent) return;
        w.syn.assign(bytes, bytes + size);
        EXPECT_EQ(-1, sk_link_input(w.link, "x", 1));  // inside a call: the lock is ours already
        w.sent = true;
      },
      &wire);
  ASSERT_NE(nullptr, wire.link);
  std::thread answer([&] {
    while (!wire.sent) std::this_thread::yield();
    // An ICMP error about that SYN: port unreachable, by the address that it went to.
    std::vector<unsigned char> icmp = {0x45, 0, 0,  0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0,
                                       0,    2, 10, 0, 0, 1, 3, 3, 0,  0, 0, 0, 0,  0};
    icmp.insert(icmp.end(), wire.syn.begin(), wire.syn.begin() + 28);
    icmp[3] = static_cast<unsigned char>(icmp.size());
    const auto sum = [&](std::size_t from, std::size_t to, std::size_t where) {
      std::uint32_t total = 0;
      for (std::size_t i = from; i < to; i += 2)
        total += static_cast<std::uint32_t>(icmp[i] << 8 | icmp[i + 1]);
      total = (total & 0xffff) + (total >> 16);
      total = ~((total & 0xffff) + (total >> 16));
      icmp[where] = static_cast<unsigned char>(total >> 8);
      icmp[where + 1] = static_cast<unsigned char>(total);
    };
    sum(0, 20, 10);
    sum(20, icmp.size(), 22);
    EXPECT_EQ(0, sk_link_input(wire.link, icmp.data(), icmp.size()));
  });
  try {
    sockeye::Socket never = host.connect("10.0.0.2", 8080);
    ADD_FAILURE() << "connected to nobody";
  } catch (const std::system_error& error) {
    EXPECT_EQ(ECONNREFUSED, error.code().value());
  }
  answer.join();
}

}  // namespace
