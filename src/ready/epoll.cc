// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ready/epoll.h"

#include <algorithm>
#include <array>

namespace sockeye {
namespace {

constexpr unsigned kMaxNests = 4;  // links from set to set on one path
constexpr std::uint32_t kPrivateBits = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
constexpr std::uint32_t kExclusiveAllows =
    EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

}  // namespace

std::uint32_t EpollItem::ready_bits() const {
  const std::uint32_t interest = event_.events & ~kPrivateBits;
  return interest == 0 ? 0 : target_.poll_bits() & interest;
}

void EpollItem::on_event(Readiness events) {
  const std::uint32_t interest = event_.events & ~kPrivateBits;
  if (interest == 0 || (any(events) && (expand(events) & interest) == 0)) return;
  set_.became_ready(*this);
}

Epoll::~Epoll() = default;  // the items unlink themselves from their targets and from ready_

EpollItem* Epoll::find(int descriptor, const Pollable& target) {
  const auto [first, last] = items_.equal_range(descriptor);
  for (auto it = first; it != last; ++it)
    if (&it->second->target_ == &target) return it->second.get();
  return nullptr;
}

Result<> Epoll::control(int operation, int descriptor, Pollable& target, const epoll_event& event) {
  if (&target == this) return Errno::inval;
  const bool exclusive = operation != EPOLL_CTL_DEL && (event.events & EPOLLEXCLUSIVE) != 0;
  if (exclusive && operation == EPOLL_CTL_MOD) return Errno::inval;
  if (exclusive && (target.as_epoll() != nullptr || (event.events & ~kExclusiveAllows) != 0))
    return Errno::inval;

  EpollItem* item = find(descriptor, target);
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (target.as_epoll() != nullptr)
        if (const Result<> nested = check_nesting(*target.as_epoll()); !nested) return nested.error();
      if (item != nullptr) return Errno::exist;
      return add(descriptor, target, event);
    case EPOLL_CTL_DEL:
      if (item == nullptr) return Errno::noent;
      remove(*item);
      return {};
    case EPOLL_CTL_MOD:
      if (item == nullptr) return Errno::noent;
      if ((item->event_.events & EPOLLEXCLUSIVE) != 0) return Errno::inval;
      item->event_ = event;
      item->event_.events |= EPOLLERR | EPOLLHUP;
      watch(*item);
      return {};
    default:
      return Errno::inval;
  }
}

Result<> Epoll::add(int descriptor, Pollable& target, const epoll_event& event) {
  auto owned = std::make_unique<EpollItem>(*this, descriptor, target);
  EpollItem& item = *owned;
  item.event_ = event;
  item.event_.events |= EPOLLERR | EPOLLHUP;
  target.watchers_.push_back(item);
  std::array<unsigned, kMaxNests + 1> paths{};
  // A set counts as one link more: there is, or will be, a file in it.
  if (!count_paths(target, target.as_epoll() != nullptr ? 1 : 0, paths))
    return Errno::inval;  // the item unlinks itself
  target.waiters().add(item);
  items_.emplace(descriptor, std::move(owned));
  watch(item);
  return {};
}

void Epoll::remove(EpollItem& item) {
  const auto [first, last] = items_.equal_range(item.descriptor_);
  for (auto it = first; it != last; ++it) {
    if (it->second.get() != &item) continue;
    items_.erase(it);
    return;
  }
}

// A new or changed interest that is ready already counts as an event, for EPOLLET too.
void Epoll::watch(EpollItem& item) {
  if (item.ready_bits() != 0) became_ready(item);
}

void Epoll::became_ready(EpollItem& item) {
  if (!item.ListHook<EpollReadyTag>::is_linked()) ready_.push_back(item);
  waiters_.notify(Readiness::in);  // every time: an edge-triggered outer set counts events
}

std::size_t Epoll::wait(std::span<epoll_event> out) {
  ReadyList looked_at;
  looked_at.splice_back(ready_);
  std::size_t count = 0;
  while (count < out.size() && !looked_at.empty()) {
    EpollItem& item = looked_at.pop_front();
    const std::uint32_t bits = item.ready_bits();
    if (bits == 0) continue;
    out[count].events = bits;
    out[count].data = item.event_.data;
    ++count;
    if ((item.event_.events & EPOLLONESHOT) != 0)
      item.event_.events &= kPrivateBits;
    else if ((item.event_.events & EPOLLET) == 0)
      ready_.push_back(item);
  }
  // What there was no room for comes first next time, so that no descriptor starves.
  looked_at.splice_back(ready_);
  ready_.splice_back(looked_at);
  return count;
}

std::uint32_t Epoll::poll_bits() {
  while (!ready_.empty()) {
    EpollItem& first = ready_.front();
    if (first.ready_bits() != 0) return POLLIN | POLLRDNORM;
    first.ListHook<EpollReadyTag>::unlink();
  }
  return 0;
}

// --- nesting: no cycle, no path of more than kMaxNests links, and not so many paths that one event
// would cost thousands of wake-ups (CVE-2011-1083).

Result<> Epoll::check_nesting(Epoll& inner) {
  if (inner.reaches(*this, 0)) return Errno::loop;
  if (inner.depth_below(0) + 1 + depth_above(0) > kMaxNests) return Errno::loop;
  return {};
}

bool Epoll::reaches(const Epoll& wanted, unsigned depth) const {
  if (this == &wanted) return true;
  if (depth > kMaxNests) return false;
  for (const auto& entry : items_) {
    const Epoll* inner = entry.second->target_.as_epoll();
    if (inner != nullptr && inner->reaches(wanted, depth + 1)) return true;
  }
  return false;
}

unsigned Epoll::depth_below(unsigned depth) const {
  unsigned deepest = 0;
  if (depth > kMaxNests) return 0;
  for (const auto& entry : items_)
    if (const Epoll* inner = entry.second->target_.as_epoll())
      deepest = std::max(deepest, inner->depth_below(depth + 1) + 1);
  return deepest;
}

unsigned Epoll::depth_above(unsigned depth) {
  unsigned deepest = 0;
  if (depth > kMaxNests) return 0;
  for (EpollItem& item : watchers_) deepest = std::max(deepest, item.set_.depth_above(depth + 1) + 1);
  return deepest;
}

bool Epoll::count_paths(Pollable& target, unsigned length, std::array<unsigned, 5>& paths) {
  static constexpr std::array<unsigned, 5> kLimits = {~0u, 500, 100, 50, 10};
  if (length == paths.size()) return true;
  for (EpollItem& item : target.watchers_) {
    if (++paths[length] > kLimits[length]) return false;
    if (!count_paths(item.set_, length + 1, paths)) return false;
  }
  return true;
}

}  // namespace sockeye
