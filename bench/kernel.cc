// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "harness.h"

namespace sockeye::bench {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

void tune(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

struct Listener {
  int fd;
  sockaddr_in address{};
  Listener() : fd(socket(AF_INET, SOCK_STREAM, 0)) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      close(fd);
      fd = -1;
    }
  }
  ~Listener() { close(fd); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Blocking connect to a listening loopback socket completes at once.
  bool pair(int& client, int& server) const {
    client = socket(AF_INET, SOCK_STREAM, 0);
    tune(client);
    server = -1;
    if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      server = accept(fd, nullptr, nullptr);
    if (server >= 0) tune(server);
    return server >= 0;
  }
};

long slab_kib() {
  std::FILE* file = std::fopen("/proc/meminfo", "r");
  if (file == nullptr) return -1;
  char line[128];
  long value = -1;
  while (std::fgets(line, sizeof line, file) != nullptr)
    if (std::sscanf(line, "Slab: %ld kB", &value) == 1) break;
  std::fclose(file);
  return value;
}

}  // namespace

double kernel_bulk(std::size_t write_bytes, double seconds) {
  Listener listener;
  int a = -1, b = -1;
  if (!listener.pair(a, b)) return -1;
  Descriptor client(a), server(b);
  fcntl(a, F_SETFL, O_NONBLOCK);
  fcntl(b, F_SETFL, O_NONBLOCK);
  std::vector<char> out(write_bytes, 'x'), in(256 * 1024);
  const double begin = seconds_now();
  double now = begin;
  std::uint64_t bytes = 0;
  while (now - begin < seconds) {
    for (int i = 0; i < 64; ++i) {
      (void)!write(a, out.data(), out.size());
      const ssize_t got = read(b, in.data(), in.size());
      if (got > 0) bytes += static_cast<std::uint64_t>(got);
    }
    now = seconds_now();
  }
  return static_cast<double>(bytes) * 8e-9 / (now - begin);
}

double kernel_round_trip_ns(std::size_t message_bytes, double seconds) {
  Listener listener;
  int a = -1, b = -1;
  if (!listener.pair(a, b)) return -1;
  Descriptor client(a), server(b);
  fcntl(a, F_SETFL, O_NONBLOCK);
  fcntl(b, F_SETFL, O_NONBLOCK);
  const double begin = seconds_now();
  double now = begin;
  std::uint64_t trips = 0;
  std::vector<char> message(message_bytes, 'x');
  const auto pass = [&](int from, int to) {
    (void)!write(from, message.data(), message_bytes);
    for (std::size_t got = 0; got < message_bytes;) {
      const ssize_t bytes = read(to, message.data(), message_bytes);
      if (bytes > 0) got += static_cast<std::size_t>(bytes);
    }
  };
  while (now - begin < seconds) {
    for (int i = 0; i < 256; ++i) {
      pass(a, b);
      pass(b, a);
    }
    trips += 256;
    now = seconds_now();
  }
  return (now - begin) * 1e9 / static_cast<double>(trips);
}

double kernel_datagrams_per_second(std::size_t bytes, double seconds) {
  Descriptor client(socket(AF_INET, SOCK_DGRAM, 0)), server(socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(server.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) != 0)
    return -1;
  std::vector<char> datagram(bytes, 'x');
  const double begin = seconds_now();
  double now = begin;
  std::uint64_t count = 0;
  while (now - begin < seconds) {
    for (int i = 0; i < 256; ++i) {
      if (send(client.get(), datagram.data(), bytes, 0) != static_cast<ssize_t>(bytes) ||
          recv(server.get(), datagram.data(), bytes, 0) != static_cast<ssize_t>(bytes))
        return -1;
    }
    count += 256;
    now = seconds_now();
  }
  return static_cast<double>(count) / (now - begin);
}

double kernel_connections_per_second(double seconds) {
  Listener listener;
  const double begin = seconds_now();
  double now = begin;
  std::uint64_t count = 0;
  while (now - begin < seconds) {
    for (int i = 0; i < 32; ++i) {
      int a = -1, b = -1;
      if (!listener.pair(a, b)) return count > 0 ? static_cast<double>(count) / (now - begin) : -1;
      Descriptor client(a), server(b);
      char byte = 1;
      if (write(a, &byte, 1) != 1 || read(b, &byte, 1) != 1 || write(b, &byte, 1) != 1 ||
          read(a, &byte, 1) != 1)
        return -1;
      // The accepting end closes first, so TIME_WAIT does not eat the client's ports.
      shutdown(b, SHUT_WR);
      ++count;
    }
    now = seconds_now();
  }
  return static_cast<double>(count) / (now - begin);
}

double kernel_idle_bytes_per_end(int connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < static_cast<rlim_t>(2 * connections + 64)) return -1;
  Listener listener;
  std::vector<int> ends;
  ends.reserve(static_cast<std::size_t>(2 * connections));
  const long before = slab_kib();
  bool complete = before >= 0;
  for (int i = 0; i < connections && complete; ++i) {
    int a = -1, b = -1;
    complete = listener.pair(a, b);
    ends.push_back(a);
    ends.push_back(b);
  }
  const long after = slab_kib();
  for (const int fd : ends) close(fd);
  if (!complete || after < 0) return -1;
  return static_cast<double>(after - before) * 1024 / (2.0 * connections);
}

}  // namespace sockeye::bench
