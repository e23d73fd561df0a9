// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "script.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sockeye::parity {

std::uint16_t Name::port() const {
  return ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

Name address(int family, const char* ip, std::uint16_t port) {
  Name name;
  if (family == AF_INET6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    inet_pton(AF_INET6, ip, &v6.sin6_addr);
    std::memcpy(&name.storage, &v6, name.size = sizeof v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    inet_pton(AF_INET, ip, &v4.sin_addr);
    std::memcpy(&name.storage, &v4, name.size = sizeof v4);
  }
  return name;
}
Name loopback(int family, std::uint16_t port) {
  return address(family, family == AF_INET6 ? "::1" : "127.0.0.1", port);
}
Name anywhere(int family, std::uint16_t port) {
  return address(family, family == AF_INET6 ? "::" : "0.0.0.0", port);
}

std::string error_name(long error) {
  const char* name = strerrorname_np(static_cast<int>(-error));
  return name == nullptr ? std::to_string(error) : name;
}

std::string bits_of(unsigned events) {
  static constexpr struct {
    unsigned bit;
    const char* name;
  } kBits[] = {{POLLIN, "IN"},         {POLLPRI, "PRI"},       {POLLOUT, "OUT"},       {POLLERR, "ERR"},
               {POLLHUP, "HUP"},       {POLLNVAL, "NVAL"},     {POLLRDNORM, "RDNORM"}, {POLLRDBAND, "RDBAND"},
               {POLLWRNORM, "WRNORM"}, {POLLWRBAND, "WRBAND"}, {POLLRDHUP, "RDHUP"}};
  std::string text;
  for (const auto& [bit, name] : kBits)
    if ((events & bit) != 0) text += (text.empty() ? "" : "|") + std::string(name);
  return text;
}

Script::~Script() {
  for (const int fd : opened_) {
    const linger now = {1, 0};
    k.setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    k.close(fd);
  }
}

long Script::note(const std::string& what, long result) {
  note(what + " = " + (result < 0 ? error_name(result) : std::to_string(result)));
  return result;
}

int Script::socket(int family, int type, int protocol) {
  const long fd = k.socket(family, type, protocol);
  note("socket", std::min(fd, 0L));
  if (fd >= 0) opened_.push_back(static_cast<int>(fd));
  return static_cast<int>(fd);
}

int Script::accept(int fd, int flags) {
  const long got = k.accept(fd, nullptr, nullptr, flags);
  note("accept", std::min(got, 0L));
  if (got >= 0) opened_.push_back(static_cast<int>(got));
  return static_cast<int>(got);
}

long Script::send(int fd, std::string_view bytes, int flags) {
  return note("send", k.sendto(fd, bytes.data(), bytes.size(), flags, nullptr, 0));
}
long Script::send_to(int fd, std::string_view bytes, const Name& name, int flags) {
  return note("sendto", k.sendto(fd, bytes.data(), bytes.size(), flags, name.get(), name.size));
}

long Script::receive(int fd, std::size_t room, int flags) {
  std::string bytes(room, '.');
  const long got = k.recvfrom(fd, bytes.data(), room, flags, nullptr, nullptr);
  note("recv", got);
  if (got > 0 && got < 100)
    note("  \"" + bytes.substr(0, std::min<std::size_t>(room, static_cast<std::size_t>(got))) + '"');
  return got;
}

long Script::receive_from(int fd, std::size_t room, int flags) {
  std::string bytes(room, '.');
  Name from;
  from.size = sizeof from.storage;
  const long got =
      k.recvfrom(fd, bytes.data(), room, flags, reinterpret_cast<sockaddr*>(&from.storage), &from.size);
  note("recvfrom", got);
  if (got >= 0)
    note("  family " + std::to_string(from.storage.ss_family) + " size " + std::to_string(from.size));
  return got;
}

long Script::close(int fd) {
  opened_.erase(std::remove(opened_.begin(), opened_.end(), fd), opened_.end());
  return note("close", k.close(fd));
}

long Script::poll(int fd, int events, int timeout) {
  pollfd entry{};
  entry.fd = fd;
  entry.events = static_cast<short>(events);
  const long ready = k.poll(&entry, 1, timeout);
  note("poll = " + (ready < 0 ? error_name(ready) : bits_of(static_cast<unsigned short>(entry.revents))));
  return ready;
}

long Script::option(int fd, int level, int name, const char* label) {
  int value = 0;
  socklen_t size = sizeof value;
  const long result = k.getsockopt(fd, level, name, &value, &size);
  if (result < 0) return note(label, result);
  if (level == SOL_SOCKET && name == SO_ERROR) {
    note(std::string(label) + " is " + (value == 0 ? "0" : error_name(-value)));
    return value;
  }
  return note(std::string(label) + "[" + std::to_string(size) + "]", value);
}

long Script::set(int fd, int level, int name, int value, const char* label) {
  return note("set " + std::string(label), k.setsockopt(fd, level, name, &value, sizeof value));
}

long Script::control(int fd, unsigned long request, const char* label) {
  int value = -1;
  const long result = k.ioctl(fd, request, &value);
  if (result < 0) return note(label, result);
  return note(label, value);
}

void Script::state(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  const long result = k.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
  static constexpr const char* kNames[] = {"?",          "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
                                           "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
                                           "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};
  if (result < 0)
    note("TCP_INFO", result);
  else
    note(std::string("state ") + (info.tcpi_state < 12 ? kNames[info.tcpi_state] : "?"));
}

void Script::names(int fd) {
  for (const bool peer : {false, true}) {
    Name name;
    name.size = sizeof name.storage;
    auto* at = reinterpret_cast<sockaddr*>(&name.storage);
    const long result = peer ? k.getpeername(fd, at, &name.size) : k.getsockname(fd, at, &name.size);
    const char* label = peer ? "getpeername" : "getsockname";
    if (result < 0) {
      note(label, result);
      continue;
    }
    char text[INET6_ADDRSTRLEN] = "?";
    const void* ip =
        name.storage.ss_family == AF_INET6
            ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&name.storage)->sin6_addr)
            : &reinterpret_cast<sockaddr_in*>(&name.storage)->sin_addr;
    inet_ntop(name.storage.ss_family, ip, text, sizeof text);
    note(std::string(label) + " " + text + (name.port() == 0 ? " without" : " with") + " port, size " +
         std::to_string(name.size));
  }
}

Name Script::name_of(int fd) {
  Name name;
  name.size = sizeof name.storage;
  k.getsockname(fd, reinterpret_cast<sockaddr*>(&name.storage), &name.size);
  return name;
}

Name Script::free_port(int family, int type) {
  const auto fd = static_cast<int>(k.socket(family, type, 0));
  const Name any = loopback(family, 0);
  k.bind(fd, any.get(), any.size);
  const Name name = name_of(fd);
  k.close(fd);
  return name;
}

int Script::listener(int family, int backlog, Name* name) {
  const auto fd = static_cast<int>(k.socket(family, SOCK_STREAM, 0));
  opened_.push_back(fd);
  const Name any = loopback(family, 0);
  long result = k.bind(fd, any.get(), any.size);
  if (result == 0) result = k.listen(fd, backlog);
  if (result < 0) note("listener", result);
  if (name != nullptr) *name = name_of(fd);
  return fd;
}

Pair Script::pair(int family) {
  Name name;
  const int listening = listener(family, 8, &name);
  Pair made;
  made.client = static_cast<int>(k.socket(family, SOCK_STREAM, 0));
  opened_.push_back(made.client);
  if (const long result = k.connect(made.client, name.get(), name.size); result < 0) note("pair", result);
  made.server = static_cast<int>(k.accept(listening, nullptr, nullptr, 0));
  if (made.server < 0)
    note("pair", made.server);
  else
    opened_.push_back(made.server);
  opened_.erase(std::remove(opened_.begin(), opened_.end(), listening), opened_.end());
  k.close(listening);
  return made;
}

Pair Script::datagrams(int family) {
  Pair made;
  for (int* fd : {&made.client, &made.server}) {
    *fd = static_cast<int>(k.socket(family, SOCK_DGRAM, 0));
    opened_.push_back(*fd);
    const Name any = loopback(family, 0);
    if (const long result = k.bind(*fd, any.get(), any.size); result < 0) note("datagrams", result);
  }
  const Name name = name_of(made.server);
  if (const long result = k.connect(made.client, name.get(), name.size); result < 0)
    note("datagrams", result);
  return made;
}

void Script::rest() {
  for (int i = 0; i < 32; ++i) k.settle();
}

void Script::nonblocking(int fd) {
  k.fcntl(fd, F_SETFL, O_NONBLOCK);
}

void Script::limit(int fd, int option, int milliseconds) {
  const timeval value = {milliseconds / 1000, milliseconds % 1000 * 1000};
  note("limit", k.setsockopt(fd, SOL_SOCKET, option, &value, sizeof value));
}

void compare(const char* test, void (*script)(Script&)) {
  const std::unique_ptr<Calls> kernel = kernel_calls();
  const std::unique_ptr<Calls> ours = our_calls();
  std::vector<std::string> expected, actual;
  {
    Script run(*kernel);
    script(run);
    expected = run.lines();
  }
  {
    Script run(*ours);
    script(run);
    actual = run.lines();
  }
  ASSERT_FALSE(expected.empty()) << "a script that writes nothing down compares nothing";
  std::string report;
  bool differs = expected.size() != actual.size();
  for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
    const std::string left = i < expected.size() ? expected[i] : "(nothing)";
    const std::string right = i < actual.size() ? actual[i] : "(nothing)";
    if (left == right) {
      report += "          " + left + '\n';
    } else if (const char* reason = known_difference(test, left, right)) {
      report += "  known   " + left + "  |  " + right + "   (" + reason + ")\n";
    } else {
      report += "  DIFFERS " + left + "  |  " + right + '\n';
      differs = true;
    }
  }
  EXPECT_FALSE(differs) << "kernel | sockeye\n" << report;
}

}  // namespace sockeye::parity
