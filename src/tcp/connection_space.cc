// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How much a program may write, and when one that waits is told (tcp/send_charge.h has the rules).
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"
#include "tcp/send_charge.h"

namespace sockeye::tcp {
namespace {

// Where a segment carries less than its packet is charged, no estimate is made.
constexpr std::uint32_t kEstimableMss = kPacketCharge;

// Bytes of one packet as a program fills it (Linux: tcp_bound_to_half_wnd): what the link takes in one piece,
// but no more than half of the peer's window.
std::uint32_t fill_goal(std::uint32_t room, std::uint32_t window_max, std::uint32_t mss) {
  constexpr std::uint32_t kSmallWindow = 536;
  const std::uint32_t half = window_max > kSmallWindow ? window_max / 2 : window_max;
  if (half > 0) room = std::min(room, half);
  return std::max(room / mss * mss, mss);
}

}  // namespace

// A few bytes of a connection with room to spare: send_room() would say yes after its divisions. Counted as
// if they began two packets.
bool Connection::has_ample_room(std::size_t bytes) const {
  if (snd_.mss < kEstimableMss || bytes > snd_.mss || active_ == nullptr) return false;
  const auto more = static_cast<std::uint32_t>(bytes);
  const std::uint64_t charge = send_charge(2 * active_->send_buffer.size() + more, active_->sent.size() + 3);
  return charge < snd_.limit && std::uint64_t{unsent()} + more < notsent_low_water();
}

std::uint32_t Connection::send_room() const {
  if (!(can_send(state_) || is_fast_child()) || flags_.write_shut) return 0;
  SendSpace s;
  s.limit = snd_.limit;
  s.low_water = notsent_low_water();
  s.unsent = unsent();
  const std::uint32_t used = active_ == nullptr ? 0 : active_->send_buffer.size();
  const std::size_t in_flight = active_ == nullptr ? 0 : active_->sent.size();
  const std::uint32_t headers = header_bytes();
  const std::uint32_t largest = std::min(path_.largest_packet, Packet::kLargest);
  s.packet = fill_goal(largest > headers ? largest - headers : snd_.mss, snd_.wnd_max, snd_.mss);
  s.charge = send_charge(used, in_flight + (s.unsent + s.packet - 1) / s.packet);
  const std::uint32_t flight = distance(snd_.una, snd_.nxt);
  const std::uint32_t out = active_ == nullptr ? 0 : pipe();
  const std::uint32_t window = snd_.wnd > flight ? snd_.wnd - flight : 0;
  const std::uint32_t congestion = congestion_->cwnd() > out ? congestion_->cwnd() - out : 0;
  s.leaving = std::min(window, congestion) / snd_.mss * snd_.mss;
  s.may_fill = active_ == nullptr || active_->records.empty() || !active_->records.is_end(snd_.end);
  return send_space(s);
}

bool Connection::is_writable() const {
  if (2 * std::uint64_t{unsent()} >= notsent_low_water()) return false;
  if (active_ == nullptr) return true;
  const Active& a = *active_;
  const std::uint32_t used = a.send_buffer.size();
  // Twice the bytes are more than any division into packets can make of them.
  if (snd_.mss >= kEstimableMss && is_send_space_ample(send_charge(2 * used, a.sent.size() + 1), snd_.limit))
    return true;
  const std::uint32_t packet =
      fill_goal(std::min(path_.largest_packet, Packet::kLargest) - header_bytes(), snd_.wnd_max, snd_.mss);
  return is_send_space_ample(send_charge(used, a.sent.size() + (unsent() + packet - 1) / packet), snd_.limit);
}

// Linux (tcp_sndbuf_expand): room for twice the congestion window, so that it can double.
void Connection::grow_send_buffer() {
  if (settings_->value.send_buffer_locked) return;
  // Spares the division where the answer is known.
  const std::uint64_t most = std::max<std::uint64_t>(
      congestion_->cwnd(), std::uint64_t{resources_.config.initial_window} * snd_.mss);
  if (snd_.mss >= kEstimableMss && 4 * most <= snd_.limit) return;
  const std::uint64_t segments = std::max(congestion_->cwnd() / snd_.mss, resources_.config.initial_window);
  const std::uint64_t wanted =
      std::min<std::uint64_t>(2 * segments * (snd_.mss + kPacketCharge), resources_.config.send_buffer_max);
  if (wanted > snd_.limit) snd_.limit = static_cast<std::uint32_t>(wanted);
}

}  // namespace sockeye::tcp
