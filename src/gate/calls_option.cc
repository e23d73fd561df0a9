// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Names, options and ioctls: the world's answer, copied. Options that the kernel must know as well, because
// it carries out the data calls (time-outs, urgent data in line), are set on the carrier too.
#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gate/calls.h"
#include "socket/option_room.h"

namespace sockeye::gate {

namespace {

constexpr std::int64_t kOptionMax = 64 * 1024;
constexpr int kReceiveTimeoutNew = 66;  // SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW
constexpr int kSendTimeoutNew = 67;

bool is_native_too(int level, int name) {
  if (level != SOL_SOCKET) return false;
  return name == SO_RCVTIMEO || name == SO_SNDTIMEO || name == kReceiveTimeoutNew ||
         name == kSendTimeoutNew || name == SO_OOBINLINE || name == SO_RCVLOWAT;
}

bool is_for_administrators(int level, int name) {
  return level == SOL_SOCKET && (name == SO_MARK || name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE);
}

void ask_name(Gate& gate, CallPtr call, RequestCode code) {
  Request request;
  request.code = code;
  request.cookie = call->cookie;
  gate.ask(std::move(call), request, {}, [](Gate& g, CallPtr asked, Answer& answer) {
    std::int64_t result = answer.head.result;
    if (result >= 0)
      result = write_address(g, *asked, asked->argument(1), asked->argument(2), answer.payload);
    g.answer(std::move(asked), result);
  });
}

// The carrier's own copy of the error goes with the world's, or poll would go on to say ERR. And if it has
// gone already while the carrier is hung up, a read or write has told the program: an error is told once.
bool was_told(const Call& call) {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(call.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  pollfd entry{call.fd.get(), 0, 0};
  return error == 0 && poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
}

void write_option(Gate& gate, CallPtr call, const Answer& answer) {
  std::int32_t room = 0;
  if (!gate.read(*call, call->argument(4), &room, sizeof(room))) return gate.answer(std::move(call), -EFAULT);
  if (room < 0) return gate.answer(std::move(call), -EINVAL);
  std::string value(answer.payload);
  Socket* socket = gate.socket_of(*call);
  bool is_error = call->int_argument(1) == SOL_SOCKET && call->int_argument(2) == SO_ERROR;
  if (is_error && socket != nullptr && socket->stream && socket->carried && was_told(*call))
    value.assign(value.size(), '\0');
  const bool was_read = reads_value(call->int_argument(1), call->int_argument(2));
  std::size_t size = was_read ? value.size() : std::min(value.size(), static_cast<std::size_t>(room));
  auto count = static_cast<std::int32_t>(was_read ? answer.head.arg[0] : static_cast<std::int64_t>(size));
  bool written = (count == 0 || gate.write(*call, call->argument(3), value.data(), size)) &&
                 gate.write(*call, call->argument(4), &count, sizeof(count));
  gate.answer(std::move(call), written ? 0 : -EFAULT);
}

// How many unread bytes the kernel has for the program.
std::int64_t readable(const Call& call, const Socket& socket) {
  if (socket.stream) {
    int bytes = 0;
    return ioctl(call.fd.get(), FIONREAD, &bytes) == 0 ? bytes : 0;
  }
  char byte;
  ssize_t n = recv(call.fd.get(), &byte, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  return n < 0 ? 0 : n;
}

void write_int(Gate& gate, CallPtr call, std::int64_t number) {
  auto value = static_cast<std::int32_t>(number);
  bool written = gate.write(*call, call->argument(2), &value, sizeof(value));
  gate.answer(std::move(call), written ? 0 : -EFAULT);
}

void ask_interface_list(Gate& gate, CallPtr call) {
  ifconf list{};
  if (!gate.read(*call, call->argument(2), &list, sizeof(list))) return gate.answer(std::move(call), -EFAULT);
  Request request;
  request.code = RequestCode::control;
  request.cookie = call->cookie;
  request.arg[0] = SIOCGIFCONF;
  request.arg[1] = list.ifc_buf == nullptr ? 0 : list.ifc_len;
  gate.ask(std::move(call), request, {}, [](Gate& g, CallPtr asked, Answer& answer) {
    ifconf out{};
    if (answer.head.result < 0) return g.answer(std::move(asked), answer.head.result);
    bool fine = g.read(*asked, asked->argument(2), &out, sizeof(out));
    auto target = reinterpret_cast<std::uint64_t>(out.ifc_buf);
    // Without a buffer the length is the question.
    if (target == 0) {
      out.ifc_len = static_cast<int>(answer.payload.size());
    } else {
      out.ifc_len = std::min(out.ifc_len, static_cast<int>(answer.payload.size()));
      fine = fine && g.write(*asked, target, answer.payload.data(), static_cast<std::size_t>(out.ifc_len));
    }
    fine = fine && g.write(*asked, asked->argument(2), &out, sizeof(out));
    g.answer(std::move(asked), fine ? 0 : -EFAULT);
  });
}

}  // namespace

void on_local_name(Gate& gate, CallPtr call) {
  ask_name(gate, std::move(call), RequestCode::local_name);
}

void on_peer_name(Gate& gate, CallPtr call) {
  ask_name(gate, std::move(call), RequestCode::peer_name);
}

void on_set_option(Gate& gate, CallPtr call) {
  int level = call->int_argument(1);
  int name = call->int_argument(2);
  std::int64_t length = call->int_argument(4);
  if (length < 0 || length > kOptionMax) return gate.answer(std::move(call), -EINVAL);
  std::string value(static_cast<std::size_t>(length), '\0');
  if (length > 0 && !gate.read(*call, call->argument(3), value.data(), value.size()))
    return gate.answer(std::move(call), -EFAULT);
  if (is_native_too(level, name)) call->progress.data = value;
  Request request;
  request.code = RequestCode::set_option;
  request.cookie = call->cookie;
  request.arg[0] = level;
  request.arg[1] = name;
  request.arg[2] =
      is_for_administrators(level, name) && gate.tasks.has_capability(call->trapped.tid, CAP_NET_ADMIN);
  gate.ask(std::move(call), request, {value}, [level, name](Gate& g, CallPtr asked, Answer& answer) {
    const std::string& copy = asked->progress.data;
    Socket* socket = g.socket_of(*asked);
    if (answer.head.result >= 0 && socket != nullptr && is_native_too(level, name)) {
      setsockopt(asked->fd.get(), level, name, copy.data(), static_cast<socklen_t>(copy.size()));
      socket->has_native_options = true;
    }
    if (means_unsupported(answer.head.result))
      g.report.refused_option(level, name, true, static_cast<int>(-answer.head.result));
    g.answer(std::move(asked), answer.head.result);
  });
}

void on_get_option(Gate& gate, CallPtr call) {
  std::int32_t room = 0;
  if (!gate.read(*call, call->argument(4), &room, sizeof(room))) return gate.answer(std::move(call), -EFAULT);
  if (room < 0) return gate.answer(std::move(call), -EINVAL);
  Request request;
  request.code = RequestCode::get_option;
  request.cookie = call->cookie;
  request.arg[0] = call->int_argument(1);
  request.arg[1] = call->int_argument(2);
  request.arg[2] = room;
  std::string question;
  if (reads_value(call->int_argument(1), call->int_argument(2))) {
    if (room > kOptionMax) return gate.answer(std::move(call), -EINVAL);
    question.resize(static_cast<std::size_t>(room));
    if (!gate.read(*call, call->argument(3), question.data(), question.size()))
      return gate.answer(std::move(call), -EFAULT);
    const Bytes given = std::as_bytes(std::span(question.data(), question.size()));
    request.arg[2] =
        static_cast<std::int64_t>(option_room(call->int_argument(1), call->int_argument(2), given));
    if (request.arg[2] > kOptionMax) return gate.answer(std::move(call), -ENOBUFS);  // two hundred keys
  }
  gate.ask(std::move(call), request, {question}, [](Gate& g, CallPtr asked, Answer& answer) {
    if (answer.head.result >= 0) return write_option(g, std::move(asked), answer);
    if (means_unsupported(answer.head.result))
      g.report.refused_option(asked->int_argument(1), asked->int_argument(2), false,
                              static_cast<int>(-answer.head.result));
    g.answer(std::move(asked), answer.head.result);
  });
}

void on_control(Gate& gate, CallPtr call) {
  auto command = static_cast<unsigned>(call->int_argument(1));
  Socket* socket = gate.socket_of(*call);
  if (command == SIOCINQ && socket != nullptr && !socket->stream) {
    const auto bytes = readable(*call, *socket);
    return write_int(gate, std::move(call), bytes);
  }
  if (command == SIOCGIFCONF) return ask_interface_list(gate, std::move(call));
  bool is_number = command == SIOCINQ || command == SIOCOUTQ || command == SIOCOUTQNSD;
  std::string interface(is_number ? 0 : sizeof(ifreq), '\0');
  if (!is_number && !gate.read(*call, call->argument(2), interface.data(), interface.size()))
    return gate.answer(std::move(call), -EFAULT);
  Request request;
  request.code = RequestCode::control;
  request.cookie = call->cookie;
  request.arg[0] = command;
  gate.ask(std::move(call), request, {interface},
           [command, is_number](Gate& g, CallPtr asked, Answer& answer) {
             if (answer.head.result < 0) {
               char text[32];
               snprintf(text, sizeof(text), "ioctl 0x%04x", command);
               if (answer.head.result == -ENOTTY || means_unsupported(answer.head.result))
                 g.report.refused(text, static_cast<int>(-answer.head.result));
               return g.answer(std::move(asked), answer.head.result);
             }
             std::int64_t number = answer.head.arg[0];
             Socket* stream = g.socket_of(*asked);
             if (command == SIOCINQ && stream != nullptr) number += readable(*asked, *stream);
             if (is_number) return write_int(g, std::move(asked), number);
             bool fine = answer.payload.empty() || g.write(*asked, asked->argument(2), answer.payload.data(),
                                                           std::min(answer.payload.size(), sizeof(ifreq)));
             g.answer(std::move(asked), fine ? answer.head.result : -EFAULT);
           });
}

}  // namespace sockeye::gate
