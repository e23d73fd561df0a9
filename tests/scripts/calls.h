// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The system calls of a script, on a host's process. Descriptors of a script are its own numbers: the
// result of socket() and accept() gives them a meaning.
#pragma once

#include <map>
#include <string>

#include "posix/process.h"
#include "scripts/script.h"

namespace sockeye::scripts {

class Calls {
 public:
  explicit Calls(posix::Process& process) : process_(process) {}

  // Makes the call without ever waiting, and compares its answer. Empty: as expected. `waits`: it would
  // have to wait (of a call for which that is allowed), try again later.
  std::string make(const Event& event, bool& waits);
  // TCP_INFO's comparisons, on the connection that was made or accepted last.
  std::string check(const Event& event);

 private:
  long dispatch(const Event& event, std::string& complaint);
  long open(const Event& event);
  long transfer(const Event& event);
  long option(const Event& event, std::string& complaint);
  long wait_ready(const Event& event, std::string& complaint);
  long number(const std::string& text, std::string& complaint) const;
  int fd(const std::string& text) const;

  posix::Process& process_;
  std::map<long, int> fds_{};
  int connection_ = -1;
};

// "SOL_TCP", "ECONNRESET", "EPOLLIN|…"; empty: unknown.
std::optional<long> value_of(std::string_view symbol);

}  // namespace sockeye::scripts
