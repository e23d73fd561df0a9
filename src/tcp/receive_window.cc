// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/receive_window.h"

#include <algorithm>

namespace sockeye::tcp {
namespace {

std::uint32_t us_of(Instant now) {
  return static_cast<std::uint32_t>(to_us(now.time_since_epoch()));
}

}  // namespace

void ReceiveWindow::start(Instant now, SeqNum nxt, std::uint32_t limit, std::uint8_t scale,
                          std::uint16_t mss_hint) {
  limit_ = limit;
  scale_ = scale;
  // RFC 7323 2.2 MUST-3
  edge_ = nxt + std::min(limit, 65535u);  // the window of a SYN is never scaled (RFC 7323 2.2)
  peer_mss_ = std::min<std::uint16_t>(mss_hint, 536);
  read_before_ = std::min(limit, 10u * mss_hint);
  interval_us_ = us_of(now);
}

std::uint32_t ReceiveWindow::offer(SeqNum nxt, std::uint32_t charge, std::uint32_t clamp) const {
  const std::uint32_t now_open = current(nxt);
  std::uint32_t limit = limit_;
  if (clamp != 0) limit = std::min(limit, clamp);
  const std::uint64_t used = std::uint64_t{charge} + external_;
  std::uint32_t free = used >= limit ? 0 : limit - static_cast<std::uint32_t>(used);
  free = std::min(free, 65535u << scale_);
  free &= ~((1u << scale_) - 1);          // RFC 7323 2.4 MUST-6: what cannot be written cannot be promised
  if (free <= now_open) return now_open;  // RFC 9293 3.8.6 SHLD-14
  // RFC 9293 3.8.6.2.2 MUST-39
  const std::uint32_t step = std::min(limit / 2, std::uint32_t{peer_mss_});
  return free - now_open >= std::max(step, 1u) ? free : now_open;
}

std::uint32_t ReceiveWindow::advertise(SeqNum nxt, std::uint32_t charge, std::uint32_t clamp) {
  const std::uint32_t window = offer(nxt, charge, clamp);
  edge_ = nxt + window;
  return window;
}

bool ReceiveWindow::should_update(SeqNum nxt, std::uint32_t charge, std::uint32_t clamp) const {
  const std::uint32_t now_open = current(nxt);
  if (2 * std::uint64_t{now_open} > limit_) return false;
  const std::uint32_t window = offer(nxt, charge, clamp);
  return window > now_open && window >= 2 * std::uint64_t{now_open};
}

void ReceiveWindow::on_read(Instant now, std::uint32_t bytes, Duration srtt, std::uint32_t limit_max) {
  read_ += bytes;
  const std::uint32_t elapsed_us = us_of(now) - interval_us_;
  if (elapsed_us < to_us(srtt)) return;
  if (read_ > read_before_) {
    // Twice of what was read, so that the sender may double in this round trip, with room for the
    // growth that was seen (Linux's tcp_rcv_space_adjust does the same).
    const std::uint64_t before = std::max(read_before_, 1u);
    std::uint64_t wanted = 2 * std::uint64_t{read_} + 16 * std::uint64_t{peer_mss_};
    wanted += 2 * (wanted * (read_ - before) / before);
    wanted = std::min<std::uint64_t>(wanted, limit_max);
    if (wanted > limit_) limit_ = static_cast<std::uint32_t>(wanted);
    read_before_ = read_;
  }
  read_ = 0;
  interval_us_ = us_of(now);
}

}  // namespace sockeye::tcp
