// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The carrier of a listening socket. No data passes: one unread token byte per connection that waits for
// accept keeps the program's POLLIN right, and the junk that came with the descriptor, which nobody
// reads, keeps POLLOUT off. Whoever accepts takes one token out.
//
// Beyond some hundreds of waiting connections the kernel takes no more tokens; they are topped up as
// others are taken, so the level stays right.
#pragma once

#include <deque>
#include <optional>

#include "gate/carrier_end.h"

namespace sockeye::gate {

class ListenerEnd final : public CarrierEnd {
 public:
  // An accepted connection that could not be handed to a program waits in front of the queue.
  struct PutBack {
    std::uint64_t cookie = 0;
    world::UniqueFd program_end;
  };

  ListenerEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd);

  void work(Instant now) override;
  bool is_finished() const override { return finished_; }

  void put_back(PutBack connection);
  std::optional<PutBack> take_put_back();
  bool has_put_back() const { return !put_back_.empty(); }
  // A connection was accepted. True: one token too many is in the carrier, the agent takes it.
  bool take_token();
  // Not listening any more (shutdown): end of file and HUP for who still polls.
  void end();

 private:
  std::size_t waiting() const;
  void top_up();

  std::deque<PutBack> put_back_;
  std::size_t tokens_ = 0;
  bool finished_ = false;
};

}  // namespace sockeye::gate
