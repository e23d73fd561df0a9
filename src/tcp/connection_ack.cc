// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An acceptable acknowledgment (RFC 9293 3.10.7.4, fifth) in its order: the send window is updated, bytes
// leave the send buffer, SACK blocks enter the scoreboard and mark what was sent, the round-trip time is
// measured, loss recovery (connection_recovery.cc) and congestion control are told, timers are set.
#include <algorithm>

#include "tcp/ack_news.h"
#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/rare.h"
#include "tcp/resources.h"

namespace sockeye::tcp {
namespace {

// RFC 7323 4.2 SHLD-3: an ACK for every second segment of what was in flight brings a sample.
std::uint32_t expected_samples(const Config& config, std::uint32_t flight, std::uint32_t mss) {
  if (!config.weigh_samples) return 1;
  return std::max((flight + 2 * mss - 1) / (2 * mss), 1u);
}

// RFC 8985 6.2 SHLD-5: the smallest round trip is that of the last five minutes, and at most a sixteenth
// more. One byte for an idle connection; after sixteen windows of silence it may count for one more.
constexpr std::uint8_t kWindowSteps = 16;
std::uint8_t window_stamp(Duration window, Instant now) {
  const Duration step = std::max<Duration>(window / kWindowSteps, 1us);
  return static_cast<std::uint8_t>(now.time_since_epoch() / step);
}

}  // namespace

void Connection::on_ack(Instant now, const Segment& segment) {
  AckNews news;
  news.una_before = snd_.una;
  news.is_old = segment.ack < snd_.una;
  const std::uint32_t window_before = snd_.wnd;
  if (!news.is_old) hear_peer(segment);
  if (active_ == nullptr) {
    if (flags_.sack) take_duplicate_report(segment, news);
    return;
  }
  Active& a = *active_;
  news.acked = segment.ack > snd_.una ? distance(snd_.una, segment.ack) : 0;
  news.highest_before = a.scoreboard.empty() ? snd_.una : a.scoreboard.highest();
  if (timestamps_.is_enabled() && segment.options.timestamps) news.echo = segment.options.timestamps->echo;
  if (snd_.una == snd_.nxt) {  // nothing is in flight; but a report may still say that it was all for nothing
    take_sack(now, segment, news);
    judge_duplicate(segment, window_before, news);
    (void)a.probe.on_ack(segment.ack, news.probe_duplicated, news.plain);
    if (news.duplicate_report) (void)try_undo_duplicates(now);
    return;
  }
  check_app_limited();
  const bool was_writable = is_writable();
  news.pipe_before = pipe();
  news.losses_before = a.sent.loss_count();
  news.marked_before = a.sent.begin_marks(congestion_->owns_recovery());
  if (news.advances()) take_acked_bytes(now, segment.ack, news);
  take_sack(now, segment, news);
  news.rtt = measure_round_trip(now, news);
  if (news.lowest_original && flags_.sack && *news.lowest_original < news.highest_before)
    note_reordering(*news.lowest_original);
  judge_duplicate(segment, window_before, news);
  if (a.probe.on_ack(segment.ack, news.probe_duplicated, news.plain)) {
    // RFC 8985 7.4.2 MUST-7, SHLD-12: the probe repaired a loss of which nobody else will tell.
    start_reduction(now, LossRecovery::Phase::cwr);
    congestion_->on_recovery_end();
    keep_open();
  }
  if (hears_congestion(segment, news)) on_congestion_echo(now);
  recover(now, news);
  if (news.restart_timer) restart_timers(now);
  adjust_window(now, news);
  if (news.advances()) after_progress(now, was_writable);
}

// An acknowledgment that is not old: the peer lives, and says how much it takes.
void Connection::hear_peer(const Segment& segment) {
  probes_ = 0;
  soft_error_ = Errno{};
  flags_.more = false;  // Linux: what MSG_MORE held back waits for the next ACK at the longest
  update_send_window(segment);
}

// snd_una has moved, and everybody else knows.
void Connection::after_progress(Instant now, bool was_writable) {
  Active& a = *active_;
  if (snd_.una > a.round_end) {  // a round trip is over
    a.round_end = snd_.nxt;
  }
  a.unacked_since = now;
  grow_send_buffer();
  if (!is_writable()) return;
  a.buffer_limited = false;
  if (!was_writable) notify(Readiness::out);
}

// RFC 5681 2 and RFC 6675 2: what is a duplicate ACK. RFC 5681 3.2 SHLD-5
void Connection::judge_duplicate(const Segment& segment, std::uint32_t window_before, AckNews& news) const {
  const bool is_empty = segment.payload_bytes == 0 && !segment.flags.fin;
  const bool stands = segment.ack == news.una_before && snd_.wnd == window_before;
  news.plain = stands && is_empty && !news.sacked;
  news.duplicate = flags_.sack ? news.sacked : news.plain && !news.duplicate_report;
}

// The window follows what was delivered: by proportional rate reduction while it comes down, by the
// algorithm otherwise, or always when it owns its recovery.
void Connection::adjust_window(Instant now, const AckNews& news) {
  Active& a = *active_;
  const std::uint32_t lost = count_lost(now, news.marked_before, news.delivered);
  AckSample sample = make_ack_sample(now, news.advances(), news.delivered, news.rtt);
  sample.prior_in_flight = news.pipe_before;
  sample.lost_bytes = lost;
  if (congestion_->owns_recovery()) {
    if (news.delivered > 0 || sample.in_recovery) congestion_->on_ack(sample);
  } else if (news.delivered > 0 && a.recovery.is_reducing()) {
    const bool safe = news.advances() && a.sent.loss_count() == news.losses_before;
    congestion_->set_cwnd(a.prr.on_ack(news.delivered, pipe(), safe, snd_.mss));
  } else if (news.delivered > 0 && (news.advances() || reordering_.degree() > resources_.config.reordering)) {
    congestion_->on_ack(sample);  // where segments overtake each other, SACKed ones are progress too (Linux)
  }
  if (congestion_->marks_app_limited()) a.rate.mark_app_limited(sample.in_flight);
}

// RFC 9293 3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from changing the window.
void Connection::update_send_window(const Segment& segment) {
  const std::uint32_t window = std::uint32_t{segment.window} << snd_.scale;  // RFC 7323 2.3 MUST-4
  const bool is_newer = snd_.wl1 < segment.seq || (snd_.wl1 == segment.seq && snd_.wl2 <= segment.ack);
  if (!is_newer) return;
  snd_.wl1 = segment.seq;
  snd_.wl2 = segment.ack;
  if (window == snd_.wnd) return;
  if (active_ != nullptr && window > snd_.wnd) active_->persist_back_off = 0;
  snd_.wnd = window;
  snd_.wnd_max = std::max(snd_.wnd_max, window);
}

// snd_una moves.
void Connection::take_acked_bytes(Instant now, SeqNum ack, AckNews& news) {
  Active& a = *active_;
  const bool fin_acked = fin_sent() && ack == snd_.end + 1;
  // RFC 2018 8 MUST-8: only what is acknowledged cumulatively is let go.
  if (a.let_go(ack, news.acked - (fin_acked ? 1 : 0), now)) notify(Readiness::err);
  snd_.una = ack;
  const SentAcked covered = a.sent.on_ack(snd_.una, [&](const SentSegment& piece) {
    if (piece.sacked) return;
    note_delivered(now, piece, news);
    if (piece.retransmissions > 0) return;
    if (news.first_acked == kNever) news.first_acked = piece.sent_at;
    news.last_acked = piece.sent_at;
    news.on_original(piece, a.recovery.end());
  });
  news.retransmitted = covered.retransmitted;
  news.restart_timer = covered.any;
  if (!flags_.sack) {  // some of it was counted when its duplicate ACKs came
    const std::uint32_t counted = a.recovery.reno_sacked();
    news.delivered = news.acked > counted ? news.acked - counted : 0;
    news.delivered = std::max(news.delivered, std::min<std::uint32_t>(news.acked, snd_.mss));
    a.recovery.on_partial_ack(news.acked, snd_.mss);
  }
  a.scoreboard.on_cumulative_ack(snd_.una);
  a.urgent.on_una(snd_.una);
  if (a.retransmissions > 0) {
    Timeouts& timeouts = make_rare().timeouts;
    ++timeouts.recoveries;
    timeouts.recovery_ms += static_cast<std::uint32_t>(to_ms(now - a.first_retransmit));
  }
  a.retransmissions = 0;
  check_mtu_probe();
}

void Connection::note_delivered(Instant now, const SentSegment& piece, AckNews& news) {
  news.delivered += piece.bytes();
  delivered_ += piece.segments();
  active_->rate.on_acknowledged(piece.rate, piece.sent_at, piece.retransmissions > 0);
  if (!flags_.sack) return;
  const bool echo_is_older = piece.retransmissions > 0 && news.echo &&
                             TimestampState::is_before(*news.echo, timestamps_.value(piece.sent_at));
  active_->rack.on_delivered(piece, now, std::chrono::microseconds(min_rtt_us_), echo_is_older);
}

// RFC 2018 5 SHLD-5; RFC 2018 5.1 MUST-7
void Connection::take_sack(Instant now, const Segment& segment, AckNews& news) {
  if (!flags_.sack || segment.options.sack_count == 0) return;
  Active& a = *active_;
  const bool has_report = take_duplicate_report(segment, news);
  for (std::uint8_t i = has_report ? 1 : 0; i < segment.options.sack_count; ++i) {
    const SackBlock block = segment.options.sack[i];
    const auto on_piece = [&](const SentSegment& piece) {
      news.sacked = true;
      note_delivered(now, piece, news);
      if (piece.retransmissions > 0) return;
      if (news.first_sacked == kNever) news.first_sacked = piece.sent_at;
      news.last_sacked = piece.sent_at;
      news.on_original(piece, a.recovery.end());
    };
    a.scoreboard.add(block, snd_.una, snd_.nxt,
                     [&](SackBlock newly) { a.sent.on_sacked(newly, block, a.scoreboard, on_piece); });
  }
}

// RFC 2883, with Linux's doubts: a report of more than a window, or of more duplicates than there were
// retransmissions, comes from the network or from a liar. True: the first block is such a report.
bool Connection::take_duplicate_report(const Segment& segment, AckNews& news) {
  const auto range = duplicate_report(segment.options, segment.ack);
  if (!range) return false;
  const std::uint32_t bytes = distance(range->begin, range->end);
  if (bytes > snd_.wnd_max) return true;
  const std::uint32_t segments = (bytes + snd_.mss - 1) / snd_.mss;
  reordering_.on_duplicate(segments);
  if (active_ == nullptr) return true;
  Active& a = *active_;
  news.probe_duplicated = a.probe.is_duplicated(range->end) && bytes <= snd_.mss;
  if (reordering_.duplicates() > counts_.retransmits) return true;
  news.duplicate_report = true;
  a.undo.on_duplicate(segments, range->end);
  a.sent.on_duplicate(*range);
  // RFC 8985 6.2 step 4. A probe's duplicate says nothing about the order.
  if (reordering_.seen() > 0 && !news.probe_duplicated && a.rack.on_duplicate(snd_.una, snd_.nxt))
    reordering_.widen_window();
  return true;
}

// The round-trip time that this ACK shows, zero when it shows none: of what was acknowledged, or
// SACKed, and sent only once (RFC 9293 3.8.1 MUST-18; RFC 6298 3 MUST-4, MUST-5); else the echo tells which
// transmission arrived (RFC 7323 4.1).
Duration Connection::measure_round_trip(Instant now, AckNews& news) {
  Active& a = *active_;
  Duration rtt = Duration::zero();
  Instant newest = kNever;
  if (news.first_acked != kNever && !news.retransmitted) {
    rtt = std::max(now - news.first_acked, Duration(1));
    newest = news.last_acked;
  } else if (news.first_sacked != kNever) {
    rtt = std::max(now - news.first_sacked, Duration(1));
    newest = news.last_sacked;
    // What was sent before the first in line was (again) tells that the path works.
    news.restart_timer |= !a.sent.empty() && news.first_sacked < a.sent.front().sent_at;
  } else if (news.advances() && news.echo) {
    rtt = timestamps_.round_trip(now, *news.echo).value_or(Duration::zero());
  }
  if (rtt > Duration::zero())
    take_round_trip(now, rtt, newest == kNever ? rtt : now - newest, distance(news.una_before, snd_.nxt));
  return rtt;
}

// `least`: of what was sent last, without a delayed ACK in it. `flight`: bytes in flight before the ACK.
void Connection::take_round_trip(Instant now, Duration rtt, Duration least, std::uint32_t flight) {
  flags_.probe_unmeasured = false;
  rtt_.on_sample(rtt, snd_.una, snd_.nxt, rto_limits(),
                 expected_samples(resources_.config, flight, snd_.mss));
  rtt_.reset_back_off();
  const auto us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_us(least), 1, 0xffffffff));
  const std::uint8_t stamp = window_stamp(resources_.config.min_rtt_window, now);
  const auto age = static_cast<std::uint8_t>(stamp - min_rtt_at_);
  if (min_rtt_us_ == 0 || us <= min_rtt_us_ || age > kWindowSteps) {
    min_rtt_us_ = us;
    min_rtt_at_ = stamp;
  }
}

}  // namespace sockeye::tcp
