// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Descriptors: small numbers that name open files. As in a kernel there are three things: the
// descriptor (a number and its close-on-exec flag), the open file (status flags, shared by dup), and
// what is open (a socket or an epoll set). The lowest free number is handed out; 0, 1 and 2 only on
// request (dup2), as in a process whose standard streams are open: a number that was never set is then
// no descriptor by accident.
#pragma once

#include <memory>
#include <vector>

#include "core/result.h"
#include "ready/epoll.h"

namespace sockeye::posix {

// An open file description. It closes its socket when the last descriptor goes.
struct OpenFile {
  std::unique_ptr<Pollable> object;
  int status_flags = 0;  // O_NONBLOCK

  Socket* socket() const { return is_socket ? &static_cast<SocketPollable&>(*object).socket() : nullptr; }
  Epoll* epoll() const { return object->as_epoll(); }
  bool is_socket = false;
};
using OpenFilePtr = std::shared_ptr<OpenFile>;

class DescriptorTable {
 public:
  static constexpr int kFirst = 3;

  explicit DescriptorTable(int limit) : limit_(limit) {}

  int limit() const { return limit_; }
  void set_limit(int limit) { limit_ = limit; }  // RLIMIT_NOFILE: what is open stays open

  // The lowest free number at or above `lowest`; EMFILE.
  Result<int> insert(OpenFilePtr file, bool close_on_exec, int lowest = kFirst);
  bool has_room() const { return lowest_free(kFirst) < limit_; }
  // Puts a file at a number; what was there is returned.
  OpenFilePtr replace(int descriptor, OpenFilePtr file, bool close_on_exec);
  OpenFilePtr remove(int descriptor);  // null: EBADF
  const OpenFilePtr* find(int descriptor) const;

  bool close_on_exec(int descriptor) const { return slot(descriptor).close_on_exec; }
  void set_close_on_exec(int descriptor, bool on) {
    slots_[static_cast<std::size_t>(descriptor)].close_on_exec = on;
  }

 private:
  struct Slot {
    OpenFilePtr file;
    bool close_on_exec = false;
  };
  int lowest_free(int from) const;
  const Slot& slot(int descriptor) const { return slots_[static_cast<std::size_t>(descriptor)]; }
  void grow_to(int descriptor);

  std::vector<Slot> slots_;
  int limit_;
  int hint_ = kFirst;  // nothing is free from kFirst up to here
};

}  // namespace sockeye::posix
