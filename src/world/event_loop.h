// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One thread's wait for the kernel: an epoll set, one clock reading per turn, a deadline in
// nanoseconds (decisions.md D11). A turn is: sleep until the deadline or an event, read
// CLOCK_MONOTONIC once, tell the handlers of up to kEventsPerTurn descriptors.
//
//     while (!done) { loop.turn(deadline); work(loop.now()); }
//
// A Watch is one descriptor's registration. Handlers may close their own and any other Watch, and
// open new ones, while a batch is delivered: events that were fetched for a closed Watch are
// discarded, even if its descriptor number has been taken again in the meantime.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "world/unique_fd.h"

namespace sockeye::world {

class EventLoop;

class EventHandler {
 public:
  virtual void on_events(std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, EPOLLHUP, …

 protected:
  ~EventHandler() = default;
};

class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { close(); }

  // Level triggered unless `events` holds EPOLLET. The Watch does not own the descriptor; close the
  // Watch first. `handler` may be told until close().
  Result<> open(EventLoop& loop, int fd, std::uint32_t events, EventHandler& handler);
  Result<> set_events(std::uint32_t events);  // also re-arms EPOLLET and EPOLLONESHOT
  void close();
  bool is_open() const { return loop_ != nullptr; }
  std::uint32_t events() const { return events_; }
  int fd() const { return fd_; }

 private:
  EventLoop* loop_ = nullptr;
  int fd_ = -1;
  std::uint32_t events_ = 0;
  std::uint32_t slot_ = 0;
};

class EventLoop {
 public:
  static constexpr std::size_t kEventsPerTurn = 256;

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Of the current turn: the same until the next one begins.
  Instant now() const { return now_; }
  // The two halves of a turn. wait() sleeps until `deadline` at the latest (kNever: without limit;
  // now() or earlier: not at all; less on a signal) and reads the clock; dispatch() tells the
  // handlers and returns how many descriptors had events.
  void wait(Instant deadline);
  std::size_t dispatch();
  std::size_t turn(Instant deadline) {
    wait(deadline);
    return dispatch();
  }
  // The clock itself, for who must set a deadline outside a turn.
  static Instant read_clock();

 private:
  friend class Watch;
  struct Slot {
    EventHandler* handler = nullptr;
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
  };
  static constexpr std::uint32_t kNone = 0xffffffff;

  Result<std::uint32_t> add(int fd, std::uint32_t events, EventHandler& handler);
  void remove(int fd, std::uint32_t slot);
  std::uint64_t key_of(std::uint32_t slot) const;
  int sleep(Instant deadline);

  UniqueFd epoll_;
  Instant now_;
  std::vector<Slot> slots_;
  std::uint32_t free_ = kNone;
  bool has_pwait2_ = true;
  std::vector<epoll_event> events_;
  std::size_t event_count_ = 0;
};

}  // namespace sockeye::world
