// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The agent's life (decisions.md D2): start CMD, serve its calls, forward signals, collect every descendant,
// and end when the last task under the filter has ended, with CMD's exit status.
#include "gate/agent.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

#include "gate/gate.h"
#include "gate/launch.h"
#include "world/event_loop.h"

namespace sockeye::gate {

namespace {

constexpr int kStatusGate = 125;
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

void complain(const std::string& sentence) {
  fprintf(stderr, "sockeye: %s\n", sentence.c_str());
}

// Descriptors of the host's network that CMD would inherit (D5): their control calls are refused, their data
// we never see.
void warn_of_inherited_sockets() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return;
  while (dirent* entry = readdir(directory)) {
    int fd = atoi(entry->d_name);
    int domain = AF_UNSPEC;
    socklen_t length = sizeof(domain);
    if (entry->d_name[0] == '.' || (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) continue;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain == AF_UNIX) continue;
    complain(
        "descriptor " + std::to_string(fd) +
        " is a socket of the host's network: what is read and written there does not pass through Sockeye");
  }
  closedir(directory);
}

unsigned long raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  unsigned long before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? before : 0;
}

void append_children(pid_t parent, std::vector<pid_t>& found) {
  std::string path = "/proc/" + std::to_string(parent) + "/task";
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return;
  while (dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    FILE* list = fopen((path + "/" + entry->d_name + "/children").c_str(), "re");
    int child = 0;
    while (list != nullptr && fscanf(list, "%d", &child) == 1) found.push_back(child);
    if (list != nullptr) fclose(list);
  }
  closedir(directory);
}

// Once; a program that forks at this moment leaves a child that the next round finds, as its new parent is
// us.
void kill_descendants() {
  std::vector<pid_t> found;
  append_children(getpid(), found);
  for (std::size_t i = 0; i < found.size(); ++i) append_children(found[i], found);
  for (pid_t pid : found) kill(pid, SIGKILL);
}

class Supervisor final : world::EventHandler {
 public:
  Supervisor(world::EventLoop& loop, const AgentOptions& options, pid_t command, const sigset_t& signals)
      : options_(options), command_(command), signals_(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) {
    (void)watch_.open(loop, signals_.get(), EPOLLIN, *this);
    collect();
  }

  // CMD's exit status once it has ended.
  bool command_has_ended() const { return ended_; }
  int status() const { return status_; }
  Instant next_deadline() const { return kill_at_; }

  void run_due(Instant now) {
    now_ = now;
    if (kill_at_ > now) return;
    kill_descendants();
    kill_at_ = now + std::chrono::milliseconds(20);
  }

 private:
  void on_events(std::uint32_t) override {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo == SIGCHLD)
        collect();
      else
        forward(info);
    }
  }

  void forward(const signalfd_siginfo& info) {
    auto number = static_cast<int>(info.ssi_signo);
    // The terminal's own signals went to the whole foreground group, CMD included.
    if (info.ssi_code != SI_KERNEL && !ended_) kill(command_, number);
    if (options_.kill_after > std::chrono::milliseconds(0) && kill_at_ == kNever && number != SIGQUIT)
      kill_at_ = world::EventLoop::read_clock() + options_.kill_after;
  }

  void collect() {
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != command_) continue;
      ended_ = true;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      if (options_.end_with_command) kill_at_ = now_;
    }
  }

  const AgentOptions& options_;
  pid_t command_;
  UniqueFd signals_;
  world::Watch watch_;
  bool ended_ = false;
  int status_ = 0;
  Instant now_{};
  Instant kill_at_ = kNever;
};

int serve(AgentOptions& options, Launch& launched, const sigset_t& signals) {
  world::EventLoop loop;
  Gate gate(loop, std::move(launched.listener), UniqueFd(std::exchange(options.session, -1)), options);
  Supervisor supervisor(loop, options, launched.pid, signals);
  while (!gate.has_ended() || !supervisor.command_has_ended()) {
    Instant next = std::min(gate.next_deadline(), supervisor.next_deadline());
    loop.turn(next);
    gate.run_due(loop.now());
    supervisor.run_due(loop.now());
  }
  if (options.report) {
    std::string text = gate.report.text();
    fprintf(stderr, "sockeye: %s\n%s",
            text.empty() ? "nothing was refused" : "asked for and refused:", text.c_str());
  }
  return supervisor.status();
}

}  // namespace

int run_agent(AgentOptions options) {
  UniqueFd session(options.session);  // until serve() takes it over
  fcntl(options.session, F_SETFD, FD_CLOEXEC);
  if (options.command.empty()) {
    complain("no command to run");
    return kStatusGate;
  }
  warn_of_inherited_sockets();
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  for (int number : kForwarded) sigaddset(&signals, number);
  LaunchOptions start;
  start.command = options.command;
  start.stdin_null = options.stdin_null;
  sigprocmask(SIG_BLOCK, &signals, &start.signal_mask);
  start.descriptor_limit = raise_descriptor_limit();
  Launch launched = launch(start);
  if (launched.status != 0) {
    complain(launched.complaint);
    return launched.status;
  }
  options.session = session.release();
  try {
    return serve(options, launched, signals);
  } catch (const std::system_error& error) {
    complain(error.what());
    kill_descendants();
    return kStatusGate;
  }
}

}  // namespace sockeye::gate
