// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sockeye.h"

#include <malloc.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "core/rng.h"
#include "harness.h"
#include "link/pipe.h"
#include "stack/stack.h"

namespace sockeye::bench {
namespace {

constexpr int kInet = 2, kStream = 1;    // AF_INET, SOCK_STREAM
constexpr int kTcp = 6, kNodelay = 1;    // IPPROTO_TCP, TCP_NODELAY
constexpr std::uint16_t kListeners = 5;  // each takes as many connections as a client has ports
constexpr std::uint16_t kPort = 8080;    // below 1024 needs the right

Instant real_now() {
  return Instant(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds_now() * 1e9)));
}

// Two hosts and the link between them; the clock is read once per turn, as a program would.
class Pair {
 public:
  explicit Pair(const SockeyeOptions& options)
      : pipe_({.mtu = options.mtu, .checksum_trusted = !options.checksum}),
        client_host_({.name = "client"}, pool_, secret_, open_, real_now()),
        server_host_({.name = "server"}, pool_, secret_, open_, real_now()) {
    client_host_.add_interface("eth0", pipe_.left(), {{IpAddress::v4(10, 0, 0, 1), 24}});
    server_host_.add_interface("eth0", pipe_.right(), {{IpAddress::v4(10, 0, 0, 2), 24}});
    for (std::uint16_t i = 0; i < kListeners; ++i) {
      listeners_[i] = *server_host_.socket(kInet, kStream, 0);
      const auto port = static_cast<std::uint16_t>(kPort + i);
      if (!listeners_[i]->bind({IpAddress::any_v4(), port}) || !listeners_[i]->listen(4096)) std::abort();
    }
  }
  ~Pair() {
    close();
    for (SocketRef& listener : listeners_) listener->close();
    turn();
  }

  void turn() { turn(client_host_, server_host_); }
  // `first` has something to say to `second`.
  static void turn(Stack& first, Stack& second) {
    const Instant now = real_now();
    first.poll(now);
    second.poll(now);
  }

  void connect(std::uint16_t to = 0) {
    client = *client_host_.socket(kInet, kStream, 0);
    const int on = 1;
    const Bytes value(reinterpret_cast<const std::byte*>(&on), sizeof on);
    (void)client->set_option(kTcp, kNodelay, value);
    (void)client->connect(Endpoint{IpAddress::v4(10, 0, 0, 2), static_cast<std::uint16_t>(kPort + to)});
    for (int i = 0; i < 100; ++i) {
      turn();
      if (auto accepted = listeners_[to]->accept()) {
        server = *accepted;
        (void)server->set_option(kTcp, kNodelay, value);
        return;
      }
    }
    std::abort();
  }

  void close() {
    if (client) client->close();
    if (server) server->close();
    client = SocketRef();
    server = SocketRef();
    turn();
    turn();
  }

  static std::size_t send(Socket& socket, Bytes bytes) {
    const std::array<Bytes, 1> buffers{bytes};
    return socket.send({.buffers = buffers}).value_or(0);
  }
  static std::size_t receive(Socket& socket, MutableBytes bytes) {
    const std::array<MutableBytes, 1> buffers{bytes};
    Incoming incoming;
    incoming.buffers = buffers;
    return socket.receive(incoming).value_or(0);
  }

  Stack& client_host() { return client_host_; }
  Stack& server_host() { return server_host_; }
  SocketRef client, server;

 private:
  PacketPool pool_;
  SeededRng secret_{1}, open_{2};
  Pipe pipe_;
  Stack client_host_, server_host_;
  std::array<SocketRef, kListeners> listeners_;
};

}  // namespace

double sockeye_bulk(const SockeyeOptions& options, Effort&& effort) {
  Pair pair(options);
  pair.connect();
  std::vector<std::byte> out(options.write_bytes, std::byte{7}), in(256 * 1024);
  const auto round = [&] {
    std::uint64_t got = 0;
    Pair::send(*pair.client, out);
    pair.turn();
    while (const std::size_t bytes = Pair::receive(*pair.server, in)) got += bytes;
    return got;
  };
  for (int i = 0; i < 200; ++i) round();         // slow start
  const std::size_t segment = options.mtu - 52;  // headers with timestamps
  std::uint64_t bytes = 0;
  while (effort.goes_on(bytes / segment)) {
    for (int i = 0; i < 64; ++i) bytes += round();
  }
  return static_cast<double>(bytes) * 8e-9 / effort.elapsed();
}

double sockeye_round_trip_ns(const SockeyeOptions& options, int connections, Effort&& effort) {
  Pair pair(options);
  std::vector<std::pair<SocketRef, SocketRef>> flows;
  for (int i = 0; i < connections; ++i) {
    pair.connect(static_cast<std::uint16_t>(i % kListeners));
    flows.emplace_back(pair.client, pair.server);
  }
  std::vector<std::byte> message(options.write_bytes, std::byte{1});
  const auto pass = [&](Stack& sender, Socket& from, Stack& receiver, Socket& to) {
    Pair::send(from, message);
    std::size_t got = 0;
    for (int tries = 0; got < message.size(); ++tries) {
      if (tries == 1000) std::abort();
      Pair::turn(sender, receiver);
      got += Pair::receive(to, message);
    }
  };
  std::uint64_t trips = 0;
  std::size_t next = 0;
  while (effort.goes_on(trips)) {
    for (int i = 0; i < 1024; ++i) {
      auto& [client, server] = flows[next];
      if (++next == flows.size()) next = 0;
      pass(pair.client_host(), *client, pair.server_host(), *server);
      pass(pair.server_host(), *server, pair.client_host(), *client);
    }
    trips += 1024;
  }
  for (auto& [client, server] : flows) client->close(), server->close();
  return effort.elapsed() * 1e9 / static_cast<double>(trips);
}

double sockeye_datagrams_per_second(std::size_t bytes, Effort&& effort) {
  constexpr int kDatagram = 2;  // SOCK_DGRAM
  Pair pair({65535, false, bytes});
  SocketRef client = *pair.client_host().socket(kInet, kDatagram, 0);
  SocketRef server = *pair.server_host().socket(kInet, kDatagram, 0);
  const Endpoint at{IpAddress::v4(10, 0, 0, 2), kPort};
  if (!server->bind(at) || !client->connect(at)) std::abort();
  std::vector<std::byte> datagram(bytes, std::byte{1});
  std::uint64_t count = 0;
  while (effort.goes_on(count)) {
    for (int burst = 0; burst < 32; ++burst) {
      for (int i = 0; i < 32; ++i) Pair::send(*client, datagram);
      pair.turn();
      for (int i = 0; i < 32; ++i)
        if (Pair::receive(*server, datagram) != bytes) std::abort();
    }
    count += 1024;
  }
  client->close();
  server->close();
  return static_cast<double>(count) / effort.elapsed();
}

double sockeye_connections_per_second(Effort&& effort) {
  std::optional<Pair> pair;
  pair.emplace(SockeyeOptions{65535, false, 1});
  std::byte byte{1};
  const MutableBytes buffer(&byte, 1);
  std::uint64_t count = 0, since_new = 0;
  while (effort.goes_on(count)) {
    for (int i = 0; i < 64; ++i) {
      pair->connect();
      Pair::send(*pair->client, buffer);
      pair->turn();
      if (Pair::receive(*pair->server, buffer) != 1) std::abort();
      Pair::send(*pair->server, buffer);
      pair->turn();
      pair->turn();
      if (Pair::receive(*pair->client, buffer) != 1) std::abort();
      pair->server->close();  // the server closes first: TIME_WAIT is there, the client's ports stay free
      pair->turn();
      pair->turn();  // the client is polled first: its FIN must not cross the server's
      pair->client->close();
      pair->turn();
      pair->client = pair->server = SocketRef();
    }
    count += 64;
    since_new += 64;
    if (since_new >= 20000) {  // before the client's ports are all held by the server's TIME_WAIT
      pair.emplace(SockeyeOptions{65535, false, 1});
      since_new = 0;
    }
  }
  return static_cast<double>(count) / effort.elapsed();
}

double sockeye_idle_bytes_per_end(int connections) {
  Pair pair({65535, false, 1});
  pair.connect();  // pools warm up outside the measurement
  pair.close();
  std::vector<SocketRef> ends;
  ends.reserve(static_cast<std::size_t>(2 * connections));
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (int i = 0; i < connections; ++i) {
    pair.connect();
    ends.push_back(pair.client);
    ends.push_back(pair.server);
  }
  const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  const double bytes = static_cast<double>(after - before) / (2.0 * connections);
  for (SocketRef& end : ends) end->close();
  pair.client = pair.server = SocketRef();
  ends.clear();
  pair.turn();
  return bytes;
}

}  // namespace sockeye::bench
