// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/datagram_carrier.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sockeye::gate {

namespace {

constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr int kPerRound = 128;  // datagrams each way

}  // namespace

DatagramEnd::DatagramEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd)
    : CarrierEnd(set, std::move(socket), std::move(fd)) {
  if (!watch(kWatched)) finished_ = true;
  note();
}

void DatagramEnd::work(Instant /*now*/) {
  const std::uint32_t events = take_kernel_events();
  take_socket_events();
  if ((events & EPOLLHUP) != 0) take_hang_up();
  pump_out();
  if (finished_) return;
  pump_in();
}

void DatagramEnd::take_hang_up() {
  if (hung_up_) return;
  hung_up_ = true;
  // From here an empty datagram and the end look alike, except that the former has credentials.
  const int on = 1;
  ::setsockopt(fd(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

// ------------------------------------------------------------------------ program -> socket

void DatagramEnd::pump_out() {
  if (finished_) return;
  if (has_held_out_) {
    has_held_out_ = false;
    const std::vector<std::byte> held = std::exchange(held_out_, {});
    if (!send_out(held)) return;
  }
  MutableBytes room(set().piece().data(), CarrierSet::kPieceMax);
  for (int i = 0; i < kPerRound; ++i) {
    bool ended = false;
    const std::ptrdiff_t size = take(room, ended);
    if (ended) finished_ = true;
    if (size < 0) return;
    if (!send_out(room.first(static_cast<std::size_t>(size)))) return;
  }
  note();
}

// The size of the next packet; -1: none now, or none ever again (`ended`).
std::ptrdiff_t DatagramEnd::take(MutableBytes room, bool& ended) {
  for (;;) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
    iovec part{room.data(), room.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (hung_up_) {  // room for credentials and for nothing else that a program might have sent along
      message.msg_control = control.data();
      message.msg_controllen = control.size();
    }
    const ssize_t size = ::recvmsg(fd(), &message, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      ended = errno != EAGAIN && errno != EWOULDBLOCK && hung_up_;
      if (errno == ECONNRESET) continue;  // closed with datagrams unread: the queue comes after it
      return -1;
    }
    if (size == 0 && !hung_up_) {  // the program may have gone since the events were taken
      pollfd now{fd(), 0, 0};
      if (::poll(&now, 1, 0) == 1 && (now.revents & POLLHUP) != 0) {
        take_hang_up();
        continue;
      }
    } else if (size == 0 && message.msg_controllen == 0) {
      ended = true;
      return -1;
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {  // more than any datagram can hold
      ++refused_sends_;
      continue;
    }
    return size;
  }
}

// False: it is held until the socket has room.
bool DatagramEnd::send_out(Bytes datagram) {
  const auto sent = socket().send(Outgoing{.buffers = std::array{datagram}});
  if (sent) return true;
  if (sent.error() == Errno::again && !hung_up_) {
    held_out_.assign(datagram.begin(), datagram.end());
    has_held_out_ = true;
    return false;
  }
  ++refused_sends_;
  // An error that belongs to the socket rather than to this datagram is reported by the next call.
  if (sent.error() == Errno::connrefused || sent.error() == Errno::hostunreach ||
      sent.error() == Errno::netunreach)
    error_ = sent.error();
  return true;
}

std::uint32_t DatagramEnd::unsent_bytes() const {
  int bytes = 0;
  if (::ioctl(fd(), FIONREAD, &bytes) != 0 || bytes < 0) bytes = 0;
  return static_cast<std::uint32_t>(bytes) + static_cast<std::uint32_t>(held_out_.size());
}

// ------------------------------------------------------------------------ socket -> program

bool DatagramEnd::is_carrier_empty() const {
  int cost = 0;
  return ::ioctl(fd(), SIOCOUTQ, &cost) == 0 && cost == 0;
}

void DatagramEnd::pump_in() {
  const bool queue_several = socket().remote().has_value() && !ControlWanted::of(socket()).any();
  for (int i = 0; i < kPerRound; ++i) {
    if (!has_held_in_ && !any(socket().readiness() & (Readiness::in | Readiness::err))) {
      arm(false);
      return;
    }
    if (!queue_several && !is_carrier_empty()) {
      // The edge may have come before it was armed: look once more.
      arm(true);
      if (!is_carrier_empty()) return;
    }
    if (!fill()) return;
  }
  note();
}

// One datagram from the socket into the carrier. False: not now.
bool DatagramEnd::fill() {
  MutableBytes room(set().piece().data(), CarrierSet::kPieceMax);
  Bytes datagram = held_in_;
  if (!has_held_in_) {
    Incoming incoming{};
    const std::array buffers{room};
    incoming.buffers = buffers;
    const auto got = socket().receive(incoming);
    if (!got) {
      if (got.error() == Errno::again) {
        arm(false);
        return false;
      }
      error_ = got.error();
      return true;
    }
    incoming.buffers = {};
    previous_ = std::exchange(current_, incoming);
    has_previous_ = std::exchange(has_current_, true);
    datagram = room.first(*got);
  }
  for (;;) {
    const ssize_t size = ::send(fd(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size >= 0) {
      has_held_in_ = false;
      held_in_ = {};
      return true;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM) {
      if (!has_held_in_) held_in_.assign(datagram.begin(), datagram.end());
      has_held_in_ = true;
      arm(true);
      return false;
    }
    return false;  // the program's end is closed; HUP says so
  }
}

// EPOLLOUT is an edge for every datagram that the program has taken.
void DatagramEnd::arm(bool wants_space) {
  if (wants_space != ((watched() & EPOLLOUT) != 0)) (void)watch(wants_space ? kWatched | EPOLLOUT : kWatched);
}

std::optional<Incoming> DatagramEnd::facts(bool peeked) {
  const auto taken = facts_of(peeked);
  // Before the reply: who receives until EAGAIN finds the next one in the carrier.
  if (!peeked) pump_in();
  note();
  return taken;
}

std::optional<Incoming> DatagramEnd::facts_of(bool peeked) const {
  if (const auto remote = socket().remote(); remote && !ControlWanted::of(socket()).any()) {
    Incoming facts{};
    facts.from = remote;
    return facts;
  }
  if (peeked || is_carrier_empty()) {
    if (!has_current_) return std::nullopt;
    return current_;
  }
  if (!has_previous_) return has_current_ ? std::optional(current_) : std::nullopt;
  return previous_;
}

}  // namespace sockeye::gate
