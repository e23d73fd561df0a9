// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// C++ over sockeye.h, header only: owners that close what they own, std::string_view and std::span for
// bytes, and std::system_error for what fails. Nothing is hidden: get() gives the C handle, and every
// sk_ call can be used beside it.
//
//   sockeye::Net net;
//   sockeye::Host left = net.host("left"), right = net.host("right");
//   net.link(left, "10.0.0.1/24", right, "10.0.0.2/24", {.delay = 20ms});
//   sockeye::Socket listener = right.listen("10.0.0.2", 80);
//   sockeye::Socket client = left.connect("10.0.0.2", 80);
//   sockeye::Socket server = listener.accept();
#ifndef SOCKEYE_SOCKEYE_HPP
#define SOCKEYE_SOCKEYE_HPP

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sockeye/sockeye.h"

// An inline namespace of its own: the library has a sockeye::Socket inside, which is another class.
namespace sockeye {
inline namespace face {

[[noreturn]] inline void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// An address and a port as a sockaddr. "10.0.0.1" or "fd00::1".
class Address {
 public:
  Address(const std::string& ip, std::uint16_t port) {
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      set(v4);
    } else if (inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      set(v6);
    } else {
      throw std::system_error(EINVAL, std::generic_category(), "not an IP address: " + ip);
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }

 private:
  template <class T>
  void set(const T& value) {
    std::memcpy(&storage_, &value, sizeof value);
    size_ = sizeof value;
  }
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// A descriptor of one host; closed when it goes.
class Socket {
 public:
  Socket() = default;
  Socket(sk_stack* stack, int fd) : stack_(stack), fd_(fd) {}
  Socket(Socket&& other) noexcept : stack_(other.stack_), fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      stack_ = other.stack_;
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Socket() { close(); }

  sk_stack* stack() const { return stack_; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) sk_close(stack_, std::exchange(fd_, -1));
  }

  Socket accept() {
    const int fd = sk_accept(stack_, fd_, nullptr, nullptr);
    if (fd < 0) throw_errno("accept");
    return {stack_, fd};
  }
  // All of them, however long it takes.
  void send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = sk_send(stack_, fd_, bytes.data(), bytes.size(), 0);
      if (sent < 0) throw_errno("send");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // What has arrived, at least one byte; empty: the peer has finished.
  std::string receive(std::size_t most = 65536) {
    std::string bytes(most, '\0');
    const ssize_t got = sk_recv(stack_, fd_, bytes.data(), bytes.size(), 0);
    if (got < 0) throw_errno("recv");
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }
  // Fills `room`; false: the peer finished before the first byte. A part is an error.
  bool receive_exactly(std::span<char> room) {
    std::size_t have = 0;
    while (have < room.size()) {
      const ssize_t got = sk_recv(stack_, fd_, room.data() + have, room.size() - have, 0);
      if (got < 0) throw_errno("recv");
      if (got == 0 && have == 0) return false;
      if (got == 0) throw std::system_error(ECONNRESET, std::generic_category(), "the peer finished early");
      have += static_cast<std::size_t>(got);
    }
    return true;
  }
  void finish() {  // SHUT_WR
    if (sk_shutdown(stack_, fd_, SHUT_WR) < 0) throw_errno("shutdown");
  }
  template <class T>
  void set_option(int level, int name, const T& value) {
    if (sk_setsockopt(stack_, fd_, level, name, &value, sizeof value) < 0) throw_errno("setsockopt");
  }

 private:
  sk_stack* stack_ = nullptr;
  int fd_ = -1;
};

// One host of a net. Belongs to the net; this is a name for it.
class Host {
 public:
  explicit Host(sk_stack* stack) : stack_(stack) {}
  sk_stack* get() const { return stack_; }
  std::string_view name() const { return sk_stack_name(stack_); }

  Socket socket(int domain, int type) const {
    const int fd = sk_socket(stack_, domain, type, 0);
    if (fd < 0) throw_errno("socket");
    return {stack_, fd};
  }
  Socket listen(const std::string& ip, std::uint16_t port, int backlog = 128) const {
    const Address address(ip, port);
    Socket made = socket(address.family(), SOCK_STREAM);
    made.set_option(SOL_SOCKET, SO_REUSEADDR, 1);
    if (sk_bind(stack_, made.fd(), address.get(), address.size()) < 0) throw_errno("bind");
    if (sk_listen(stack_, made.fd(), backlog) < 0) throw_errno("listen");
    return made;
  }
  Socket connect(const std::string& ip, std::uint16_t port) const {
    const Address address(ip, port);
    Socket made = socket(address.family(), SOCK_STREAM);
    if (sk_connect(stack_, made.fd(), address.get(), address.size()) < 0) throw_errno("connect");
    return made;
  }
  std::string describe() const {  // a line per socket
    std::string text(sk_stack_describe(stack_, nullptr, 0), '\0');
    sk_stack_describe(stack_, text.data(), text.size() + 1);
    return text;
  }

 private:
  sk_stack* stack_;
};

struct LinkOptions {
  std::chrono::nanoseconds delay{0};
  std::uint32_t mtu = 0;
  bool default_route = false;
  sk_packet_fn tap = nullptr;
  void* user = nullptr;

  sk_link_options to_c() const {
    return {static_cast<std::uint64_t>(delay.count()), mtu, default_route ? 1 : 0, tap, user};
  }
};

// For a net that several threads call; outlives it.
class Threads {
 public:
  Threads() : threads_(sk_threads_create()) {}
  const sk_clock* clock() const { return sk_threads_clock(threads_.get()); }
  const sk_lock* lock() const { return sk_threads_lock(threads_.get()); }

 private:
  struct Destroy {
    void operator()(sk_threads* threads) const { sk_threads_destroy(threads); }
  };
  std::unique_ptr<sk_threads, Destroy> threads_;
};

// Hosts that share a clock. Destroys them, their sockets and their links.
class Net {
 public:
  explicit Net(std::uint64_t seed = 0, const sk_clock* clock = nullptr) {
    const sk_net_options options = {seed, clock, nullptr};
    net_.reset(sk_net_create(&options));
  }
  Net(std::uint64_t seed, const Threads& threads) {
    const sk_net_options options = {seed, threads.clock(), threads.lock()};
    net_.reset(sk_net_create(&options));
  }
  sk_net* get() const { return net_.get(); }

  // `profile`: "linux" (also nullptr) or "rfc", else EINVAL is thrown.
  Host host(const std::string& name, int descriptors_max = 0, bool privileged = false,
            const char* profile = nullptr) {
    const sk_stack_options options = {name.c_str(), descriptors_max, privileged ? 1 : 0, profile};
    sk_stack* const made = sk_stack_create(net_.get(), &options);
    if (made == nullptr) throw_errno("host");
    return Host(made);
  }
  void link(const Host& a, const std::string& addresses_a, const Host& b, const std::string& addresses_b,
            const LinkOptions& options = {}) {
    const sk_link_options c = options.to_c();
    if (sk_link_pair(a.get(), addresses_a.c_str(), b.get(), addresses_b.c_str(), &c) < 0) throw_errno("link");
  }
  std::chrono::nanoseconds now() const {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(sk_net_now(net_.get())));
  }
  void run(std::chrono::nanoseconds duration) {
    sk_net_run(net_.get(), static_cast<std::uint64_t>(duration.count()));
  }

 private:
  struct Destroy {
    void operator()(sk_net* net) const { sk_net_destroy(net); }
  };
  std::unique_ptr<sk_net, Destroy> net_;
};

}  // namespace face
}  // namespace sockeye

#endif
