// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "scripts/calls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "scripts/info_field.h"
#include "scripts/wire.h"

namespace sockeye::scripts {
namespace {

struct Symbol {
  std::string_view name;
  long value;
};
constexpr Symbol kSymbols[] = {
#define SYMBOL(name) \
  { #name, name }
    SYMBOL(SOCK_STREAM),      SYMBOL(IPPROTO_TCP),
    SYMBOL(SOL_TCP),          SYMBOL(SOL_SOCKET),
    SYMBOL(SO_REUSEADDR),     SYMBOL(SO_RCVBUF),
    SYMBOL(SO_SNDBUF),        SYMBOL(SO_ERROR),
    SYMBOL(SO_KEEPALIVE),     SYMBOL(SO_OOBINLINE),
    SYMBOL(TCP_NODELAY),      SYMBOL(TCP_CORK),
    SYMBOL(TCP_MAXSEG),       SYMBOL(TCP_KEEPIDLE),
    SYMBOL(TCP_KEEPINTVL),    SYMBOL(TCP_KEEPCNT),
    SYMBOL(TCP_QUICKACK),     SYMBOL(TCP_USER_TIMEOUT),
    SYMBOL(TCP_DEFER_ACCEPT), SYMBOL(TCP_LINGER2),
    SYMBOL(TCP_SYNCNT),       SYMBOL(TCP_NOTSENT_LOWAT),
    SYMBOL(TCP_WINDOW_CLAMP), SYMBOL(TCP_FASTOPEN),
    SYMBOL(MSG_MORE),         SYMBOL(MSG_OOB),
    SYMBOL(MSG_PEEK),         SYMBOL(MSG_DONTWAIT),
    SYMBOL(MSG_FASTOPEN),     SYMBOL(SHUT_RD),
    SYMBOL(SHUT_WR),          SYMBOL(SHUT_RDWR),
    SYMBOL(F_SETFL),          SYMBOL(F_GETFL),
    SYMBOL(O_NONBLOCK),       SYMBOL(O_RDWR),
    SYMBOL(SIOCINQ),          SYMBOL(SIOCOUTQ),
    SYMBOL(SIOCATMARK),       SYMBOL(POLLIN),
    SYMBOL(POLLOUT),          SYMBOL(POLLPRI),
    SYMBOL(POLLHUP),          SYMBOL(POLLERR),
    SYMBOL(POLLRDHUP),        SYMBOL(EAGAIN),
    SYMBOL(EINPROGRESS),      SYMBOL(ECONNREFUSED),
    SYMBOL(ECONNRESET),       SYMBOL(EPIPE),
    SYMBOL(ETIMEDOUT),        SYMBOL(ENOTCONN),
    SYMBOL(EINVAL),           SYMBOL(EALREADY),
    SYMBOL(EISCONN),          SYMBOL(EHOSTUNREACH),
    SYMBOL(ENOPROTOOPT),      SYMBOL(EADDRINUSE),
    SYMBOL(EDESTADDRREQ),     SYMBOL(EMSGSIZE),
#undef SYMBOL
};

bool is_unready(long answer) {
  return answer == -EAGAIN || answer == -EINPROGRESS || answer == -EALREADY;
}

std::string text_of(long answer) {
  return answer >= 0 ? std::to_string(answer)
                     : "-1 (" + std::string(std::strerror(-static_cast<int>(answer))) + ")";
}

}  // namespace

std::optional<long> value_of(std::string_view text) {
  long all = 0;
  while (!text.empty()) {
    const std::size_t bar = std::min(text.find('|'), text.size());
    const std::string_view word = trim(text.substr(0, bar));
    text.remove_prefix(std::min(bar + 1, text.size()));
    long value = 0;
    const auto [end, bad] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (bad != std::errc() || end != word.data() + word.size()) {
      const auto* symbol = std::find_if(std::begin(kSymbols), std::end(kSymbols),
                                        [&](const Symbol& known) { return known.name == word; });
      if (symbol == std::end(kSymbols)) return std::nullopt;
      value = symbol->value;
    }
    all |= value;
  }
  return all;
}

long Calls::number(const std::string& text, std::string& complaint) const {
  std::string_view word = text;
  if (word.starts_with('[') && word.ends_with(']')) word = word.substr(1, word.size() - 2);
  const auto value = value_of(word);
  if (!value) complaint = "unknown: " + text;
  return value.value_or(0);
}

int Calls::fd(const std::string& text) const {
  const auto found = fds_.find(std::atol(text.c_str()));
  return found == fds_.end() ? -1 : found->second;
}

std::string Calls::make(const Event& event, bool& waits) {
  std::string complaint;
  const long answer = dispatch(event, complaint);
  if (!complaint.empty()) return complaint;
  // connect() again on a connection that has come about in the meantime.
  const bool connected = event.when.returns && event.name == "connect" && answer == -EISCONN;
  waits = event.when.returns && is_unready(answer);
  if (waits) return {};
  const long seen = connected ? 0 : answer;
  const long wanted = event.error.empty() ? number(event.result, complaint) : -number(event.error, complaint);
  if (!complaint.empty()) return complaint;
  const bool opens = event.name == "socket" || event.name == "accept";
  if (opens && wanted >= 0 && seen >= 0) {
    fds_[wanted] = static_cast<int>(seen);
    connection_ = static_cast<int>(seen);
    return {};
  }
  if (seen != wanted) return "answers " + text_of(seen) + ", not " + text_of(wanted);
  return {};
}

long Calls::dispatch(const Event& event, std::string& complaint) {
  const auto& arguments = event.arguments;
  const std::string& name = event.name;
  if (arguments.empty()) {
    complaint = "a call without arguments";
    return 0;
  }
  if (name == "socket" || name == "accept" || name == "bind" || name == "connect") return open(event);
  if (name == "poll") return wait_ready(event, complaint);
  if (name == "setsockopt" || name == "getsockopt" || name == "ioctl") return option(event, complaint);
  if (name == "close") {
    const long answer = process_.close(fd(arguments[0]));
    fds_.erase(std::atol(arguments[0].c_str()));
    return answer;
  }
  const long second = arguments.size() > 1 && arguments[1] != "..." ? number(arguments[1], complaint) : 0;
  if (name == "listen") return process_.listen(fd(arguments[0]), static_cast<int>(second));
  if (name == "shutdown") return process_.shutdown(fd(arguments[0]), static_cast<int>(second));
  if (name == "fcntl") return process_.fcntl(fd(arguments[0]), static_cast<int>(second), O_NONBLOCK);
  return transfer(event);
}

// Sockets never block here: who may wait is asked again by the runner.
long Calls::open(const Event& event) {
  if (event.name == "socket") return process_.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int own = fd(event.arguments[0]);
  if (event.name == "accept") return process_.accept(own, nullptr, nullptr, SOCK_NONBLOCK);
  const bool is_bind = event.name == "bind";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(Wire::kPort);
  address.sin_addr.s_addr = htonl((is_bind ? Wire::local() : Wire::peer()).to_v4());
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  if (is_bind) return process_.bind(own, at, sizeof address);
  connection_ = own;
  return process_.connect(own, at, sizeof address);
}

long Calls::transfer(const Event& event) {
  std::string complaint;
  const auto& arguments = event.arguments;
  if (arguments.size() < 3) return -ENOSYS;
  const int own = fd(arguments[0]);
  const auto size = static_cast<std::size_t>(number(arguments[2], complaint));
  const int flags = arguments.size() > 3 ? static_cast<int>(number(arguments[3], complaint)) : 0;
  std::vector<std::byte> bytes(size);
  if (event.name == "read") return process_.read(own, bytes.data(), size);
  if (event.name == "recv") return process_.receive_from(own, bytes.data(), size, flags, nullptr, nullptr);
  if (event.name == "write") return process_.write(own, bytes.data(), size);
  if (event.name == "send") return process_.send_to(own, bytes.data(), size, flags, nullptr, 0);
  if (event.name != "sendto") return -ENOSYS;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(Wire::kPort);
  address.sin_addr.s_addr = htonl(Wire::peer().to_v4());
  connection_ = own;
  return process_.send_to(own, bytes.data(), size, flags, reinterpret_cast<const sockaddr*>(&address),
                          sizeof address);
}

// setsockopt(FD, LEVEL, NAME, [VALUE], 4), getsockopt(FD, LEVEL, NAME, [EXPECTED], [4]),
// ioctl(FD, REQUEST, [EXPECTED])
long Calls::option(const Event& event, std::string& complaint) {
  const auto& arguments = event.arguments;
  const int own = fd(arguments[0]);
  if (event.name == "ioctl") {
    const long request = number(arguments.at(1), complaint);
    const long wanted = number(arguments.at(2), complaint);
    int value = 0;
    const long answer = process_.ioctl(own, static_cast<unsigned long>(request), &value);
    if (answer == 0 && value != wanted) complaint = arguments[1] + " is " + std::to_string(value);
    return answer;
  }
  if (arguments.size() < 4) {
    complaint = "too few arguments";
    return 0;
  }
  const int level = static_cast<int>(number(arguments[1], complaint));
  const int name = static_cast<int>(number(arguments[2], complaint));
  int value = static_cast<int>(number(arguments[3], complaint));
  if (event.name == "setsockopt") return process_.set_option(own, level, name, &value, sizeof value);
  int seen = 0;
  socklen_t size = sizeof seen;
  const long answer = process_.get_option(own, level, name, &seen, &size);
  if (answer == 0 && seen != value) complaint = arguments[2] + " is " + std::to_string(seen);
  return answer;
}

// poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0): the events expected, exactly.
long Calls::wait_ready(const Event& event, std::string& complaint) {
  std::string_view list = event.arguments[0];
  if (!list.starts_with("[{") || !list.ends_with("}]")) {
    complaint = "poll([{fd=N, events=…, revents=…}], 1, 0)";
    return 0;
  }
  pollfd entry{};
  short wanted = 0;
  for (const std::string& field : split_list(list.substr(2, list.size() - 4))) {
    const std::size_t equals = field.find('=');
    const std::string name = field.substr(0, equals), text = field.substr(equals + 1);
    if (name == "fd") {
      entry.fd = fd(text);
      continue;
    }
    (name == "events" ? entry.events : wanted) = static_cast<short>(number(text, complaint));
  }
  const long answer = process_.poll(&entry, 1, Instant::min());
  if (entry.revents != wanted) complaint = "revents is " + std::to_string(entry.revents);
  return answer;
}

std::string Calls::check(const Event& event) {
  LinuxTcpInfo info;
  socklen_t size = sizeof info;
  if (process_.get_option(connection_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return "no TCP_INFO";
  return compare_info(info, event.text);
}

}  // namespace sockeye::scripts
