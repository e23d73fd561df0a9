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
  hello = 1,     // payload: Hello text lines "key=value\n": version, host, net, seed, pcap, pid, command
                 //   Reply: result 0 and the same form (host addresses, seed in use), or -1 and a sentence
  socket,        // cookie; arg: domain, type (no flag bits), protocol. Datagram: fd = the world's end of a
                 //   SEQPACKET pair. Stream: no fd; the program holds an unconnected AF_UNIX stream
  bind,          // payload: sockaddr; arg[0]: 1 if the caller may bind privileged ports
  listen,        // arg[0] backlog; fd = world's end of the now connected carrier (first listen only)
  connect,       // payload: sockaddr; fd = world's end (streams, when the carrier was just connected)
                 //   parks unless kNonBlocking; timeout_ns from SO_SNDTIMEO is the world's to know
  accept,        // parks unless kNonBlocking. Reply: fd = program's end, new_cookie, payload = sockaddr
  send,          // datagram with address or control data: payload = sockaddr (arg[1] bytes), control
                 //   (arg[2] bytes), then data; arg[0] flags
                 //   of the call, kNonBlocking as for all. Reply: result = bytes
  receive_info,  // after the agent took a datagram from the carrier: arg[0] flags of the call, arg[1] 1 if it
                 //   was only peeked. Reply payload: sockaddr of that datagram, then control data;
                 //   arg[0], arg[1] their sizes, arg[2] more msg_flags. At most one is under way per socket,
                 //   so if the mailbox was refilled meanwhile (and not peeked) the one before is meant
  receive_error,  // MSG_ERRQUEUE, never parks: result = data bytes or -EAGAIN; payload = sockaddr, control,
                  //   data; arg[0], arg[1] the sizes of the first two
  send_urgent,    // MSG_OOB: payload: the bytes
  shutdown,    // arg[0] how. After result 0 with a writing half the agent does SHUT_WR on the program's end
               //   of a connected stream, asks again with arg[1] = 1, and only then lets the program go on:
               //   so the world knows that what happens to the carrier next is its last close
  set_option,  // arg[0] level, arg[1] name, arg[2]: 1 if the caller may do what CAP_NET_ADMIN is for; payload
               // value
  get_option,  // arg[0] level, arg[1] name, arg[2] room. Reply: payload value
  local_name,  // Reply: payload sockaddr
  peer_name,   // Reply: payload sockaddr
  control,     // ioctl: arg[0] request, arg[1] room for SIOCGIFCONF. payload: struct ifreq for SIOC?IF*.
               //   Reply: result; SIOCOUTQ, SIOCOUTQNSD, SIOCINQ: arg[0] = value (of SIOCINQ on a stream:
               //   what waits in the world; the agent adds the FIONREAD of the carrier); else payload =
               //   the struct ifreq (SIOCGIFCONF: array) to copy out
  cancel,      // arg as u64 in cookie: the id of a parked request; no Reply of its own: that request is
               //   answered at once, with -ECANCELED unless it was done already. A connect goes on
  query,       // sockeye ss and friends; payload: command text. Reply: text
  rename,      // the carrier of `cookie` was replaced: new cookie in arg[0]
  close,       // the last descriptor of a stream without a carrier is gone (nobody else can see that), or
               //   the descriptor could not be handed to the program (socket answered EMFILE there)
  put_back,    // the accepted connection arg[0] (its cookie) could not be handed over: it goes back to the
               //   front of the queue of the listener `cookie`; fd = the program's end again
  poisoned,    // the answer to Notice poison, whether the byte could be written or not
  identify,    // is `cookie` (of a descriptor that this agent has never seen) a socket of this world?
               //   Reply: -EBADF, or arg[0] domain, arg[1] type, arg[2] Identity bits
};

// What identify says of a socket, and what the agent must know to serve it.
struct Identity {
  static constexpr std::int64_t kCarried = 1;    // the world holds the other end
  static constexpr std::int64_t kListening = 2;  // unread bytes are accept tokens
};

// The program's end of a stream carrier: SO_SNDBUF as given to setsockopt. The last byte that the
// world has forwarded stays unread, and with it its whole kernel buffer stays charged (up to 49 KiB for
// a write, 65 KiB for sendfile); POLLOUT needs four times the charge below the limit, which is twice
// this.
inline constexpr int kCarrierSndbuf = 144 * 1024;
// What the agent writes through the program's end so that it is not POLLOUT until the world has read it:
// just over a quarter of the limit, in two writes so that the last byte sits alone in its buffer.
inline constexpr int kJunkBytes = 80 * 1024 + 1;

struct Request {
  static constexpr std::uint16_t kNonBlocking = 1;
  RequestCode code{};
  std::uint16_t flags = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t id = 0;
  std::uint64_t cookie = 0;
  std::int64_t arg[3] = {0, 0, 0};
  std::uint64_t inode = 0;  // socket, rename: of the program's end, by which ss finds its holders
};

enum class NoticeCode : std::uint16_t {
  none = 0,
  listening,  // a socket of this host entered LISTEN or a datagram socket was bound: arg[0] port, arg[1] 6
              // tcp/17 udp
  refused,    // something unsupported was asked for and refused: payload = sentence for --report
  ended,      // the world ends
  closed,     // the last descriptor of new_cookie is gone: the agent may forget it
  poison,  // the carrier of new_cookie must show a reset and has no unread byte that would do it: write one
           // through the program's end, if a descriptor can be found, and say poisoned
  spent,   // the world has hung up the carrier of new_cookie (reset, refused): from here on only the agent
           // can find out when its last descriptor goes (Request close), as before it had a carrier
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
