// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An acceptable acknowledgment (RFC 9293 3.10.7.4, fifth) in its order: bytes leave the send buffer,
// SACK blocks enter the scoreboard, the round-trip time is measured, the send window is updated, loss
// recovery and congestion control are told, the retransmission timer is set. Nothing is allocated.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

void Connection::on_ack(Instant now, const Segment& segment) {
  probes_ = 0;
  soft_error_ = Errno{};
  const std::uint32_t window_before = snd_.wnd;
  const bool advances = segment.ack > snd_.una;
  const SeqNum una_before = snd_.una;
  update_send_window(segment);
  if (active_ == nullptr || (snd_.una == snd_.nxt && !advances)) return;

  Active& a = *active_;
  const bool was_writable = is_writable();
  const std::uint32_t pipe_before = a.recovery.pipe(edges(), a.scoreboard);
  const std::uint32_t held_before = distance(snd_.una, snd_.nxt) - a.scoreboard.sacked_bytes();
  const std::uint32_t acked = advances ? distance(snd_.una, segment.ack) : 0;
  Duration rtt = Duration::zero();
  if (advances) rtt = take_acked_bytes(now, segment, acked);
  const std::uint32_t sacked = take_sack(segment);
  const std::uint32_t held = distance(snd_.una, snd_.nxt) - a.scoreboard.sacked_bytes();
  const std::uint32_t delivered = held_before > held ? held_before - held : 0;

  // RFC 5681 2 and RFC 6675 2: what is a duplicate ACK.
  const bool is_plain = !advances && segment.ack == una_before && segment.payload_bytes == 0 &&
                        !segment.flags.fin && snd_.una != snd_.nxt;
  const bool is_duplicate = is_plain && (flags_.sack ? sacked > 0 : snd_.wnd == window_before);

  run_recovery(now, acked, is_duplicate);
  if (delivered > 0 && a.recovery.phase() != LossRecovery::Phase::recovery) {
    AckSample sample;
    sample.now = now;
    sample.acked_bytes = delivered;
    sample.in_flight = a.recovery.pipe(edges(), a.scoreboard);
    sample.prior_in_flight = pipe_before;
    sample.rtt = rtt;
    sample.srtt = rtt_.srtt();
    sample.min_rtt = std::chrono::microseconds(min_rtt_us_);
    // Linux: in slow start the window may grow while at least half of it was used.
    const bool used = flags_.congestion_limited ||
                      (congestion_->in_slow_start() && congestion_->cwnd() < 2 * std::uint64_t{flight_max_});
    sample.is_app_limited = !used;
    sample.is_round_start = advances && snd_.una > round_end_;
    congestion_->on_ack(sample);
  }
  if (advances && snd_.una > round_end_) {  // a round trip is over
    round_end_ = snd_.nxt;
    flight_max_ = distance(snd_.una, snd_.nxt);
    flags_.congestion_limited = false;
  }
  if (advances) {
    a.retransmit_at = snd_.una == snd_.nxt ? kNever : now + rto();
    a.unacked_since = now;
    grow_send_buffer();
    if (!was_writable && is_writable()) notify(Readiness::out);
  }
}

// RFC 9293 3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from changing the window.
void Connection::update_send_window(const Segment& segment) {
  const std::uint32_t window = std::uint32_t{segment.window} << snd_.scale;
  const bool is_newer = snd_.wl1 < segment.seq || (snd_.wl1 == segment.seq && snd_.wl2 <= segment.ack);
  if (!is_newer) return;
  snd_.wl1 = segment.seq;
  snd_.wl2 = segment.ack;
  if (window == snd_.wnd) return;
  if (active_ != nullptr && window > snd_.wnd) active_->persist_back_off = 0;
  snd_.wnd = window;
  snd_.wnd_max = std::max(snd_.wnd_max, window);
}

// snd_una moves; answers the round-trip time that this ACK shows, zero when it shows none.
Duration Connection::take_acked_bytes(Instant now, const Segment& segment, std::uint32_t acked) {
  Active& a = *active_;
  const bool fin_acked = fin_sent() && segment.ack == snd_.end + 1;
  a.send_buffer.release(acked - (fin_acked ? 1 : 0));
  snd_.una = segment.ack;
  const SentAcked covered = a.sent.on_ack(snd_.una);
  a.scoreboard.on_cumulative_ack(snd_.una);
  a.urgent.on_una(snd_.una);
  a.retransmissions = 0;
  check_mtu_probe();
  Duration rtt = Duration::zero();
  if (covered.any && !covered.retransmitted) {
    rtt = now - covered.first_sent;
  } else if (segment.options.timestamps) {
    // Karn's rule does not apply: the echo tells which transmission arrived (RFC 7323 4.1).
    rtt = timestamps_.round_trip(now, segment.options.timestamps->echo).value_or(Duration::zero());
  }
  if (!covered.any || (covered.retransmitted && rtt == Duration::zero())) return Duration::zero();
  rtt_.on_sample(rtt, snd_.una, snd_.nxt, rto_limits());
  rtt_.reset_back_off();
  const auto us = static_cast<std::uint32_t>(std::min<std::int64_t>(to_us(rtt), 0xffffffff));
  if (min_rtt_us_ == 0 || us < min_rtt_us_) min_rtt_us_ = std::max(us, 1u);
  return std::max(rtt, Duration(1));
}

// Answers the bytes that were not known to have arrived.
std::uint32_t Connection::take_sack(const Segment& segment) {
  if (!flags_.sack || segment.options.sack_count == 0) return 0;
  Active& a = *active_;
  const auto duplicate = duplicate_report(segment.options, segment.ack);
  std::uint32_t sacked = 0;
  for (std::uint8_t i = duplicate ? 1 : 0; i < segment.options.sack_count; ++i)
    sacked += a.scoreboard.add(segment.options.sack[i], snd_.una, snd_.nxt);
  return sacked;
}

void Connection::run_recovery(Instant now, std::uint32_t acked, bool is_duplicate) {
  Active& a = *active_;
  const SendEdges at = edges();
  const auto phase_before = a.recovery.phase();
  if (acked > 0 && a.recovery.on_advance(at, acked) && phase_before == LossRecovery::Phase::recovery)
    congestion_->on_recovery_end();
  if (is_duplicate) a.recovery.on_duplicate_ack(at);
  if (flags_.sack) a.recovery.on_scoreboard(at, a.scoreboard);
  if (!a.recovery.should_enter(at)) return;
  if (is_mtu_probe_loss()) return;
  congestion_->enter_recovery(now);
  congestion_->set_cwnd(congestion_->ssthresh());
  a.recovery.enter(at);
  if (flags_.sack) a.recovery.on_scoreboard(at, a.scoreboard);
}

// Linux (tcp_sndbuf_expand): room for twice the congestion window, so that it can double.
void Connection::grow_send_buffer() {
  if (settings_->value.send_buffer_locked) return;
  const std::uint64_t segments = std::max(congestion_->cwnd() / snd_.mss, resources_.config.initial_window);
  const std::uint64_t wanted =
      std::min<std::uint64_t>(2 * segments * snd_.mss, resources_.config.send_buffer_max);
  if (wanted > snd_.limit) snd_.limit = static_cast<std::uint32_t>(wanted);
}

}  // namespace sockeye::tcp
