// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What does not fit through a carrier: datagrams with an address or control data, the facts of one that
// was received, the error queue, and TCP's urgent byte.
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "gate/session.h"
#include "gate/session_parked.h"
#include "gate/sockaddr.h"

namespace sockeye::gate {

namespace {

constexpr int kSendFlags = MessageFlags::kDontWait | MessageFlags::kNoSignal | MessageFlags::kMore;

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

std::optional<AgentSession::Answer> AgentSession::send(const Message& message, HeldSocket& held) {
  const auto [flags, address_size, control_size] = message.request.arg;
  const auto all = static_cast<std::int64_t>(message.payload.size());
  if (address_size < 0 || control_size < 0 || address_size > all || control_size > all - address_size)
    return Errno::inval;
  // MSG_CONFIRM and MSG_EOR mean nothing here, as in the kernel's UDP.
  if ((flags & ~std::int64_t{kSendFlags | MSG_CONFIRM | MSG_EOR}) != 0) return Errno::opnotsupp;
  const Bytes address = message.payload.first(static_cast<std::size_t>(address_size));
  const Bytes control = message.payload.subspan(address.size(), static_cast<std::size_t>(control_size));
  const Bytes data = message.payload.subspan(address.size() + control.size());
  if (held.is_stream()) return held.stream ? Errno::isconn : Errno::notconn;

  auto parked = std::make_unique<Parked>();
  Outgoing& outgoing = parked->op.outgoing;
  if (!address.empty()) {
    const auto to = parse_sockaddr(address, held.socket->is_v6(), Socket::Kind::datagram, AddressUse::send);
    if (!to) return to.error();
    outgoing.to = *to;
  }
  if (const auto done = parse_control(control, held.socket->is_v6(), outgoing); !done) return done.error();
  if (held.datagram) {
    held.datagram->send_pending();
    if (const auto error = held.datagram->take_error()) return *error;
  }
  parked->data.assign(data.begin(), data.end());
  parked->buffer = parked->data;
  outgoing.buffers = std::span(&parked->buffer, 1);
  outgoing.flags = static_cast<int>(flags);
  parked->host = held.host;
  parked->id = message.request.id;
  parked->cookie = held.cookie;
  parked->op.code = OpCode::send;
  parked->op.socket = held.socket;
  if (held.host->ring().try_now(parked->op)) return Answer(parked->op.result);
  if ((message.request.flags & Request::kNonBlocking) != 0) return Errno::again;
  return park(std::move(parked));
}

AgentSession::Answer AgentSession::receive_info(const Message& message, HeldSocket& held) {
  Answer answer;
  if (!held.datagram) return answer;  // a stream has nothing to add
  const auto facts = held.datagram->facts(message.request.arg[1] != 0);
  if (!facts) return answer;
  if (facts->from) answer.payload = format_sockaddr(*facts->from, held.socket->is_v6());
  answer.arg[0] = static_cast<std::int64_t>(answer.payload.size());
  const auto control = format_control(*facts, held.socket->is_v6(), ControlWanted::of(*held.socket));
  append(answer.payload, control);
  answer.arg[1] = static_cast<std::int64_t>(control.size());
  return answer;
}

AgentSession::Answer AgentSession::receive_error(const Message& message, HeldSocket& held) {
  (void)message;
  std::vector<std::byte> data(65536);
  Incoming incoming{};
  const std::array buffers{MutableBytes(data)};
  incoming.buffers = buffers;
  incoming.flags = MessageFlags::kErrQueue;
  const auto got = held.socket->receive(incoming);
  if (!got) return got.error();
  data.resize(std::min(*got, data.size()));
  Answer answer(static_cast<std::int64_t>(data.size()));
  if (incoming.from) answer.payload = format_sockaddr(*incoming.from, held.socket->is_v6());
  answer.arg[0] = static_cast<std::int64_t>(answer.payload.size());
  if (incoming.error_report) {
    const auto control = format_error_report(*incoming.error_report, held.socket->is_v6());
    append(answer.payload, control);
    answer.arg[1] = static_cast<std::int64_t>(control.size());
  }
  append(answer.payload, data);
  return answer;
}

AgentSession::Answer AgentSession::send_urgent(const Message& message, HeldSocket& held) {
  if (!held.is_stream()) return Errno::opnotsupp;
  if (!held.stream) return Errno::pipe;
  const auto sent = held.stream->send_urgent(message.payload);
  if (!sent) return sent.error();
  return Answer(static_cast<std::int64_t>(*sent));
}

}  // namespace sockeye::gate
