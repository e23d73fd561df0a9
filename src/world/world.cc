// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "world/report.h"

namespace sockeye::world {

namespace {

// Rounds of hosts and sessions within one turn, before descriptors are looked at again.
constexpr int kRoundsPerTurn = 64;
// Longer than this without work: what was captured should be readable.
constexpr Duration kIdle = 50ms;
// How soon to look again when somebody is connecting while the world wants to end.
constexpr Duration kEndRetry = 2ms;
constexpr std::size_t kReplyBytes = 96 * 1024;  // of a query, below gate::kPayloadMax

}  // namespace

World::World(WorldOptions options, SessionFactory factory)
    : options_(std::move(options)), factory_(std::move(factory)) {}

World::~World() {
  sessions_.clear();  // they hold sockets of the hosts
}

void World::add_agent(UniqueFd connection) {
  sessions_.push_back(factory_(*this, std::move(connection)));
}

void World::listen_on(UniqueFd listener, UniqueFd lock) {
  listener_ = std::move(listener);
  lock_ = std::move(lock);
  ::fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
  const auto watched = listener_watch_.open(loop_, listener_.get(), EPOLLIN, *this);
  SOCKEYE_ASSERT(watched.has_value());
}

void World::catch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  const auto watched = signals_watch_.open(loop_, signals_.get(), EPOLLIN, *this);
  SOCKEYE_ASSERT(watched.has_value());
}

void World::on_events(std::uint32_t) {
  signalfd_siginfo info;
  if (signals_ && ::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    stopping_ = true;
  if (listener_) accept_agents();
}

void World::accept_agents() {
  for (;;) {
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) return;  // none waits, or no descriptor is free: the listener tells again
    add_agent(std::move(connection));
  }
}

Host* World::find_host(std::string_view name) const {
  for (const auto& host : hosts_)
    if (host->name() == name) return host.get();
  return nullptr;
}

// Lets hosts and sessions work until nothing is left at this instant, or the budget is spent.
void World::settle() {
  const Instant now = loop_.now();
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    bool worked = false;
    for (const auto& host : hosts_) worked |= host->work(now);
    for (const auto& session : sessions_) worked |= session->drive(now);
    if (!worked) return;
  }
}

Instant World::next_deadline() const {
  Instant next = kNever;
  for (const auto& host : hosts_) next = std::min(next, host->next_deadline());
  for (const auto& session : sessions_) next = std::min(next, session->next_deadline());
  return next;
}

void World::sweep_sessions() {
  std::erase_if(sessions_, [](const std::unique_ptr<Session>& session) { return session->has_ended(); });
}

// Without agents, and nobody is on the way to become one: who starts a world or connects to one holds
// the lock until that is done.
bool World::has_ended() {
  if (stopping_) return true;
  if (keep_ || !sessions_.empty()) return false;
  if (!listener_) return true;
  if (lock_ && ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return false;
  accept_agents();  // who connected before we had the lock
  if (sessions_.empty()) return true;
  if (lock_) ::flock(lock_.get(), LOCK_UN);
  return false;
}

bool World::turn(Instant until) {
  Instant deadline = std::min(until, next_deadline());
  if (capture_ && deadline > loop_.now() + kIdle) capture_->flush();
  if (sessions_.empty() && !keep_) deadline = std::min(deadline, loop_.now() + kEndRetry);
  loop_.wait(deadline);
  for (const auto& host : hosts_) host->set_now(loop_.now());
  loop_.dispatch();
  settle();
  sweep_sessions();
  return !has_ended();
}

void World::run() {
  while (turn(kNever)) {
  }
  listener_watch_.close();
  listener_.reset();
  for (const auto& session : sessions_) session->end();
  sessions_.clear();
  if (capture_) capture_->flush();
}

std::string World::socket_rows(std::size_t first) const {
  std::string text;
  std::size_t number = 0;
  for (const auto& host : hosts_) {
    for (SocketReport& report : host->stack().report()) {
      if (number++ < first) continue;
      SocketRow row{host->name(), std::move(report)};
      for (auto session = sessions_.begin(); row.report.cookie != 0 && session != sessions_.end(); ++session)
        if (const std::uint64_t inode = (*session)->inode_of(*host, row.report.cookie)) row.inode = inode;
      const std::string line = write_row(row) + "\n";
      if (text.size() + line.size() > kReplyBytes) return text + "next " + std::to_string(number - 1) + "\n";
      text += line;
    }
  }
  return text;
}

std::string World::query(std::string_view command) {
  constexpr std::string_view kSockets = "sockets ";
  if (command == "end") {
    stopping_ = true;
    return {};
  }
  if (command == "flush") {
    if (capture_) capture_->flush();
    return {};
  }
  if (command.starts_with(kSockets)) {
    command.remove_prefix(kSockets.size());
    std::size_t first = 0;
    const auto [end, error] = std::from_chars(command.data(), command.data() + command.size(), first);
    if (error == std::errc() && end == command.data() + command.size()) return socket_rows(first);
  }
  return "error: the world understands \"sockets N\", \"flush\" and \"end\"\n";
}

}  // namespace sockeye::world
