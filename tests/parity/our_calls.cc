// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Our calls, through the C face, on one host in virtual time.
#include <unistd.h>

#include <cerrno>

#include "calls.h"
#include "sockeye/sockeye.h"

namespace sockeye::parity {
namespace {

long answer(long result) {
  return result < 0 ? -errno : result;
}

class OurCalls final : public Calls {
 public:
  OurCalls() : net_(sk_net_create(nullptr)) {
    sk_stack_options options{};
    options.privileged = geteuid() == 0 ? 1 : 0;
    stack_ = sk_stack_create(net_, &options);
  }
  OurCalls(const OurCalls&) = delete;
  OurCalls& operator=(const OurCalls&) = delete;
  ~OurCalls() override { sk_net_destroy(net_); }
  const char* name() const override { return "sockeye"; }

  long socket(int domain, int type, int protocol) override {
    return answer(sk_socket(stack_, domain, type, protocol));
  }
  long bind(int fd, const sockaddr* address, socklen_t size) override {
    return answer(sk_bind(stack_, fd, address, size));
  }
  long listen(int fd, int backlog) override { return answer(sk_listen(stack_, fd, backlog)); }
  long accept(int fd, sockaddr* address, socklen_t* size, int flags) override {
    return answer(sk_accept4(stack_, fd, address, size, flags));
  }
  long connect(int fd, const sockaddr* address, socklen_t size) override {
    return answer(sk_connect(stack_, fd, address, size));
  }
  long shutdown(int fd, int how) override { return answer(sk_shutdown(stack_, fd, how)); }
  long getsockname(int fd, sockaddr* address, socklen_t* size) override {
    return answer(sk_getsockname(stack_, fd, address, size));
  }
  long getpeername(int fd, sockaddr* address, socklen_t* size) override {
    return answer(sk_getpeername(stack_, fd, address, size));
  }
  long getsockopt(int fd, int level, int option, void* value, socklen_t* size) override {
    return answer(sk_getsockopt(stack_, fd, level, option, value, size));
  }
  long setsockopt(int fd, int level, int option, const void* value, socklen_t size) override {
    return answer(sk_setsockopt(stack_, fd, level, option, value, size));
  }
  long sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
              socklen_t to_size) override {
    return answer(sk_sendto(stack_, fd, data, size, flags, to, to_size));
  }
  long recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* from_size) override {
    return answer(sk_recvfrom(stack_, fd, data, size, flags, from, from_size));
  }
  long sendmsg(int fd, const msghdr* message, int flags) override {
    return answer(sk_sendmsg(stack_, fd, message, flags));
  }
  long recvmsg(int fd, msghdr* message, int flags) override {
    return answer(sk_recvmsg(stack_, fd, message, flags));
  }
  long sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) override {
    return answer(sk_sendmmsg(stack_, fd, messages, count, flags));
  }
  long recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) override {
    return answer(sk_recvmmsg(stack_, fd, messages, count, flags, timeout));
  }
  long read(int fd, void* data, size_t size) override { return answer(sk_read(stack_, fd, data, size)); }
  long write(int fd, const void* data, size_t size) override {
    return answer(sk_write(stack_, fd, data, size));
  }
  long readv(int fd, const iovec* parts, int count) override {
    return answer(sk_readv(stack_, fd, parts, count));
  }
  long writev(int fd, const iovec* parts, int count) override {
    return answer(sk_writev(stack_, fd, parts, count));
  }
  long close(int fd) override { return answer(sk_close(stack_, fd)); }
  long dup(int fd) override { return answer(sk_dup(stack_, fd)); }
  long dup2(int fd, int target) override { return answer(sk_dup2(stack_, fd, target)); }
  long dup3(int fd, int target, int flags) override { return answer(sk_dup3(stack_, fd, target, flags)); }
  long fcntl(int fd, int command, long argument) override {
    return answer(sk_fcntl(stack_, fd, command, argument));
  }
  long ioctl(int fd, unsigned long request, void* argument) override {
    return answer(sk_ioctl(stack_, fd, request, argument));
  }
  long poll(pollfd* fds, nfds_t count, int timeout_ms) override {
    return answer(sk_poll(stack_, fds, count, timeout_ms));
  }
  long select(int count, fd_set* in, fd_set* out, fd_set* except, timeval* timeout) override {
    return answer(sk_select(stack_, count, in, out, except, timeout));
  }
  long epoll_create(int flags) override { return answer(sk_epoll_create1(stack_, flags)); }
  long epoll_ctl(int set, int operation, int fd, epoll_event* event) override {
    return answer(sk_epoll_ctl(stack_, set, operation, fd, event));
  }
  long epoll_wait(int set, epoll_event* events, int room, int timeout_ms) override {
    return answer(sk_epoll_wait(stack_, set, events, room, timeout_ms));
  }

  void settle() override { sk_net_run(net_, 1'500'000); }
  double now() override { return static_cast<double>(sk_net_now(net_)) / 1e9; }

 private:
  sk_net* net_;
  sk_stack* stack_ = nullptr;
};

}  // namespace

std::unique_ptr<Calls> our_calls() {
  return std::make_unique<OurCalls>();
}

}  // namespace sockeye::parity
