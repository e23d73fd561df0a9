// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a process is to its kernel, as far as sockets go: a descriptor table, and the calls. Every call
// answers as the system call does: a number >= 0, or a negative errno (posix/calls.cc makes -1 and
// errno of it). One thread; several processes may share a stack.
//
// Blocking calls are operations on a ring: tried, parked, and while they wait the Turner turns the
// world. A call that can never complete (virtual time, nothing under way, no time limit) answers
// EDEADLK instead of hanging for ever. A call that waits holds its open file, so that another thread
// (drivers/threads.h) may close the descriptor meanwhile. Each call also lets the stack do what is due, so
// packets leave at once and a program that never blocks still moves.
//
// Differences from Linux, on purpose: no signals, so EPIPE never raises SIGPIPE (MSG_NOSIGNAL is
// accepted) and nothing is EINTR; a bad pointer is only noticed when it is null; MSG_ flags that we do
// not have are EOPNOTSUPP instead of ignored; O_ASYNC is EINVAL.
#pragma once

#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <span>

#include "posix/descriptor_table.h"
#include "posix/turner.h"
#include "ready/poll_call.h"
#include "ring/stack_ring.h"

namespace sockeye::posix {

class Process {
 public:
  struct Options {
    int descriptors_max = 1024;  // RLIMIT_NOFILE
    bool privileged = false;     // may bind ports below 1024
  };
  Process(Stack& stack, Turner& turner) : Process(stack, turner, Options{}) {}
  Process(Stack& stack, Turner& turner, const Options& options);
  ~Process();  // closes everything, as exit does

  Stack& stack() const { return stack_; }
  DescriptorTable& descriptors() { return table_; }

  // --- process_socket.cc
  long socket(int domain, int type, int protocol);
  long bind(int fd, const sockaddr* address, socklen_t size);
  long listen(int fd, int backlog);
  long accept(int fd, sockaddr* address, socklen_t* size, int flags);
  long connect(int fd, const sockaddr* address, socklen_t size);
  long shutdown(int fd, int how);
  long get_socket_name(int fd, sockaddr* address, socklen_t* size);
  long get_peer_name(int fd, sockaddr* address, socklen_t* size);
  long get_option(int fd, int level, int name, void* value, socklen_t* size);
  long set_option(int fd, int level, int name, const void* value, socklen_t size);

  // --- process_data.cc
  long send_to(int fd, const void* data, std::size_t size, int flags, const sockaddr* address,
               socklen_t address_size);
  long receive_from(int fd, void* data, std::size_t size, int flags, sockaddr* address,
                    socklen_t* address_size);
  long send_message(int fd, const msghdr* message, int flags);
  long receive_message(int fd, msghdr* message, int flags);
  long send_messages(int fd, mmsghdr* messages, unsigned count, int flags);
  // The time limit is looked at after each message, as Linux does (and documents as a bug).
  long receive_messages(int fd, mmsghdr* messages, unsigned count, int flags, Instant deadline);
  long read(int fd, void* data, std::size_t size);
  long write(int fd, const void* data, std::size_t size);
  long readv(int fd, const iovec* parts, int count);
  long writev(int fd, const iovec* parts, int count);

  // --- process_files.cc
  long close(int fd);
  long dup(int fd);
  long dup2(int fd, int target);
  long dup3(int fd, int target, int flags);
  long fcntl(int fd, int command, long argument);
  long ioctl(int fd, unsigned long request, void* argument);

  // --- process_ready.cc
  long poll(pollfd* entries, nfds_t count, Instant deadline);
  long select(int count, fd_set* in, fd_set* out, fd_set* except, Instant deadline);
  long epoll_create(int flags);
  long epoll_control(int set, int operation, int fd, epoll_event* event);
  long epoll_wait(int set, epoll_event* events, int room, Instant deadline);
  // Milliseconds from now, negative: never. For the two calls above.
  Instant after_ms(int timeout);
  Instant after(Duration timeout);

 private:
  const OpenFilePtr* file(int fd) const { return table_.find(fd); }
  Result<Socket*> socket_of(int fd) const;  // EBADF, ENOTSOCK
  long install(SocketRef socket, int flags);
  void enter();   // the clock is read: a call begins
  void settle();  // what the call has caused happens
  // Tries; then, unless it may not block, waits. The op's answer, -EAGAIN or -EDEADLK.
  long run(Op& op, int fd, bool may_block, int timeout_option);
  bool wait_for(Op& op);
  Duration time_limit(Socket& socket, int option) const;
  bool is_nonblocking(int fd) const;
  void release(OpenFilePtr file);
  static Duration linger_time(Socket& socket);
  void linger(const FiveTuple& tuple, Instant deadline);
  long send(int fd, std::span<const iovec> parts, const msghdr& header, int flags);
  long receive(int fd, std::span<const iovec> parts, msghdr& header, int flags);
  template <class DescriptorOf>
  long wait_ready(std::span<PollEntry> entries, Instant deadline, DescriptorOf descriptor_of);

  Stack& stack_;
  Turner& turner_;
  Options options_;
  DescriptorTable table_;
  StackRing ring_;
};

// A Result as a system call's answer.
template <class T>
long answer(const Result<T>& result) {
  if (!result) return -to_int(result.error());
  if constexpr (std::is_same_v<T, std::monostate>)
    return 0;
  else
    return static_cast<long>(*result);
}

}  // namespace sockeye::posix
