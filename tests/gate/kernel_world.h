// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A world for tests of the agent alone: it speaks protocol.h, and every socket in it is one of the
// kernel's. So whatever a program sees differently under it than without it is the agent's (or the
// carriers') doing. It runs in a thread of the test and keeps a list of what it was asked.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gate/protocol.h"
#include "world/unique_fd.h"

namespace sockeye::gate {

class KernelWorld {
 public:
  KernelWorld();
  ~KernelWorld();
  KernelWorld(const KernelWorld&) = delete;
  KernelWorld& operator=(const KernelWorld&) = delete;

  // A session's other end, for run_agent.
  int connect();
  // The world "dies": its sessions and carriers are closed when this returns.
  void die();
  int count(RequestCode code) const;

 private:
  struct Held;
  struct Asked;
  void run();
  void take(int session);
  void serve(int session, Asked& asked);
  bool try_parked(Asked& asked);
  bool pump(Held& held);
  void pump_out(Held& held);
  void pump_in(Held& held);
  void hang_up(Held& held, bool reset);
  void reply(const Asked& asked, std::int64_t result, std::string_view payload = {});

  world::UniqueFd wake_read_, wake_write_;
  std::vector<world::UniqueFd> sessions_;
  std::map<std::uint64_t, Held> held_;
  std::vector<Asked> parked_;
  std::atomic<bool> dying_{false};
  mutable std::mutex mutex_;
  std::vector<int> fresh_;
  std::map<RequestCode, int> counts_;
  std::thread thread_;
};

}  // namespace sockeye::gate
