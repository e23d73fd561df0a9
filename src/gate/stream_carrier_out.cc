// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the program writes: from its end of the pair into the socket.
//
// Small messages: one recv(MSG_PEEK) per wake; the peeked bytes are taken out every few messages.
// Bulk: FIONREAD, one recv of everything but the last byte (no second copy), then a peek of the rest.
// The registration is edge-triggered (the pill would make a level spin), so a pump ends only when the
// descriptor had less than was asked for, or the socket has no room: then the socket's OUT goes on.
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "gate/protocol.h"
#include "gate/stream_carrier.h"

namespace sockeye::gate {

namespace {

constexpr std::size_t kBulk = 16384;           // a peek of this size starts bulk mode
constexpr std::uint32_t kForwardedMax = 4096;  // bytes, and
constexpr std::uint32_t kPeeksMax = 8;         // peeks that may be left in our queue
constexpr std::size_t kPerRound = 256 * 1024;  // bytes of one pump: others want their turn
// No kernel buffer of a burst up to this size keeps POLLOUT off: a quarter of the limit, less the
// overhead of one buffer.
constexpr std::size_t kBurstMax = kCarrierSndbuf / 2 - 1024;

}  // namespace

void StreamEnd::pump_out() {
  if (!flush_held_out()) return;
  std::size_t moved = 0;
  while (out_.waiting && !out_.ended && !failing_) {
    const std::size_t room = std::min(socket().send_room(), CarrierSet::kPieceMax);
    if (room == 0) return;  // the socket tells when there is
    const std::size_t before = out_.burst;
    if (!(out_.bulk ? forward_bulk(room) : forward_peeked(room))) {
      if (out_.waiting) return;  // the socket takes no more: it tells when it does
      break;
    }
    moved += out_.burst - before;
    if (moved >= kPerRound) {
      note();
      return;
    }
  }
  if (!out_.urgent.empty() && !out_.ended) flush_urgent();
}

// False: nothing more to read now.
bool StreamEnd::forward_peeked(std::size_t room) {
  MutableBytes piece = set().piece().first(room);
  const ssize_t size = ::recv(fd(), piece.data(), piece.size(), MSG_PEEK | MSG_DONTWAIT);
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    end_burst();
    return false;
  }
  if (size <= 0) {
    end_outward(size < 0);
    return false;
  }
  const auto got = static_cast<std::size_t>(size);
  const auto sent = socket().send(Outgoing{.buffers = std::array{Bytes(piece.first(got))}});
  if (!sent) {
    set_peek_offset();
    if (sent.error() != Errno::again) fail(sent.error());
    return false;
  }
  out_.forwarded += static_cast<std::uint32_t>(*sent);
  out_.burst += *sent;
  if (*sent < got) {  // send_room() promised too much
    set_peek_offset();
    return false;
  }
  out_.bulk = got >= kBulk;
  if (out_.forwarded > kForwardedMax || ++out_.peeks >= kPeeksMax) take_out_forwarded();
  // Less than there was room for: that was all, unless the end stands behind it. What comes later is
  // an edge of its own.
  if (got == room || out_.ending) return true;
  end_burst();
  return false;
}

bool StreamEnd::forward_bulk(std::size_t room) {
  int readable = 0;
  if (::ioctl(fd(), FIONREAD, &readable) != 0) readable = 0;
  const auto all = static_cast<std::uint32_t>(std::max(readable, 0));
  const std::uint32_t fresh = all - std::min(all, out_.forwarded);
  if (fresh < kBulk) {
    out_.bulk = false;
    return true;
  }
  const std::size_t wanted = std::min<std::size_t>(fresh - 1, room);
  MutableBytes old = set().discarded().first(std::min<std::size_t>(out_.forwarded, set().discarded().size()));
  MutableBytes piece = set().piece().first(wanted);
  std::array<iovec, 2> parts{iovec{old.data(), old.size()}, iovec{piece.data(), piece.size()}};
  const ssize_t size = ::readv(fd(), parts.data(), static_cast<int>(parts.size()));
  if (size < 0) {
    out_.bulk = false;
    return true;
  }
  const auto got = static_cast<std::size_t>(size);
  const std::size_t dropped = std::min<std::size_t>(got, old.size());
  out_.forwarded -= static_cast<std::uint32_t>(dropped);
  out_.peeks = 0;
  return hand_over(piece.first(got - dropped));
}

// Bytes that are out of the carrier already.
bool StreamEnd::hand_over(Bytes bytes) {
  if (bytes.empty()) return true;
  const auto sent = socket().send(Outgoing{.buffers = std::array{bytes}, .flags = MessageFlags::kMore});
  if (!sent && sent.error() != Errno::again) {
    fail(sent.error());
    return false;
  }
  const std::size_t count = sent.value_or(0);
  out_.burst += count;
  out_.held.assign(bytes.begin() + static_cast<std::ptrdiff_t>(count), bytes.end());
  return out_.held.empty();
}

bool StreamEnd::flush_held_out() {
  if (out_.held.empty()) return true;
  const std::vector<std::byte> held = std::exchange(out_.held, {});
  return hand_over(held);
}

bool StreamEnd::flush_urgent() {
  const auto sent =
      socket().send(Outgoing{.buffers = std::array{Bytes(out_.urgent)}, .flags = MessageFlags::kOob});
  if (!sent) {
    if (sent.error() != Errno::again) fail(sent.error());
    return false;
  }
  if (*sent == out_.urgent.size()) {
    out_.urgent = {};
    return true;
  }
  out_.urgent.erase(out_.urgent.begin(), out_.urgent.begin() + static_cast<std::ptrdiff_t>(*sent));
  return false;
}

void StreamEnd::take_out_forwarded() {
  out_.peeks = 0;
  if (out_.forwarded <= 1) return;
  discard(out_.forwarded - 1);
  out_.forwarded = 1;
}

// Our queue was read to its end.
void StreamEnd::end_burst() {
  out_.waiting = false;
  if (std::exchange(out_.burst, 0) <= kBurstMax) return;
  discard(out_.forwarded);
  out_.forwarded = 0;
  out_.peeks = 0;
}

// The kernel moves the peek offset back by what is taken out.
void StreamEnd::discard(std::uint32_t bytes) {
  MutableBytes room = set().discarded();
  while (bytes > 0) {
    const std::size_t wanted = std::min<std::size_t>(bytes, room.size());
    const ssize_t size = ::recv(fd(), room.data(), wanted, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    bytes -= static_cast<std::uint32_t>(size);
  }
}

void StreamEnd::set_peek_offset() {
  const int offset = static_cast<int>(out_.forwarded);
  ::setsockopt(fd(), SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset);
}

// End of file, or ECONNRESET: closed while bytes for the program were unread, which TCP answers with a
// reset (RFC 9293 3.10.4 in Linux's reading, RFC 2525 2.17).
void StreamEnd::end_outward(bool with_error) {
  out_.ended = true;
  if (with_error) {
    out_.gone = out_.reset = true;
    return;
  }
  if (!out_.urgent.empty()) flush_urgent();
  // The program may have closed since the events were taken. Then it is close() that decides between FIN and
  // RST (SO_LINGER zero), and a FIN now would come before the RST.
  if (!shut_writing_ && !will_shut_writing_ && is_closed_by_program()) out_.gone = true;
  if (out_.gone) return;
  if (const auto done = socket().shutdown(1); !done && !out_.gone) {
    // Not connected any more: the failure is noticed by its own event.
    return;
  }
}

}  // namespace sockeye::gate
