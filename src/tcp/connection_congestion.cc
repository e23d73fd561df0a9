// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What congestion control is told of an ACK: how much was delivered, how fast, how much was lost, and
// whether the window was what held the sender back (RFC 9438 5.8, RFC 7661).
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

// draft-ietf-ccwg-bbr, "Detecting application-limited phases": before a write, an ACK or a timer changes
// anything. Samples of what is sent from now on tell no more than what the program offered.
void Connection::check_app_limited() {
  if (active_ == nullptr || unsent() > 0 || active_->sent.waiting_bytes() > 0) return;
  const std::uint32_t in_flight = pipe();
  if (in_flight < congestion_->cwnd()) active_->rate.mark_app_limited(in_flight);
}

// What an ACK tells that brought `delivered` bytes; losses that it shows are counted before. `rtt`: zero when
// it shows none.
AckSample Connection::make_ack_sample(Instant now, bool advances, std::uint32_t delivered, Duration rtt) {
  Active& a = *active_;
  AckSample sample;
  sample.now = now;
  sample.acked_bytes = delivered;
  sample.rtt = rtt;
  sample.in_flight = pipe();
  sample.srtt = rtt_.srtt();
  sample.min_rtt = std::chrono::microseconds(min_rtt_us_);
  // Linux: in slow start the window may grow while at least half of it was used.
  const bool used = flags_.congestion_limited ||
                    (congestion_->in_slow_start() && congestion_->cwnd() < 2 * std::uint64_t{a.flight_max});
  sample.is_app_limited = !used;
  sample.is_cwnd_limited = flags_.congestion_limited;
  sample.is_round_start = advances && snd_.una > a.round_end;
  sample.in_recovery = a.recovery.is_recovering();
  sample.has_sack = flags_.sack;
  sample.latest_rtt = a.rate.latest_rtt(now);
  sample.rate = a.rate.finish(now, delivered, sample.min_rtt);
  take_rate(sample.rate);
  return sample;
}

// What was marked lost since SentQueue::begin_marks() answered `marked_before`. Who owns its recovery hears
// of each piece, as it was sent and with what was lost before it (draft-ietf-ccwg-bbr 5.5.10.2). `delivered`:
// bytes of the ACK that shows it, which C.delivered does not count yet.
std::uint32_t Connection::count_lost(Instant now, std::uint32_t marked_before, std::uint32_t delivered) {
  Active& a = *active_;
  const std::uint32_t bytes = a.sent.marked_bytes() - marked_before;
  if (bytes == 0) return 0;
  if (!congestion_->owns_recovery()) {
    a.rate.on_lost(bytes);
    return bytes;
  }
  for (const LostPiece& piece : a.sent.new_marks()) {
    a.rate.on_lost(piece.bytes);
    LossEvent event;
    event.now = now;
    event.bytes = piece.bytes;
    event.tx_in_flight = piece.rate.in_flight;
    event.lost_since = static_cast<std::uint32_t>(a.rate.lost()) - piece.rate.lost;
    event.total_delivered = a.rate.delivered() + delivered;
    event.is_app_limited = piece.rate.is_app_limited;
    event.has_sack = flags_.sack;
    event.begins_range = piece.begins_range;
    congestion_->on_loss(event);
  }
  return bytes;
}

// TCP_INFO's delivery rate: the last sample that is not below what the path can do for the program's sake.
void Connection::take_rate(const RateSample& rate) {
  if (rate.rate == 0) return;
  const auto units = static_cast<std::uint32_t>(std::min<std::uint64_t>(rate.rate / kRateUnit, 0xffffffff));
  if (rate.is_app_limited && units < delivery_rate_) return;
  delivery_rate_ = units;
  flags_.rate_app_limited = rate.is_app_limited;
}

// Linux (tcp_cwnd_validate): the strongest sign of a round trip that the window was needed counts; it is
// `is_used_up` also when nothing more waited.
void Connection::note_window_use(bool is_used_up) {
  Active& a = *active_;
  const std::uint32_t flight = distance(snd_.una, snd_.nxt);
  const bool is_more = !flags_.congestion_limited && flight > a.flight_max;
  if (snd_.una < a.usage_end && !is_used_up && !is_more) return;
  flags_.congestion_limited = is_used_up;
  a.flight_max = flight;
  a.usage_end = snd_.nxt;
}

bool Connection::is_paced() const {
  const std::uint64_t limit = settings_->value.max_pacing_rate;
  return congestion_->needs_pacing() || (limit != kUnlimitedRate && limit != 0) ||  // 0: none, as Linux
         resources_.config.pacing;
}

std::uint64_t Connection::pacing_rate() const {
  const Config& config = resources_.config;
  const std::uint64_t rate =
      congestion_->pacing_rate(rtt_.srtt(), config.pacing_ss_ratio, config.pacing_ca_ratio);
  const std::uint64_t limit = settings_->value.max_pacing_rate;
  return limit == 0 ? rate : std::min(rate, limit);
}

// Data that may leave but for the pacer makes the connection wait for next_release().
bool Connection::is_held_by_pacer(Instant now) {
  if (active_->pacer.may_send(now) || !is_paced()) return false;
  active_->waits_for_release = true;
  return true;
}

void Connection::pace(Instant now, std::uint32_t bytes) {
  if (bytes == 0 || !is_paced()) return;
  const std::uint64_t rate = pacing_rate();
  if (rate != kUnlimitedRate && rate != 0) active_->pacer.on_sent(now, bytes, rate);
}

Instant Connection::next_release() const {
  if (active_ == nullptr || !active_->waits_for_release) return kNever;
  return active_->pacer.release_at();
}

// After everything that could leave has left.
void Connection::tell_busy_clock(Instant now) {
  if (active_ == nullptr) return;
  Active& a = *active_;
  if (a.send_buffer.empty()) {
    // The whole Active block may be given back now, and the last packet's time with it: a program that
    // waits for each answer must not outrun its rate.
    a.waits_for_release |= !a.pacer.may_send(now) && is_paced();
    a.busy.enter(now, SendLimit::idle, busy_);
    return;
  }
  const bool all_sent = unsent() == 0;
  a.busy.enter(now,
               !all_sent && a.window_limited  ? SendLimit::receive_window
               : all_sent && a.buffer_limited ? SendLimit::send_buffer
                                              : SendLimit::busy,
               busy_);
}

}  // namespace sockeye::tcp
