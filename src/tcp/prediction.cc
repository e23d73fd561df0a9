// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Header prediction (V. Jacobson, 1990; RFC 7323 5.4's place in it): nearly every segment of a connection
// is the next one, carries nothing but ACK, PSH and timestamps, and acknowledges what was sent once and in
// order. Of the eight checks of RFC 9293 3.10.7.4 (tcp/arrival.cc), which are the law, nothing is left to do
// then but what stands here. What is not predicted in full goes the long way before anything has changed;
// tests/tcp/prediction_test.cc sees that both ways end in the same packets and the same state.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

// Nothing is changed here.
bool Connection::is_predicted(const Segment& segment) const {
  const TcpFlags& flags = segment.flags;
  if (state_ != State::established || segment.seq != rcv_.nxt || !flags.ack) return false;
  if (flags.fin || flags.syn || flags.rst || flags.urg || flags.ece || flags.cwr || flags.ae) return false;
  if (segment.options.sack_count > 0 || flags_.fin_queued || !flags_.sack) return false;
  // A search for the MTU; counts of time-outs, which are kept for ever, do not matter here.
  if (flags_.has_rare && is_probing_mtu()) return false;
  if (ecn_.is_enabled()) return false;
  if (segment.options.timestamps.has_value() != timestamps_.is_enabled()) return false;
  if (timestamps_.is_enabled() && !timestamps_.is_in_order(segment.options.timestamps->value)) return false;
  if (segment.ack < snd_.una || segment.ack > snd_.nxt) return false;
  if (segment.payload_bytes > window_.current(rcv_.nxt)) return false;
  if (active_ == nullptr) return segment.payload_bytes > 0 && !flags_.read_shut;
  const Active& a = *active_;
  if (segment.ack == snd_.una && segment.payload_bytes == 0) return false;  // a duplicate, or a window
  if (!a.reassembly.empty() || a.fin_at || !a.urgent.is_idle() || flags_.read_shut) return false;
  if (snd_.una == snd_.nxt) return true;
  return !a.sent.empty() && a.recovery.phase() == LossRecovery::Phase::open && a.scoreboard.empty() &&
         a.sent.is_untroubled() && !a.undo.is_armed() && !a.probe.is_outstanding() &&
         a.undo_until == kNever && !a.rack.is_ahead_of(a.sent.front()) && !congestion_->owns_recovery();
}

// True: the segment is done with, and `drop` says why not all of it was taken.
bool Connection::take_predicted(Instant now, const Segment& segment, Packet& packet,
                                std::optional<Drop>& drop) {
  if (!is_predicted(segment)) return false;
  resources_.counters.count(Counter::hp_hits);
  // first: the numbers
  if (timestamps_.is_enabled())
    timestamps_.on_segment(now, segment.options.timestamps->value, segment.seq, rcv_.acked);
  // fifth: the acknowledgment
  last_received_ = now;
  hear_peer(segment);
  if (segment.ack > snd_.una) {
    take_predicted_ack(now, segment.ack);
  } else if (snd_.una != snd_.nxt) {
    check_app_limited();
    active_->recovery.set_resend(LossRecovery::Resend::lost);
    active_->undo.forget_first();
    (void)active_->rack.take_advanced();
  }
  // seventh: the text
  if (segment.payload_bytes > 0) drop = take_predicted_text(now, segment, packet);
  return true;
}

// on_ack() where nothing was lost, SACKed or sent twice.
void Connection::take_predicted_ack(Instant now, SeqNum ack) {
  Active& a = *active_;
  check_app_limited();
  const bool was_writable = is_writable();
  const std::uint32_t flight = distance(snd_.una, snd_.nxt);
  if (a.let_go(ack, distance(snd_.una, ack), now)) notify(Readiness::err);
  snd_.una = ack;
  std::uint32_t delivered = 0;
  const Duration least = std::chrono::microseconds(min_rtt_us_);
  const SentAcked covered = a.sent.on_ack(ack, [&](const SentSegment& piece) {
    delivered += piece.bytes();
    delivered_ += piece.segments();
    a.rate.on_acknowledged(piece.rate, piece.sent_at, false);
    a.rack.on_delivered(piece, now, least, false);
  });
  if (!a.sent.empty()) (void)a.rack.take_advanced();  // what is in flight left later than what has arrived
  a.retransmissions = 0;
  const Duration rtt = std::max(now - covered.first_sent, Duration(1));
  take_round_trip(now, rtt, now - covered.last_sent, flight);
  a.recovery.set_resend(LossRecovery::Resend::lost);
  a.recovery.forget_duplicates();
  a.undo.forget_first();
  restart_timers(now);
  AckSample sample = make_ack_sample(now, true, delivered, rtt);
  sample.prior_in_flight = flight;
  congestion_->on_ack(sample);
  after_progress(now, was_writable);
}

// take_text() of a segment that begins where the last one ended and fits into the window.
std::optional<Drop> Connection::take_predicted_text(Instant now, const Segment& segment, Packet& packet) {
  (void)active();
  ++counts_.data_segments_in;
  const std::uint32_t bytes = packet.payload_size();
  note_data_arrival(now, bytes, window_.current(rcv_.nxt));
  measure_receive_rtt(now, segment);
  const std::uint32_t taken = take_in_order(packet);
  if (taken > 0) notify(Readiness::in);
  schedule_ack(now, taken == 0);
  if (taken == 0) return Drop::no_memory;
  return std::nullopt;
}

}  // namespace sockeye::tcp
