// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One try of an operation: what the blocking form of the call does between two sleeps. Bytes that
// were moved win over whatever ends the wait: an error that comes after them is left pending on the
// socket for the next call, as the kernel does.
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "ring/stack_ring.h"

namespace sockeye {
namespace {

constexpr std::size_t kBuffersPerTry = 64;

std::size_t total(std::span<const Bytes> buffers) {
  std::size_t sum = 0;
  for (const Bytes& buffer : buffers) sum += buffer.size();
  return sum;
}
std::size_t total(std::span<const MutableBytes> buffers) {
  std::size_t sum = 0;
  for (const MutableBytes& buffer : buffers) sum += buffer.size();
  return sum;
}

// The buffers without their first `skip` bytes; at most as many as `out` has places.
template <class Buffer>
std::span<const Buffer> rest_of(std::span<const Buffer> buffers, std::size_t skip,
                                std::array<Buffer, kBuffersPerTry>& out) {
  std::size_t count = 0;
  for (const Buffer& buffer : buffers) {
    if (skip >= buffer.size()) {
      skip -= buffer.size();
      continue;
    }
    if (count == out.size()) break;
    out[count++] = buffer.subspan(skip);
    skip = 0;
  }
  return {out.data(), count};
}

// Would the next call take a pending error from the socket? It must stay for the call after this one.
bool has_error(const Socket& socket) {
  return socket.has_error();
}
std::optional<int> take_error(Socket& socket) {
  std::int32_t error = 0;
  const auto room = std::as_writable_bytes(std::span(&error, 1));
  if (!socket.get_option(SOL_SOCKET, SO_ERROR, room) || error == 0) return std::nullopt;
  return error;
}
bool has_bytes(Socket& socket) {
  return socket.control(FIONREAD).value_or(0) > 0;
}

std::uint32_t low_water_of(Socket& socket) {
  std::int32_t value = 1;
  const auto room = std::as_writable_bytes(std::span(&value, 1));
  if (!socket.get_option(SOL_SOCKET, SO_RCVLOWAT, room) || value < 1) return 1;
  return static_cast<std::uint32_t>(value);
}

}  // namespace

bool StackRing::finish(Op& op, Errno error) {
  const std::size_t moved = op.waiter_.transferred;
  op.result = moved > 0 ? static_cast<int>(moved) : -to_int(error);
  return true;
}

bool StackRing::attempt(Op& op) {
  switch (op.code) {
    case OpCode::accept:
      return attempt_accept(op);
    case OpCode::connect:
      return attempt_connect(op);
    case OpCode::send:
      return attempt_send(op);
    case OpCode::receive:
      return attempt_receive(op);
    case OpCode::poll:
      return attempt_poll(op);
    case OpCode::timeout:
      break;
  }
  return false;
}

bool StackRing::attempt_accept(Op& op) {
  Result<SocketRef> accepted = op.socket->accept();
  if (!accepted && accepted.error() == Errno::again) return false;
  if (!accepted) return finish(op, accepted.error());
  op.accepted = std::move(*accepted);
  op.result = 0;
  return true;
}

// The first try begins the attempt, or joins one that a non-blocking connect began (then a deadline
// answers EALREADY). Later tries ask how it went; that somebody else has already been told (EISCONN)
// is success for us.
bool StackRing::attempt_connect(Op& op) {
  OpWaiter& waiter = op.waiter_;
  const Result<> answer = op.socket->connect(op.address);
  if (answer) {
    op.result = 0;
    return true;
  }
  const Errno error = answer.error();
  if (error == Errno::inprogress || error == Errno::already) {
    if (!waiter.connecting) waiter.still_waiting = error;
    waiter.connecting = true;
    return false;
  }
  if (error == Errno::isconn && waiter.connecting) {
    op.result = 0;
    return true;
  }
  return finish(op, error);
}

// A blocking send whose first bytes went with the SYN returns when the handshake is over, and with the error
// of a failed one whatever had left (Linux). True: it has succeeded, go on. False with a result: it has
// failed.
bool StackRing::opened(Op& op) {
  op.result = 0;
  if (op.socket->is_opening()) return false;
  op.waiter_.connecting = false;
  if (const auto error = take_error(*op.socket)) {
    op.result = -*error;
    return false;
  }
  return true;
}

bool StackRing::attempt_send(Op& op) {
  OpWaiter& waiter = op.waiter_;
  Socket& socket = *op.socket;
  const bool whole = socket.kind() == Socket::Kind::datagram;
  const std::size_t wanted = total(op.outgoing.buffers);
  for (;;) {
    if (waiter.connecting && !opened(op)) return op.result != 0;
    if (waiter.transferred > 0 && has_error(socket)) return finish(op, Errno::pipe);
    std::array<Bytes, kBuffersPerTry> room;
    Outgoing message = op.outgoing;
    if (!whole && (waiter.transferred > 0 || op.outgoing.buffers.size() > kBuffersPerTry))
      message.buffers = rest_of(op.outgoing.buffers, waiter.transferred, room);
    message.continues = waiter.transferred > 0;
    if (!whole && waiter.transferred + total(message.buffers) < wanted)
      message.flags &= ~MessageFlags::kEndOfRecord;  // the record's end is in a later part
    const Result<std::size_t> sent = socket.send(message);
    if (!sent && sent.error() == Errno::again) {
      if (waiter.transferred > 0 && !op.send_all) return finish(op, Errno::again);
      return false;
    }
    op.outgoing.flags &= ~MessageFlags::kFastOpen;  // it connects once; the rest follows
    if (op.send_all && waiter.transferred == 0 && socket.is_opening()) {
      if (!sent && sent.error() != Errno::inprogress) return finish(op, sent.error());
      waiter.transferred = sent.value_or(0);
      waiter.connecting = true;
      return false;
    }
    if (!sent) return finish(op, sent.error());
    waiter.transferred += *sent;
    op.result = static_cast<int>(waiter.transferred);
    if (whole || waiter.transferred >= wanted || *sent == 0) return true;
  }
}

bool StackRing::attempt_receive(Op& op) {
  OpWaiter& waiter = op.waiter_;
  Socket& socket = *op.socket;
  Incoming& incoming = op.incoming;
  const bool peek = (incoming.flags & MessageFlags::kPeek) != 0;
  const std::size_t wanted = total(std::span<const MutableBytes>(incoming.buffers));
  for (;;) {
    if (waiter.transferred > 0 && has_error(socket) && !has_bytes(socket)) return finish(op, Errno::again);
    std::array<MutableBytes, kBuffersPerTry> room;
    const std::span<const MutableBytes> whole = incoming.buffers;
    if (!peek && waiter.transferred > 0) incoming.buffers = rest_of(whole, waiter.transferred, room);
    const Result<std::size_t> got = socket.receive(incoming);
    incoming.buffers = whole;
    if (!got && got.error() == Errno::again) return false;
    if (!got) return finish(op, got.error());
    waiter.transferred = peek ? *got : waiter.transferred + *got;
    op.result = static_cast<int>(waiter.transferred);
    if (socket.kind() == Socket::Kind::datagram || waiter.transferred >= wanted || *got == 0) return true;
    if ((incoming.flags & (MessageFlags::kOob | MessageFlags::kErrQueue)) != 0) return true;
    if (waiter.low_water == 0) waiter.low_water = low_water_of(socket);
    const bool all = (incoming.flags & MessageFlags::kWaitAll) != 0;
    if (!all && waiter.transferred >= waiter.low_water) return true;
    if (peek) {
      // Peeking again would give the same bytes: wait for more, unless there is no more to come.
      if (any(socket.readiness() & (Readiness::rdhup | Readiness::err | Readiness::hup))) return true;
      return false;
    }
  }
}

bool StackRing::attempt_poll(Op& op) {
  const Readiness always = Readiness::err | Readiness::hup;
  const Readiness ready = op.socket->readiness() & (op.events | always);
  if (!any(ready)) return false;
  op.result = static_cast<int>(ready);
  return true;
}

}  // namespace sockeye
