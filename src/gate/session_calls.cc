// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// bind, listen, connect, shutdown and the names.
//
// A stream's carrier can say one thing once: after a reset or a refusal it is spent, and connect or
// listen on the same descriptor needs another one (Reply::kCarrierDead: the agent replaces it, says
// rename, and asks again).
#include <sys/socket.h>
#include <sys/time.h>

#include "gate/session.h"
#include "gate/session_parked.h"
#include "gate/sockaddr.h"

namespace sockeye::gate {

namespace {

constexpr int kTcp = 6;
constexpr int kUdp = 17;

bool is_spent(const HeldSocket& held) {
  const CarrierEnd* carrier = held.carrier();
  return carrier != nullptr && carrier->is_spent();
}

Instant deadline_of(Socket& socket, int option, Instant now) {
  timeval limit{};
  const auto size = socket.get_option(SOL_SOCKET, option, std::as_writable_bytes(std::span(&limit, 1)));
  if (!size || (limit.tv_sec == 0 && limit.tv_usec == 0)) return kNever;
  return now + std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec);
}

}  // namespace

AgentSession::Answer AgentSession::bind(const Message& message, HeldSocket& held) {
  const auto address =
      parse_sockaddr(message.payload, held.socket->is_v6(), held.socket->kind(), AddressUse::bind);
  if (!address) return address.error();
  if (!*address) return Errno::afnosupport;
  held.host->stack().set_privileged(message.request.arg[0] != 0);
  auto bound = held.socket->bind(**address);
  if (!bound && bound.error() == Errno::addrinuse && take_last_closes()) bound = held.socket->bind(**address);
  if (bound && !held.is_stream()) announce_bound(held);
  return Answer::of(bound);
}

// A close is the kernel's word on a carrier, a call the agent's on its connection: the second may overtake
// the first, and then a port that was just closed seems to be in use.
bool AgentSession::take_last_closes() {
  bool any = false;
  for (HeldSocket* held : sockets_->of(*this)) {
    CarrierEnd* carrier = held->carrier();
    any |= carrier != nullptr && carrier->note_last_close();
  }
  if (any) carriers_.drive(world_.now());
  return any;
}

void AgentSession::announce_bound(const HeldSocket& held) {
  notice(NoticeCode::listening, held.socket->local().port, held.is_stream() ? kTcp : kUdp, held.cookie);
}

AgentSession::Answer AgentSession::listen(Message& message, HeldSocket& held) {
  Answer answer;
  if (held.is_stream() && is_spent(held)) {
    answer.flags = Reply::kCarrierDead;
    return answer;
  }
  answer = Answer::of(held.socket->listen(static_cast<int>(message.request.arg[0])));
  if (answer.result != 0) {
    if (message.fd) answer.flags = Reply::kCarrierUnused;
    return answer;
  }
  if (!held.listener && message.fd) {
    held.listener = std::make_unique<ListenerEnd>(carriers_, held.socket, std::move(message.fd));
    sockets_->bind(held, *held.listener);
    announce_bound(held);
  } else if (held.listener) {
    held.listener->note();
  }
  return answer;
}

std::optional<AgentSession::Answer> AgentSession::connect(Message& message, HeldSocket& held) {
  const auto to =
      parse_sockaddr(message.payload, held.socket->is_v6(), held.socket->kind(), AddressUse::connect);
  if (!to) {
    Answer answer(to.error());
    if (message.fd) answer.flags = Reply::kCarrierUnused;
    return answer;
  }
  if (held.is_stream()) return connect_stream(message, held, *to);
  if (held.datagram) held.datagram->send_pending();  // what was sent before goes where it was meant to
  const auto done = held.socket->connect(*to);
  if (held.datagram) held.datagram->note();
  return Answer::of(done);
}

std::optional<AgentSession::Answer> AgentSession::connect_stream(Message& message, HeldSocket& held,
                                                                 const std::optional<Endpoint>& to) {
  if (is_spent(held)) {
    Answer answer;
    answer.flags = Reply::kCarrierDead;
    return answer;
  }
  if (to) carriers_.take_closed_listeners(to->port, world_.now());
  auto parked = std::make_unique<Parked>();
  parked->host = held.host;
  parked->id = message.request.id;
  parked->cookie = held.cookie;
  parked->op.code = OpCode::connect;
  parked->op.socket = held.socket;
  parked->op.address = to;
  parked->op.deadline = deadline_of(*held.socket, SO_SNDTIMEO, world_.now());
  parked->op.expired = Errno::inprogress;
  if (!to) {  // AF_UNSPEC: the connection is reset, the socket is as new
    const auto done = held.socket->connect(std::nullopt);
    if (done && held.stream) held.stream->reset();
    Answer answer = Answer::of(done);
    if (message.fd) answer.flags = Reply::kCarrierUnused;
    return answer;
  }
  if ((message.request.flags & Request::kNonBlocking) != 0) {
    const auto done = held.socket->connect(to);
    const bool under_way = !done && done.error() == Errno::inprogress;
    Answer answer = Answer::of(done);
    if (under_way && message.fd) attach_stream(held, std::move(message.fd));
    if (message.fd) answer.flags = Reply::kCarrierUnused;
    return answer;
  }
  const bool completed = held.host->ring().try_now(parked->op);
  if (completed) {
    Answer answer(parked->op.result);
    if (message.fd) answer.flags = Reply::kCarrierUnused;
    return answer;
  }
  if (message.fd) attach_stream(held, std::move(message.fd));
  return park(std::move(parked));
}

void AgentSession::attach_stream(HeldSocket& held, world::UniqueFd fd) {
  if (held.stream) return;  // the agent gives one only when there is none
  held.stream = std::make_unique<StreamEnd>(carriers_, held.socket, std::move(fd));
  sockets_->bind(held, *held.stream);
}

AgentSession::Answer AgentSession::shutdown(const Message& message, HeldSocket& held) {
  const std::int64_t how = message.request.arg[0];
  if (how < SHUT_RD || how > SHUT_RDWR) return Errno::inval;
  if (message.request.arg[1] == 1) {
    if (held.stream) held.stream->on_shut_writing();
    return Answer();
  }
  const bool reading = how != SHUT_WR;
  const bool connected = held.stream && held.stream->phase() == StreamEnd::Phase::open;
  if (connected) {
    // The writing half follows the program's own SHUT_WR, behind everything that it has written.
    if (!held.socket->remote()) return Errno::notconn;
    if (reading) {
      const auto done = held.socket->shutdown(SHUT_RD);
      if (!done) return done.error();
      held.stream->shut_reading();
    }
    if (how != SHUT_RD) held.stream->expect_shut_writing();
    return Answer();
  }
  if (held.datagram && how != SHUT_RD) held.datagram->send_pending();
  const auto done = held.socket->shutdown(static_cast<int>(how));
  if (done && held.listener && reading) held.listener->end();
  if (CarrierEnd* carrier = held.carrier()) carrier->note();
  return Answer::of(done);
}

AgentSession::Answer AgentSession::rename(const Message& message, HeldSocket& held) {
  // What is replaced is spent, or was never used (Reply::kCarrierUnused).
  const CarrierEnd* carrier = held.carrier();
  if (carrier != nullptr && !carrier->is_spent()) return Errno::inval;
  const auto to = static_cast<std::uint64_t>(message.request.arg[0]);
  if (carrier != nullptr) sockets_->unbind(*carrier);
  held.stream.reset();
  held.listener.reset();
  held.told_spent = false;
  if (to == 0 || !sockets_->rename(held.cookie, to)) return Errno::exist;
  held.inode = message.request.inode;
  return Answer();
}

AgentSession::Answer AgentSession::name(const HeldSocket& held, bool peer) {
  Answer answer;
  if (!peer) {
    answer.payload = format_sockaddr(held.socket->local(), held.socket->is_v6());
    return answer;
  }
  const auto remote = held.socket->remote();
  if (!remote) return Errno::notconn;
  answer.payload = format_sockaddr(*remote, held.socket->is_v6());
  return answer;
}

}  // namespace sockeye::gate
