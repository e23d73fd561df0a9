// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// send, recv and their many names. All end in one Message: a gather list, an address, control data.
#include <fcntl.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "posix/address.h"
#include "posix/ancillary.h"
#include "posix/process.h"

namespace sockeye::posix {
namespace {

constexpr int kPartsMax = 1024;  // UIO_MAXIOV
constexpr int kSendFlags = MessageFlags::kOob | MessageFlags::kDontWait | MessageFlags::kNoSignal |
                           MessageFlags::kMore | MessageFlags::kFastOpen | MessageFlags::kEndOfRecord |
                           MessageFlags::kZeroCopy;
// Flags that only recvmsg answers with are ignored when they are passed in, as in the kernel.
constexpr int kReceiveFlags = MessageFlags::kOob | MessageFlags::kPeek | MessageFlags::kTrunc |
                              MessageFlags::kDontWait | MessageFlags::kWaitAll | MessageFlags::kErrQueue |
                              MessageFlags::kNoSignal | MSG_CMSG_CLOEXEC | MSG_CTRUNC;

// struct iovec as spans; the usual few without an allocation.
template <class Span, class Pointer>
class Parts {
 public:
  // `needs_memory`: a null base with a length is EFAULT.
  Result<> set(const iovec* parts, std::size_t count, bool needs_memory = true) {
    if (count > 0 && parts == nullptr) return Errno::fault;
    if (count > few_.size()) many_.resize(count);
    Span* out = count > few_.size() ? many_.data() : few_.data();
    for (std::size_t i = 0; i < count; ++i) {
      const iovec& part = parts[i];
      if (part.iov_len > SSIZE_MAX) return Errno::inval;
      if (part.iov_len > 0 && part.iov_base == nullptr && needs_memory) return Errno::fault;
      out[i] = Span(static_cast<Pointer>(part.iov_base), part.iov_len);
      bytes_ += part.iov_len;
    }
    spans_ = {out, count};
    return {};
  }
  std::span<const Span> spans() const { return spans_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::array<Span, 8> few_;
  std::vector<Span> many_;
  std::span<const Span> spans_;
  std::size_t bytes_ = 0;
};
using SendParts = Parts<Bytes, const std::byte*>;
using ReceiveParts = Parts<MutableBytes, std::byte*>;

iovec one_part(const void* data, std::size_t size) {
  return {const_cast<void*>(data), size};
}

}  // namespace

// --- sending

long Process::send(int fd, std::span<const iovec> list, const msghdr& header, int flags) {
  const Result<Socket*> found = socket_of(fd);
  if (!found) return -to_int(found.error());
  Socket& socket = **found;
  if ((flags & ~kSendFlags) != 0) return -EOPNOTSUPP;
  SendParts parts;
  if (const Result<> set = parts.set(list.data(), list.size()); !set) return answer(set);
  enter();
  Op op;
  op.code = OpCode::send;
  op.socket = SocketRef(&socket);
  op.outgoing.buffers = parts.spans();
  op.outgoing.flags = flags;
  if (socket.kind() == Socket::Kind::datagram || (flags & MessageFlags::kFastOpen) != 0) {
    // A stream has one peer: an address is ignored, unless it is to connect.
    const auto* name = static_cast<const sockaddr*>(header.msg_name);
    const bool is_none =
        name != nullptr && header.msg_namelen >= sizeof name->sa_family && name->sa_family == AF_UNSPEC;
    if (is_none && socket.kind() == Socket::Kind::stream) return -EOPNOTSUPP;
    const auto to = send_address(socket, static_cast<const sockaddr*>(header.msg_name), header.msg_namelen);
    if (!to) return -to_int(to.error());
    op.outgoing.to = *to;
  }
  if (const Result<> control = parse_control(socket, header, op.outgoing); !control) return answer(control);
  const bool may_block = !is_nonblocking(fd) && (flags & MSG_DONTWAIT) == 0;
  op.send_all = op.outgoing.waits = may_block;
  return run(op, fd, may_block, SO_SNDTIMEO);
}

long Process::send_to(int fd, const void* data, std::size_t size, int flags, const sockaddr* address,
                      socklen_t address_size) {
  const iovec part = one_part(data, size);
  msghdr header{};
  header.msg_name = const_cast<sockaddr*>(address);
  header.msg_namelen = address_size;
  return send(fd, {&part, 1}, header, flags);
}

long Process::send_message(int fd, const msghdr* message, int flags) {
  if (file(fd) == nullptr) return -EBADF;
  if (message == nullptr) return -EFAULT;
  if (message->msg_iovlen > kPartsMax) return -EMSGSIZE;
  if (message->msg_namelen > INT_MAX) return -EINVAL;
  msghdr header = *message;
  if (header.msg_namelen > sizeof(sockaddr_storage)) header.msg_namelen = sizeof(sockaddr_storage);
  if (header.msg_namelen == 0) header.msg_name = nullptr;
  return send(fd, {header.msg_iov, header.msg_iovlen}, header, flags);
}

long Process::write(int fd, const void* data, std::size_t size) {
  const iovec part = one_part(data, size);
  return writev(fd, &part, 1);
}

long Process::writev(int fd, const iovec* parts, int count) {
  const OpenFilePtr* open = file(fd);
  if (open == nullptr) return -EBADF;
  if (!(*open)->is_socket) return -EINVAL;
  if (count < 0 || count > kPartsMax) return -EINVAL;
  if (count > 0 && parts == nullptr) return -EFAULT;
  return send(fd, {parts, static_cast<std::size_t>(count)}, msghdr{}, 0);
}

// --- receiving

// Fills in the msg_ fields of `header` that recvmsg answers; a null msg_control asks for none.
long Process::receive(int fd, std::span<const iovec> list, msghdr& header, int flags) {
  const Result<Socket*> found = socket_of(fd);
  if (!found) return -to_int(found.error());
  Socket& socket = **found;
  if ((flags & ~kReceiveFlags) != 0) return -EOPNOTSUPP;
  const bool discards = (flags & MSG_TRUNC) != 0 && socket.kind() == Socket::Kind::stream;
  ReceiveParts parts;
  if (const Result<> set = parts.set(list.data(), list.size(), !discards); !set) return answer(set);
  enter();
  Op op;
  op.code = OpCode::receive;
  op.socket = SocketRef(&socket);
  op.incoming.buffers = parts.spans();
  op.incoming.flags = flags;
  const bool waits = (flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)) == 0;
  const long result = run(op, fd, waits && !is_nonblocking(fd), SO_RCVTIMEO);
  if (result < 0) return result;

  const Incoming& in = op.incoming;
  header.msg_flags = flags & MSG_CMSG_CLOEXEC;
  if (in.truncated) header.msg_flags |= MSG_TRUNC;
  if (in.out_of_band) header.msg_flags |= MSG_OOB;
  if ((flags & MSG_ERRQUEUE) != 0) header.msg_flags |= MSG_ERRQUEUE;
  if (header.msg_name != nullptr) {
    auto* name = static_cast<sockaddr*>(header.msg_name);
    const Result<> stored = in.from && socket.kind() == Socket::Kind::datagram
                                ? store_address(socket, *in.from, name, &header.msg_namelen)
                                : store_no_address(name, &header.msg_namelen);
    if (!stored) return answer(stored);
  }
  store_control(socket, in, header);
  if (socket.kind() == Socket::Kind::datagram && (flags & MSG_TRUNC) != 0 && in.full_size > result)
    return static_cast<long>(in.full_size);
  return result;
}

long Process::receive_from(int fd, void* data, std::size_t size, int flags, sockaddr* address,
                           socklen_t* address_size) {
  const iovec part = one_part(data, size);
  msghdr header{};
  sockaddr_storage name{};
  if (address != nullptr) {
    header.msg_name = &name;
    header.msg_namelen = sizeof name;
  }
  const long result = receive(fd, {&part, 1}, header, flags);
  if (result < 0 || address == nullptr) return result;
  if (address_size == nullptr) return -EFAULT;
  if (*address_size > INT_MAX) return -EINVAL;
  std::memcpy(address, &name, std::min(*address_size, header.msg_namelen));
  *address_size = header.msg_namelen;
  return result;
}

long Process::receive_message(int fd, msghdr* message, int flags) {
  if (file(fd) == nullptr) return -EBADF;
  if (message == nullptr) return -EFAULT;
  if (message->msg_namelen > INT_MAX) return -EINVAL;
  if (message->msg_iovlen > kPartsMax) return -EMSGSIZE;
  const long result = receive(fd, {message->msg_iov, message->msg_iovlen}, *message, flags);
  if (result >= 0 && message->msg_name == nullptr) message->msg_namelen = 0;
  return result;
}

// --- many at once

long Process::send_messages(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (file(fd) == nullptr) return -EBADF;
  long sent = 0;
  for (; sent < std::min<long>(count, kPartsMax); ++sent) {
    if (messages == nullptr) return -EFAULT;
    mmsghdr& message = messages[sent];
    const long result = send_message(fd, &message.msg_hdr, flags);
    if (result < 0) return sent > 0 ? sent : result;
    message.msg_len = static_cast<unsigned>(result);
  }
  return sent;
}

long Process::receive_messages(int fd, mmsghdr* messages, unsigned count, int flags, Instant deadline) {
  if (file(fd) == nullptr) return -EBADF;
  const bool wait_for_one = (flags & MSG_WAITFORONE) != 0;
  flags &= ~MSG_WAITFORONE;
  long received = 0;
  for (; received < std::min<long>(count, kPartsMax); ++received) {
    if (received > 0 && turner_.now() >= deadline) break;
    if (messages == nullptr) return -EFAULT;
    mmsghdr& message = messages[received];
    const long result = receive_message(fd, &message.msg_hdr, flags);
    if (result < 0) return received > 0 ? received : result;
    message.msg_len = static_cast<unsigned>(result);
    if (wait_for_one) flags |= MSG_DONTWAIT;
  }
  return received;
}

long Process::read(int fd, void* data, std::size_t size) {
  const iovec part = one_part(data, size);
  return readv(fd, &part, 1);
}

long Process::readv(int fd, const iovec* parts, int count) {
  const OpenFilePtr* open = file(fd);
  if (open == nullptr) return -EBADF;
  if (!(*open)->is_socket) return -EINVAL;
  if (count < 0 || count > kPartsMax) return -EINVAL;
  if (count > 0 && parts == nullptr) return -EFAULT;
  const std::span<const iovec> list(parts, static_cast<std::size_t>(count));
  std::size_t bytes = 0;
  for (const iovec& part : list) bytes += part.iov_len;
  if (bytes == 0) return 0;  // read(2) of nothing does not look at the socket; recv(2) does
  msghdr header{};
  return receive(fd, list, header, 0);
}

}  // namespace sockeye::posix
