// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// From a WorldChoice to sessions of a world: starts it or connects to it, says hello, and tells the
// user what he should know. Failure() is thrown with a sentence and an exit status.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "world/hello.h"
#include "world/unique_fd.h"

namespace sockeye::tools {

struct Failure : std::runtime_error {
  Failure(const std::string& sentence, int exit_status) : std::runtime_error(sentence), status(exit_status) {}
  int status;

  int tell(const char* command) const;  // one line on standard error; the status
};

// The capture file, made here because the world cannot open files. Empty path: none.
world::UniqueFd open_capture(const std::string& path);

// Connections to the world on which nothing has been said. `may_start` false: it must be there.
std::vector<world::UniqueFd> connect_to_world(const std::string& name, std::size_t connections,
                                              bool may_start);

// Becomes host `host` of the world; prints what the world remarks.
struct HostRequest {
  std::string host{};
  std::string command{};  // for messages
  bool keep = false;
  bool impair_loopback = false;
  int capture = -1;
};
world::Welcome say_hello(int session, const WorldChoice& choice, const HostRequest& request);
// Only a question: no host.
void say_hello(int session);

// "sockeye: …" on standard error.
void remark(const std::string& sentence);
void remark_on_seed(const WorldChoice& choice, const world::Welcome& welcome);
// The machine's /etc/hosts is asked before any name server: warns when it holds one of the names.
void warn_of_hosts_file(const std::vector<std::string>& names, const std::string& path = "/etc/hosts");

std::string joined(const std::vector<std::string>& words);

}  // namespace sockeye::tools
