// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Receiving, where the caller wants to know more than the bytes: the sender's address or control data of a
// datagram, the error queue; and MSG_TRUNC or an address on a stream, which AF_UNIX treats differently from
// TCP. A datagram is taken from the carrier natively, then the world is asked whose it was; one at a time for
// each socket, so that the world knows which datagram is meant.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "gate/calls.h"
#include "gate/message.h"

namespace sockeye::gate {

namespace {

constexpr std::size_t kDatagramMax = 65536;
constexpr std::size_t kStreamMax = 256 * 1024;
constexpr unsigned kMessagesMax = 1024;

struct Arguments {
  RemoteMessage message{};
  int flags = 0;
  bool wants_name = false;
  bool wants_control = false;
};

bool is_vector(const Call& call) {
  return call.trapped.number == __NR_recvmmsg;
}

std::uint64_t message_address(const Call& call) {
  return call.argument(1) + call.progress.messages * sizeof(mmsghdr);
}

std::int64_t read_arguments(Gate& gate, const Call& call, Arguments& out) {
  if (call.trapped.number == __NR_recvfrom) {
    out.flags = call.int_argument(3);
    out.message = plain_message(call.argument(1), call.argument(2));
    out.wants_name = call.argument(4) != 0;
    return 0;
  }
  out.flags = call.int_argument(is_vector(call) ? 3 : 2);
  // The first blocks as the caller wishes, MSG_WAITFORONE makes the others not block.
  if (is_vector(call) && call.progress.messages > 0 && (out.flags & MSG_WAITFORONE))
    out.flags |= MSG_DONTWAIT;
  std::int64_t error = read_message(gate, call, message_address(call), out.message);
  out.wants_name = out.message.header.msg_name != nullptr;
  out.wants_control = out.message.header.msg_control != nullptr && out.message.header.msg_controllen > 0;
  return error;
}

void next_message(Gate& gate, CallPtr call);

// The end of one message: of the call itself, or of one element of recvmmsg's vector.
void message_received(Gate& gate, CallPtr call, std::int64_t result) {
  call->progress.data.clear();
  if (!is_vector(*call)) return gate.answer(std::move(call), result);
  std::int64_t before = call->progress.messages;
  if (result < 0) return gate.answer(std::move(call), before > 0 ? before : result);
  auto length = static_cast<std::uint32_t>(result);
  if (!gate.write(*call, message_address(*call) + offsetof(mmsghdr, msg_len), &length, sizeof(length)))
    return gate.answer(std::move(call), before > 0 ? before : -EFAULT);
  ++call->progress.messages;
  next_message(gate, std::move(call));
}

// Copies what was received to where the caller wants it.
void deliver(Gate& gate, CallPtr call, const Received& received) {
  Arguments arguments;
  std::int64_t error = read_arguments(gate, *call, arguments);
  const std::string& data = call->progress.data;
  if (error == 0) error = write_data(gate, *call, arguments.message, data);
  if (error == 0 && call->trapped.number != __NR_recvfrom)
    error = write_header(gate, *call, arguments.message, received, arguments.flags);
  else if (error == 0 && arguments.wants_name)
    error = write_address(gate, *call, call->argument(4), call->argument(5), received.name);
  std::size_t length = (arguments.flags & MSG_TRUNC) ? call->progress.length : data.size();
  message_received(gate, std::move(call), error != 0 ? error : static_cast<std::int64_t>(length));
}

void retry_receive(Gate& gate, CallPtr call);

void wait_for_data(Gate& gate, CallPtr call) {
  limit_wait(*call, SO_RCVTIMEO, call->progress.messages == 0);
  gate.wait_ready(std::move(call), EPOLLIN, retry_receive);
}

void ask_sender(Gate& gate, CallPtr call, bool peeked, int flags) {
  Socket* socket = gate.socket_of(*call);
  socket->receiving = true;
  Request request;
  request.code = RequestCode::receive_info;
  request.cookie = call->cookie;
  request.arg[0] = flags;
  request.arg[1] = peeked ? 1 : 0;
  gate.ask(std::move(call), request, {}, [](Gate& g, CallPtr asked, Answer& answer) {
    std::uint64_t cookie = asked->cookie;
    if (answer.head.result < 0) {
      message_received(g, std::move(asked), answer.head.result);
    } else {
      auto name = static_cast<std::size_t>(answer.head.arg[0]);
      auto control = static_cast<std::size_t>(answer.head.arg[1]);
      if (name > answer.payload.size() || control > answer.payload.size() - name) name = control = 0;
      Received received;
      received.name = answer.payload.substr(0, name);
      received.control = answer.payload.substr(name, control);
      received.flags = asked->progress.taken_flags | static_cast<std::uint32_t>(answer.head.arg[2]);
      deliver(g, std::move(asked), received);
    }
    g.pass_turn(cookie);
  });
}

// Takes (or peeks at) the datagram in the carrier. 0, or -EAGAIN.
std::int64_t take_datagram(Call& call, const Arguments& arguments) {
  static std::vector<char> buffer(kDatagramMax);
  iovec part{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ssize_t n = recvmsg(call.fd.get(), &header, (arguments.flags & MSG_PEEK) | MSG_DONTWAIT);
  if (n < 0) return -errno;
  std::size_t length = static_cast<std::size_t>(n);
  std::size_t room = arguments.message.room();
  call.progress.length = length;
  call.progress.data.assign(buffer.data(), std::min(length, room));
  call.progress.taken_flags = 0;
  if (length > room) call.progress.taken_flags = MSG_TRUNC;
  return 0;
}

void receive_datagram(Gate& gate, CallPtr call, const Arguments& arguments) {
  Socket* socket = gate.socket_of(*call);
  if (socket == nullptr) return message_received(gate, std::move(call), -EBADF);
  if (socket->receiving) return gate.wait_turn(std::move(call), *socket, retry_receive);
  std::int64_t error = take_datagram(*call, arguments);
  if (error == 0)
    return ask_sender(gate, std::move(call), (arguments.flags & MSG_PEEK) != 0, arguments.flags);
  if (error != -EAGAIN || gate.is_nonblocking(*call, arguments.flags))
    return message_received(gate, std::move(call), error);
  wait_for_data(gate, std::move(call));
}

// A stream whose caller named an address (TCP leaves it empty) or wants bytes thrown away (MSG_TRUNC).
void receive_on_stream(Gate& gate, CallPtr call, const Arguments& arguments) {
  std::size_t room = std::min(arguments.message.room(), kStreamMax);
  std::string& data = call->progress.data;
  std::size_t before = call->progress.done;
  std::size_t wanted = room - std::min(before, room);
  data.resize(before + wanted);
  ssize_t n = recv(call->fd.get(), data.data() + before, wanted,
                   (arguments.flags & (MSG_PEEK | MSG_OOB)) | MSG_DONTWAIT);
  std::int64_t error = n < 0 ? -errno : 0;
  std::size_t got = n > 0 ? static_cast<std::size_t>(n) : 0;
  data.resize(before + got);
  bool keep_waiting = (arguments.flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL && got > 0 && got < wanted;
  if ((error == -EAGAIN || keep_waiting) && !gate.is_nonblocking(*call, arguments.flags)) {
    call->progress.done = data.size();
    return wait_for_data(gate, std::move(call));
  }
  if (data.empty() && error != 0) return message_received(gate, std::move(call), error);
  call->progress.length = data.size();
  call->progress.taken_flags = 0;
  if (arguments.flags & MSG_TRUNC) {
    // Thrown away; deliver() answers with the length.
    data.clear();
  }
  deliver(gate, std::move(call), {});
}

void receive_error(Gate& gate, CallPtr call, const Arguments& arguments) {
  Request request;
  request.code = RequestCode::receive_error;
  request.cookie = call->cookie;
  request.arg[0] = arguments.flags;
  gate.ask(std::move(call), request, {}, [](Gate& g, CallPtr asked, Answer& answer) {
    if (answer.head.result < 0) return message_received(g, std::move(asked), answer.head.result);
    auto name = static_cast<std::size_t>(answer.head.arg[0]);
    auto control = static_cast<std::size_t>(answer.head.arg[1]);
    if (name > answer.payload.size() || control > answer.payload.size() - name) name = control = 0;
    Arguments again;
    std::int64_t error = read_arguments(g, *asked, again);
    if (error != 0) return message_received(g, std::move(asked), error);
    std::string_view data = answer.payload.substr(name + control);
    std::size_t room = again.message.room();
    Received received;
    received.name = answer.payload.substr(0, name);
    received.control = answer.payload.substr(name, control);
    received.flags = MSG_ERRQUEUE;
    if (data.size() > room) received.flags |= MSG_TRUNC;
    asked->progress.length = data.size();
    asked->progress.data = data.substr(0, room);
    deliver(g, std::move(asked), received);
  });
}

void receive(Gate& gate, CallPtr call, const Arguments& arguments) {
  Socket* socket = gate.socket_of(*call);
  if (socket == nullptr) return message_received(gate, std::move(call), -EBADF);
  if (arguments.flags & MSG_ERRQUEUE) return receive_error(gate, std::move(call), arguments);
  if (socket->stream) return receive_on_stream(gate, std::move(call), arguments);
  receive_datagram(gate, std::move(call), arguments);
}

void retry_receive(Gate& gate, CallPtr call) {
  Arguments arguments;
  std::int64_t error = read_arguments(gate, *call, arguments);
  if (error != 0) return message_received(gate, std::move(call), error);
  receive(gate, std::move(call), arguments);
}

void next_message(Gate& gate, CallPtr call) {
  unsigned count = std::min(static_cast<unsigned>(call->argument(2)), kMessagesMax);
  bool late = call->progress.give_up != kNever && call->progress.give_up <= world::EventLoop::read_clock();
  const unsigned messages = call->progress.messages;
  if (messages >= count || (messages > 0 && late)) return gate.answer(std::move(call), messages);
  retry_receive(gate, std::move(call));
}

}  // namespace

void on_receive_from(Gate& gate, CallPtr call) {
  Arguments arguments;
  (void)read_arguments(gate, *call, arguments);
  Socket* socket = gate.socket_of(*call);
  bool native =
      socket != nullptr && !socket->stream && !arguments.wants_name && !(arguments.flags & MSG_ERRQUEUE);
  if (native) return gate.let_kernel_do(std::move(call));
  receive(gate, std::move(call), arguments);
}

void on_receive_message(Gate& gate, CallPtr call) {
  Arguments arguments;
  std::int64_t error = read_arguments(gate, *call, arguments);
  if (error != 0) return gate.answer(std::move(call), error);
  Socket* socket = gate.socket_of(*call);
  bool special = (arguments.flags & MSG_ERRQUEUE) != 0 || arguments.wants_name;
  if (socket != nullptr && socket->stream) special = special || (arguments.flags & MSG_TRUNC) != 0;
  if (socket != nullptr && !socket->stream) special = special || arguments.wants_control;
  if (!special) return gate.let_kernel_do(std::move(call));
  receive(gate, std::move(call), arguments);
}

void on_receive_messages(Gate& gate, CallPtr call) {
  Socket* socket = gate.socket_of(*call);
  if (socket == nullptr) return gate.answer(std::move(call), -EBADF);
  unsigned count = std::min(static_cast<unsigned>(call->argument(2)), kMessagesMax);
  bool plain = (call->int_argument(3) & MSG_ERRQUEUE) == 0;
  for (unsigned i = 0; plain && i < count; ++i) {
    msghdr header{};
    if (!gate.read(*call, call->argument(1) + i * sizeof(mmsghdr), &header, sizeof(header))) break;
    plain = header.msg_name == nullptr && (header.msg_control == nullptr || header.msg_controllen == 0);
  }
  if (plain) return gate.let_kernel_do(std::move(call));
  if (call->argument(4) != 0) {
    // As in the kernel, the time is only looked at after a message: the first may take for ever.
    timespec limit{};
    if (!gate.read(*call, call->argument(4), &limit, sizeof(limit)))
      return gate.answer(std::move(call), -EFAULT);
    if (limit.tv_sec < 0 || limit.tv_nsec < 0 || limit.tv_nsec >= 1'000'000'000)
      return gate.answer(std::move(call), -EINVAL);
    call->progress.give_up = world::EventLoop::read_clock() + std::chrono::seconds(limit.tv_sec) +
                             std::chrono::nanoseconds(limit.tv_nsec);
  }
  next_message(gate, std::move(call));
}

}  // namespace sockeye::gate
