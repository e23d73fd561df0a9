// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/launch.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gate/filter.h"

namespace sockeye::gate {

namespace {

constexpr int kStatusGate = 125;
constexpr int kStatusNotExecutable = 126;
constexpr int kStatusNotFound = 127;

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct Channel {
  UniqueFd read;
  UniqueFd write;

  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    return true;
  }
};

bool send_int(int fd, int value) {
  return write(fd, &value, sizeof(value)) == sizeof(value);
}

bool receive_int(int fd, int& value) {
  for (;;) {
    ssize_t n = read(fd, &value, sizeof(value));
    if (n >= 0 || errno != EINTR) return n == sizeof(value);
  }
}

// The listener's descriptor, or -errno. WAIT_KILLABLE_RECV (Linux 5.19): once we have a call, only a fatal
// signal ends its wait, so that no result is lost.
int install_filter() {
  std::vector<sock_filter> code = build_filter();
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW |
                        SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  // With CAP_SYS_ADMIN programs keep the right to gain privileges by exec (setuid); without it the kernel
  // wants them to give it up first.
  long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (fd < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

std::string explain(int error) {
  switch (error) {
    case EINVAL:
      return "this kernel's seccomp lacks notification that waits for fatal signals only: Linux 5.19 or "
             "newer is "
             "needed";
    case EBUSY:
      return "there is a seccomp notification listener already: one launcher cannot run inside another";
    case ENOSYS:
      return "this kernel has no seccomp";
    default:
      return std::string("the seccomp filter cannot be installed: ") + strerror(error);
  }
}

[[noreturn]] void child(const LaunchOptions& options, int report, int go) {
  sigprocmask(SIG_SETMASK, &options.signal_mask, nullptr);
  prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
  rlimit limit{};
  if (options.descriptor_limit != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = options.descriptor_limit;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (options.stdin_null) {
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    if (null != STDIN_FILENO) close(null);
  }
  int listener = install_filter();
  int word = 0;
  if (!send_int(report, listener) || listener < 0 || !receive_int(go, word)) _exit(kStatusGate);
  close(listener);
  std::vector<char*> arguments;
  for (const std::string& argument : options.command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  send_int(report, errno);
  _exit(kStatusNotFound);
}

void fail(Launch& launched, int status, std::string complaint) {
  if (launched.pid > 0) waitpid(launched.pid, nullptr, 0);
  launched.listener.reset();
  launched.status = status;
  launched.complaint = std::move(complaint);
}

bool fetch_listener(Launch& launched, int number) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, launched.pid, 0)));
  launched.listener.reset(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
  return static_cast<bool>(launched.listener);
}

}  // namespace

Launch launch(const LaunchOptions& options) {
  Launch launched;
  Channel report;
  Channel go;
  if (!report.open() || !go.open()) {
    fail(launched, kStatusGate, std::string("pipe: ") + strerror(errno));
    return launched;
  }
  launched.pid = fork();
  if (launched.pid < 0) {
    fail(launched, kStatusGate, std::string("fork: ") + strerror(errno));
    return launched;
  }
  if (launched.pid == 0) {
    go.write.reset();
    child(options, report.write.get(), go.read.get());
  }
  report.write.reset();
  go.read.reset();
  int number = 0;
  if (!receive_int(report.read.get(), number) || number < 0) {
    fail(launched, kStatusGate, explain(-number));
    return launched;
  }
  if (!fetch_listener(launched, number)) {
    std::string why = std::string("pidfd_getfd: ") + strerror(errno) +
                      " (inside a container, the right to trace is needed: --cap-add SYS_PTRACE)";
    go.write.reset();
    fail(launched, kStatusGate, why);
    return launched;
  }
  send_int(go.write.get(), 1);
  int error = 0;
  if (receive_int(report.read.get(), error))
    fail(launched, error == ENOENT ? kStatusNotFound : kStatusNotExecutable,
         options.command[0] + ": " + strerror(error));
  return launched;
}

}  // namespace sockeye::gate
