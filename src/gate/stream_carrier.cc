// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Phases, calls and the end; the pumps are in stream_carrier_out.cc and stream_carrier_in.cc.
#include "gate/stream_carrier.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace sockeye::gate {

namespace {

constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP | EPOLLET;

std::uint32_t readable_bytes(int fd) {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<std::uint32_t>(bytes) : 0;
}

std::uint32_t int_option(Socket& socket, int level, int name) {
  int value = 0;
  const auto size = socket.get_option(level, name, std::as_writable_bytes(std::span(&value, 1)));
  return size && value > 0 ? static_cast<std::uint32_t>(value) : 0;
}

}  // namespace

StreamEnd::StreamEnd(CarrierSet& set, SocketRef connection, world::UniqueFd end)
    : CarrierEnd(set, std::move(connection), std::move(end)), junk_(readable_bytes(fd())) {
  int buffer = 0;
  socklen_t size = sizeof buffer;
  ::getsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &buffer, &size);
  in_.limit = static_cast<std::uint32_t>(buffer);
  if (!watch(kWatched)) finished_ = true;  // no kernel memory for one more
  note();
}

void StreamEnd::work(Instant /*now*/) {
  note_kernel_events(take_kernel_events());
  if (any(take_socket_events() & Readiness::pri)) in_.urgent = true;
  if (phase_ == Phase::connecting) check_connect();
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::ending) {
    if (out_.gone) {
      finished_ = true;
    } else if (readable_bytes(fd()) > 0) {
      hang_up_now();
    }
    return;
  }
  if (phase_ == Phase::connecting) {
    if (out_.gone) finished_ = true;  // closed during the attempt: the socket's close() ends that
    return;
  }
  if (!out_.reset) pump_out();
  if (!out_.reset) pump_in();
  if (!out_.gone) settle_windows();
  check_end();
}

void StreamEnd::note_kernel_events(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) out_.waiting = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) out_.ending = true;
  // ECONNRESET: closed while bytes for the program were unread. TCP answers that with a reset at once,
  // whatever the program had still written (RFC 2525 2.17).
  if ((events & EPOLLERR) != 0) out_.gone = out_.reset = true;
  // HUP says that both directions are shut. That is the program's close, unless the program may have
  // shut its writing side by itself; then only events after on_shut_writing() count.
  if ((events & EPOLLHUP) == 0 || will_shut_writing_) return;
  if (waits_for_last_close() || !shut_writing_) out_.gone = true;
}

// ---------------------------------------------------------------------------- connecting

void StreamEnd::check_connect() {
  switch (socket().report().state) {
    case tcp::State::syn_sent:
    case tcp::State::syn_received:
    case tcp::State::listen:
      return;
    case tcp::State::closed:
      // The junk is still unread, so the program's end shows IN|OUT|ERR|HUP; why is the socket's to
      // say (connect, SO_ERROR). A socket that has not tried yet stays as it is.
      if (any(socket().readiness() & (Readiness::err | Readiness::hup))) end_with_pill();
      return;
    default:
      open();
  }
}

void StreamEnd::open() {
  phase_ = Phase::open;
  if (junk_ > 1) discard(junk_ - 1);
  in_.urgent = any(socket().readiness() & Readiness::pri);
  out_.forwarded = std::min(junk_, 1u);
  set_peek_offset();
  const std::uint32_t buffer = int_option(socket(), SOL_SOCKET, SO_RCVBUF);
  in_.measure_at = std::clamp(buffer / 8, 1024u, 16384u);
}

// ---------------------------------------------------------------------------- calls

Result<std::size_t> StreamEnd::send_urgent(Bytes bytes) {
  if (phase_ != Phase::open) return Errno::pipe;
  if (bytes.empty()) return std::size_t{0};
  if (!out_.urgent.empty()) return Errno::again;
  // What was written before it goes first, and both go now: with the answer to this call the program may
  // write on.
  out_.urgent.assign(bytes.begin(), bytes.end());
  out_.waiting = true;
  pump_out();
  note();
  return bytes.size();
}

void StreamEnd::shut_reading() {
  if (phase_ != Phase::open || in_.ended) return;
  pump_in();
  if (!in_.ended) end_inward();
}

void StreamEnd::on_shut_writing() {
  will_shut_writing_ = false;
  if (phase_ != Phase::open || out_.gone) return;
  out_.waiting = out_.ending = true;
  shut_writing_ = true;  // first: what the pump finds is no close
  pump_out();
  if (in_.ended) watch_last_close();
  note();
}

void StreamEnd::reset() {
  if (phase_ != Phase::ended) hang_up_now();
}

void StreamEnd::on_pill_tried() {
  if (phase_ != Phase::ending) return;
  hang_up_now();
  note();
}

std::uint32_t StreamEnd::unforwarded_bytes() const {
  if (is_spent()) return 0;
  const std::uint32_t held = static_cast<std::uint32_t>(out_.held.size() + out_.urgent.size());
  const std::uint32_t behind = phase_ == Phase::open ? out_.forwarded : junk_;
  return readable_bytes(fd()) - std::min(readable_bytes(fd()), behind) + held;
}

std::uint32_t StreamEnd::unread_bytes() {
  return is_spent() ? 0 : measured_unread();
}

// ---------------------------------------------------------------------------- the end

void StreamEnd::fail(Errno error) {
  if (failing_) return;
  failing_ = true;
  error_ = error;
}

void StreamEnd::check_end() {
  if (phase_ != Phase::open) return;
  if (!failing_ && any(socket().readiness() & Readiness::err)) {
    if (const auto error = int_option(socket(), SOL_SOCKET, SO_ERROR); error != 0)
      fail(static_cast<Errno>(error));
  }
  if (out_.gone) {
    // What the program wrote before is handed over first; nothing can be read any more, and data
    // that still comes resets the connection, as it does after close(2).
    if (!out_.ended && !out_.reset && !failing_ && !in_.refused) return;
    finished_ = true;
    // Whether anything was unread is known exactly now, and the socket's close() goes by it.
    socket().set_external_unread(out_.reset || in_.refused ? std::max(in_.told, 1u) : 0);
    return;
  }
  if (!failing_) return;
  if (!in_.drained && !in_.ended) return;  // the program reads what came before the failure
  if (error_ == Errno::pipe) {
    end_clean();  // a reset after the peer's FIN: reads saw the end, writes fail with EPIPE
  } else {
    end_with_pill();
  }
}

void StreamEnd::end_with_pill() {
  if (readable_bytes(fd()) > 0) return hang_up_now();
  phase_ = Phase::ending;
  set().want_pill(*this);
}

void StreamEnd::hang_up_now() {
  phase_ = Phase::ended;
  hang_up();
}

void StreamEnd::end_clean() {
  MutableBytes room = set().discarded();
  while (::recv(fd(), room.data(), room.size(), MSG_DONTWAIT) > 0) {
  }
  hang_up_now();
}

}  // namespace sockeye::gate
