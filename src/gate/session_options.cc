// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Options and ioctl. Almost all are the socket's own; here is what the carrier changes: a pending error
// that was taken to end the carrier, urgent data in line (the carrier's own business, so the socket
// must go on keeping the urgent byte apart), and bytes that are in the carrier.
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "gate/session.h"
#include "gate/session_interfaces.h"
#include "socket/option_room.h"

namespace sockeye::gate {

namespace {

constexpr std::int64_t kRoomMax = 65536;

Bytes bytes_of(const int& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::vector<std::byte> truncated(Bytes value, std::size_t room) {
  const Bytes part = value.first(std::min(value.size(), room));
  return {part.begin(), part.end()};
}

// What a data call would have to tell. The kernel carries them out on the carrier, and knows nothing of it:
// refused, as by a kernel that is too old.
bool is_about_data_calls(int level, int option) {
  constexpr int kTimestampingNew = 65, kInq = 36;
  if (level == IPPROTO_TCP) return option == kInq;
  return level == SOL_SOCKET &&
         (option == SO_ZEROCOPY || option == SO_TIMESTAMPING || option == kTimestampingNew);
}

}  // namespace

AgentSession::Answer AgentSession::set_option(const Message& message, HeldSocket& held) {
  const auto level = static_cast<int>(message.request.arg[0]);
  const auto option = static_cast<int>(message.request.arg[1]);
  if (held.is_stream() && level == SOL_SOCKET && option == SO_OOBINLINE) {
    int value = 0;
    if (message.payload.size() < sizeof value) return Errno::inval;
    std::memcpy(&value, message.payload.data(), sizeof value);
    held.urgent_inline = value != 0;
    return Answer();
  }
  held.host->stack().set_privileged(message.request.arg[2] != 0);
  const auto done = is_about_data_calls(level, option)
                        ? Result<>(Errno::noprotoopt)
                        : held.socket->set_option(level, option, message.payload);
  if (!done && (done.error() == Errno::noprotoopt || done.error() == Errno::opnotsupp) &&
      refused_.emplace(level, option).second) {
    notice(NoticeCode::refused, level, option, held.cookie,
           "setsockopt level " + std::to_string(level) + " option " + std::to_string(option) + ": " +
               std::string(name_of(done.error())));
  }
  if (done && held.datagram) held.datagram->note();  // what it wants to know of datagrams may have changed
  return Answer::of(done);
}

AgentSession::Answer AgentSession::get_option(const Message& message, HeldSocket& held) {
  const auto level = static_cast<int>(message.request.arg[0]);
  const auto option = static_cast<int>(message.request.arg[1]);
  if (message.request.arg[2] < 0) return Errno::inval;
  const auto room = static_cast<std::size_t>(std::min(message.request.arg[2], kRoomMax));
  Answer answer;
  if (level == SOL_SOCKET && option == SO_ERROR) {
    if (const auto error = take_error(held)) {
      answer.payload = truncated(bytes_of(to_int(*error)), room);
      return answer;
    }
  }
  if (held.is_stream() && level == SOL_SOCKET && option == SO_OOBINLINE) {
    answer.payload = truncated(bytes_of(held.urgent_inline ? 1 : 0), room);
    return answer;
  }
  if (is_about_data_calls(level, option)) return Errno::noprotoopt;
  answer.payload.resize(room);
  std::copy_n(message.payload.begin(), std::min(message.payload.size(), room), answer.payload.begin());
  const auto size = held.socket->get_option(level, option, answer.payload);
  if (!size) return size.error();
  answer.arg[0] = static_cast<std::int64_t>(*size);
  if (!reads_value(level, option)) answer.payload.resize(std::min(*size, room));
  return answer;
}

std::optional<Errno> AgentSession::take_error(HeldSocket& held) {
  if (held.stream) return held.stream->take_error();
  if (held.datagram) return held.datagram->take_error();
  return std::nullopt;
}

AgentSession::Answer AgentSession::control(const Message& message, HeldSocket& held) {
  const auto request = static_cast<unsigned long>(message.request.arg[0]);
  Answer answer;
  if (request == SIOCOUTQ || request == SIOCOUTQNSD || request == SIOCINQ) {
    const auto value = held.socket->control(request);
    if (!value) return value.error();
    answer.arg[0] = *value;
    if (request != SIOCINQ) {
      if (held.stream) answer.arg[0] += held.stream->unforwarded_bytes();
      if (held.datagram) answer.arg[0] += held.datagram->unsent_bytes();
    }
    return answer;
  }
  if (request == SIOCATMARK) {
    const auto value = held.socket->control(request);
    if (!value) return value.error();
    answer.arg[0] = *value;
    return answer;
  }
  auto interfaces =
      answer_interface_request(held.host->stack(), request, message.payload,
                               static_cast<std::size_t>(std::max<std::int64_t>(message.request.arg[1], 0)));
  if (!interfaces) return interfaces.error();
  answer.payload = std::move(*interfaces);
  return answer;
}

}  // namespace sockeye::gate
