// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The listener of the seccomp filter: trapped calls come out of it, their results go in. There must be
// one copy of it in the world (D2): a second one would keep a call waiting for ever when we die.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "world/unique_fd.h"

namespace sockeye::gate {

using world::UniqueFd;

struct Trapped {
  std::uint64_t id = 0;
  pid_t tid = 0;  // the calling thread
  int number = 0;
  std::uint64_t argument[6] = {};
};

class Notifier {
 public:
  explicit Notifier(UniqueFd listener);

  int fd() const { return listener_.get(); }
  // Only when poll said IN. Nothing: the caller died meanwhile.
  std::optional<Trapped> receive();
  // Whether the call still waits, that is, whether its tid still means its thread.
  bool is_valid(std::uint64_t id) const;
  // result < 0: the negative errno. All of these are false when the caller is gone.
  bool answer(std::uint64_t id, std::int64_t result);
  bool let_kernel_do(std::uint64_t id);
  // Installs `fd` at the lowest free number, which becomes the call's result. That number, or a negative
  // errno: EMFILE, or ENOENT when the caller is gone.
  int answer_with_descriptor(std::uint64_t id, int fd, bool close_on_exec);
  // Replaces the descriptor `number` of the caller; the call is not answered.
  int replace_descriptor(std::uint64_t id, int fd, int number, bool close_on_exec);

 private:
  UniqueFd listener_;
};

}  // namespace sockeye::gate
