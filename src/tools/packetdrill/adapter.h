// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One host in virtual time, between packetdrill's script and its expectations: the script's calls come
// in through call(), its packets through send(), and receive() is where it waits for ours. Descriptors
// are given out from kFirstDescriptor, far above the process's own, so that a preloaded getsockopt can
// tell whose they are.
//
// Leaves out: UDP and ICMP errors of the wire that packetdrill's syntax knows and its scripts for TCP do
// not use are passed through like any packet; nothing is special about them here.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "tools/packetdrill/flags.h"
#include "tools/packetdrill/pipes.h"
#include "tools/packetdrill/virtual_clock.h"

namespace sockeye::packetdrill {

class Adapter {
 public:
  static constexpr int kFirstDescriptor = 1'000'000;
  static constexpr int kFirstPipe = 2'000'000;

  explicit Adapter(const Flags& flags);
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  static bool owns(int fd) { return fd >= kFirstDescriptor; }
  // The descriptor as the process table of the host counts it.
  static int inner(int fd) { return owns(fd) ? fd - kFirstDescriptor : -1; }
  static int outer(long fd) { return static_cast<int>(fd) + kFirstDescriptor; }

  // A system call: `body` gets the host's process and answers a number or a negative errno. It may
  // block. What it has caused happens before it returns; -1 and errno are made here.
  template <class Body>
  long call(Body body) {
    const Lock lock(mutex_);
    spinning_ = 0;
    const VirtualClock::Call parking(clock_);
    const long result = body(host_.process);
    clock_.pass_turn();
    return answer(result);
  }
  // The same for what only touches pipes.
  template <class Body>
  long pipe_call(Body body) {
    const Lock lock(mutex_);
    return answer(static_cast<long>(body(pipes_)));
  }
  bool is_pipe(int fd) {
    const Lock lock(mutex_);
    return pipes_.owns(fd);
  }

  int send(Bytes packet);
  // Lets time pass until there is a packet. Empty: none will ever come.
  std::size_t receive(MutableBytes room, long long& time_usecs);
  void sleep(Duration time);
  // Microseconds since the clock began.
  std::int64_t read_clock();
  Result<> set_sysctl(std::string_view name, std::string_view value);
  Result<std::string> get_sysctl(std::string_view name);
  void forget_peers();
  void drop_all(bool on);  // the link loses what is sent
  void cut_all(bool on);   // ... takes no packets of many segments
  std::string counters();
  std::string sockets(bool v6);  // as /proc/net/tcp and /proc/net/tcp6

 private:
  struct Sent {
    Instant at{};
    std::vector<std::byte> bytes{};
  };

  static long answer(long result);
  Instant settle();
  bool step(Instant limit);

  std::mutex mutex_{};
  VirtualClock clock_{mutex_};
  posix::Hosts hosts_;
  posix::Host& host_;
  posix::RawLink* link_ = nullptr;
  Pipes pipes_{kFirstPipe};
  std::deque<Sent> sent_{};
  bool drops_ = false;
  unsigned spinning_ = 0;  // readings of the clock with nothing between them
};

}  // namespace sockeye::packetdrill
