// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A connection as TCP_INFO and `sockeye ss -i` show it.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/rare.h"
#include "tcp/resources.h"

namespace sockeye::tcp {
namespace {

Duration since(Instant now, std::uint32_t then_ms) {
  return std::chrono::milliseconds(static_cast<std::uint32_t>(to_ms(now.time_since_epoch())) - then_ms);
}

std::uint32_t in_segments(std::uint32_t bytes, std::uint32_t mss) {
  return (bytes + mss - 1) / mss;
}

}  // namespace

void Connection::fill_flight(Info& info) const {
  const Active& a = *active_;
  info.unacked_segments = in_segments(distance(snd_.una, snd_.nxt), snd_.mss);
  info.sacked_segments = sacked_segments();
  info.lost_segments = in_segments(a.sent.lost_bytes(), snd_.mss);
  info.retransmitted_segments = in_segments(a.sent.resent_bytes(), snd_.mss);
  info.retransmits = a.retransmissions;
  info.back_offs = std::max<std::uint32_t>(info.back_offs, a.persist_back_off);
  info.congestion_state = static_cast<std::uint8_t>(a.recovery.phase());
}

void Connection::fill_busy(Info& info, Instant now) const {
  info.receive_window_limited = busy_.of(SendLimit::receive_window);
  info.send_buffer_limited = busy_.of(SendLimit::send_buffer);
  info.busy = busy_.of(SendLimit::busy) + info.receive_window_limited + info.send_buffer_limited;
  if (active_ == nullptr) return;
  const Duration running = active_->busy.running(now);
  info.busy += running;
  if (active_->busy.limit() == SendLimit::receive_window) info.receive_window_limited += running;
  if (active_->busy.limit() == SendLimit::send_buffer) info.send_buffer_limited += running;
}

void Connection::fill_rare(Info& info) const {
  const Rare* kept = rare();
  if (kept == nullptr) return;
  info.timeouts = kept->timeouts.count;
  info.timeout_recoveries = kept->timeouts.recoveries;
  info.timeout_recovery = std::chrono::milliseconds(kept->timeouts.recovery_ms);
  if (!ecn_.is_accurate()) return;
  const AccEcn& counters = kept->accurate_ecn;
  info.accurate_ecn_option_seen = counters.option_seen();
  info.accurate_ecn_failures = counters.failures();
  info.received_ce = counters.received_ce();
  info.delivered_ce = counters.delivered_ce();
  info.received_ecn_bytes = counters.received_bytes();
  info.delivered_ecn_bytes = counters.delivered_bytes();
}

void Connection::fill_timer(Info& info, Instant now) const {
  Instant at = kNever;
  if (active_ != nullptr && active_->retransmit_at != kNever) {
    info.timer = "on";
    at = std::min({active_->retransmit_at, active_->probe_at, active_->reorder_at});
  } else if (active_ != nullptr && active_->persist_at != kNever) {
    info.timer = "persist";
    at = active_->persist_at;
  } else if (fin_wait_2_at_ != kNever) {
    info.timer = "timewait";
    at = fin_wait_2_at_;
  } else if (keepalive_at() != kNever) {
    info.timer = "keepalive";
    at = keepalive_at();
  }
  if (at != kNever) info.timer_left = std::max(at - now, Duration::zero());
}

Info Connection::info(Instant now) const {
  Info info;
  // A socket whose connection is in TIME_WAIT is closed (Linux); the record is shown by its table.
  info.state = state_ == State::time_wait ? State::closed : state_;
  info.timestamps = timestamps_.is_enabled();
  info.sack = flags_.sack;
  info.window_scaling = flags_.scaled;
  info.ecn = ecn_.is_enabled();
  info.ecn_seen = ecn_.has_seen();
  info.ecn_mode = ecn_.mode();
  fill_rare(info);
  info.fast_open_failure = flags_.fast_open_failure;
  info.syn_data = flags_.syn_data_acked;
  info.send_window_scale = snd_.scale;
  info.receive_window_scale = window_.scale();
  info.rto = rto();
  info.srtt = rtt_.srtt();
  info.rttvar = rtt_.rttvar();
  info.min_rtt = std::chrono::microseconds(min_rtt_us_);
  if (counts_.data_segments_in > 0) info.delayed_ack = resources_.config.delayed_ack_min;
  info.quick_ack = !delayed_ack_.is_conversation();
  info.receive_rtt = std::chrono::microseconds(receive_rtt_8us_ / 8);
  info.send_mss = snd_.mss;
  info.receive_mss = window_.peer_mss();
  info.advertised_mss = offered_mss(path_.mtu, path_.is_v6, settings_->value.max_segment);
  info.path_mtu = path_.mtu;
  info.cwnd_bytes = congestion_->cwnd();
  info.cwnd_segments = congestion_->cwnd() / snd_.mss;
  const bool no_threshold = congestion_->ssthresh() >= CongestionControl::kInfinite;
  info.ssthresh_bytes = no_threshold ? 0xffffffff : congestion_->ssthresh();
  info.send_window = snd_.wnd;
  info.receive_window = window_.current(rcv_.nxt);
  info.receive_space = window_.read_space();
  info.receive_limit = window_.limit();
  info.probes = probes_;
  info.reordering = reordering_.degree();
  info.reordering_seen = reordering_.seen();
  info.duplicates_reported = reordering_.duplicates();
  info.back_offs = rtt_.back_offs();
  info.total_retransmits = counts_.retransmits;
  info.bytes_sent = counts_.bytes_sent + counts_.bytes_retransmitted;
  const std::uint32_t sent_unacked = unacknowledged_bytes() - std::min(unacknowledged_bytes(), unsent());
  info.bytes_acked = counts_.bytes_sent - std::min<std::uint64_t>(counts_.bytes_sent, sent_unacked);
  // Linux counts sequence numbers: our SYN when the connection was opened from here, and the FINs.
  const bool synchronized = is_synchronized(state_) || state_ == State::time_wait;
  if (synchronized && !flags_.passive) ++info.bytes_acked;
  if (flags_.fin_queued && synchronized && snd_.una == snd_.end + 1) ++info.bytes_acked;
  info.bytes_received = counts_.bytes_received + (flags_.fin_received ? 1 : 0);
  info.bytes_retransmitted = counts_.bytes_retransmitted;
  info.segments_out = counts_.segments_out;
  info.segments_in = counts_.segments_in;
  info.data_segments_out = counts_.data_segments_out;
  info.data_segments_in = counts_.data_segments_in;
  info.notsent_bytes = unsent();
  info.delivered_segments = delivered_ + (is_synchronized(state_) ? 1 : 0);
  info.out_of_order_segments = counts_.out_of_order;
  info.since_last_data_sent = since(now, last_data_sent_ms_);
  info.since_last_data_received = since(now, last_data_received_ms_);
  info.since_last_ack_received = now - last_received_;
  info.delivery_rate = std::uint64_t{delivery_rate_} * kRateUnit;
  info.delivery_rate_app_limited = flags_.rate_app_limited;
  info.pacing_rate = pacing_rate();
  info.max_pacing_rate = settings_->value.max_pacing_rate;
  info.congestion_control = congestion_->name();
  info.path_model = congestion_->path_model();
  fill_busy(info, now);
  if (active_ != nullptr && state_ != State::closed) fill_flight(info);
  fill_timer(info, now);
  return info;
}

}  // namespace sockeye::tcp
