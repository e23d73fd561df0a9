// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Pacing (draft-ietf-ccwg-bbr "Pacing Rate", "Send Quantum"): data leaves in quanta, and the next one not
// before the last had its time at the pacing rate. There is no timer per packet: a connection that waits
// says until when (Connection::next_release), and the stack keeps those instants in one heap (decisions.md
// D14). Who is woken late is credited the delay, at most half of a quantum's time, as in Linux
// (tcp_update_skb_after_send), so that a coarse clock does not cost rate.
//
// A quantum is what the rate sends in one millisecond, at least two segments and at most 64 KiB.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

// No limit: SO_MAX_PACING_RATE's default, and TCP_INFO's pacing rate before anything was measured.
inline constexpr std::uint64_t kUnlimitedRate = ~std::uint64_t{0};

// Bytes that may leave at once at `rate` bytes per second; whole segments.
constexpr std::uint32_t pacing_quantum(std::uint64_t rate, std::uint32_t mss) {
  constexpr std::uint64_t kMost = 65536;
  const auto bytes = static_cast<std::uint32_t>(std::min(rate / 1000, kMost));
  return std::max(bytes / mss, 2u) * mss;
}

// How much goes into one packet (Linux: tcp_tso_autosize): what the pacing rate sends in about a millisecond,
// whether it is paced or not, and more to near peers, whose ACKs come soon: 64 KiB below half a millisecond
// of round-trip time, half as much for each further one. `min_rtt_us` 0: not measured.
inline constexpr unsigned kPacingShift = 10, kNearShift = 9;
constexpr bool is_near(std::uint32_t min_rtt_us) {
  return min_rtt_us != 0 && min_rtt_us >> kNearShift == 0;
}
constexpr std::uint32_t packet_goal(std::uint64_t rate, std::uint32_t min_rtt_us, std::uint32_t segments_min,
                                    std::uint32_t mss) {
  constexpr std::uint64_t kMost = 65536;
  const std::uint32_t distance = min_rtt_us >> kNearShift;
  const std::uint64_t for_near = min_rtt_us != 0 && distance < 32 ? kMost >> distance : 0;
  const auto bytes = static_cast<std::uint32_t>(std::min((rate >> kPacingShift) + for_near, kMost));
  return std::max(bytes / mss, segments_min) * mss;
}

class Pacer {
 public:
  bool may_send(Instant now) const { return release_at_ <= now; }
  Instant release_at() const { return release_at_; }

  // `bytes` have left at `rate` bytes per second (not zero).
  void on_sent(Instant now, std::uint32_t bytes, std::uint64_t rate) {
    const Duration late = std::max(now - release_at_, Duration::zero());
    // Below one byte in about four hours nothing is promised.
    const std::uint64_t ns = std::uint64_t{bytes} * 1'000'000'000u / std::max<std::uint64_t>(rate, 1);
    Duration time(static_cast<std::int64_t>(ns));
    if (is_running_) time -= std::min(time / 2, late);
    release_at_ = std::max(release_at_, now) + time;
    is_running_ = true;
  }
  void reset() { *this = Pacer(); }

 private:
  Instant release_at_{};
  bool is_running_ = false;
};

}  // namespace sockeye::tcp
