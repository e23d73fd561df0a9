// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The C face of sockets: a negative errno becomes -1 and errno. What each call does stands in
// posix/process.h.
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "posix/handles.h"
#include "sockeye/sockeye.h"

namespace {

using sockeye::Duration;
using sockeye::Instant;
using sockeye::posix::Process;

// The descriptor table of a handle; a null handle is the caller's mistake.
template <class Call>
long on(sk_stack* stack, Call call) {
  const auto inside = [&] {
    const Inside one_at_a_time(stack->net);
    return call(stack->host.process);
  };
  const long result = stack == nullptr ? -EINVAL : inside();
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}
template <class Call>
int int_on(sk_stack* stack, Call call) {
  return static_cast<int>(on(stack, call));
}

}  // namespace

int sk_socket(sk_stack* stack, int domain, int type, int protocol) {
  return int_on(stack, [&](Process& p) { return p.socket(domain, type, protocol); });
}
int sk_bind(sk_stack* stack, int fd, const sockaddr* address, socklen_t size) {
  return int_on(stack, [&](Process& p) { return p.bind(fd, address, size); });
}
int sk_listen(sk_stack* stack, int fd, int backlog) {
  return int_on(stack, [&](Process& p) { return p.listen(fd, backlog); });
}
int sk_accept(sk_stack* stack, int fd, sockaddr* address, socklen_t* size) {
  return sk_accept4(stack, fd, address, size, 0);
}
int sk_accept4(sk_stack* stack, int fd, sockaddr* address, socklen_t* size, int flags) {
  return int_on(stack, [&](Process& p) { return p.accept(fd, address, size, flags); });
}
int sk_connect(sk_stack* stack, int fd, const sockaddr* address, socklen_t size) {
  return int_on(stack, [&](Process& p) { return p.connect(fd, address, size); });
}
int sk_shutdown(sk_stack* stack, int fd, int how) {
  return int_on(stack, [&](Process& p) { return p.shutdown(fd, how); });
}
int sk_getsockname(sk_stack* stack, int fd, sockaddr* address, socklen_t* size) {
  return int_on(stack, [&](Process& p) { return p.get_socket_name(fd, address, size); });
}
int sk_getpeername(sk_stack* stack, int fd, sockaddr* address, socklen_t* size) {
  return int_on(stack, [&](Process& p) { return p.get_peer_name(fd, address, size); });
}
int sk_getsockopt(sk_stack* stack, int fd, int level, int name, void* value, socklen_t* size) {
  return int_on(stack, [&](Process& p) { return p.get_option(fd, level, name, value, size); });
}
int sk_setsockopt(sk_stack* stack, int fd, int level, int name, const void* value, socklen_t size) {
  return int_on(stack, [&](Process& p) { return p.set_option(fd, level, name, value, size); });
}

ssize_t sk_send(sk_stack* stack, int fd, const void* data, size_t size, int flags) {
  return sk_sendto(stack, fd, data, size, flags, nullptr, 0);
}
ssize_t sk_sendto(sk_stack* stack, int fd, const void* data, size_t size, int flags, const sockaddr* address,
                  socklen_t address_size) {
  return on(stack, [&](Process& p) { return p.send_to(fd, data, size, flags, address, address_size); });
}
ssize_t sk_sendmsg(sk_stack* stack, int fd, const msghdr* message, int flags) {
  return on(stack, [&](Process& p) { return p.send_message(fd, message, flags); });
}
ssize_t sk_recv(sk_stack* stack, int fd, void* data, size_t size, int flags) {
  return sk_recvfrom(stack, fd, data, size, flags, nullptr, nullptr);
}
ssize_t sk_recvfrom(sk_stack* stack, int fd, void* data, size_t size, int flags, sockaddr* address,
                    socklen_t* address_size) {
  return on(stack, [&](Process& p) { return p.receive_from(fd, data, size, flags, address, address_size); });
}
ssize_t sk_recvmsg(sk_stack* stack, int fd, msghdr* message, int flags) {
  return on(stack, [&](Process& p) { return p.receive_message(fd, message, flags); });
}
int sk_sendmmsg(sk_stack* stack, int fd, mmsghdr* messages, unsigned count, int flags) {
  return int_on(stack, [&](Process& p) { return p.send_messages(fd, messages, count, flags); });
}
int sk_recvmmsg(sk_stack* stack, int fd, mmsghdr* messages, unsigned count, int flags,
                const timespec* timeout) {
  return int_on(stack, [&](Process& p) -> long {
    constexpr std::int64_t kSecond = 1'000'000'000;
    if (timeout == nullptr) return p.receive_messages(fd, messages, count, flags, sockeye::kNever);
    if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= kSecond) return -EINVAL;
    const Duration limit = std::chrono::seconds(std::min<std::int64_t>(timeout->tv_sec, kSecond)) +
                           std::chrono::nanoseconds(timeout->tv_nsec);
    return p.receive_messages(fd, messages, count, flags, p.after(limit));
  });
}
ssize_t sk_read(sk_stack* stack, int fd, void* data, size_t size) {
  return on(stack, [&](Process& p) { return p.read(fd, data, size); });
}
ssize_t sk_write(sk_stack* stack, int fd, const void* data, size_t size) {
  return on(stack, [&](Process& p) { return p.write(fd, data, size); });
}
ssize_t sk_readv(sk_stack* stack, int fd, const iovec* parts, int count) {
  return on(stack, [&](Process& p) { return p.readv(fd, parts, count); });
}
ssize_t sk_writev(sk_stack* stack, int fd, const iovec* parts, int count) {
  return on(stack, [&](Process& p) { return p.writev(fd, parts, count); });
}

int sk_close(sk_stack* stack, int fd) {
  return int_on(stack, [&](Process& p) { return p.close(fd); });
}
int sk_dup(sk_stack* stack, int fd) {
  return int_on(stack, [&](Process& p) { return p.dup(fd); });
}
int sk_dup2(sk_stack* stack, int fd, int target) {
  return int_on(stack, [&](Process& p) { return p.dup2(fd, target); });
}
int sk_dup3(sk_stack* stack, int fd, int target, int flags) {
  return int_on(stack, [&](Process& p) { return p.dup3(fd, target, flags); });
}
int sk_fcntl(sk_stack* stack, int fd, int command, long argument) {
  return int_on(stack, [&](Process& p) { return p.fcntl(fd, command, argument); });
}
int sk_ioctl(sk_stack* stack, int fd, unsigned long request, void* argument) {
  return int_on(stack, [&](Process& p) { return p.ioctl(fd, request, argument); });
}

int sk_poll(sk_stack* stack, pollfd* fds, nfds_t count, int timeout_ms) {
  return int_on(stack, [&](Process& p) { return p.poll(fds, count, p.after_ms(timeout_ms)); });
}
int sk_select(sk_stack* stack, int count, fd_set* in, fd_set* out, fd_set* except, const timeval* timeout) {
  return int_on(stack, [&](Process& p) -> long {
    if (timeout == nullptr) return p.select(count, in, out, except, sockeye::kNever);
    if (timeout->tv_sec < 0 || timeout->tv_usec < 0) return -EINVAL;
    constexpr std::int64_t kLongest = 1'000'000'000;  // seconds; no overflow, and nobody waits 31 years
    const Duration limit = std::chrono::seconds(std::min<std::int64_t>(timeout->tv_sec, kLongest)) +
                           std::chrono::microseconds(timeout->tv_usec);
    return p.select(count, in, out, except, limit == Duration::zero() ? Instant::min() : p.after(limit));
  });
}
int sk_epoll_create1(sk_stack* stack, int flags) {
  return int_on(stack, [&](Process& p) { return p.epoll_create(flags); });
}
int sk_epoll_ctl(sk_stack* stack, int set, int operation, int fd, epoll_event* event) {
  return int_on(stack, [&](Process& p) { return p.epoll_control(set, operation, fd, event); });
}
int sk_epoll_wait(sk_stack* stack, int set, epoll_event* events, int room, int timeout_ms) {
  return int_on(stack, [&](Process& p) { return p.epoll_wait(set, events, room, p.after_ms(timeout_ms)); });
}
