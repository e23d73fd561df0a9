// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Starting CMD under the filter. The child installs the filter and says which descriptor the listener has;
// the parent fetches it (pidfd_getfd) and only then lets the child close its own and go on to execve.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

#include "world/unique_fd.h"

namespace sockeye::gate {

using world::UniqueFd;

struct Launch {
  pid_t pid = -1;
  UniqueFd listener;
  int status = 0;         // not 0: it failed, and this is the exit status to give; the child is gone
  std::string complaint;  // then: why
};

struct LaunchOptions {
  std::vector<std::string> command;
  bool stdin_null = false;
  sigset_t signal_mask{};              // that CMD starts with
  unsigned long descriptor_limit = 0;  // RLIMIT_NOFILE, soft, that CMD starts with
};

Launch launch(const LaunchOptions& options);

}  // namespace sockeye::gate
