// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a connection wants to put on the wire, one packet per call, in this order: a RST, the SYN, lost
// data again, new data, a probe, an ACK. Data carries the ACK that is due. When nothing more can go,
// the timers that would bring the next chance are armed, so that asking again at the same instant
// answers the same.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/initial_window.h"
#include "tcp/resources.h"
#include "tcp/segmentizer.h"
#include "tcp/tso_deferral.h"

namespace sockeye::tcp {
namespace {

// RFC 9293 3.9.1.2 MUST-61: PSH on the last segment that is buffered, unless the program has said that more
// follows (MSG_MORE). As Linux since 5.4 also on every packet of several segments, so that the receiver's GRO
// hands it on at once; a single one is left alone, for it is sent under congestion, where a later ACK is
// better.
bool wants_push(const Segment& segment, bool is_end, std::uint32_t mss) {
  return segment.payload_bytes > 0 && (is_end || segment.payload_bytes > mss);
}

// Linux's wait for a larger packet (tcp/tso_deferral.h). `whole`: the window when nothing is in flight.
bool waits_for_more(const Active& a, const SendSituation& s, const Config& config, std::uint32_t goal,
                    std::uint32_t whole, Duration since_sent, Duration srtt, Instant now) {
  if (goal <= s.mss || s.unsent <= s.mss || a.sent.empty() || a.recovery.is_recovering()) return false;
  TsoSituation t;
  t.bytes = std::min(s.unsent, goal);
  t.window = s.window;
  t.congestion = s.congestion;
  t.whole = whole;
  t.largest = goal;
  t.mss = s.mss;
  t.window_divisor = config.tso_win_divisor;
  t.is_tail = s.unsent <= goal;
  t.is_closed = s.is_last && t.is_tail;
  t.since_sent = since_sent;
  t.flight_time = now - a.sent.front().sent_at;
  t.round_trip = srtt;
  return should_defer(t);
}

}  // namespace

// Most visits find that everything has left: no packet is taken for them, and no list is asked.
bool Connection::rest_if_quiet(Instant now) {
  if (flags_.reset_due || flags_.probe_due || flags_.keepalive_due || acks_due_ > 0) return false;
  if (!is_synchronized(state_) || state_ == State::time_wait) return false;
  if (unsent() > 0 || (flags_.fin_queued && !fin_sent())) return false;
  if (active_ == nullptr) return true;
  Active& a = *active_;
  if (a.loss_probe_due || a.sent.waiting_bytes() > 0 ||
      a.recovery.resend() == LossRecovery::Resend::new_data_first)
    return false;
  a.waits_for_release = false;
  a.persist_at = kNever;
  if (a.buffer_limited && is_writable()) {
    a.buffer_limited = false;
    notify(Readiness::out);
  }
  tell_busy_clock(now);
  release_active();
  return true;
}

bool Connection::poll_transmit(Instant now, Segment& segment, Packet& packet) {
  if (flags_.reset_due) return poll_reset(now, segment);
  if (state_ == State::closed || state_ == State::listen) return false;
  if (active_ != nullptr) active_->waits_for_release = false;
  if (state_ == State::syn_sent || state_ == State::syn_received) {
    if (poll_handshake(now, segment, packet)) return true;
    if (is_fast_child() && active_ != nullptr && poll_new_data(now, segment, packet)) return true;
    return state_ == State::syn_received && poll_ack(now, segment);
  }
  if (active_ != nullptr && state_ != State::time_wait) {
    if (poll_loss_probe(now, segment, packet)) return true;
    if (poll_frto(now, segment, packet)) return true;
    if (poll_retransmission(now, segment, packet)) return true;
    if (poll_new_data(now, segment, packet)) return true;
    if (poll_probe(now, segment, packet)) return true;
  } else if (flags_.fin_queued && !fin_sent() && state_ != State::time_wait) {
    (void)active();
    if (poll_new_data(now, segment, packet)) return true;
  }
  if (flags_.keepalive_due || acks_due_ > 0) {
    if (poll_ack(now, segment)) return true;
  }
  arm_persist(now);
  // As Linux: who waits for space, or for TCP_NOTSENT_LOWAT, is told after what may leave has left.
  if (active_ != nullptr && active_->buffer_limited && is_writable()) {
    active_->buffer_limited = false;
    notify(Readiness::out);
  }
  tell_busy_clock(now);
  release_active();
  return false;
}

bool Connection::poll_reset(Instant now, Segment& segment) {
  flags_.reset_due = false;
  segment = Segment();
  segment.source_port = tuple_.local.port;
  segment.destination_port = tuple_.remote.port;
  segment.seq = snd_.wl1;
  segment.flags.rst = true;
  if (flags_.reset_acks) {
    segment.flags.ack = true;
    segment.ack = rcv_.nxt;
    // RFC 7323 3.2 SHLD-1
    if (timestamps_.is_enabled())
      segment.options.timestamps = TcpTimestamps{timestamps_.value(now), timestamps_.recent()};
  }
  ++counts_.segments_out;
  return true;
}

// Everything but seq, length and the flags that tell what it is for. RFC 7323 3.2 MUST-7, MUST-8
void Connection::fill_header(Instant now, Segment& segment) {
  segment.source_port = tuple_.local.port;
  segment.destination_port = tuple_.remote.port;
  segment.flags.ack = true;
  segment.ack = rcv_.nxt;
  segment.window = static_cast<std::uint16_t>(std::min(take_window() >> window_.scale(), 65535u));
  if (timestamps_.is_enabled())
    segment.options.timestamps = TcpTimestamps{timestamps_.value(now), timestamps_.recent()};
  // RFC 2018 4 MUST-3, SHLD-1, SHLD-2
  if (flags_.sack && active_ != nullptr && !active_->report.empty() && segment.payload_bytes == 0)
    active_->report.write_to(segment.options);
  write_ecn(now, segment);
  if (active_ != nullptr) {
    if (const auto pointer = active_->urgent.pointer_for(segment.seq)) {
      segment.flags.urg = true;
      segment.urgent_pointer = *pointer;
    }
  }
}

// Every segment with ACK acknowledges all that has come.
void Connection::on_packet_out(Instant now, const Segment& segment) {
  ++counts_.segments_out;
  const bool acknowledges = rcv_.acked != rcv_.nxt || acks_due_ > 0;
  rcv_.acked = rcv_.nxt;
  const bool has_report = flags_.sack && active_ != nullptr && !active_->report.empty();
  if (segment.payload_bytes == 0) {
    if (acks_due_ > 0) --acks_due_;
  } else if (!has_report) {  // SACK blocks travel on pure ACKs, which keeps data segments at their size
    acks_due_ = 0;
  }
  if (active_ != nullptr) active_->delayed_ack_at = kNever;
  if (acknowledges) delayed_ack_.on_ack_sent();
  if (segment.payload_bytes == 0) return;
  ++counts_.data_segments_out;
  delayed_ack_.on_data_sent(std::chrono::milliseconds(ms_of(now) - last_data_received_ms_));
  last_data_sent_ms_ = ms_of(now);
}

// Payload of one packet, in whole segments and at least one: what the link takes in one piece, but no more
// than half of the peer's largest window.
std::uint32_t Connection::packet_room() const {
  const std::uint32_t headers = header_bytes();
  const std::uint32_t largest = std::min(path_.largest_packet, Packet::kLargest);
  std::uint32_t room = largest > headers ? largest - headers : 0;
  // Linux: tcp_bound_to_half_wnd(), so that the second half is under way when the first is acknowledged
  constexpr std::uint32_t kSmallWindow = 536;
  if (snd_.wnd_max > kSmallWindow) room = std::min(room, snd_.wnd_max / 2);
  return room < 2u * snd_.mss ? snd_.mss : room / snd_.mss * snd_.mss;
}

// ... nor than leaves in about a millisecond (packet_goal()).
std::uint32_t Connection::packet_max() const {
  const std::uint32_t room = packet_room();
  if (room <= snd_.mss || is_near(min_rtt_us_)) return room;
  const std::uint32_t goal =
      packet_goal(pacing_rate(), min_rtt_us_, resources_.config.min_tso_segs, snd_.mss);
  return std::max<std::uint32_t>(std::min(room, goal) / snd_.mss * snd_.mss, snd_.mss);
}

// RFC 5682 2b: new data instead of retransmissions, if there is any that may leave.
bool Connection::poll_frto(Instant now, Segment& segment, Packet& packet) {
  Active& a = *active_;
  if (a.recovery.resend() != LossRecovery::Resend::new_data_first || snd_.nxt > a.recovery.end())
    return false;
  if (poll_new_data(now, segment, packet)) return true;
  a.frto.stop();
  a.recovery.set_resend(LossRecovery::Resend::lost);
  return false;
}

bool Connection::poll_retransmission(Instant now, Segment& segment, Packet& packet) {
  Active& a = *active_;
  if (a.sent.waiting_bytes() == 0 || a.recovery.resend() != LossRecovery::Resend::lost) return false;
  const std::uint32_t in_flight = pipe();
  const std::uint32_t cwnd = congestion_->cwnd();
  const auto lost = a.sent.next_lost(packet_max(), snd_.mss);
  if (!lost) return false;
  // RFC 8985 9.3 MUST-11
  std::uint32_t bytes = distance(lost->begin, lost->end);
  if (in_flight + std::min<std::uint32_t>(bytes, snd_.mss) > cwnd || is_held_by_pacer(now)) return false;
  bytes = std::min(bytes, std::max<std::uint32_t>((cwnd - in_flight) / snd_.mss * snd_.mss, snd_.mss));
  // RFC 9293 3.8.6 MUST-34, SHLD-16: inside the window, but the first segment also when the window has
  // shrunk.
  const SeqNum wall = snd_.una + snd_.wnd;
  if (lost->begin >= wall) {
    if (lost->begin != snd_.una) return false;
    bytes = std::min<std::uint32_t>(bytes, snd_.mss);
  } else {
    bytes = std::min(bytes, distance(lost->begin, wall));
  }
  if (!a.records.empty()) bytes = a.records.within_record(lost->begin, bytes);
  send_again(now, {lost->begin, lost->begin + bytes}, false, segment, packet);
  return true;
}

// `as_probe`: a tail loss probe, which no undo will count.
void Connection::send_again(Instant now, SackBlock range, bool as_probe, Segment& segment, Packet& packet) {
  Active& a = *active_;
  const std::uint32_t bytes = distance(range.begin, range.end);
  const bool fin = fin_sent() && range.end == snd_.end + 1;
  segment.seq = range.begin;
  const std::uint32_t data = bytes - (fin ? 1 : 0);
  segment.payload_bytes = a.send_buffer.slice_into(packet, distance(snd_.una, range.begin), data);
  segment.flags.fin = fin && segment.payload_bytes == data;
  packet.segment_size = segment.payload_bytes > snd_.mss ? snd_.mss : std::uint16_t{0};
  packet.cwr_in_pieces = ecn_.is_accurate();
  const RateSnapshot snapshot = a.rate.on_sent(now, pipe(), segment.length());
  const SentAgain sent =
      a.sent.on_retransmit(segment.seq, segment.end(), now, packet.segment_size, as_probe, snapshot);
  packet.transmission = sent.transmission;
  if (!a.notices.empty()) note_sent(now, segment.seq, segment.seq + segment.payload_bytes);
  segment.flags.psh = sent.push && segment.payload_bytes > 0;
  fill_header(now, segment);
  const std::uint32_t segments = (segment.length() + snd_.mss - 1) / snd_.mss;
  counts_.retransmits += segments;
  counts_.bytes_retransmitted += segment.payload_bytes;
  pace(now, segment.payload_bytes);
  if (!as_probe) a.undo.on_retransmitted(segments, timestamps_.value(now));
  if (a.recovery.is_reducing()) a.prr.on_sent(segment.length());
  // The timer that runs counts from the first segment in line (its own expiry has set it already).
  const bool is_first = segment.seq == snd_.una && a.recovery.phase() != LossRecovery::Phase::loss;
  if (a.retransmit_at == kNever || is_first) a.retransmit_at = now + rto();
  on_packet_out(now, segment);
}

bool Connection::poll_new_data(Instant now, Segment& segment, Packet& packet) {
  Active& a = *active_;
  const std::uint32_t buffered = unsent();
  const bool fin_waits = flags_.fin_queued && !fin_sent();
  if (buffered == 0 && !fin_waits) return false;
  // A record that ends before the data does leaves as if nothing followed it, but at once (Linux: only the
  // last packet in the queue waits for company).
  const std::uint32_t waiting = a.records.empty() ? buffered : a.records.within_record(snd_.nxt, buffered);
  const std::uint32_t flight = distance(snd_.una, snd_.nxt);
  // RFC 9293 3.8.6 SHLD-15
  const std::uint32_t window = flight >= snd_.wnd ? 0 : snd_.wnd - flight;
  if (flight == 0 && window > 0 && congestion_->cwnd() > 0) {  // Linux: a closed window is no idleness
    const Duration idle = std::chrono::milliseconds(ms_of(now) - last_data_sent_ms_);
    const std::uint32_t initial = initial_window_bytes(resources_.config, snd_.mss);
    if (resources_.config.slow_start_after_idle && idle > resources_.config.rto_min &&
        counts_.bytes_sent > 0 && idle > rto()) {
      congestion_->on_idle(now, idle, rto(), initial);
      last_data_sent_ms_ = ms_of(now);
    }
    congestion_->on_restart_from_idle(now, a.rate.is_app_limited());
  }
  if (waiting == 0) {
    if (window == 0) return false;  // the FIN needs a place in the window too; persist brings it
    send_new(now, 0, true, segment, packet);
    return true;
  }
  const std::uint32_t in_flight = pipe();
  if (const auto probe = a.records.empty() ? mtu_probe_due(now, window, in_flight) : std::nullopt) {
    if (*probe == 0) return false;  // it goes with the next ACK
    send_mtu_probe(now, *probe, segment, packet);
    return true;
  }
  const std::uint32_t cwnd = congestion_->cwnd();
  SendSituation situation;
  situation.unsent = waiting;
  situation.mss = snd_.mss;
  situation.window = window;
  situation.congestion = cwnd > in_flight ? cwnd - in_flight : 0;
  situation.window_max = snd_.wnd_max;
  const std::uint32_t goal = waiting <= snd_.mss ? snd_.mss : packet_max();
  situation.packet_max =
      goal == snd_.mss ? goal : std::min(goal, std::max(cwnd / 2 / snd_.mss, 1u) * snd_.mss);  // Linux
  situation.nothing_in_flight = in_flight == 0;
  situation.short_in_flight = a.has_short && a.short_end > snd_.una;
  situation.nodelay = settings_->value.nodelay || flags_.pushed;
  situation.corked = (settings_->value.cork || flags_.more) && !flags_.pushed;
  situation.is_last = flags_.fin_queued || waiting < buffered;
  if (goal > snd_.mss &&
      waits_for_more(a, situation, resources_.config, goal, std::min(snd_.wnd, cwnd),
                     std::chrono::milliseconds(ms_of(now) - last_data_sent_ms_), rtt_.srtt(), now)) {
    if (situation.congestion < window) note_window_use(true);
    return false;
  }
  const SendDecision decision = decide_send(situation);
  if (decision.congestion_limited && decision.bytes == 0) note_window_use(true);
  const std::uint32_t next = std::min<std::uint32_t>(waiting, snd_.mss);
  a.window_limited = window < next && situation.congestion >= next;
  if (decision.bytes == 0 || is_held_by_pacer(now)) return false;
  const bool fin = fin_waits && decision.bytes == buffered && window > buffered;
  send_new(now, decision.bytes, fin, segment, packet);
  return true;
}

// Sends what was decided: `bytes` from snd_nxt on, and the FIN behind them.
// RFC 9293 3.9.1.2 MUST-61, SHLD-27, SHLD-28
void Connection::send_new(Instant now, std::uint32_t bytes, bool fin, Segment& segment, Packet& packet) {
  Active& a = *active_;
  segment.seq = snd_.nxt;
  const std::uint32_t offset = distance(snd_.una, snd_.nxt);
  segment.payload_bytes = bytes == 0 ? 0 : a.send_buffer.slice_into(packet, offset, bytes);
  segment.flags.fin = fin && segment.payload_bytes == bytes;
  const SeqNum payload_end = segment.seq + segment.payload_bytes;
  const bool is_end =
      (payload_end == snd_.end && !flags_.unpushed) || (!a.records.empty() && a.records.is_end(payload_end));
  const bool is_marked =
      (a.push_marks.is_active() &&  // seldom; packet_room() divides
       a.push_marks.on_sent(now, segment.seq, payload_end, packet_room(), snd_.wnd_max / 2)) ||
      is_end;
  segment.flags.psh = wants_push(segment, is_marked, snd_.mss);
  fill_header(now, segment);
  ecn_.mark_new_data(segment);
  packet.segment_size = segment.payload_bytes > snd_.mss ? snd_.mss : std::uint16_t{0};
  packet.cwr_in_pieces = ecn_.is_accurate();
  if (!a.notices.empty()) note_sent(now, segment.seq, payload_end);
  if (offset == 0) a.unacked_since = now;
  const SeqNum end = segment.end();
  const std::uint32_t in_flight = pipe();
  a.rate.on_sent(now, in_flight, segment.length(),
                 a.sent.on_sent(segment.seq, end, now, packet.segment_size, is_marked));
  snd_.nxt = end;
  const bool is_whole = segment.payload_bytes == snd_.mss || segment.payload_bytes % snd_.mss == 0;
  if (!is_whole) {
    a.short_end = segment.seq + segment.payload_bytes;
    a.has_short = true;
  }
  if (a.retransmit_at == kNever) a.retransmit_at = now + rto();
  if (a.recovery.is_reducing()) a.prr.on_sent(segment.length());
  (void)schedule_probe(now);
  a.persist_at = kNever;
  a.persist_back_off = 0;
  flags_.probe_due = false;
  counts_.bytes_sent += segment.payload_bytes;
  note_window_use(pipe() >= congestion_->cwnd());
  pace(now, segment.payload_bytes);
  on_packet_out(now, segment);
}

// The persist timer found the peer's window closed, or too small for what the segmentizer wants: what
// fits goes out; when nothing fits, a segment with an old number that the peer must answer (Linux).
bool Connection::poll_probe(Instant now, Segment& segment, Packet& packet) {
  if (!flags_.probe_due) return false;
  flags_.probe_due = false;
  Active& a = *active_;
  std::uint32_t fits = std::min({unsent(), snd_.wnd, std::uint32_t{snd_.mss}});
  if (!a.records.empty()) fits = a.records.within_record(snd_.nxt, fits);
  const std::uint8_t back_off = a.persist_back_off;
  if (snd_.una == snd_.nxt && fits > 0) {
    flags_.unpushed = false;  // Linux: whatever MSG_MORE has said, this is pushed
    send_new(now, fits, flags_.fin_queued && fits == unsent() && snd_.wnd > fits, segment, packet);
    a.persist_back_off = back_off;
    return true;
  }
  segment.seq = snd_.una - 1u;
  fill_header(now, segment);
  on_packet_out(now, segment);
  return true;
}

bool Connection::poll_ack(Instant now, Segment& segment) {
  if (acks_due_ == 0 && !flags_.keepalive_due) return false;
  segment.seq = flags_.keepalive_due ? snd_.una - 1u : snd_.nxt;
  flags_.keepalive_due = false;
  fill_header(now, segment);
  on_packet_out(now, segment);
  return true;
}

}  // namespace sockeye::tcp
