// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// close, dup, fcntl, ioctl: what concerns descriptors and open files rather than the network.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "posix/process.h"

namespace sockeye::posix {
namespace {
constexpr int kSettableFlags = O_NONBLOCK | O_APPEND;  // O_APPEND is kept and means nothing, as on Linux
}

bool Process::is_nonblocking(int fd) const {
  return ((*file(fd))->status_flags & O_NONBLOCK) != 0;
}

long Process::close(int fd) {
  OpenFilePtr gone = table_.remove(fd);
  if (gone == nullptr) return -EBADF;
  enter();
  release(std::move(gone));
  return 0;
}

// The last descriptor of an open file closes what it names.
void Process::release(OpenFilePtr file) {
  if (file == nullptr || file.use_count() > 1) return;
  SocketRef socket(file->socket());
  file.reset();  // leaves every epoll set first: nobody hears of the close
  if (!socket) return;
  const Duration limit = linger_time(*socket);
  const FiveTuple tuple{socket->local(), socket->remote().value_or(Endpoint{})};
  socket->close();
  settle();
  if (limit > Duration::zero() && tuple.remote.port != 0) linger(tuple, after(limit));
}

// SO_LINGER with a time; zero when there is none.
Duration Process::linger_time(Socket& socket) {
  ::linger value{};
  if (socket.kind() != Socket::Kind::stream ||
      !socket.get_option(SOL_SOCKET, SO_LINGER, std::as_writable_bytes(std::span(&value, 1))))
    return Duration::zero();
  return value.l_onoff != 0 ? std::chrono::seconds(std::max(value.l_linger, 0)) : Duration::zero();
}

// A lingering close waits until the peer has acknowledged everything and our FIN, or the time is over.
// O_NONBLOCK makes no difference on Linux. The socket has left the connection: look for it by its ends.
void Process::linger(const FiveTuple& tuple, Instant deadline) {
  const auto is_sending = [&] {
    for (const SocketReport& line : stack_.report()) {
      if (!line.is_stream || line.local != tuple.local || line.remote != tuple.remote) continue;
      return line.state != tcp::State::fin_wait_2 && line.state != tcp::State::time_wait &&
             line.state != tcp::State::closed;
    }
    return false;
  };
  while (is_sending() && turner_.now() < deadline && turner_.turn(deadline)) {
  }
}

long Process::dup(int fd) {
  const OpenFilePtr* open = file(fd);
  if (open == nullptr) return -EBADF;
  return answer(table_.insert(*open, false));
}

long Process::dup2(int fd, int target) {
  if (fd == target) return file(fd) == nullptr ? -EBADF : fd;
  return dup3(fd, target, 0);
}

long Process::dup3(int fd, int target, int flags) {
  if ((flags & ~O_CLOEXEC) != 0) return -EINVAL;
  if (fd == target) return -EINVAL;
  if (target < 0 || target >= table_.limit()) return -EBADF;
  const OpenFilePtr* open = file(fd);
  if (open == nullptr) return -EBADF;
  enter();
  release(table_.replace(target, OpenFilePtr(*open), (flags & O_CLOEXEC) != 0));
  return target;
}

long Process::fcntl(int fd, int command, long argument) {
  const OpenFilePtr* open = file(fd);
  if (open == nullptr) return -EBADF;
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (argument < 0 || argument >= table_.limit()) return -EINVAL;
      return answer(table_.insert(*open, command == F_DUPFD_CLOEXEC, static_cast<int>(argument)));
    case F_GETFD:
      return table_.close_on_exec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      table_.set_close_on_exec(fd, (argument & FD_CLOEXEC) != 0);
      return 0;
    case F_GETFL:
      return O_RDWR | (*open)->status_flags;
    case F_SETFL:
      if ((argument & (O_ASYNC | O_DIRECT)) != 0) return -EINVAL;
      (*open)->status_flags = static_cast<int>(argument) & kSettableFlags;
      return 0;
    default:
      return -EINVAL;
  }
}

long Process::ioctl(int fd, unsigned long request, void* argument) {
  const OpenFilePtr* open = file(fd);
  if (open == nullptr) return -EBADF;
  auto* number = static_cast<int*>(argument);
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      table_.set_close_on_exec(fd, request == FIOCLEX);
      return 0;
    case FIONBIO:
      if (number == nullptr) return -EFAULT;
      if (*number != 0)
        (*open)->status_flags |= O_NONBLOCK;
      else
        (*open)->status_flags &= ~O_NONBLOCK;
      return 0;
    case FIOASYNC:
      if (number == nullptr) return -EFAULT;
      return *number == 0 ? 0 : -EOPNOTSUPP;
    default:
      break;
  }
  if (!(*open)->is_socket) return -ENOTTY;
  enter();
  const Result<int> value = (*open)->socket()->control(request);
  if (!value) return -to_int(value.error());
  if (number == nullptr) return -EFAULT;
  *number = *value;
  return 0;
}

}  // namespace sockeye::posix
