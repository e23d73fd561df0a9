// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How the shell commands of a script reach the stack: `sysctl -q net.ipv4.tcp_sack=0` runs as a program
// of its own (tools/packetdrill/shim.cc, first in PATH) and asks through a UNIX socket whose path is in
// the environment. One connection, one request, one answer:
//   get NAME          ->  ok VALUE     | error ERRNO
//   set NAME VALUE    ->  ok           | error ERRNO
//   flush             ->  ok           what is remembered of peers (`ip tcp_metrics flush`)
//   drop 0|1          ->  ok           whether the link loses what is sent (`tc … pfifo limit 0`)
//   counters          ->  ok NAME VALUE of each counter that is not zero, one a line (`nstat`)
#pragma once

#include <string>
#include <string_view>
#include <thread>

namespace sockeye::packetdrill {

class Adapter;

inline constexpr const char* kControlVariable = "SOCKEYE_PACKETDRILL_SOCKET";

class Control {
 public:
  // Listens at a path of its own choice and names it in the environment. Without a place to listen the
  // shims find nobody, and say so.
  explicit Control(Adapter& adapter);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

 private:
  void serve();
  std::string answer(std::string_view request);

  Adapter& adapter_;
  std::string path_{};
  int listener_ = -1;
  std::thread thread_{};
};

}  // namespace sockeye::packetdrill
