// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A packet script (*.pkt) as a list of events: a subset of packetdrill's notation, one event a line.
//
//   // a comment
//   `sysctl -q net.ipv4.tcp_timestamps=0`          a tunable of the host, before its sockets exist
//    0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
//   +0    accept(3, ..., ...) = -1 EAGAIN (text)   a call and what it answers
//   +0...0.2 read(4, ..., 1000) = 1000             a call that waits, and when it returns
//   +.1   < P. 1:1001(1000) ack 1 win 257          a packet of the peer (tcp/notation.h)
//   +0    > . 1:1(0) ack 1001                      what the host must send, then and not otherwise
//   +.2~+.3 > [ect0] P. 1:1001(1000) ack 1         between two moments, with this ECN code point
//   +0    %{ tcpi_snd_cwnd == 10, tcpi_lost <= 2 }%  TCP_INFO of the connection
//
// Time is seconds: absolute, or after the event before ("+"); "*" is any. The letters of CWR are W.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace sockeye::scripts {

struct When {
  bool relative = false;
  bool any = false;
  Duration from{};
  Duration to{};                      // >= from
  std::optional<Duration> returns{};  // of a call that waits; counted like `from`
};

enum class Kind { command, call, inbound, outbound, check };

struct Event {
  Kind kind = Kind::call;
  int line = 0;
  When when{};
  std::string text{};  // packet without "<" and code point, command, comparisons
  std::string ecn{};   // "ect0", …, of a packet
  // of a call
  std::string name{};
  std::vector<std::string> arguments{};
  std::string result{};  // "3", "-1"
  std::string error{};   // "EAGAIN"
};

// Empty with a complaint that begins with the line's number.
std::optional<std::vector<Event>> parse_script(std::string_view text, std::string& complaint);

// "a, [b, c], {d, e}" cut at its outer commas, without blanks around the pieces.
std::vector<std::string> split_list(std::string_view text);
std::string_view trim(std::string_view text);

}  // namespace sockeye::scripts
