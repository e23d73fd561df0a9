// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a gate agent and the world say to each other (decisions.md D1): one SEQPACKET connection per
// run, one message per packet: a fixed header, then `payload_bytes` of payload, and at most one file
// descriptor in SCM_RIGHTS. Both ends are the same binary, so the structs are the format; the
// version is checked once, in hello.
//
//   agent -> world   Request   id chosen by the agent, unique while it is unanswered
//   world -> agent   Reply     exactly one per Request (a parked one comes later)
//                    Notice    id 0: something the agent must know
//
// A socket is named by the SO_COOKIE of the program's end of its carrier (D16), which the agent
// reads from the descriptor. The world trusts the agent no further than its own hosts: every length
// is checked, an unknown cookie is EBADF, a malformed message ends the session.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace sockeye::gate {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::uint32_t kPayloadMax = 1u << 17;  // a 64 KiB datagram with room to spare

enum class RequestCode : std::uint16_t {
  hello = 1,      // payload: Hello text lines "key=value\n": version, host, net, seed, pcap, pid, command
                  //   Reply: result 0 and the same form (host addresses, seed in use), or -1 and a sentence
  socket,         // cookie; arg: domain, type (no flag bits), protocol. Datagram: fd = the world's end of a
                  //   SEQPACKET pair. Stream: no fd; the program holds an unconnected AF_UNIX stream
  bind,           // payload: sockaddr; arg[0]: 1 if the caller may bind privileged ports
  listen,         // arg[0] backlog; fd = world's end of the now connected carrier (first listen only)
  connect,        // payload: sockaddr; fd = world's end (streams, when the carrier was just connected)
                  //   parks unless kNonBlocking; timeout_ns from SO_SNDTIMEO is the world's to know
  accept,         // parks unless kNonBlocking. Reply: fd = program's end, new_cookie, payload = sockaddr
  send,           // datagram with address or control data: payload = sockaddr (arg[1] bytes), control
                  //   (arg[2] bytes), then data; arg[0] flags
  receive_info,   // after the agent took a datagram from the carrier: payload = sockaddr of that datagram,
                  //   then control data; arg[0] flags, arg[1] 1 if it was only peeked
  receive_error,  // MSG_ERRQUEUE: reply payload = sockaddr, control, data with the sizes in arg
  send_urgent,    // MSG_OOB: payload: the bytes
  shutdown,       // arg[0] how
  set_option,     // arg[0] level, arg[1] name; payload value
  get_option,     // arg[0] level, arg[1] name, arg[2] room. Reply: payload value
  local_name,     // Reply: payload sockaddr
  peer_name,      // Reply: payload sockaddr
  control,        // ioctl: arg[0] request. Reply: result or arg[0] = value
  cancel,         // arg as u64 in cookie: the id of a parked request; answered by that request's Reply
  query,          // sockeye ss and friends; payload: command text. Reply: text
  rename,         // the carrier of `cookie` was replaced: new cookie in arg[0..1]
};

struct Request {
  static constexpr std::uint16_t kNonBlocking = 1;
  RequestCode code{};
  std::uint16_t flags = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t id = 0;
  std::uint64_t cookie = 0;
  std::int64_t arg[3] = {0, 0, 0};
  std::int32_t pid = 0;         // of the calling thread's process, for ss
  std::int32_t fd_number = -1;  // the descriptor number in that process, for ss
};

enum class NoticeCode : std::uint16_t {
  none = 0,
  listening,  // a socket of this host entered LISTEN or a datagram socket was bound: arg[0] port, arg[1] 6
              // tcp/17 udp
  refused,    // something unsupported was asked for and refused: payload = sentence for --report
  ended,      // the world ends
};

struct Reply {
  static constexpr std::uint16_t kCarrierUnused = 1;  // connect failed at once: the passed end was closed
  static constexpr std::uint16_t kCarrierDead = 2;    // the old carrier is spent: replace it and ask again
  NoticeCode notice = NoticeCode::none;               // none: an answer
  std::uint16_t flags = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t id = 0;
  std::int64_t result = 0;       // >= 0, or a negative errno
  std::uint64_t new_cookie = 0;  // accept
  std::int64_t arg[3] = {0, 0, 0};
};

}  // namespace sockeye::gate
