// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// epoll(7): a set of interests, and a list of those that may be ready. An event puts an item on the
// list; wait() takes items off, asks each for its present state and reports what is really there. The
// cost of a wait is the length of that list, never the size of the set.
//
//   level (default)  a reported item goes back to the end of the list and is asked again next time
//   EPOLLET          it is not: only another *event* (not a transition) brings it back
//   EPOLLONESHOT     it is disarmed until EPOLL_CTL_MOD
//   EPOLLEXCLUSIVE   checked as the kernel does; we wake every set, which epoll_ctl(2) allows ("one or more")
//   EPOLLWAKEUP      accepted; without CAP_BLOCK_SUSPEND the kernel ignores it too
//
// Sets may hold sets (EPOLL_CTL_ADD: no cycles, at most five deep, else ELOOP). Not here: eventpoll's
// ioctls (busy polling).
#pragma once

#include <sys/epoll.h>

#include <array>
#include <memory>
#include <span>
#include <unordered_map>

#include "core/result.h"
#include "ready/pollable.h"

namespace sockeye {

struct EpollReadyTag {};

// One interest: a descriptor number and the open file description behind it.
class EpollItem final : public Waiter, public ListHook<EpollReadyTag>, public ListHook<ByTargetTag> {
 public:
  EpollItem(Epoll& set, int descriptor, Pollable& target)
      : set_(set), target_(target), descriptor_(descriptor) {}
  void on_event(Readiness events) override;

 private:
  friend class Epoll;
  friend class Pollable;
  // What of the interest is ready now. A disarmed ONESHOT item is never ready.
  std::uint32_t ready_bits() const;

  Epoll& set_;
  Pollable& target_;
  epoll_event event_{};
  int descriptor_;
};

class Epoll final : public Pollable {
 public:
  ~Epoll() override;

  // EPOLL_CTL_ADD, MOD, DEL. A key is (descriptor, target): two descriptors of one description are
  // two interests. EEXIST, ENOENT, EINVAL, ELOOP as epoll_ctl(2).
  Result<> control(int operation, int descriptor, Pollable& target, const epoll_event& event);

  // Fills `out` with what is ready, at once; the number of events.
  std::size_t wait(std::span<epoll_event> out);

  std::uint32_t poll_bits() override;
  WaitQueue& waiters() override { return waiters_; }
  Epoll* as_epoll() override { return this; }
  bool has_candidates() const { return !ready_.empty(); }  // wait() has something to look at
  std::size_t size() const { return items_.size(); }

 private:
  friend class EpollItem;
  friend class Pollable;
  using ReadyList = IntrusiveList<EpollItem, EpollReadyTag>;

  EpollItem* find(int descriptor, const Pollable& target);
  Result<> add(int descriptor, Pollable& target, const epoll_event& event);
  void remove(EpollItem& item);
  void watch(EpollItem& item);  // interest is new: is it ready already?
  void became_ready(EpollItem& item);
  Result<> check_nesting(Epoll& inner);
  bool reaches(const Epoll& wanted, unsigned depth) const;
  unsigned depth_below(unsigned depth) const;
  unsigned depth_above(unsigned depth);
  static bool count_paths(Pollable& target, unsigned length, std::array<unsigned, 5>& paths);

  // Looked up by descriptor, never iterated where the order could be seen.
  std::unordered_multimap<int, std::unique_ptr<EpollItem>> items_;
  ReadyList ready_;
  WaitQueue waiters_;
};

}  // namespace sockeye
