// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A stack inside a program that has its own way to move IP packets: a VPN, an emulator, a tunnel over
// whatever. The program gets every packet a host sends and hands in what the host shall receive. Here
// the "wire" joins two hosts of two *separate* nets by hand and drops every seventh packet, and TCP
// does what it is for. A clock of the program's own replaces the virtual one; both hosts read it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <sockeye/sockeye.hpp>
#include <string>
#include <vector>

namespace {

// Both directions of a wire of 5 ms that loses every seventh packet.
class Wire {
 public:
  static constexpr std::uint64_t kDelay = 5'000'000;

  void send(sk_link* to, const void* packet, std::size_t size, std::uint64_t now) {
    if (++sent_ % 7 == 0) {
      ++lost_;
      return;
    }
    const auto* bytes = static_cast<const char*>(packet);
    under_way_.push_back({now + kDelay, to, std::vector<char>(bytes, bytes + size)});
  }
  // The time of the next arrival.
  std::uint64_t next() const { return under_way_.empty() ? SK_NEVER : under_way_.front().due; }
  void deliver(std::uint64_t now) {
    while (!under_way_.empty() && under_way_.front().due <= now) {
      const Packet& packet = under_way_.front();
      sk_link_input(packet.to, packet.bytes.data(), packet.bytes.size());
      under_way_.pop_front();
    }
  }
  int sent() const { return sent_; }
  int lost() const { return lost_; }

 private:
  struct Packet {
    std::uint64_t due;
    sk_link* to;
    std::vector<char> bytes;
  };
  std::deque<Packet> under_way_;
  int sent_ = 0;
  int lost_ = 0;
};

struct World {
  std::uint64_t now = 0;
  Wire wire;
  sk_net* net_a = nullptr;
  sk_net* net_b = nullptr;
  sk_link* link_a = nullptr;
  sk_link* link_b = nullptr;
  std::uint64_t next_b = SK_NEVER;

  // Net a's calls block; while they wait, this moves the wire, and net b with it.
  static void wait_for_a(void* user, std::uint64_t until) {
    auto& world = *static_cast<World*>(user);
    const std::uint64_t next = std::min({until, world.wire.next(), world.next_b});
    if (next != SK_NEVER && next > world.now) world.now = next;
    world.wire.deliver(world.now);
    world.next_b = sk_net_turn(world.net_b);
  }
};

int serve(sk_stack* stack) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9000);
  const int fd = sk_socket(stack, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (sk_bind(stack, fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    sockeye::throw_errno("bind");
  if (sk_listen(stack, fd, 8) < 0) sockeye::throw_errno("listen");
  return fd;
}

}  // namespace

int main() {
  World world;
  const sk_clock clock_a = {&world, [](void* user) { return static_cast<World*>(user)->now; },
                            World::wait_for_a, 1};
  const sk_clock clock_b = {&world, [](void* user) { return static_cast<World*>(user)->now; },
                            [](void*, std::uint64_t) {}, 1};
  sockeye::Net net_a(1, &clock_a);
  sockeye::Net net_b(2, &clock_b);
  world.net_a = net_a.get();
  world.net_b = net_b.get();
  const sockeye::Host a = net_a.host("a");
  const sockeye::Host b = net_b.host("b");
  world.link_a = sk_link_create(
      a.get(), "192.0.2.1/30", nullptr,
      [](void* user, sk_stack*, const void* packet, size_t size) {
        auto& w = *static_cast<World*>(user);
        w.wire.send(w.link_b, packet, size, w.now);
      },
      &world);
  world.link_b = sk_link_create(
      b.get(), "192.0.2.2/30", nullptr,
      [](void* user, sk_stack*, const void* packet, size_t size) {
        auto& w = *static_cast<World*>(user);
        w.wire.send(w.link_a, packet, size, w.now);
      },
      &world);
  if (world.link_a == nullptr || world.link_b == nullptr) sockeye::throw_errno("sk_link_create");

  const int listener = serve(b.get());
  sockeye::Socket client = a.connect("192.0.2.2", 9000);
  const std::string text(50'000, 'z');
  client.send_all(text);
  client.finish();

  // Net b never blocks: its descriptors are non-blocking, and the world's clock moves while a waits.
  const auto let_time_pass = [&net_a] { sk_net_run(net_a.get(), 1'000'000); };
  int accepted = -1;
  while ((accepted = sk_accept4(b.get(), listener, nullptr, nullptr, SOCK_NONBLOCK)) < 0 && errno == EAGAIN)
    let_time_pass();
  sockeye::Socket server(b.get(), accepted);
  std::size_t received = 0;
  bool finished = false;
  for (int turn = 0; turn < 100'000 && !finished; ++turn) {
    char buffer[4096];
    const ssize_t got = sk_recv(b.get(), server.fd(), buffer, sizeof buffer, 0);
    if (got > 0) received += static_cast<std::size_t>(got);
    finished = got == 0;
    if (got < 0 && errno == EAGAIN) let_time_pass();
    if (got < 0 && errno != EAGAIN) sockeye::throw_errno("recv");
  }
  std::printf("%zu of %zu bytes, %d packets, %d of them lost, %.0f ms\n", received, text.size(),
              world.wire.sent(), world.wire.lost(), static_cast<double>(world.now) / 1e6);
  server.close();
  sk_close(b.get(), listener);
  return received == text.size() && world.wire.lost() > 0 ? 0 : 1;
}
