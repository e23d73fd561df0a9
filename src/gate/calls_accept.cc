// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// accept and accept4. The world takes the connection from its queue and sends the program's end; it becomes
// the caller's descriptor and the result in one step (ADDFD_SEND). When that fails, the connection goes back
// to the front of the queue. Each queued connection is one unread byte in the listener's carrier.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "gate/calls.h"

namespace sockeye::gate {

namespace {

// The world says when the carrier holds a token more than there are connections.
void take_token(const Call& call, const Answer& answer) {
  char token;
  if (call.fd && answer.head.arg[0] == 1) (void)recv(call.fd.get(), &token, 1, MSG_DONTWAIT);
}

void put_back(Gate& gate, const Call& call, Answer& answer) {
  Request request;
  request.code = RequestCode::put_back;
  request.cookie = call.cookie;
  request.arg[0] = static_cast<std::int64_t>(answer.head.new_cookie);
  gate.tell(request, std::move(answer.fd));
}

void hand_over_connection(Gate& gate, CallPtr call, Answer& answer) {
  int flags = call->trapped.number == __NR_accept4 ? call->int_argument(3) : 0;
  if (flags & SOCK_NONBLOCK) fcntl(answer.fd.get(), F_SETFL, O_NONBLOCK);
  take_token(*call, answer);
  Socket* listener = gate.socket_of(*call);
  bool inherits = listener != nullptr && listener->has_native_options && call->fd;
  if (inherits) copy_native_options(call->fd.get(), answer.fd.get());
  if (call->argument(1) != 0) {
    std::int64_t error = write_address(gate, *call, call->argument(1), call->argument(2), answer.payload);
    if (error != 0) {
      // As in the kernel, the connection is lost with a bad address: closing our copy resets it.
      return gate.answer(std::move(call), error);
    }
  }
  std::uint64_t cookie = answer.head.new_cookie;
  Socket& socket = gate.sockets.add(cookie, true);
  socket.carried = true;
  socket.has_native_options = inherits;
  bool close_on_exec = (flags & SOCK_CLOEXEC) != 0;
  int result = gate.notifier.answer_with_descriptor(call->trapped.id, answer.fd.get(), close_on_exec);
  if (result >= 0) {
    socket.holder = call->trapped.tid;
    socket.number = result;
    return;
  }
  gate.sockets.forget(cookie);
  put_back(gate, *call, answer);
  gate.answer(std::move(call), result);
}

}  // namespace

void on_accept(Gate& gate, CallPtr call) {
  int flags = call->trapped.number == __NR_accept4 ? call->int_argument(3) : 0;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return gate.answer(std::move(call), -EINVAL);
  Request request;
  request.code = RequestCode::accept;
  request.cookie = call->cookie;
  park_unless_nonblocking(gate, *call, request, SO_RCVTIMEO);
  gate.ask(std::move(call), request, {}, [](Gate& g, CallPtr asked, Answer& answer) {
    if (answer.head.result < 0 || !answer.fd) {
      std::int64_t result = answer.head.result < 0 ? answer.head.result : -ECONNABORTED;
      take_token(*asked, answer);
      return g.answer(std::move(asked), result);
    }
    hand_over_connection(g, std::move(asked), answer);
  });
}

}  // namespace sockeye::gate
