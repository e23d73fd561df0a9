// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One table of socket calls, filled once with the kernel's and once with ours. Every entry answers a
// number or a negative errno, so no test can mix up whose errno it reads.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <memory>

namespace sockeye::parity {

class Calls {
 public:
  virtual ~Calls() = default;
  virtual const char* name() const = 0;

  virtual long socket(int domain, int type, int protocol) = 0;
  virtual long bind(int fd, const sockaddr* address, socklen_t size) = 0;
  virtual long listen(int fd, int backlog) = 0;
  virtual long accept(int fd, sockaddr* address, socklen_t* size, int flags) = 0;
  virtual long connect(int fd, const sockaddr* address, socklen_t size) = 0;
  virtual long shutdown(int fd, int how) = 0;
  virtual long getsockname(int fd, sockaddr* address, socklen_t* size) = 0;
  virtual long getpeername(int fd, sockaddr* address, socklen_t* size) = 0;
  virtual long getsockopt(int fd, int level, int option, void* value, socklen_t* size) = 0;
  virtual long setsockopt(int fd, int level, int option, const void* value, socklen_t size) = 0;
  virtual long sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
                      socklen_t to_size) = 0;
  virtual long recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* from_size) = 0;
  virtual long sendmsg(int fd, const msghdr* message, int flags) = 0;
  virtual long recvmsg(int fd, msghdr* message, int flags) = 0;
  virtual long sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) = 0;
  virtual long recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) = 0;
  virtual long read(int fd, void* data, size_t size) = 0;
  virtual long write(int fd, const void* data, size_t size) = 0;
  virtual long readv(int fd, const iovec* parts, int count) = 0;
  virtual long writev(int fd, const iovec* parts, int count) = 0;
  virtual long close(int fd) = 0;
  virtual long dup(int fd) = 0;
  virtual long dup2(int fd, int target) = 0;
  virtual long dup3(int fd, int target, int flags) = 0;
  virtual long fcntl(int fd, int command, long argument) = 0;
  virtual long ioctl(int fd, unsigned long request, void* argument) = 0;
  virtual long poll(pollfd* fds, nfds_t count, int timeout_ms) = 0;
  virtual long select(int count, fd_set* in, fd_set* out, fd_set* except, timeval* timeout) = 0;
  virtual long epoll_create(int flags) = 0;
  virtual long epoll_ctl(int set, int operation, int fd, epoll_event* event) = 0;
  virtual long epoll_wait(int set, epoll_event* events, int room, int timeout_ms) = 0;

  // Lets a moment pass: what is under way on loopback arrives.
  virtual void settle() = 0;
  // Seconds of the clock that the calls wait on.
  virtual double now() = 0;
};

std::unique_ptr<Calls> kernel_calls();
std::unique_ptr<Calls> our_calls();

}  // namespace sockeye::parity
