// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ready/pollable.h"

#include "ready/epoll.h"

namespace sockeye {

static_assert(static_cast<std::uint32_t>(Readiness::in) == POLLIN &&
              static_cast<std::uint32_t>(Readiness::pri) == POLLPRI &&
              static_cast<std::uint32_t>(Readiness::out) == POLLOUT &&
              static_cast<std::uint32_t>(Readiness::err) == POLLERR &&
              static_cast<std::uint32_t>(Readiness::hup) == POLLHUP &&
              static_cast<std::uint32_t>(Readiness::rdhup) == POLLRDHUP);

Pollable::~Pollable() {
  while (!watchers_.empty()) {
    EpollItem& item = watchers_.front();
    item.set_.remove(item);
  }
}

std::uint32_t expand(Readiness readiness) {
  auto bits = static_cast<std::uint32_t>(readiness);
  if (any(readiness & Readiness::in)) bits |= POLLRDNORM;
  if (any(readiness & Readiness::out)) bits |= POLLWRNORM | POLLWRBAND;
  return bits;
}

std::uint32_t SocketPollable::poll_bits_of(const Socket& socket) {
  const std::uint32_t bits = expand(socket.readiness());
  return socket.kind() == Socket::Kind::stream ? bits & ~std::uint32_t{POLLWRBAND} : bits;
}

}  // namespace sockeye
