// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the peer sends: from the socket into the program's end of the pair.
//
// The kernel takes a whole piece as long as our end's cost is below SO_SNDBUF, so a piece is taken from
// the socket only then and nothing is left over (if it is, it is held). What the program has read
// since is measured (SIOCOUTQ) only when the answer can change something: many bytes unread, or no
// room. EPOLLOUT is armed only then too; an edge comes whenever the program has read a whole buffer
// and the cost is under a quarter of the limit.
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "gate/stream_carrier.h"

namespace sockeye::gate {

namespace {

constexpr std::size_t kPiece = 32768;  // one buffer of the kernel each
constexpr std::size_t kPerRound = 256 * 1024;
constexpr std::size_t kWritesUnmeasured = 64;  // small writes add up in cost
constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP | EPOLLET;

}  // namespace

void StreamEnd::pump_in() {
  in_.drained = false;
  if (in_.ended || in_.refused) {
    // After SHUT_RD what still comes is taken and dropped; after the program's close it resets.
    in_.drained = true;
    return;
  }
  std::size_t rounds = 0;
  while (has_room_inward() && move_in()) {
    if (++rounds * kPiece >= kPerRound) {
      note();
      return;
    }
  }
}

bool StreamEnd::has_room_inward() {
  if (!in_.held.empty()) {
    const std::vector<std::byte> held = std::exchange(in_.held, {});
    if (!write_in(held, 0)) return false;
  }
  if (in_.ledger.cost() < in_.limit) return true;
  measured_unread();
  return in_.ledger.cost() < in_.limit;
}

// One piece. False: nothing more now.
bool StreamEnd::move_in() {
  if (in_.urgent && socket().control(SIOCATMARK).value_or(0) == 1) return pass_urgent_in();
  MutableBytes piece = set().piece().first(kPiece);
  Incoming incoming{};
  const std::array buffers{piece};
  incoming.buffers = buffers;
  const auto got = socket().receive(incoming);
  if (!got) {
    if (got.error() == Errno::again) {
      in_.drained = true;
    } else {
      in_.drained = true;
      if (got.error() != Errno::notconn) fail(got.error());
    }
    return false;
  }
  if (*got == 0) {
    end_inward();
    return false;
  }
  return write_in(piece.first(*got), 0);
}

// The urgent mark is next: the byte goes over as AF_UNIX's own out-of-band byte, so that
// POLLPRI, SIOCATMARK, MSG_OOB and SO_OOBINLINE of the program are the kernel's.
bool StreamEnd::pass_urgent_in() {
  std::byte byte{};
  Incoming incoming{};
  const std::array buffers{MutableBytes(&byte, 1)};
  incoming.buffers = buffers;
  incoming.flags = MessageFlags::kOob;
  const auto got = socket().receive(incoming);
  if (!got && got.error() == Errno::again) {
    in_.drained = true;  // the mark is here, the byte is not yet
    return false;
  }
  in_.urgent = false;
  if (!got || *got == 0) return true;
  return write_in(Bytes(&byte, 1), MSG_OOB);
}

// False: not everything was taken; the rest is held.
bool StreamEnd::write_in(Bytes bytes, int flags) {
  while (!bytes.empty()) {
    const std::size_t wanted = std::min(bytes.size(), kPiece);
    const ssize_t size = ::send(fd(), bytes.data(), wanted, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      if (errno == EPIPE || errno == ECONNRESET) {
        in_.refused = true;  // nobody is there to read it
        note();
        return false;
      }
      in_.held.assign(bytes.begin(), bytes.end());
      return false;
    }
    in_.ledger.wrote(static_cast<std::uint32_t>(size));
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return true;
}

void StreamEnd::end_inward() {
  in_.ended = true;
  in_.drained = true;
  if (!shut_writing_) {
    ::shutdown(fd(), SHUT_WR);
    return;
  }
  // Both directions are shut after this: HUP is no news any more.
  ::shutdown(fd(), SHUT_WR);
  watch_last_close();
}

std::uint32_t StreamEnd::measured_unread() {
  if (in_.ledger.empty()) return 0;
  int cost = 0;
  if (::ioctl(fd(), SIOCOUTQ, &cost) == 0) in_.ledger.measured(static_cast<std::uint32_t>(std::max(cost, 0)));
  return in_.ledger.bytes();
}

void StreamEnd::settle_windows() {
  if (phase_ != Phase::open || is_spent()) return;
  if (in_.ledger.bytes() > in_.measure_at || in_.ledger.writes() > kWritesUnmeasured) measured_unread();
  const std::uint32_t unread = in_.ledger.bytes();
  if (unread != in_.told) {
    in_.told = unread;
    socket().set_external_unread(unread);
  }
  if (waits_for_last_close()) return;
  const bool wants_edges =
      !in_.ended && (unread > in_.measure_at || !in_.held.empty() || in_.ledger.cost() >= in_.limit);
  const bool armed = (watched() & EPOLLOUT) != 0;
  if (wants_edges && !armed) {
    (void)watch(kWatched | EPOLLOUT);
  } else if (armed && !wants_edges && unread <= in_.measure_at / 2) {
    (void)watch(kWatched);
  }
}

}  // namespace sockeye::gate
