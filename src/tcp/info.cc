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

// What held the sender back until now, and what does from now on (RFC 4898; Linux's tcp_chrono).
void Connection::account_limit(Instant now) {
  using Limit = Active::Limit;
  if (active_ == nullptr) return;
  Active& a = *active_;
  const bool is_idle = unsent() == 0 && snd_.una == snd_.nxt;
  Limit next = is_idle ? Limit::none : Limit::busy;
  if (unsent() > 0 && distance(snd_.una, snd_.nxt) + std::min<std::uint32_t>(unsent(), snd_.mss) > snd_.wnd) {
    next = Limit::window;
  } else if (!is_idle && unsent() == 0 && a.wants_room && !flags_.congestion_limited) {
    next = Limit::buffer;
  }
  if (is_writable()) a.wants_room = false;
  if (next == a.limit) return;
  const std::uint32_t passed = ms_of(now) - a.limit_since_ms;
  if (a.limit != Limit::none) busy_ms_ += passed;
  if (passed > 0 && (a.limit == Limit::window || a.limit == Limit::buffer)) {
    Rare& kept = make_rare();
    (a.limit == Limit::window ? kept.window_limited_ms : kept.buffer_limited_ms) += passed;
  }
  a.limit = next;
  a.limit_since_ms = ms_of(now);
}

void Connection::fill_flight(Info& info) const {
  const Active& a = *active_;
  info.unacked_segments = in_segments(distance(snd_.una, snd_.nxt), snd_.mss);
  info.sacked_segments = in_segments(a.scoreboard.sacked_bytes(), snd_.mss);
  info.lost_segments = a.recovery.is_open() ? 0 : in_segments(a.recovery.lost_waiting(), snd_.mss);
  info.retransmits = a.retransmissions;
  info.back_offs = std::max<std::uint32_t>(info.back_offs, a.persist_back_off);
  switch (a.recovery.phase()) {
    case LossRecovery::Phase::recovery:
      info.congestion_state = 3;
      break;
    case LossRecovery::Phase::loss:
      info.congestion_state = 4;
      break;
    case LossRecovery::Phase::open:
      info.congestion_state = a.recovery.duplicate_acks() > 0 || !a.scoreboard.empty() ? 1 : 0;
      break;
  }
}

void Connection::fill_timer(Info& info, Instant now) const {
  Instant at = kNever;
  if (active_ != nullptr && active_->retransmit_at != kNever) {
    info.timer = "on";
    at = active_->retransmit_at;
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
  info.send_window_scale = snd_.scale;
  info.receive_window_scale = window_.scale();
  info.rto = rto();
  info.srtt = rtt_.srtt();
  info.rttvar = rtt_.rttvar();
  info.min_rtt = std::chrono::microseconds(min_rtt_us_);
  if (counts_.data_segments_in > 0) info.delayed_ack = resources_.config.delayed_ack_min;
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
  info.out_of_order_segments = counts_.out_of_order;
  std::uint32_t running = 0;
  if (active_ != nullptr && active_->limit != Active::Limit::none)
    running = ms_of(now) - active_->limit_since_ms;
  info.busy = std::chrono::milliseconds(busy_ms_ + running);
  if (const Rare* kept = rare()) {
    info.window_limited = std::chrono::milliseconds(kept->window_limited_ms);
    info.buffer_limited = std::chrono::milliseconds(kept->buffer_limited_ms);
  }
  if (running > 0 && active_->limit == Active::Limit::window)
    info.window_limited += std::chrono::milliseconds(running);
  if (running > 0 && active_->limit == Active::Limit::buffer)
    info.buffer_limited += std::chrono::milliseconds(running);
  info.since_last_data_sent = since(now, last_data_sent_ms_);
  info.since_last_data_received = since(now, last_data_received_ms_);
  info.since_last_ack_received = now - last_received_;
  info.congestion_control = congestion_->name();
  if (active_ != nullptr && state_ != State::closed) fill_flight(info);
  fill_timer(info, now);
  return info;
}

}  // namespace sockeye::tcp
