// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// poll, select and epoll. select(2) is a poll(2) of the descriptors whose bits are set.
#include <fcntl.h>

#include <cerrno>
#include <climits>
#include <vector>

#include "posix/process.h"
#include "ready/poll_call.h"

namespace sockeye::posix {
namespace {

// What select's three sets mean in poll's bits.
constexpr std::uint32_t kSelectIn = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR;
constexpr std::uint32_t kSelectOut = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR;
constexpr std::uint32_t kSelectExcept = POLLPRI;

}  // namespace

// The number of ready entries; 0 after the deadline; -EDEADLK when nothing can ever become ready.
// `descriptor_of` gives an entry's number: what is waited on is held open.
template <class DescriptorOf>
long Process::wait_ready(std::span<PollEntry> entries, Instant deadline, DescriptorOf descriptor_of) {
  enter();
  settle();
  std::vector<OpenFilePtr> held;
  PollCall call(entries);
  std::size_t ready = call.scan();
  if (ready > 0 || deadline <= turner_.now()) return static_cast<long>(ready);
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].target != nullptr) held.push_back(*file(descriptor_of(i)));
  call.arm();
  bool may_go_on = true;
  while (ready == 0 && may_go_on && turner_.now() < deadline) {
    may_go_on = turner_.turn(deadline);
    if (call.woken()) ready = call.scan();
  }
  const bool late = turner_.now() >= deadline;
  call.disarm();
  for (OpenFilePtr& file : held) release(std::move(file));
  return ready > 0 || late ? static_cast<long>(ready) : -EDEADLK;
}

long Process::poll(pollfd* fds, nfds_t count, Instant deadline) {
  if (count > static_cast<nfds_t>(table_.limit())) return -EINVAL;
  if (count > 0 && fds == nullptr) return -EFAULT;
  std::vector<PollEntry> entries(count);
  long invalid = 0;
  for (nfds_t i = 0; i < count; ++i) {
    fds[i].revents = 0;
    const OpenFilePtr* open = file(fds[i].fd);
    if (open != nullptr) {
      entries[i].target = (*open)->object.get();
      entries[i].interest = static_cast<std::uint16_t>(fds[i].events) | kPollAlways;
    } else if (fds[i].fd >= 0) {
      fds[i].revents = POLLNVAL;
      ++invalid;
    }
  }
  const long ready = wait_ready(entries, invalid > 0 ? Instant::min() : deadline,
                                [fds](std::size_t i) { return fds[i].fd; });
  if (ready < 0) return ready;
  for (nfds_t i = 0; i < count; ++i)
    fds[i].revents = static_cast<short>(static_cast<std::uint16_t>(fds[i].revents) | entries[i].ready);
  return ready + invalid;
}

long Process::select(int count, fd_set* in, fd_set* out, fd_set* except, Instant deadline) {
  if (count < 0) return -EINVAL;
  count = std::min(count, FD_SETSIZE);
  std::vector<PollEntry> entries(static_cast<std::size_t>(count));
  const auto wanted = [](int fd, const fd_set* set) { return set != nullptr && FD_ISSET(fd, set); };
  for (int fd = 0; fd < count; ++fd) {
    PollEntry& entry = entries[static_cast<std::size_t>(fd)];
    if (wanted(fd, in)) entry.interest |= kSelectIn;
    if (wanted(fd, out)) entry.interest |= kSelectOut;
    if (wanted(fd, except)) entry.interest |= kSelectExcept;
    if (entry.interest == 0) continue;
    const OpenFilePtr* open = file(fd);
    if (open == nullptr) return -EBADF;
    entry.target = (*open)->object.get();
  }
  const long ready = wait_ready(entries, deadline, [](std::size_t i) { return static_cast<int>(i); });
  if (ready < 0) return ready;
  long answers = 0;
  const auto store = [&answers](int fd, fd_set* set, bool on) {
    if (set == nullptr || !FD_ISSET(fd, set)) return;
    if (on)
      ++answers;
    else
      FD_CLR(fd, set);
  };
  for (int fd = 0; fd < count; ++fd) {
    const std::uint32_t bits = entries[static_cast<std::size_t>(fd)].ready;
    store(fd, in, (bits & kSelectIn) != 0);
    store(fd, out, (bits & kSelectOut) != 0);
    store(fd, except, (bits & kSelectExcept) != 0);
  }
  return answers;
}

long Process::epoll_create(int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return -EINVAL;
  auto open = std::make_shared<OpenFile>();
  open->object = std::make_unique<Epoll>();
  return answer(table_.insert(std::move(open), (flags & EPOLL_CLOEXEC) != 0));
}

long Process::epoll_control(int set, int operation, int fd, epoll_event* event) {
  if (operation != EPOLL_CTL_DEL && event == nullptr) return -EFAULT;
  const OpenFilePtr* outer = file(set);
  const OpenFilePtr* target = file(fd);
  if (outer == nullptr || target == nullptr) return -EBADF;
  Epoll* epoll = (*outer)->epoll();
  if (epoll == nullptr) return -EINVAL;
  return answer(epoll->control(operation, fd, *(*target)->object, event == nullptr ? epoll_event{} : *event));
}

long Process::epoll_wait(int set, epoll_event* events, int room, Instant deadline) {
  if (room <= 0 || room > INT_MAX / static_cast<int>(sizeof(epoll_event))) return -EINVAL;
  const OpenFilePtr* open = file(set);
  if (open == nullptr) return -EBADF;
  Epoll* epoll = (*open)->epoll();
  if (epoll == nullptr) return -EINVAL;
  if (events == nullptr) return -EFAULT;
  enter();
  settle();
  const std::span<epoll_event> out(events, static_cast<std::size_t>(room));
  if (const std::size_t count = epoll->wait(out); count > 0) return static_cast<long>(count);
  OpenFilePtr held = *open;
  long result = -EDEADLK;
  for (;;) {
    if (deadline <= turner_.now()) result = 0;
    if (result == 0) break;
    if (!epoll->has_candidates() && !turner_.turn(deadline) && !epoll->has_candidates()) break;
    if (const std::size_t count = epoll->wait(out); count > 0) {
      result = static_cast<long>(count);
      break;
    }
  }
  release(std::move(held));
  return result;
}

}  // namespace sockeye::posix
