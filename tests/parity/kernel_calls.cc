// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The oracle: the calls of the kernel that runs the test.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "calls.h"

namespace sockeye::parity {
namespace {

long answer(long result) {
  return result < 0 ? -errno : result;
}

class KernelCalls final : public Calls {
 public:
  KernelCalls() { ::signal(SIGPIPE, SIG_IGN); }
  const char* name() const override { return "kernel"; }

  long socket(int domain, int type, int protocol) override {
    return answer(::socket(domain, type, protocol));
  }
  long bind(int fd, const sockaddr* address, socklen_t size) override {
    return answer(::bind(fd, address, size));
  }
  long listen(int fd, int backlog) override { return answer(::listen(fd, backlog)); }
  long accept(int fd, sockaddr* address, socklen_t* size, int flags) override {
    return answer(::accept4(fd, address, size, flags));
  }
  long connect(int fd, const sockaddr* address, socklen_t size) override {
    return answer(::connect(fd, address, size));
  }
  long shutdown(int fd, int how) override { return answer(::shutdown(fd, how)); }
  long getsockname(int fd, sockaddr* address, socklen_t* size) override {
    return answer(::getsockname(fd, address, size));
  }
  long getpeername(int fd, sockaddr* address, socklen_t* size) override {
    return answer(::getpeername(fd, address, size));
  }
  long getsockopt(int fd, int level, int option, void* value, socklen_t* size) override {
    return answer(::getsockopt(fd, level, option, value, size));
  }
  long setsockopt(int fd, int level, int option, const void* value, socklen_t size) override {
    return answer(::setsockopt(fd, level, option, value, size));
  }
  long sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
              socklen_t to_size) override {
    return answer(::sendto(fd, data, size, flags, to, to_size));
  }
  long recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* from_size) override {
    return answer(::recvfrom(fd, data, size, flags, from, from_size));
  }
  long sendmsg(int fd, const msghdr* message, int flags) override {
    return answer(::sendmsg(fd, message, flags));
  }
  long recvmsg(int fd, msghdr* message, int flags) override { return answer(::recvmsg(fd, message, flags)); }
  long sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) override {
    return answer(::sendmmsg(fd, messages, count, flags));
  }
  long recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) override {
    return answer(::recvmmsg(fd, messages, count, flags, timeout));
  }
  long read(int fd, void* data, size_t size) override { return answer(::read(fd, data, size)); }
  long write(int fd, const void* data, size_t size) override { return answer(::write(fd, data, size)); }
  long readv(int fd, const iovec* parts, int count) override { return answer(::readv(fd, parts, count)); }
  long writev(int fd, const iovec* parts, int count) override { return answer(::writev(fd, parts, count)); }
  long close(int fd) override { return answer(::close(fd)); }
  long dup(int fd) override { return answer(::dup(fd)); }
  long dup2(int fd, int target) override { return answer(::dup2(fd, target)); }
  long dup3(int fd, int target, int flags) override { return answer(::dup3(fd, target, flags)); }
  long fcntl(int fd, int command, long argument) override { return answer(::fcntl(fd, command, argument)); }
  long ioctl(int fd, unsigned long request, void* argument) override {
    return answer(::ioctl(fd, request, argument));
  }
  long poll(pollfd* fds, nfds_t count, int timeout_ms) override {
    return answer(::poll(fds, count, timeout_ms));
  }
  long select(int count, fd_set* in, fd_set* out, fd_set* except, timeval* timeout) override {
    return answer(::select(count, in, out, except, timeout));
  }
  long epoll_create(int flags) override { return answer(::epoll_create1(flags)); }
  long epoll_ctl(int set, int operation, int fd, epoll_event* event) override {
    return answer(::epoll_ctl(set, operation, fd, event));
  }
  long epoll_wait(int set, epoll_event* events, int room, int timeout_ms) override {
    return answer(::epoll_wait(set, events, room, timeout_ms));
  }

  void settle() override { ::usleep(1500); }
  double now() override {
    timespec value{};
    clock_gettime(CLOCK_MONOTONIC, &value);
    return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_nsec) / 1e9;
  }
};

}  // namespace

std::unique_ptr<Calls> kernel_calls() {
  return std::make_unique<KernelCalls>();
}

}  // namespace sockeye::parity
