// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// socket, bind, listen, accept, connect, shutdown, names, options.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "posix/address.h"
#include "posix/process.h"
#include "socket/option_room.h"

namespace sockeye::posix {

long Process::install(SocketRef socket, int flags) {
  auto file = std::make_shared<OpenFile>();
  file->object = std::make_unique<SocketPollable>(socket);
  file->is_socket = true;
  file->status_flags = (flags & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0;
  const Result<int> fd = table_.insert(std::move(file), (flags & SOCK_CLOEXEC) != 0);
  if (!fd) {
    socket->close();
    return -to_int(fd.error());
  }
  return *fd;
}

long Process::socket(int domain, int type, int protocol) {
  enter();
  const int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
  const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if ((kind & ~0xf) != 0) return -EINVAL;  // bits of a type that does not exist
  Result<SocketRef> made = stack_.socket(domain, kind, protocol);
  if (!made) return -to_int(made.error());
  return install(std::move(*made), flags);
}

long Process::bind(int fd, const sockaddr* address, socklen_t size) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  enter();
  const Result<Endpoint> local = bind_address(**socket, address, size);
  if (!local) return -to_int(local.error());
  stack_.set_privileged(options_.privileged);
  return answer((*socket)->bind(*local));
}

long Process::listen(int fd, int backlog) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  enter();
  const long result = answer((*socket)->listen(backlog));
  settle();
  return result;
}

long Process::accept(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (file(fd) == nullptr) return -EBADF;
  if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) return -EINVAL;
  if (!table_.has_room()) return -EMFILE;
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  enter();
  Op op;
  op.code = OpCode::accept;
  op.socket = SocketRef(*socket);
  const bool may_block = ((*file(fd))->status_flags & O_NONBLOCK) == 0;
  if (const long result = run(op, fd, may_block, SO_RCVTIMEO); result < 0) return result;
  SocketRef connection = std::move(op.accepted);
  if (address != nullptr) {
    // Also when it has been reset since (Linux).
    const Result<> stored = store_address(*connection, connection->report().remote, address, size);
    if (!stored) {  // the kernel has taken it off the queue by now, too
      connection->close();
      settle();
      return answer(stored);
    }
  }
  return install(std::move(connection), flags);
}

long Process::connect(int fd, const sockaddr* address, socklen_t size) {
  const Result<Socket*> found = socket_of(fd);
  if (!found) return -to_int(found.error());
  Socket& socket = **found;
  enter();
  const Result<std::optional<Endpoint>> to = connect_address(socket, address, size);
  const bool stream = socket.kind() == Socket::Kind::stream;
  if (!to) {
    // A stream looks at its state before it looks at the address.
    const tcp::State state = socket.report().state;
    if (stream && to.error() != Errno::fault && state != tcp::State::closed)
      return state == tcp::State::syn_sent ? -EALREADY : -EISCONN;
    return -to_int(to.error());
  }
  const bool may_block = ((*file(fd))->status_flags & O_NONBLOCK) == 0;
  if (!stream || !may_block || !*to) {
    const long result = answer(socket.connect(*to));
    settle();
    return result;
  }
  Op op;
  op.code = OpCode::connect;
  op.socket = SocketRef(&socket);
  op.address = *to;
  return run(op, fd, true, SO_SNDTIMEO);
}

long Process::shutdown(int fd, int how) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  enter();
  if (how < 0 || how > 2) return -EINVAL;
  const long result = answer((*socket)->shutdown(how));
  settle();
  return result;
}

long Process::get_socket_name(int fd, sockaddr* address, socklen_t* size) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  return answer(store_address(**socket, (*socket)->local(), address, size));
}

long Process::get_peer_name(int fd, sockaddr* address, socklen_t* size) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  const std::optional<Endpoint> peer = (*socket)->remote();
  if (!peer) return -ENOTCONN;
  return answer(store_address(**socket, *peer, address, size));
}

long Process::get_option(int fd, int level, int name, void* value, socklen_t* size) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  if (size == nullptr) return -EFAULT;
  if (*size > 0x7fffffffu) return -EINVAL;
  if (*size > 0 && value == nullptr) return -EFAULT;
  enter();
  auto* bytes = static_cast<std::byte*>(value);
  const std::size_t room = option_room(level, name, {bytes, std::size_t{*size}});
  const Result<std::size_t> length = (*socket)->get_option(level, name, {bytes, room});
  if (!length) return answer(length);
  *size = static_cast<socklen_t>(*length);
  return 0;
}

long Process::set_option(int fd, int level, int name, const void* value, socklen_t size) {
  const Result<Socket*> socket = socket_of(fd);
  if (!socket) return -to_int(socket.error());
  if (size > 0x7fffffffu) return -EINVAL;
  if (size > 0 && value == nullptr) return -EFAULT;
  enter();
  const long result =
      answer((*socket)->set_option(level, name, {static_cast<const std::byte*>(value), std::size_t{size}}));
  settle();  // TCP_CORK and TCP_NODELAY let bytes go
  return result;
}

}  // namespace sockeye::posix
