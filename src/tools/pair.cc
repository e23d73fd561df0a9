// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// sockeye pair (decisions.md D8): a private world with the hosts `server` and `client`, a gate agent
// in a child process for each program, and this process, which waits: for the server to listen, for
// the client to end, for its connections to end, for the server to go.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "gate/agent.h"
#include "tools/commands.h"
#include "tools/enter_world.h"
#include "tools/socket_table.h"
#include "world/event_loop.h"

namespace sockeye::tools {

namespace {

using std::chrono::milliseconds;
using world::UniqueFd;

constexpr milliseconds kServerGrace{2000};  // between TERM and KILL (D8)
constexpr milliseconds kLookAgain{5};       // at connections that are ending
constexpr milliseconds kAgentGrace{5000};   // then its agent must have collected them
constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

struct Listening {
  std::int32_t port;
  std::int32_t protocol;
};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (const int number : kForwarded) sigaddset(&set, number);
  return set;
}

std::optional<int> exit_status_of(pid_t child, int flags) {
  int status = 0;
  pid_t found;
  do found = ::waitpid(child, &status, flags);
  while (found < 0 && errno == EINTR);
  if (found == 0) return std::nullopt;
  if (found < 0) return kLauncherFailed;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

class Pair {
 public:
  explicit Pair(const PairCommand& command) : command_(command) {}
  int run();

 private:
  enum class Woken { time, child, listening };

  void enter();
  void watch_signals();
  pid_t start_agent(gate::AgentOptions options);
  void start_server();
  void start_client();
  void wait_until_ready();
  int wait_for_client();
  void let_connections_end();
  void end_server();
  bool server_ended();
  void show_sockets();
  void flush_capture();
  bool is_ready(const Listening& seen) const;
  Woken wait(Instant until, bool for_listening);
  void forward(int number);

  const PairCommand& command_;
  UniqueFd server_session_;
  UniqueFd client_session_;
  UniqueFd control_;
  UniqueFd signals_;
  UniqueFd listening_in_;
  UniqueFd listening_out_;
  pid_t server_ = 0;
  pid_t client_ = 0;
};

void Pair::enter() {
  UniqueFd capture = open_capture(command_.choice.pcap);
  std::vector<UniqueFd> connections = connect_to_world("", 3, true);
  server_session_ = std::move(connections[0]);
  client_session_ = std::move(connections[1]);
  control_ = std::move(connections[2]);
  HostRequest request;
  request.host = "server";
  request.command = joined(command_.server);
  request.capture = capture.get();
  const world::Welcome welcome = say_hello(server_session_.get(), command_.choice, request);
  request.host = "client";
  request.command = joined(command_.client);
  request.capture = -1;
  WorldChoice quiet = command_.choice;
  quiet.report = false;  // the world's remarks have been made
  say_hello(client_session_.get(), quiet, request);
  say_hello(control_.get());
  remark_on_seed(command_.choice, welcome);
  warn_of_hosts_file({"server", "client"});
}

void Pair::watch_signals() {
  const sigset_t set = watched_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  int ends[2];
  if (!signals_ || ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    throw Failure(fmt::format("signals: errno {}", errno), kLauncherFailed);
  listening_in_.reset(ends[0]);
  listening_out_.reset(ends[1]);
}

pid_t Pair::start_agent(gate::AgentOptions options) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw Failure(fmt::format("fork: errno {}", errno), kLauncherFailed);
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kLauncherFailed);
  const sigset_t set = watched_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  signals_.reset();
  control_.reset();
  listening_in_.reset();
  (options.session == server_session_.get() ? client_session_ : server_session_).reset();
  ::_exit(gate::run_agent(std::move(options)));
}

void Pair::start_server() {
  gate::AgentOptions options;
  options.command = command_.server;
  options.session = server_session_.get();
  options.report = command_.choice.report;
  options.stdin_null = true;
  options.kill_after = kServerGrace;
  options.on_notice = [this](const gate::Notice& notice) {
    if (notice.code != gate::NoticeCode::listening) return;
    const Listening seen{static_cast<std::int32_t>(notice.arg[0]), static_cast<std::int32_t>(notice.arg[1])};
    // When nobody waits for it any more, nobody needs to know.
    ::send(listening_out_.get(), &seen, sizeof seen, MSG_NOSIGNAL);
  };
  server_ = start_agent(std::move(options));
  server_session_.reset();
  listening_out_.reset();
}

void Pair::start_client() {
  gate::AgentOptions options;
  options.command = command_.client;
  options.session = client_session_.get();
  options.report = command_.choice.report;
  client_ = start_agent(std::move(options));
  client_session_.reset();
}

bool Pair::is_ready(const Listening& seen) const {
  const ReadyWhen& ready = command_.ready;
  return (ready.protocol == 0 || ready.protocol == seen.protocol) &&
         (ready.port == 0 || ready.port == seen.port);
}

void Pair::forward(int number) {
  const pid_t to = client_ != 0 ? client_ : server_;
  if (to != 0) ::kill(to, number);
}

// Until a child has ended, the server listens, or the time has come.
Pair::Woken Pair::wait(Instant until, bool for_listening) {
  for (;;) {
    const Instant now = world::EventLoop::read_clock();
    if (now >= until) return Woken::time;
    pollfd fds[2] = {{signals_.get(), POLLIN, 0}, {for_listening ? listening_in_.get() : -1, POLLIN, 0}};
    const auto left = until == kNever ? milliseconds(-1) : std::chrono::ceil<milliseconds>(until - now);
    ::poll(fds, 2, static_cast<int>(left.count()));
    Listening seen{};
    while (for_listening &&
           ::read(listening_in_.get(), &seen, sizeof seen) == static_cast<ssize_t>(sizeof seen))
      if (is_ready(seen)) return Woken::listening;
    signalfd_siginfo info;
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGCHLD) return Woken::child;
      forward(static_cast<int>(info.ssi_signo));
    }
  }
}

void Pair::wait_until_ready() {
  const Instant until = world::EventLoop::read_clock() + command_.ready_timeout;
  for (;;) {
    const Woken woken = wait(until, true);
    if (woken == Woken::listening) return;
    if (const auto status = exit_status_of(server_, WNOHANG)) {
      server_ = 0;
      throw Failure(fmt::format("the server ended with status {} before it listened", *status),
                    kLauncherFailed);
    }
    if (woken != Woken::time) continue;
    const ReadyWhen& ready = command_.ready;
    const std::string what =
        ready.protocol == 0 ? std::string("listen")
                            : fmt::format("listen on {}:{}", ready.protocol == 6 ? "tcp" : "udp", ready.port);
    throw Failure(fmt::format("the server did not {} within {} s (see --ready and --ready-timeout)", what,
                              static_cast<double>(command_.ready_timeout.count()) / 1000),
                  kLauncherFailed);
  }
}

int Pair::wait_for_client() {
  for (;;) {
    if (const auto status = exit_status_of(client_, WNOHANG)) {
      client_ = 0;
      return *status;
    }
    wait(kNever, false);
  }
}

void Pair::show_sockets() {
  world::TableOptions options;
  options.all = options.numeric = options.processes = options.info = true;
  fmt::print(stderr, "{}", socket_table(fetch_sockets(control_.get()), options));
}

// What the client wrote before it ended may still be under way, and a server killed now would never
// see it. So its connections may end by themselves, for as long as they get on with it.
void Pair::let_connections_end() {
  std::string seen;
  Instant until = world::EventLoop::read_clock() + kServerGrace;
  for (;;) {
    std::string open;
    for (const world::SocketRow& row : fetch_sockets(control_.get())) {
      const tcp::State state = row.report.state;
      if (!row.report.is_stream || state == tcp::State::listen || state == tcp::State::closed ||
          state == tcp::State::time_wait || row.report.remote.address.is_loopback())
        continue;
      open += fmt::format("{} {} {} {}\n", row.report.local.to_string(), static_cast<int>(state),
                          row.report.tcp ? row.report.tcp->bytes_acked : 0,
                          row.report.tcp ? row.report.tcp->bytes_received : 0);
    }
    const Instant now = world::EventLoop::read_clock();
    if (open.empty() || now >= until) return;
    if (open != seen) until = now + kServerGrace;
    seen = std::move(open);
    wait(now + kLookAgain, false);
    if (server_ended()) return;
  }
}

bool Pair::server_ended() {
  if (server_ != 0 && exit_status_of(server_, WNOHANG)) server_ = 0;
  return server_ == 0;
}

// TERM, two seconds, KILL to the whole tree: its agent does that. An agent that does not come to its
// end is killed; then the world closes what it held.
void Pair::end_server() {
  if (server_ended()) return;
  ::kill(server_, SIGTERM);
  const Instant until = world::EventLoop::read_clock() + kServerGrace + kAgentGrace;
  while (!server_ended()) {
    if (wait(until, false) != Woken::time) continue;
    ::kill(server_, SIGKILL);
    exit_status_of(server_, 0);
    server_ = 0;
  }
}

void Pair::flush_capture() {
  if (!command_.choice.pcap.empty()) gate::ask_world(control_.get(), "flush");
}

int Pair::run() {
  enter();
  watch_signals();
  start_server();
  try {
    wait_until_ready();
    start_client();
    const int status = wait_for_client();
    if (command_.show_sockets) show_sockets();
    let_connections_end();
    end_server();
    flush_capture();
    return status;
  } catch (const Failure&) {
    end_server();
    flush_capture();
    throw;
  }
}

}  // namespace

int pair(const PairCommand& command) try { return Pair(command).run(); } catch (const Failure& failure) {
  return failure.tell("sockeye pair");
}

}  // namespace sockeye::tools
