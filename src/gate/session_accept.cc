// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// accept: the connection gets its carrier here, and the reply takes the program's end along. If the
// agent cannot hand it to the program (it was killed, or has no descriptor left), it comes back and
// waits in front of the queue, with whatever bytes it has received in the meantime.
#include <sys/socket.h>
#include <sys/time.h>

#include "gate/carrier.h"
#include "gate/session.h"
#include "gate/session_parked.h"
#include "gate/sockaddr.h"

namespace sockeye::gate {

namespace {

struct Pair {
  world::UniqueFd ours;
  world::UniqueFd program;
  std::uint64_t cookie = 0;
};

// The program's end has the same small buffer as one that connects, and has written the pill.
std::optional<Pair> make_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  Pair pair{world::UniqueFd(ends[0]), world::UniqueFd(ends[1])};
  const int buffer = kCarrierSndbuf;
  ::setsockopt(pair.program.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  const char pill = 0;
  socklen_t size = sizeof pair.cookie;
  if (::send(pair.program.get(), &pill, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1 ||
      ::getsockopt(pair.program.get(), SOL_SOCKET, SO_COOKIE, &pair.cookie, &size) != 0)
    return std::nullopt;
  return pair;
}

}  // namespace

std::optional<AgentSession::Answer> AgentSession::accept(const Message& message, HeldSocket& held) {
  if (!held.is_stream()) return Errno::opnotsupp;
  if (held.listener) {
    if (auto waiting = held.listener->take_put_back()) return hand_over(held, std::move(*waiting));
  }
  auto parked = std::make_unique<Parked>();
  parked->host = held.host;
  parked->id = message.request.id;
  parked->cookie = held.cookie;
  parked->op.code = OpCode::accept;
  parked->op.socket = held.socket;
  if (held.host->ring().try_now(parked->op)) {
    if (parked->op.result < 0) return Answer(parked->op.result);
    return hand_over(held, std::move(parked->op.accepted));
  }
  if ((message.request.flags & Request::kNonBlocking) != 0) return Errno::again;
  timeval limit{};
  const auto size =
      held.socket->get_option(SOL_SOCKET, SO_RCVTIMEO, std::as_writable_bytes(std::span(&limit, 1)));
  if (size && (limit.tv_sec != 0 || limit.tv_usec != 0))
    parked->op.deadline =
        world_.now() + std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec);
  parked->op.expired = Errno::again;
  return park(std::move(parked));
}

AgentSession::Answer AgentSession::hand_over(HeldSocket& listener, SocketRef connection) {
  auto pair = make_pair();
  if (!pair) {  // no descriptors or memory left: what the kernel answers then, and the peer sees
    connection->close();
    Answer answer(Errno::nfile);
    answer.arg[0] = listener.listener && listener.listener->take_token() ? 1 : 0;
    return answer;
  }
  HeldSocket& held = sockets_->add(pair->cookie, std::move(connection), *listener.host, *this);
  held.inode = gate::inode_of(pair->program.get());
  held.stream = std::make_unique<StreamEnd>(carriers_, held.socket, std::move(pair->ours));
  sockets_->bind(held, *held.stream);
  return hand_over(listener, ListenerEnd::PutBack{pair->cookie, std::move(pair->program)});
}

AgentSession::Answer AgentSession::hand_over(HeldSocket& listener, ListenerEnd::PutBack connection) {
  HeldSocket* held = sockets_->find(connection.cookie);
  if (held == nullptr) return Errno::connaborted;
  Answer answer;
  answer.new_cookie = connection.cookie;
  answer.fd = std::move(connection.program_end);
  answer.arg[0] = listener.listener && listener.listener->take_token() ? 1 : 0;
  // A connection that was reset while it waited has no peer any more; it is accepted all the same.
  const Endpoint peer = held->socket->remote().value_or(held->socket->report().remote);
  answer.payload = format_sockaddr(peer, held->socket->is_v6());
  return answer;
}

AgentSession::Answer AgentSession::put_back(Message& message, HeldSocket& held) {
  const auto cookie = static_cast<std::uint64_t>(message.request.arg[0]);
  HeldSocket* connection = sockets_->find(cookie);
  if (connection == nullptr || !message.fd || connection == &held) return Errno::badf;
  if (!held.listener || held.listener->is_spent()) {
    close(*connection, true);
    return Answer();
  }
  held.listener->put_back({cookie, std::move(message.fd)});
  // Somebody may be waiting for one: the oldest call on this listener gets it.
  Parked* oldest = nullptr;
  for (const auto& [id, parked] : parked_) {
    if (parked->op.code != OpCode::accept || parked->cookie != held.cookie || parked->replaced) continue;
    if (oldest == nullptr || parked->id < oldest->id) oldest = parked;
  }
  if (oldest != nullptr) {
    oldest->replaced = true;
    oldest->host->ring().cancel(oldest->op);
    oldest->host->touch();
  }
  return Answer();
}

}  // namespace sockeye::gate
