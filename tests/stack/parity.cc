// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "stack/parity.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "stack/two_hosts.h"

namespace sockeye {

std::string error_name(int error) {
  return std::string(name_of(static_cast<Errno>(error)));
}

namespace {

std::string bits(short events) {
  std::string text;
  for (const auto& [bit, name] : {std::pair{POLLIN, "in "},
                                  {POLLPRI, "pri "},
                                  {POLLOUT, "out "},
                                  {POLLERR, "err "},
                                  {POLLHUP, "hup "},
                                  {POLLRDHUP, "rdhup "}})
    if ((events & bit) != 0) text += name;
  return text.empty() ? "nothing" : text;
}

class Kernel final : public SocketCalls {
 public:
  ~Kernel() override {
    for (int fd : open_) ::close(fd);
  }
  int open(int domain, int type, int protocol) override {
    const int fd = ::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    open_.push_back(fd);
    return fd;
  }
  std::string bind(int fd, const std::string& address, unsigned port) override {
    return with_address(fd, address, port, ::bind);
  }
  std::string listen(int fd, int backlog) override { return outcome(::listen(fd, backlog)); }
  std::string connect(int fd, const std::string& address, unsigned port) override {
    return with_address(fd, address, port, ::connect);
  }
  std::string dissolve(int fd) override {
    sockaddr unspecified{};
    return outcome(::connect(fd, &unspecified, sizeof unspecified));
  }
  int accept(int fd) override {
    const int child = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (child < 0) return -errno;
    open_.push_back(child);
    return child;
  }
  std::string send(int fd, const std::string& text, int flags) override {
    return count(::send(fd, text.data(), text.size(), flags | MSG_NOSIGNAL));
  }
  std::string send_to(int fd, const std::string& text, const std::string& address, unsigned port) override {
    sockaddr_storage to;
    const socklen_t size = fill(family_of(fd), address, port, to);
    return count(
        ::sendto(fd, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to), size));
  }
  std::string receive(int fd, std::size_t room, int flags) override {
    std::string text(room, '\0');
    const ssize_t got = ::recv(fd, text.data(), room, flags);
    if (got < 0) return error_name(errno);
    return '"' + text.substr(0, std::min(room, static_cast<std::size_t>(got))) + "\" " + std::to_string(got);
  }
  std::string shutdown(int fd, int how) override { return outcome(::shutdown(fd, how)); }
  void close(int fd) override {
    ::close(fd);
    std::erase(open_, fd);
  }
  std::string set(int fd, int level, int name, int value, unsigned bytes) override {
    return outcome(::setsockopt(fd, level, name, &value, bytes));
  }
  std::string get(int fd, int level, int name) override {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, name, &value, &size) != 0) return error_name(errno);
    return std::to_string(value);
  }
  std::string poll(int fd) override { return bits(poll_now(fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0)); }
  void wait(int fd, short events) override { (void)poll_now(fd, events, 2000); }
  std::string local_address(int fd) override {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return error_name(errno);
    return text_of(name);
  }
  unsigned local_port(int fd) override {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    (void)::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    return port_of(name);
  }
  std::string peer(int fd) override {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return error_name(errno);
    return text_of(name);
  }

 private:
  static std::string outcome(int result) { return result == 0 ? "ok" : error_name(errno); }
  static std::string count(ssize_t result) {
    return result >= 0 ? std::to_string(result) : error_name(errno);
  }
  static short poll_now(int fd, short events, int timeout) {
    pollfd item{fd, events, 0};
    (void)::poll(&item, 1, timeout);
    return item.revents;
  }
  static int family_of(int fd) {
    int family = 0;
    socklen_t size = sizeof family;
    (void)::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return family;
  }
  // An IPv4 address for an AF_INET6 socket is given in its mapped form.
  static socklen_t fill(int family, const std::string& address, unsigned port, sockaddr_storage& out) {
    std::memset(&out, 0, sizeof out);
    if (family == AF_INET) {
      auto& in = reinterpret_cast<sockaddr_in&>(out);
      in.sin_family = AF_INET;
      in.sin_port = htons(static_cast<std::uint16_t>(port));
      EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &in.sin_addr), 1) << address;
      return sizeof in;
    }
    auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(static_cast<std::uint16_t>(port));
    const std::string text = address.find(':') == std::string::npos ? "::ffff:" + address : address;
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr), 1) << address;
    return sizeof in6;
  }
  static std::string with_address(int fd, const std::string& address, unsigned port,
                                  int (*call)(int, const sockaddr*, socklen_t)) {
    sockaddr_storage to;
    const socklen_t size = fill(family_of(fd), address, port, to);
    return outcome(call(fd, reinterpret_cast<sockaddr*>(&to), size));
  }
  static std::string text_of(const sockaddr_storage& name) {
    if (name.ss_family == AF_INET)
      return IpAddress::v4(ntohl(reinterpret_cast<const sockaddr_in&>(name).sin_addr.s_addr)).to_string();
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(name).sin6_addr, bytes.size());
    return IpAddress::v6(bytes).to_string();
  }
  static unsigned port_of(const sockaddr_storage& name) {
    return ntohs(name.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(name).sin_port
                                           : reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
  }

  std::vector<int> open_;
};

class Ours final : public SocketCalls {
 public:
  Ours() : host_({}, pool_, 7) { host_.stack.set_privileged(::geteuid() == 0); }

  int open(int domain, int type, int protocol) override {
    auto made = host_.stack.socket(domain, type, protocol);
    if (!made) return -to_int(made.error());
    sockets_[++last_] = *made;
    return last_;
  }
  std::string bind(int s, const std::string& address, unsigned port) override {
    return outcome(sockets_[s]->bind(end(address, port)));
  }
  std::string listen(int s, int backlog) override { return outcome(sockets_[s]->listen(backlog)); }
  std::string connect(int s, const std::string& address, unsigned port) override {
    const std::string text = outcome(sockets_[s]->connect(end(address, port)));
    settle();
    return text;
  }
  std::string dissolve(int s) override {
    const std::string text = outcome(sockets_[s]->connect(std::nullopt));
    settle();
    return text;
  }
  int accept(int s) override {
    auto made = sockets_[s]->accept();
    if (!made) return -to_int(made.error());
    sockets_[++last_] = *made;
    return last_;
  }
  std::string send(int s, const std::string& text, int flags) override {
    return transmit(s, text, std::nullopt, flags);
  }
  std::string send_to(int s, const std::string& text, const std::string& address, unsigned port) override {
    return transmit(s, text, end(address, port), 0);
  }
  std::string receive(int s, std::size_t room, int flags) override {
    std::string text(room, '\0');
    const MutableBytes bytes(reinterpret_cast<std::byte*>(text.data()), text.size());
    Incoming message;
    message.buffers = {&bytes, 1};
    message.flags = flags | MessageFlags::kDontWait;
    const auto got = sockets_[s]->receive(message);
    settle();
    if (!got) return std::string(name_of(got.error()));
    return '"' + text.substr(0, std::min(room, *got)) + "\" " + std::to_string(*got);
  }
  std::string shutdown(int s, int how) override {
    const std::string text = outcome(sockets_[s]->shutdown(how));
    settle();
    return text;
  }
  void close(int s) override {
    sockets_[s]->close();
    sockets_.erase(s);
    settle();
  }
  std::string set(int s, int level, int name, int value, unsigned bytes) override {
    return outcome(sockets_[s]->set_option(level, name, Bytes(reinterpret_cast<std::byte*>(&value), bytes)));
  }
  std::string get(int s, int level, int name) override {
    int value = 0;
    const auto got =
        sockets_[s]->get_option(level, name, {reinterpret_cast<std::byte*>(&value), sizeof value});
    return got ? std::to_string(value) : std::string(name_of(got.error()));
  }
  std::string poll(int s) override { return bits(static_cast<short>(sockets_[s]->readiness())); }
  void wait(int, short) override { settle(); }
  std::string local_address(int s) override { return sockets_[s]->local().address.to_string(); }
  unsigned local_port(int s) override { return sockets_[s]->local().port; }
  std::string peer(int s) override {
    const auto remote = sockets_[s]->remote();
    return remote ? remote->address.to_string() : "ENOTCONN";
  }

 private:
  static Endpoint end(const std::string& address, unsigned port) { return at(address, port); }
  template <class T>
  static std::string outcome(const Result<T>& result) {
    return result ? "ok" : std::string(name_of(result.error()));
  }
  std::string transmit(int s, const std::string& text, std::optional<Endpoint> to, int flags) {
    const Bytes bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
    Outgoing message;
    message.buffers = {&bytes, 1};
    message.to = to;
    message.flags = flags;
    const auto done = sockets_[s]->send(message);
    settle();
    return done ? std::to_string(*done) : std::string(name_of(done.error()));
  }
  void settle() {
    for (int i = 0; i < 1000; ++i)
      if (host_.stack.poll(now_) > now_) return;
    ADD_FAILURE() << "no rest";
  }

  PacketPool pool_;
  HostUnderTest host_;
  Instant now_{1s};
  std::map<int, SocketRef> sockets_;
  int last_ = 0;
};

}  // namespace

std::unique_ptr<SocketCalls> kernel_calls() {
  return std::make_unique<Kernel>();
}
std::unique_ptr<SocketCalls> our_calls() {
  return std::make_unique<Ours>();
}

unsigned unused_port() {
  Kernel kernel;
  const int probe = kernel.open(AF_INET6, SOCK_STREAM, 0);
  (void)kernel.bind(probe, "::", 0);
  return kernel.local_port(probe);
}

}  // namespace sockeye
