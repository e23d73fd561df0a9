// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How calls wait: the frame around every call, and the blocking loop.
#include "posix/process.h"

#include <sys/time.h>

#include <cerrno>
#include <cstring>

namespace sockeye::posix {

Process::Process(Stack& stack, Turner& turner, const Options& options)
    : stack_(stack), turner_(turner), options_(options), table_(options.descriptors_max), ring_(stack) {}

Process::~Process() {
  // As exit(2) does: sockets are closed, and nobody lingers.
  for (int fd = 0; fd < table_.limit(); ++fd)
    if (OpenFilePtr gone = table_.remove(fd); gone != nullptr && gone.use_count() == 1 && gone->is_socket)
      gone->socket()->close();
}

void Process::enter() {
  stack_.set_now(turner_.now());
}

void Process::settle() {
  turner_.turn(Instant::min());
}

Result<Socket*> Process::socket_of(int fd) const {
  const OpenFilePtr* found = file(fd);
  if (found == nullptr) return Errno::badf;
  Socket* socket = (*found)->socket();
  if (socket == nullptr) return Errno::notsock;
  return socket;
}

Duration Process::time_limit(Socket& socket, int option) const {
  timeval value{};
  const auto room = std::as_writable_bytes(std::span(&value, 1));
  if (!socket.get_option(SOL_SOCKET, option, room)) return Duration::zero();
  return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
}

long Process::run(Op& op, int fd, bool may_block, int timeout_option) {
  bool completed = ring_.try_now(op);
  if (!completed) {
    settle();  // what is due may be what we wait for
    completed = ring_.try_now(op);
  }
  if (!completed && may_block) {
    const Duration limit = time_limit(*op.socket, timeout_option);
    if (limit > Duration::zero()) op.deadline = turner_.now() + limit;
    op.expired = op.code == OpCode::connect ? Errno::inprogress : Errno::again;
    OpenFilePtr held = *file(fd);
    completed = wait_for(op);
    release(std::move(held));
    if (!completed) return -EDEADLK;
  }
  settle();
  if (completed) return op.result;
  return op.transferred() > 0 ? static_cast<long>(op.transferred())
                              : -EAGAIN;  // less than the low-water mark
}

bool Process::wait_for(Op& op) {
  ring_.submit(op);
  for (;;) {
    ring_.drive(turner_.now());
    if (!op.in_flight()) return true;
    settle();  // what the try has caused, before time goes on
    if (ring_.has_work() || turner_.turn(ring_.next_deadline())) continue;
    ring_.cancel(op);
    ring_.drive(turner_.now());
    return op.result != -ECANCELED;  // bytes that were moved are a result
  }
}

Instant Process::after(Duration timeout) {
  const Instant now = turner_.now();
  return timeout > kNever - now ? kNever : now + timeout;
}

Instant Process::after_ms(int timeout) {
  if (timeout < 0) return kNever;
  return timeout == 0 ? Instant::min() : after(std::chrono::milliseconds(timeout));
}

}  // namespace sockeye::posix
