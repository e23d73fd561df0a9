// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The life of a socket: socket, bind, listen, connect, shutdown. The world decides all of it; here a
// stream gets its carrier connected at the moment it needs one.
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "gate/calls.h"

namespace sockeye::gate {

namespace {

constexpr int kTypeMask = 0xf;

bool is_inet(int family) {
  return family == AF_INET || family == AF_INET6;
}

int family_of(std::string_view address) {
  sa_family_t family = AF_UNSPEC;
  if (address.size() >= sizeof(family)) std::memcpy(&family, address.data(), sizeof(family));
  return family;
}

bool is_privileged_port(std::string_view address) {
  if (!is_inet(family_of(address)) || address.size() < sizeof(sockaddr_in)) return false;
  in_port_t port = 0;
  std::memcpy(&port, address.data() + offsetof(sockaddr_in, sin_port), sizeof(port));
  return port != 0 && ntohs(port) < 1024;
}

// An address that connect() might accept, so that the carrier will be used.
bool is_plausible(std::string_view address) {
  int family = family_of(address);
  return (family == AF_INET && address.size() >= sizeof(sockaddr_in)) ||
         (family == AF_INET6 && address.size() >= offsetof(sockaddr_in6, sin6_scope_id));
}

void hand_over_socket(Gate& gate, CallPtr call, bool stream) {
  std::uint64_t cookie = call->cookie;
  bool close_on_exec = (call->int_argument(1) & SOCK_CLOEXEC) != 0;
  Socket& socket = gate.sockets.add(cookie, stream);
  socket.carried = !stream;
  // Before the program can close it.
  if (stream) gate.loose.add(call->fd.get(), cookie);
  int result = gate.notifier.answer_with_descriptor(call->trapped.id, call->fd.get(), close_on_exec);
  if (result >= 0) {
    socket.holder = call->trapped.tid;
    socket.number = result;
    return;
  }
  if (stream) gate.loose.remove(call->fd.get(), cookie);
  gate.sockets.forget(cookie);
  Request request;
  request.code = RequestCode::close;
  request.cookie = cookie;
  gate.tell(request);
  gate.answer(std::move(call), result);
}

// Makes sure that the socket has a carrier that a connection can begin on. `end` is the world's, if one was
// made now. 0 or a negative errno.
std::int64_t prepare_carrier(Gate& gate, Call& call, UniqueFd& end) {
  Socket* socket = gate.socket_of(call);
  if (socket == nullptr) return -EBADF;
  if (socket->spent) {
    if (!gate.replace_carrier(call, *socket)) return -ENOBUFS;
    socket = gate.socket_of(call);
  }
  if (socket->carried) return 0;
  gate.loose.remove(call.fd.get(), call.cookie);
  auto made = gate.port.connect(call.fd.get());
  if (!made) return -to_int(made.error());
  end = std::move(*made);
  socket->carried = true;
  return 0;
}

// Notes what the Reply says of the carrier; true: it is spent, and the call should be made again.
bool note_carrier(Gate& gate, Call& call, const Reply& reply) {
  Socket* socket = gate.socket_of(call);
  if (socket == nullptr || !socket->stream) return false;
  if (reply.flags & (Reply::kCarrierUnused | Reply::kCarrierDead)) {
    socket->spent = true;
    // The kernel's own error is not what the program should see: the result of this call is.
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(call.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  }
  return (reply.flags & Reply::kCarrierDead) != 0;
}

void ask_connect(Gate& gate, CallPtr call, bool again);
void ask_listen(Gate& gate, CallPtr call, bool again);

void ask_connect(Gate& gate, CallPtr call, bool again) {
  std::string address;
  std::int64_t error = read_address(gate, *call, call->argument(1), call->int_argument(2), address);
  if (error != 0) return gate.answer(std::move(call), error);
  Socket* socket = gate.socket_of(*call);
  UniqueFd end;
  if (socket != nullptr && socket->stream && is_plausible(address)) error = prepare_carrier(gate, *call, end);
  if (error != 0) return gate.answer(std::move(call), error);
  Request request;
  request.code = RequestCode::connect;
  request.cookie = call->cookie;
  park_unless_nonblocking(gate, *call, request, SO_SNDTIMEO);
  gate.ask(
      std::move(call), request, {address},
      [again](Gate& g, CallPtr asked, Answer& answer) {
        if (note_carrier(g, *asked, answer.head) && !again) return ask_connect(g, std::move(asked), true);
        g.answer(std::move(asked), answer.head.result);
      },
      std::move(end));
}

void ask_listen(Gate& gate, CallPtr call, bool again) {
  Socket* socket = gate.socket_of(*call);
  UniqueFd end;
  std::int64_t error = 0;
  if (socket != nullptr && socket->stream) error = prepare_carrier(gate, *call, end);
  if (error != 0) return gate.answer(std::move(call), error);
  Request request;
  request.code = RequestCode::listen;
  request.cookie = call->cookie;
  request.arg[0] = call->int_argument(1);
  gate.ask(
      std::move(call), request, {},
      [again](Gate& g, CallPtr asked, Answer& answer) {
        if (note_carrier(g, *asked, answer.head) && !again) return ask_listen(g, std::move(asked), true);
        if (Socket* listener = g.socket_of(*asked); listener != nullptr && answer.head.result == 0)
          listener->listening = true;
        g.answer(std::move(asked), answer.head.result);
      },
      std::move(end));
}

void ask_bind(Gate& gate, CallPtr call, bool again) {
  std::string address;
  std::int64_t error = read_address(gate, *call, call->argument(1), call->int_argument(2), address);
  if (error != 0) return gate.answer(std::move(call), error);
  Request request;
  request.code = RequestCode::bind;
  request.cookie = call->cookie;
  request.arg[0] =
      is_privileged_port(address) && gate.tasks.has_capability(call->trapped.tid, CAP_NET_BIND_SERVICE);
  gate.ask(std::move(call), request, {address}, [again](Gate& g, CallPtr asked, Answer& answer) {
    // The port may belong to a socket that was closed before it ever had a carrier.
    if (answer.head.result == -EADDRINUSE && !again && g.release_closed())
      return ask_bind(g, std::move(asked), true);
    g.answer(std::move(asked), answer.head.result);
  });
}

}  // namespace

void on_socket(Gate& gate, CallPtr call) {
  int domain = call->int_argument(0);
  int flags = call->int_argument(1) & ~kTypeMask;
  int type = call->int_argument(1) & kTypeMask;
  int protocol = call->int_argument(2);
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return gate.answer(std::move(call), -EINVAL);
  if (!is_inet(domain)) {
    gate.report.refused_socket(domain, type, protocol, EAFNOSUPPORT);
    return gate.answer(std::move(call), -EAFNOSUPPORT);
  }
  bool nonblocking = (flags & SOCK_NONBLOCK) != 0;
  bool stream = type == SOCK_STREAM;
  UniqueFd end;
  if (stream) {
    auto made = make_unconnected_stream(nonblocking);
    if (!made) return gate.answer(std::move(call), -to_int(made.error()));
    call->fd = std::move(*made);
  } else {
    auto made = make_datagram_carrier(nonblocking);
    if (!made) return gate.answer(std::move(call), -to_int(made.error()));
    call->fd = std::move(made->program);
    end = std::move(made->world);
  }
  call->cookie = cookie_of(call->fd.get());
  Request request;
  request.code = RequestCode::socket;
  request.cookie = call->cookie;
  request.inode = inode_of(call->fd.get());
  request.arg[0] = domain;
  request.arg[1] = type;
  request.arg[2] = protocol;
  gate.ask(
      std::move(call), request, {},
      [stream](Gate& g, CallPtr asked, Answer& answer) {
        if (answer.head.result >= 0) return hand_over_socket(g, std::move(asked), stream);
        if (means_unsupported(answer.head.result))
          g.report.refused_socket(asked->int_argument(0), asked->int_argument(1) & kTypeMask,
                                  asked->int_argument(2), static_cast<int>(-answer.head.result));
        g.answer(std::move(asked), answer.head.result);
      },
      std::move(end));
}

void on_bind(Gate& gate, CallPtr call) {
  ask_bind(gate, std::move(call), false);
}

void on_listen(Gate& gate, CallPtr call) {
  ask_listen(gate, std::move(call), false);
}

void on_connect(Gate& gate, CallPtr call) {
  ask_connect(gate, std::move(call), false);
}

void on_shutdown(Gate& gate, CallPtr call) {
  Request request;
  request.code = RequestCode::shutdown;
  request.cookie = call->cookie;
  request.arg[0] = call->int_argument(1);
  gate.ask(std::move(call), request, {}, [](Gate& g, CallPtr asked, Answer& answer) {
    int how = asked->int_argument(1);
    Socket* socket = g.socket_of(*asked);
    bool writing = answer.head.result == 0 && how != SHUT_RD;
    if (!writing || socket == nullptr || socket->listening || !asked->fd)
      return g.answer(std::move(asked), answer.head.result);
    // Later writes give EPIPE, and the world reads the end behind the last byte. The reading side stays open
    // in the kernel: what arrives after SHUT_RD is the world's to decide.
    ::shutdown(asked->fd.get(), SHUT_WR);
    if (!socket->stream || !socket->carried) return g.answer(std::move(asked), 0);
    Request done;
    done.code = RequestCode::shutdown;
    done.cookie = asked->cookie;
    done.arg[0] = how;
    done.arg[1] = 1;
    g.ask(std::move(asked), done, {},
          [](Gate& again, CallPtr finished, Answer&) { again.answer(std::move(finished), 0); });
  });
}

}  // namespace sockeye::gate
