// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Sending, where the kernel cannot do it for us: datagrams with an address or control data, out-of-band data,
// and streams where an address was given (TCP ignores it, AF_UNIX would not). All other calls that are
// trapped only because BPF cannot look into a msghdr go back to the kernel: what they do to the carrier is no
// more than write() does.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "gate/calls.h"
#include "gate/message.h"

namespace sockeye::gate {

namespace {

constexpr std::size_t kDatagramMax = 65535;
constexpr std::size_t kUrgentMax = 64 * 1024;
constexpr std::size_t kStreamPart = 64 * 1024;
constexpr unsigned kMessagesMax = 1024;

struct Arguments {
  RemoteMessage message{};
  std::string name{};
  std::string control{};
  int flags = 0;
};

std::uint64_t message_address(const Call& call) {
  // Of the element of sendmmsg's vector that is to be sent now, or sendmsg's only one.
  return call.argument(1) + call.progress.messages * sizeof(mmsghdr);
}

std::int64_t read_arguments(Gate& gate, const Call& call, Arguments& out) {
  if (call.trapped.number == __NR_sendto) {
    out.flags = call.int_argument(3);
    out.message = plain_message(call.argument(1), call.argument(2));
    if (call.argument(4) == 0) return 0;
    return read_address(gate, call, call.argument(4), call.int_argument(5), out.name);
  }
  out.flags = call.int_argument(call.trapped.number == __NR_sendmsg ? 2 : 3);
  std::int64_t error = read_message(gate, call, message_address(call), out.message);
  if (error != 0) return error;
  const msghdr& header = out.message.header;
  out.name.resize(header.msg_namelen);
  if (!out.name.empty() &&
      !gate.read(call, reinterpret_cast<std::uint64_t>(header.msg_name), out.name.data(), out.name.size()))
    return -EFAULT;
  std::size_t control = header.msg_control == nullptr ? 0 : header.msg_controllen;
  if (control > 20 * 1024) return -ENOBUFS;
  out.control.resize(control);
  if (control > 0 &&
      !gate.read(call, reinterpret_cast<std::uint64_t>(header.msg_control), out.control.data(), control))
    return -EFAULT;
  return 0;
}

// EPIPE comes with a signal, which the kernel cannot raise for a call that it did not make.
void finish_send(Gate& gate, CallPtr call, std::int64_t result, int flags) {
  if (result == -EPIPE && (flags & MSG_NOSIGNAL) == 0 && gate.notifier.is_valid(call->trapped.id))
    syscall(SYS_tgkill, gate.tasks.process_of(call->trapped.tid), call->trapped.tid, SIGPIPE);
  gate.answer(std::move(call), result);
}

void retry_stream(Gate& gate, CallPtr call);

// Moves the data of one message into the carrier piece by piece; a blocking call does not return before all
// of it is there.
void send_on_stream(Gate& gate, CallPtr call, const Arguments& arguments) {
  std::size_t total = arguments.message.room();
  std::size_t& done = call->progress.done;
  std::int64_t result = 0;
  while (done < total || total == 0) {
    std::string data;
    result = read_data(gate, *call, arguments.message, done, kStreamPart, data);
    if (result != 0) break;
    ssize_t n = send(call->fd.get(), data.data(), data.size(),
                     (arguments.flags & MSG_MORE) | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      result = -errno;
      break;
    }
    done += static_cast<std::size_t>(n);
    if (total == 0) break;
  }
  if (result == -EAGAIN && !gate.is_nonblocking(*call, arguments.flags) && !call->asking) {
    limit_wait(*call, SO_SNDTIMEO, done == 0);
    return gate.wait_ready(std::move(call), EPOLLOUT, retry_stream);
  }
  if (done > 0) result = static_cast<std::int64_t>(done);
  finish_send(gate, std::move(call), result, arguments.flags);
}

void retry_stream(Gate& gate, CallPtr call) {
  Arguments arguments;
  std::int64_t error = read_arguments(gate, *call, arguments);
  const auto done = static_cast<std::int64_t>(call->progress.done);
  if (error != 0) return gate.answer(std::move(call), done > 0 ? done : error);
  send_on_stream(gate, std::move(call), arguments);
}

void send_urgent(Gate& gate, CallPtr call, const Arguments& arguments) {
  std::string data;
  std::int64_t error = read_data(gate, *call, arguments.message, 0, kUrgentMax, data);
  if (error != 0) return gate.answer(std::move(call), error);
  Request request;
  request.code = RequestCode::send_urgent;
  request.cookie = call->cookie;
  request.arg[0] = arguments.flags;
  if (gate.is_nonblocking(*call, arguments.flags)) request.flags = Request::kNonBlocking;
  call->parked = request.flags == 0;
  int flags = arguments.flags;
  gate.ask(std::move(call), request, {data}, [flags](Gate& g, CallPtr asked, Answer& answer) {
    finish_send(g, std::move(asked), answer.head.result, flags);
  });
}

void next_message(Gate& gate, CallPtr call);

// The result of one datagram: of the call itself, or of one element of sendmmsg's vector.
void datagram_sent(Gate& gate, CallPtr call, std::int64_t result, int flags) {
  if (call->trapped.number != __NR_sendmmsg) return finish_send(gate, std::move(call), result, flags);
  if (result < 0) {
    std::int64_t sent = call->progress.messages;
    return finish_send(gate, std::move(call), sent > 0 ? sent : result, flags);
  }
  auto length = static_cast<std::uint32_t>(result);
  if (!gate.write(*call, message_address(*call) + offsetof(mmsghdr, msg_len), &length, sizeof(length))) {
    std::int64_t sent = call->progress.messages;
    return gate.answer(std::move(call), sent > 0 ? sent : -EFAULT);
  }
  ++call->progress.messages;
  next_message(gate, std::move(call));
}

void send_datagram(Gate& gate, CallPtr call, const Arguments& arguments) {
  int flags = arguments.flags;
  if (flags & MSG_OOB) return datagram_sent(gate, std::move(call), -EOPNOTSUPP, flags);
  if (arguments.message.room() > kDatagramMax) return datagram_sent(gate, std::move(call), -EMSGSIZE, flags);
  std::string data;
  std::int64_t error = read_data(gate, *call, arguments.message, 0, kDatagramMax, data);
  if (error != 0) return datagram_sent(gate, std::move(call), error, flags);
  Request request;
  request.code = RequestCode::send;
  request.cookie = call->cookie;
  request.arg[0] = flags;
  request.arg[1] = static_cast<std::int64_t>(arguments.name.size());
  request.arg[2] = static_cast<std::int64_t>(arguments.control.size());
  if (gate.is_nonblocking(*call, flags)) request.flags = Request::kNonBlocking;
  call->parked = request.flags == 0;
  gate.ask(std::move(call), request, {arguments.name, arguments.control, data},
           [flags](Gate& g, CallPtr asked, Answer& answer) {
             datagram_sent(g, std::move(asked), answer.head.result, flags);
           });
}

void next_message(Gate& gate, CallPtr call) {
  unsigned count = std::min(static_cast<unsigned>(call->argument(2)), kMessagesMax);
  const unsigned messages = call->progress.messages;
  if (messages >= count) return gate.answer(std::move(call), messages);
  Arguments arguments;
  std::int64_t error = read_arguments(gate, *call, arguments);
  if (error != 0) return datagram_sent(gate, std::move(call), error, 0);
  send_datagram(gate, std::move(call), arguments);
}

bool is_plain(const Arguments& arguments) {
  return arguments.name.empty() && arguments.control.empty();
}

}  // namespace

void on_send_to(Gate& gate, CallPtr call) {
  on_send_message(gate, std::move(call));
}

void on_send_message(Gate& gate, CallPtr call) {
  Arguments arguments;
  std::int64_t error = read_arguments(gate, *call, arguments);
  if (error != 0) return gate.answer(std::move(call), error);
  Socket* socket = gate.socket_of(*call);
  if (socket == nullptr) return gate.answer(std::move(call), -EBADF);
  if (arguments.flags & MSG_FASTOPEN) {
    gate.report.refused("send MSG_FASTOPEN", EOPNOTSUPP);
    return gate.answer(std::move(call), -EOPNOTSUPP);
  }
  bool special = (arguments.flags & MSG_OOB) != 0;
  if (!socket->stream) {
    if (is_plain(arguments) && !special) return gate.let_kernel_do(std::move(call));
    return send_datagram(gate, std::move(call), arguments);
  }
  if (special) return send_urgent(gate, std::move(call), arguments);
  // TCP reads neither the address nor SCM_RIGHTS; both would mean something to AF_UNIX.
  if (is_plain(arguments)) return gate.let_kernel_do(std::move(call));
  send_on_stream(gate, std::move(call), arguments);
}

void on_send_messages(Gate& gate, CallPtr call) {
  Socket* socket = gate.socket_of(*call);
  if (socket == nullptr) return gate.answer(std::move(call), -EBADF);
  unsigned count = std::min(static_cast<unsigned>(call->argument(2)), kMessagesMax);
  bool plain = (call->int_argument(3) & MSG_OOB) == 0;
  for (unsigned i = 0; plain && i < count; ++i) {
    msghdr header{};
    std::uint64_t address = call->argument(1) + i * sizeof(mmsghdr);
    if (!gate.read(*call, address, &header, sizeof(header))) break;
    plain = header.msg_name == nullptr && (header.msg_control == nullptr || header.msg_controllen == 0);
  }
  // glibc's resolver sends its two questions this way.
  if (plain || socket->stream) return gate.let_kernel_do(std::move(call));
  next_message(gate, std::move(call));
}

}  // namespace sockeye::gate
