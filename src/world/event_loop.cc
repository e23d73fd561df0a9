// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/event_loop.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

namespace sockeye::world {

namespace {

Errno last_error() {
  return static_cast<Errno>(errno);
}

}  // namespace

Watch::Watch(Watch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)),
      fd_(other.fd_),
      events_(other.events_),
      slot_(other.slot_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  close();
  loop_ = std::exchange(other.loop_, nullptr);
  fd_ = other.fd_;
  events_ = other.events_;
  slot_ = other.slot_;
  return *this;
}

Result<> Watch::open(EventLoop& loop, int fd, std::uint32_t events, EventHandler& handler) {
  close();
  auto slot = loop.add(fd, events, handler);
  if (!slot) return slot.error();
  loop_ = &loop;
  fd_ = fd;
  events_ = events;
  slot_ = *slot;
  return {};
}

Result<> Watch::set_events(std::uint32_t events) {
  if (loop_ == nullptr) return Errno::badf;
  epoll_event event{};
  event.events = events;
  event.data.u64 = loop_->key_of(slot_);
  if (::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, fd_, &event) != 0) return last_error();
  events_ = events;
  return {};
}

void Watch::close() {
  if (loop_ == nullptr) return;
  loop_->remove(fd_, slot_);
  loop_ = nullptr;
}

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), now_(read_clock()), events_(kEventsPerTurn) {
  SOCKEYE_ASSERT(epoll_);
  // The default of 50 us would be added to every delay that a link imposes.
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

Instant EventLoop::read_clock() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return Instant{std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec)};
}

std::uint64_t EventLoop::key_of(std::uint32_t slot) const {
  return std::uint64_t{slots_[slot].generation} << 32 | slot;
}

Result<std::uint32_t> EventLoop::add(int fd, std::uint32_t events, EventHandler& handler) {
  if (free_ == kNone) {
    slots_.emplace_back();
    slots_.back().next_free = kNone;
    free_ = static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_;
  epoll_event event{};
  event.events = events;
  event.data.u64 = key_of(slot);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return last_error();
  free_ = slots_[slot].next_free;
  slots_[slot].handler = &handler;
  return slot;
}

void EventLoop::remove(int fd, std::uint32_t slot) {
  // Fails when the descriptor is already closed; then the kernel has removed it.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  slots_[slot].handler = nullptr;
  ++slots_[slot].generation;  // events already fetched for it no longer match
  slots_[slot].next_free = free_;
  free_ = slot;
}

int EventLoop::sleep(Instant deadline) {
  const int room = static_cast<int>(events_.size());
  if (deadline == kNever) return ::epoll_wait(epoll_.get(), events_.data(), room, -1);
  Duration left = deadline <= now_ ? Duration::zero() : deadline - read_clock();
  if (left < Duration::zero()) left = Duration::zero();
  if (has_pwait2_) {
    timespec timeout{};
    timeout.tv_sec = left.count() / 1'000'000'000;
    timeout.tv_nsec = left.count() % 1'000'000'000;
    const int count = ::epoll_pwait2(epoll_.get(), events_.data(), room, &timeout, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    has_pwait2_ = false;  // before Linux 5.11
  }
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ::epoll_wait(epoll_.get(), events_.data(), room,
                      static_cast<int>(std::min<std::int64_t>(ms, 1 << 30)));
}

void EventLoop::wait(Instant deadline) {
  const int count = sleep(deadline);
  event_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  now_ = read_clock();
}

std::size_t EventLoop::dispatch() {
  const std::size_t count = std::exchange(event_count_, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const epoll_event event = events_[i];
    const auto slot = static_cast<std::uint32_t>(event.data.u64);
    const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32);
    if (slot >= slots_.size() || slots_[slot].generation != generation) continue;
    if (EventHandler* handler = slots_[slot].handler) handler->on_events(event.events);
  }
  return count;
}

}  // namespace sockeye::world
