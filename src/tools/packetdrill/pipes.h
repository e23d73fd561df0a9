// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// pipe(2) as far as a script with splice(2) needs it: bytes that were spliced in come out again. No
// limit, no blocking: an empty pipe is EAGAIN.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <span>

namespace sockeye::packetdrill {

class Pipes {
 public:
  explicit Pipes(int first) : next_(first) {}

  void open(int fds[2]);
  bool owns(int fd) const { return ends_.contains(fd); }
  int close(int fd);  // 0, -EBADF
  // Bytes, or a negative errno.
  long write(int fd, std::span<const std::byte> bytes);
  long read(int fd, std::span<std::byte> bytes);
  std::size_t waiting(int fd) const;

 private:
  struct End {
    std::shared_ptr<std::deque<std::byte>> bytes{};
    bool writes = false;
  };
  std::map<int, End> ends_{};
  int next_;
};

}  // namespace sockeye::packetdrill
