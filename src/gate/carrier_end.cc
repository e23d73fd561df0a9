// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/carrier_end.h"

#include <poll.h>
#include <sys/epoll.h>

#include <array>

namespace sockeye::gate {

CarrierEnd::CarrierEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd)
    : set_(set), socket_(std::move(socket)), fd_(std::move(fd)) {
  socket_->waiters().add(*this);
}

Result<> CarrierEnd::watch(std::uint32_t events) {
  if (!watch_.is_open()) return watch_.open(set_.loop_, fd_.get(), events, *this);
  if (watch_.events() == events) return {};
  return watch_.set_events(events);
}

void CarrierEnd::hang_up() {
  watch_.close();
  // Closing takes the descriptor out of the second set too; pointers to us that were fetched from it
  // are used before anything else runs.
  waits_for_last_close_ = false;
  fd_.reset();
}

void CarrierEnd::watch_last_close() {
  watch_.close();
  waits_for_last_close_ = true;
  set_.watch_last_close(*this);
}

bool CarrierEnd::is_closed_by_program() const {
  pollfd state{fd_.get(), 0, 0};
  return fd_ && ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

bool CarrierEnd::note_last_close() {
  if (!is_closed_by_program()) return false;
  kernel_events_ |= EPOLLHUP;
  note();
  return true;
}

void CarrierEnd::set_listening() {
  set_.listening_.push_back(*this);
}

void CarrierEnd::note() {
  if (!ListHook<NotedTag>::is_linked()) set_.noted_.push_back(*this);
}

void CarrierEnd::on_events(std::uint32_t events) {
  kernel_events_ |= events;
  note();
}

void CarrierEnd::on_event(Readiness events) {
  socket_events_ |= events;
  note();
}

CarrierSet::CarrierSet(world::EventLoop& loop, Owner& owner)
    : loop_(loop), owner_(owner), buffer_(2 * kPieceMax), last_close_(::epoll_create1(EPOLL_CLOEXEC)) {
  SOCKEYE_ASSERT(last_close_);
  const auto watched = last_close_watch_.open(loop_, last_close_.get(), EPOLLIN, *this);
  SOCKEYE_ASSERT(watched.has_value());
}

CarrierSet::~CarrierSet() = default;

bool CarrierSet::drive(Instant now) {
  if (noted_.empty()) return false;
  IntrusiveList<CarrierEnd, NotedTag> batch;
  batch.splice_back(noted_);
  while (!batch.empty()) {
    CarrierEnd& carrier = batch.pop_front();
    carrier.work(now);
    owner_.on_worked(carrier);
  }
  return true;
}

void CarrierSet::take_closed_listeners(std::uint16_t port, Instant now) {
  bool any = false;
  for (CarrierEnd& listener : listening_)
    any |= listener.socket().local().port == port && listener.note_last_close();
  if (any) drive(now);
}

void CarrierSet::watch_last_close(CarrierEnd& carrier) {
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLET;
  event.data.ptr = &carrier;
  if (::epoll_ctl(last_close_.get(), EPOLL_CTL_ADD, carrier.fd(), &event) != 0) return;
  on_events(0);  // the state at registration counts as an event: take it out
  carrier.kernel_events_ = 0;
}

// Everything that is fetched is delivered before the call returns, so no pointer can go stale.
void CarrierSet::on_events(std::uint32_t /*events*/) {
  std::array<epoll_event, 64> events{};
  int count = 0;
  do {
    count = ::epoll_wait(last_close_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      auto* carrier = static_cast<CarrierEnd*>(events[static_cast<std::size_t>(i)].data.ptr);
      carrier->on_events(EPOLLHUP);
    }
  } while (count == static_cast<int>(events.size()));
}

}  // namespace sockeye::gate
