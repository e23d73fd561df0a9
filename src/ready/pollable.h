// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a descriptor can wait for: a socket or an epoll set. A Pollable is one *open file description*
// as far as readiness is concerned: epoll registrations belong to it and go when it goes, however many
// descriptors had named it (epoll(7), "Questions and answers", 6).
//
// Interest is expressed in poll(2)'s bits. A socket knows Readiness (IN, PRI, OUT, ERR, HUP, RDHUP);
// poll_bits() adds the twins that the kernel reports beside them (RDNORM, WRNORM, WRBAND).
#pragma once

#include <poll.h>

#include "core/intrusive_list.h"
#include "core/wait_queue.h"
#include "socket/socket.h"

namespace sockeye {

struct ByTargetTag {};
class Epoll;
class EpollItem;

class Pollable {
 public:
  Pollable() = default;
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;
  virtual ~Pollable();

  virtual std::uint32_t poll_bits() = 0;  // what is ready now, in poll(2)'s bits
  virtual WaitQueue& waiters() = 0;
  virtual Epoll* as_epoll() { return nullptr; }

 private:
  friend class Epoll;
  IntrusiveList<EpollItem, ByTargetTag> watchers_;
};

class SocketPollable final : public Pollable {
 public:
  explicit SocketPollable(SocketRef socket) : socket_(std::move(socket)) {}
  std::uint32_t poll_bits() override { return poll_bits_of(*socket_); }
  WaitQueue& waiters() override { return socket_->waiters(); }
  Socket& socket() const { return *socket_; }
  const SocketRef& ref() const { return socket_; }

  static std::uint32_t poll_bits_of(const Socket& socket);

 private:
  SocketRef socket_;
};

// Readiness and its twins; `event` says what happened, so the datagram's WRBAND is included.
std::uint32_t expand(Readiness readiness);

}  // namespace sockeye
