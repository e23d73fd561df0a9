// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What an idle connection costs, all in: sockets, connection, demux, ports, timers, wait queues
// (decisions.md D13). Every allocation of this program is counted, as the allocator rounds it.
//
// The goal is 512 bytes an end; the budgets below are what is reached. They only go down.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <vector>

#include "core/rng.h"
#include "link/pipe.h"
#include "stack/stack.h"

// AddressSanitizer has allocation functions of its own: nothing is counted beside it.
#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_NOT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_NOT
#endif
#endif
#ifndef COUNTS_NOT
#define COUNTS
#endif

namespace {
std::size_t live_bytes = 0;
std::size_t allocations = 0;

[[maybe_unused]] void* counted(void* memory) {
  if (memory == nullptr) std::abort();
  live_bytes += malloc_usable_size(memory);
  ++allocations;
  return memory;
}
[[maybe_unused]] void discount(void* memory) {
  if (memory != nullptr) live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
}  // namespace

#ifdef COUNTS
void* operator new(std::size_t size) {
  return counted(std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<std::size_t>(alignment), size) != 0) std::abort();
  return counted(memory);
}
void operator delete(void* memory) noexcept {
  discount(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  discount(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  discount(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  discount(memory);
}
#endif

namespace sockeye {
namespace {

constexpr int kInet = 2, kStream = 1;  // AF_INET, SOCK_STREAM
constexpr std::uint16_t kPort = 8080;
[[maybe_unused]] constexpr std::size_t kConnections = 3000;

struct TwoHosts {
  TwoHosts() {
    client.add_interface("eth0", pipe.left(), {{IpAddress::v4(10, 0, 0, 1), 24}});
    server.add_interface("eth0", pipe.right(), {{IpAddress::v4(10, 0, 0, 2), 24}});
    listener = *server.socket(kInet, kStream, 0);
    EXPECT_TRUE(listener->bind({IpAddress::any_v4(), kPort}));
    EXPECT_TRUE(listener->listen(4096));
  }
  ~TwoHosts() {
    for (SocketRef& end : ends) end->close();
    listener->close();
    turn();
  }
  void turn() {
    for (int i = 0; i < 4; ++i) {
      client.poll(now);
      server.poll(now);
    }
  }
  void connect() {
    SocketRef end = *client.socket(kInet, kStream, 0);
    EXPECT_EQ(end->connect(Endpoint{IpAddress::v4(10, 0, 0, 2), kPort}).error(), Errno::inprogress);
    turn();
    SocketRef accepted = *listener->accept();
    ends.push_back(end);
    ends.push_back(accepted);
  }
  void pass(Socket& from, Socket& to) {
    std::byte byte{1};
    const std::array<Bytes, 1> out{Bytes(&byte, 1)};
    EXPECT_EQ(from.send({.buffers = out}).value_or(0), 1u);
    turn();
    const std::array<MutableBytes, 1> in{MutableBytes(&byte, 1)};
    Incoming incoming;
    incoming.buffers = in;
    EXPECT_EQ(to.receive(incoming).value_or(0), 1u);
    turn();
  }
  // Delayed acknowledgments leave, time-outs are disarmed.
  void come_to_rest() {
    now += 1s;
    while (std::min(client.poll(now), server.poll(now)) <= now) {
    }
  }

  Instant now{1s};
  PacketPool pool;
  SeededRng secret{1}, open{2};
  Pipe pipe;
  Stack client{{.name = "client"}, pool, secret, open, now};
  Stack server{{.name = "server"}, pool, secret, open, now};
  SocketRef listener;
  std::vector<SocketRef> ends;
};

#ifdef COUNTS
TEST(IdleMemory, AnEndOfAnEstablishedConnection) {
  TwoHosts hosts;
  hosts.ends.reserve(2 * kConnections + 2);
  hosts.connect();  // pools and tables are there
  hosts.pass(*hosts.ends[0], *hosts.ends[1]);
  hosts.come_to_rest();
  const std::size_t before = live_bytes;
  for (std::size_t i = 0; i < kConnections; ++i) hosts.connect();
  for (std::size_t i = 2; i < hosts.ends.size(); i += 2) {
    hosts.pass(*hosts.ends[i], *hosts.ends[i + 1]);
    hosts.pass(*hosts.ends[i + 1], *hosts.ends[i]);
    hosts.come_to_rest();  // one after the other: what pools keep from a burst belongs to nobody
  }
  const std::size_t per_end = (live_bytes - before) / (2 * kConnections);
  RecordProperty("bytes_per_end", static_cast<int>(per_end));
  EXPECT_LE(per_end, 710u);
  std::printf("%zu bytes an end (goal: 512)\n", per_end);
}

// The data path takes nothing from the system (architecture.md): after the first exchange, none.
TEST(IdleMemory, AnExchangeAllocatesNothing) {
  TwoHosts hosts;
  hosts.connect();
  for (std::size_t i = 0; i < 100; ++i) hosts.pass(*hosts.ends[i % 2], *hosts.ends[1 - i % 2]);
  const std::size_t before = allocations;
  for (std::size_t i = 0; i < 1000; ++i) hosts.pass(*hosts.ends[i % 2], *hosts.ends[1 - i % 2]);
  EXPECT_EQ(allocations, before);
}
#endif

}  // namespace
}  // namespace sockeye
