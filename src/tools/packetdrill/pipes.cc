// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/packetdrill/pipes.h"

#include <algorithm>
#include <cerrno>

namespace sockeye::packetdrill {

void Pipes::open(int fds[2]) {
  const auto bytes = std::make_shared<std::deque<std::byte>>();
  for (int i = 0; i < 2; ++i) {
    fds[i] = next_++;
    ends_[fds[i]] = {bytes, i == 1};
  }
}

int Pipes::close(int fd) {
  return ends_.erase(fd) == 1 ? 0 : -EBADF;
}

long Pipes::write(int fd, std::span<const std::byte> bytes) {
  const auto end = ends_.find(fd);
  if (end == ends_.end() || !end->second.writes) return -EBADF;
  end->second.bytes->insert(end->second.bytes->end(), bytes.begin(), bytes.end());
  return static_cast<long>(bytes.size());
}

long Pipes::read(int fd, std::span<std::byte> bytes) {
  const auto end = ends_.find(fd);
  if (end == ends_.end() || end->second.writes) return -EBADF;
  auto& waiting = *end->second.bytes;
  if (waiting.empty()) return -EAGAIN;
  const std::size_t count = std::min(bytes.size(), waiting.size());
  const auto last = waiting.begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(waiting.begin(), last, bytes.begin());
  waiting.erase(waiting.begin(), last);
  return static_cast<long>(count);
}

std::size_t Pipes::waiting(int fd) const {
  const auto end = ends_.find(fd);
  return end == ends_.end() ? 0 : end->second.bytes->size();
}

}  // namespace sockeye::packetdrill
