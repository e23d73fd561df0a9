// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Which sockets are the world's: by SO_COOKIE, which the kernel never gives twice. And the one thing
// that neither the world nor a closed descriptor tells: the end of a stream that has no carrier yet.
// An epoll set holds no reference to a file and forgets it when its last descriptor is closed; so a
// stream that is a member and no longer listed in the set's /proc entry is gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/time.h"
#include "world/unique_fd.h"

namespace sockeye::gate {

using world::UniqueFd;

struct Socket {
  std::uint64_t cookie = 0;
  bool stream = false;
  bool carried = false;    // the world holds the other end
  bool spent = false;      // the kernel's connection is over: another carrier before the next connect
  bool listening = false;  // unread bytes are accept tokens
  bool has_native_options = false;        // time-outs and the like were set on the carrier too
  bool unwatched = false;                 // spent, and nobody would see its last close
  pid_t holder = 0;                       // a thread that had a descriptor of it, last time we saw
  int number = -1;                        // which
  bool receiving = false;                 // a datagram was taken, its sender has not been learned yet
  std::deque<std::uint64_t> receivers{};  // calls that wait for `receiving` to end
};

class SocketTable {
 public:
  Socket& add(std::uint64_t cookie, bool stream);
  Socket* find(std::uint64_t cookie);
  void forget(std::uint64_t cookie);
  // Calls on the old cookie (a duplicate of a descriptor that was replaced) mean the new one.
  void replace(std::uint64_t old_cookie, std::uint64_t new_cookie);

  // Sockets that were found not to be the world's.
  bool is_foreign(std::uint64_t cookie) const { return foreign_.contains(cookie); }
  void set_foreign(std::uint64_t cookie);

 private:
  std::unordered_map<std::uint64_t, Socket> sockets_;
  std::unordered_map<std::uint64_t, std::uint64_t> successors_;
  std::unordered_set<std::uint64_t> foreign_;
};

class LooseStreams {
 public:
  LooseStreams();

  void add(int fd, std::uint64_t cookie);
  void remove(int fd, std::uint64_t cookie);
  void forget(std::uint64_t cookie) { members_.erase(cookie); }  // it will not be reported
  // Those that are gone since the last call.
  std::vector<std::uint64_t> sweep();
  bool empty() const { return members_.empty(); }

 private:
  bool change(int operation, int fd, std::uint64_t cookie);

  UniqueFd set_;
  int slot_ =
      -1;  // the number under which all are registered: epoll tells members apart by file *and* number
  std::unordered_set<std::uint64_t> members_;
};

}  // namespace sockeye::gate
