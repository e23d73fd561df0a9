// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The threads of the programs, seen from outside: their descriptors (pidfd_getfd), their memory
// (process_vm_readv and writev), and what /proc says of their signals and capabilities. All of it needs the
// right to trace them, which a parent of the same user has.
//
// A thread number may be taken again by another thread. A pidfd never means another thread, so a
// descriptor is always the right one; memory is reached by number, and the caller asks
// Notifier::is_valid after reading and before writing.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "core/result.h"
#include "world/event_loop.h"
#include "world/unique_fd.h"

namespace sockeye::gate {

using world::UniqueFd;

// From /proc/<tid>/status; bit n-1 is signal n.
struct SignalState {
  std::uint64_t thread_pending = 0;
  std::uint64_t process_pending = 0;
  std::uint64_t blocked = 0;
  std::uint64_t ignored = 0;
  std::uint64_t caught = 0;
  int threads = 0;
};

class Tasks {
 public:
  // `on_gone` is told when a thread that was asked about has ended.
  Tasks(world::EventLoop& loop, std::function<void(pid_t)> on_gone);
  ~Tasks();

  Result<UniqueFd> descriptor(pid_t tid, int number);
  // The process that the thread belongs to; the thread's own number when it cannot be found out.
  pid_t process_of(pid_t tid);
  Result<SignalState> signals(pid_t tid);
  bool has_capability(pid_t tid, int capability);  // CAP_NET_ADMIN …, effective
  bool is_close_on_exec(pid_t tid, int number);
  // A thread that is waited for stays in the table.
  void forget(pid_t tid);

  static bool read(pid_t tid, std::uint64_t address, void* to, std::size_t count);
  static bool write(pid_t tid, std::uint64_t address, const void* from, std::size_t count);
  // The bytes that `parts` of the thread's memory describe, and the other way; false: EFAULT.
  static bool gather(pid_t tid, std::span<const iovec> parts, std::span<char> to);
  static bool scatter(pid_t tid, std::span<const iovec> parts, std::span<const char> from);

 private:
  struct Task;
  Task* find(pid_t tid);
  std::string status_of(pid_t tid);

  world::EventLoop& loop_;
  std::function<void(pid_t)> on_gone_;
  std::unordered_map<pid_t, std::unique_ptr<Task>> tasks_;
};

}  // namespace sockeye::gate
