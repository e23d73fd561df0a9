// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/task.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace sockeye::gate {

namespace {

constexpr unsigned kThreadFlag = O_EXCL;  // PIDFD_THREAD, Linux 6.9
constexpr std::size_t kKept = 2048;       // threads whose pidfd is kept

UniqueFd open_pidfd(pid_t pid, unsigned flags) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, flags)));
}

std::string_view field(std::string_view status, std::string_view name) {
  std::size_t at = status.find(name);
  if (at == std::string_view::npos) return {};
  at += name.size();
  while (at < status.size() && (status[at] == ' ' || status[at] == '\t')) ++at;
  return status.substr(at, status.find('\n', at) - at);
}

template <class Number>
Number number(std::string_view text, int base) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::string proc_path(pid_t tid, const char* what) {
  return "/proc/" + std::to_string(tid) + "/" + what;
}

}  // namespace

struct Tasks::Task final : world::EventHandler {
  Tasks* tasks = nullptr;
  pid_t tid = 0;
  pid_t process = 0;  // 0: not asked yet
  UniqueFd pidfd;
  UniqueFd status;  // /proc/<tid>/status, read again and again while the thread waits
  world::Watch watch;

  // A pidfd is readable when its thread has ended.
  void on_events(std::uint32_t) override {
    pid_t gone = tid;
    Tasks* owner = tasks;
    owner->forget(gone);  // this object is destroyed
    owner->on_gone_(gone);
  }
};

Tasks::Tasks(world::EventLoop& loop, std::function<void(pid_t)> on_gone)
    : loop_(loop), on_gone_(std::move(on_gone)) {}

Tasks::~Tasks() = default;

void Tasks::forget(pid_t tid) {
  tasks_.erase(tid);
}

Tasks::Task* Tasks::find(pid_t tid) {
  if (auto known = tasks_.find(tid); known != tasks_.end()) return known->second.get();
  auto task = std::make_unique<Task>();
  task->tasks = this;
  task->tid = tid;
  task->pidfd = open_pidfd(tid, kThreadFlag);
  if (!task->pidfd && errno == EINVAL) {
    // A kernel without pidfds of threads: the process shares its descriptors among its threads.
    task->process = number<pid_t>(field(status_of(tid), "\nTgid:"), 10);
    task->pidfd = open_pidfd(task->process, 0);
  }
  if (!task->pidfd) return nullptr;
  if (tasks_.size() >= kKept) tasks_.erase(tasks_.begin());
  // Best effort: without it a dead thread is noticed by the next look at its signals.
  (void)task->watch.open(loop_, task->pidfd.get(), EPOLLIN, *task);
  return (tasks_[tid] = std::move(task)).get();
}

Result<UniqueFd> Tasks::descriptor(pid_t tid, int number) {
  for (bool again : {true, false}) {
    Task* task = find(tid);
    if (task == nullptr) return Errno::noent;
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, task->pidfd.get(), number, 0)));
    if (fd) return fd;
    if (errno != ESRCH) return static_cast<Errno>(errno);
    forget(tid);  // an earlier thread of this number
    if (!again) break;
  }
  return Errno::noent;
}

std::string Tasks::status_of(pid_t tid) {
  UniqueFd fresh;
  int fd = -1;
  if (auto known = tasks_.find(tid); known != tasks_.end()) {
    Task& task = *known->second;
    if (!task.status) task.status.reset(open(proc_path(tid, "status").c_str(), O_RDONLY | O_CLOEXEC));
    fd = task.status.get();
  } else {
    fresh.reset(open(proc_path(tid, "status").c_str(), O_RDONLY | O_CLOEXEC));
    fd = fresh.get();
  }
  std::array<char, 8192> text;
  ssize_t n = fd < 0 ? -1 : pread(fd, text.data(), text.size(), 0);
  return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

pid_t Tasks::process_of(pid_t tid) {
  Task* task = find(tid);
  if (task != nullptr && task->process != 0) return task->process;
  auto process = number<pid_t>(field(status_of(tid), "\nTgid:"), 10);
  if (process == 0) return tid;
  if (task != nullptr) task->process = process;
  return process;
}

Result<SignalState> Tasks::signals(pid_t tid) {
  std::string status = status_of(tid);
  if (status.empty()) return Errno::noent;
  SignalState state;
  state.thread_pending = number<std::uint64_t>(field(status, "\nSigPnd:"), 16);
  state.process_pending = number<std::uint64_t>(field(status, "\nShdPnd:"), 16);
  state.blocked = number<std::uint64_t>(field(status, "\nSigBlk:"), 16);
  state.ignored = number<std::uint64_t>(field(status, "\nSigIgn:"), 16);
  state.caught = number<std::uint64_t>(field(status, "\nSigCgt:"), 16);
  state.threads = number<int>(field(status, "\nThreads:"), 10);
  return state;
}

bool Tasks::has_capability(pid_t tid, int capability) {
  std::string status = status_of(tid);
  return number<std::uint64_t>(field(status, "\nCapEff:"), 16) >> capability & 1;
}

bool Tasks::is_close_on_exec(pid_t tid, int number_of_fd) {
  std::string path = proc_path(tid, "fdinfo/") + std::to_string(number_of_fd);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text;
  ssize_t n = ::read(fd.get(), text.data(), text.size());
  if (n <= 0) return false;
  auto flags =
      number<unsigned>(field(std::string_view(text.data(), static_cast<std::size_t>(n)), "flags:"), 8);
  return (flags & O_CLOEXEC) != 0;
}

bool Tasks::read(pid_t tid, std::uint64_t address, void* to, std::size_t count) {
  iovec part{reinterpret_cast<void*>(address), count};
  return gather(tid, {&part, 1}, {static_cast<char*>(to), count});
}

bool Tasks::write(pid_t tid, std::uint64_t address, const void* from, std::size_t count) {
  iovec part{reinterpret_cast<void*>(address), count};
  return scatter(tid, {&part, 1}, {static_cast<const char*>(from), count});
}

bool Tasks::gather(pid_t tid, std::span<const iovec> parts, std::span<char> to) {
  if (to.empty()) return true;
  iovec ours{to.data(), to.size()};
  return process_vm_readv(tid, &ours, 1, parts.data(), parts.size(), 0) == static_cast<ssize_t>(to.size());
}

bool Tasks::scatter(pid_t tid, std::span<const iovec> parts, std::span<const char> from) {
  if (from.empty()) return true;
  iovec ours{const_cast<char*>(from.data()), from.size()};
  return process_vm_writev(tid, &ours, 1, parts.data(), parts.size(), 0) == static_cast<ssize_t>(from.size());
}

}  // namespace sockeye::gate
