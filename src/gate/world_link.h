// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The agent's end of its session with the world: requests out, replies and notices in. Never blocks:
// what the socket does not take waits here (the world may at that moment wait for us).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gate/protocol.h"
#include "world/unique_fd.h"

namespace sockeye::gate {

using world::UniqueFd;

struct Answer {
  Reply head;
  std::string_view payload;  // until the next receive()
  UniqueFd fd;
};

class WorldLink {
 public:
  explicit WorldLink(UniqueFd session);

  int fd() const { return session_.get(); }
  bool is_dead() const { return dead_; }
  bool has_backlog() const { return !backlog_.empty(); }

  // `payload` in up to four parts. The descriptor is closed here once it is sent.
  void send(Request head, std::initializer_list<std::string_view> payload, UniqueFd fd = {});
  // Sends what waits. Call when has_backlog() and poll says OUT.
  void flush();
  // The next message, if there is one. When the world has gone: nothing, and is_dead().
  std::optional<Answer> receive();

 private:
  struct Waiting {
    std::string bytes;
    UniqueFd fd;
  };
  enum class Sent { yes, full, dead };
  Sent try_send(std::span<const struct iovec> parts, int fd);

  UniqueFd session_;
  bool dead_ = false;
  std::deque<Waiting> backlog_;
  std::vector<char> buffer_;
};

}  // namespace sockeye::gate
