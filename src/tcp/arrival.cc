// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/arrival.h"

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/initial_sequence.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

std::optional<Drop> Connection::on_segment(Instant now, const Segment& segment, Packet& packet) {
  ++counts_.segments_in;
  std::optional<Drop> drop;
  if (resources_.config.header_prediction && take_predicted(now, segment, packet, drop)) return drop;
  return Arrival(*this, now, segment, packet).run();
}

std::optional<Drop> Arrival::run() {
  switch (c_.state_) {
    case State::closed:
    case State::listen:
      return Drop::connection_closed;
    case State::syn_sent:
      return in_syn_sent();
    default:
      break;
  }
  if (c_.is_fast_child() && segment_.flags.syn && !segment_.flags.ack && !segment_.flags.rst &&
      segment_.seq == c_.rcv_.irs) {
    c_.flags_.syn_due = true;  // the SYN again, perhaps without its data: our answer was lost
    return std::nullopt;
  }
  // As Linux: before anything is answered (RFC 9293 3.10.7.4 would have the numbers judged first).
  if (!segment_.flags.ack && !segment_.flags.rst && !segment_.flags.syn) return Drop::no_ack;
  std::optional<Drop> drop;
  const auto proceeds = [&drop](Verdict verdict) {
    if (verdict.drop) drop = verdict.drop;
    return verdict.proceeds;
  };
  (void)(proceeds(check_sequence()) && proceeds(check_reset()) && proceeds(check_syn()) &&
         proceeds(check_ack()) && proceeds(check_urgent()) && proceeds(process_text()) &&
         proceeds(check_fin()));
  return drop;
}

// An answer to what is not believed, limited per connection and per host. RFC 5961 7 SHLD-1, SHLD-2
Arrival::Verdict Arrival::challenge(Drop reason) {
  Resources& shared = c_.resources_;
  if (!c_.challenge_.allow(now_, shared.config.invalid_ratelimit) ||
      !shared.challenge_limit.allow(now_, shared.config.challenge_ack_limit)) {
    shared.counters.count(Counter::ack_skipped_challenge);
    return discard(Drop::challenge_limited);
  }
  if (reason == Drop::syn_in_window) shared.counters.count(Counter::syn_challenge);
  if (reason == Drop::syn_in_window || reason == Drop::rst_out_of_window || reason == Drop::bad_ack)
    shared.counters.count(Counter::challenge_ack);
  c_.acknowledge_now();
  return discard(reason);
}

// <SEQ=SEG.ACK><CTL=RST>: the connection itself stays as it is.
void Arrival::reset_reply() {
  c_.flags_.reset_due = true;
  c_.flags_.reset_acks = false;
  c_.snd_.wl1 = segment_.ack;
}

// --- first

Arrival::Verdict Arrival::check_sequence() {
  const auto& timestamps = segment_.options.timestamps;
  if (timestamps && !segment_.flags.rst && c_.timestamps_.is_old(now_, timestamps->value)) {
    // RFC 7323 5.2 MUST-15; RFC 7323 5.3 MUST-16 (R1): acknowledge and drop. A pure ACK that was overtaken is
    // no attack and no news.
    if (segment_.length() == 0) return challenge(Drop::paws);
    c_.acknowledge_now();
    return discard(Drop::paws);
  }
  // RFC 7323 3.2 SHLD-2, MUST-11: dropped without a word, and no reason to reset.
  const bool lacks_timestamp = !timestamps && c_.timestamps_.is_enabled() && !segment_.flags.rst;
  if (lacks_timestamp && c_.resources_.config.require_timestamps) return discard(Drop::no_timestamp);
  // As Linux: the left edge is what we last acknowledged, so that ACKs which were overtaken by data of
  // the same window still count.
  const SeqNum right = c_.rcv_.nxt + c_.window_.current(c_.rcv_.nxt);
  // RFC 9293 3.4 MUST-66: an empty segment at the edge of a closed window is acceptable.
  const bool acceptable = segment_.end() >= c_.rcv_.acked && segment_.seq <= right;
  if (!acceptable) {
    if (segment_.flags.rst) return discard(Drop::rst_out_of_window);  // RFC 5961 3.2 MUST-1
    if (segment_.payload_bytes == 0 || segment_.flags.syn) return challenge(Drop::out_of_window);
    if (segment_.end() <= c_.rcv_.nxt) {  // RFC 2883: say what came twice
      c_.report_duplicate({segment_.seq, segment_.seq + segment_.payload_bytes});
      c_.acknowledge_now();
      return discard(Drop::duplicate_data);
    }
    c_.acknowledge_now();
    return discard(Drop::out_of_window);
  }
  if (timestamps && c_.timestamps_.is_enabled() && !segment_.flags.rst)
    c_.timestamps_.on_segment(now_, timestamps->value, segment_.seq, c_.rcv_.acked);
  // RFC 7323 3.2 would drop it; Linux does not (hostile.md D9).
  if (!timestamps && c_.timestamps_.is_enabled() && !segment_.flags.rst)
    c_.resources_.counters.count(Counter::timestamp_missing);
  return proceed();
}

// --- second

Arrival::Verdict Arrival::check_reset() {
  if (!segment_.flags.rst) return proceed();  // RFC 9293 3.5.3 SHLD-2: whatever it carries is not looked at
  // RFC 5961 3.2 MUST-2, MUST-3: only the exact next number resets; the rest of the window is challenged.
  if (segment_.seq != c_.rcv_.nxt) return challenge(Drop::rst_out_of_window);
  switch (c_.state_) {
    case State::syn_received:
      // Children of listeners have another place, but for those that a fast open made.
      // RFC 9293 3.5 MUST-11. As Linux: a reset, where the RFC would call a simultaneous open refused.
      c_.fail(Errno::connreset, Event::receive_rst);
      return stop();
    case State::close_wait:
      c_.fail(Errno::pipe, Event::receive_rst);
      return stop();
    case State::time_wait:
      if (c_.resources_.config.rfc1337) return discard(Drop::time_wait);
      c_.enter(Event::receive_rst);
      return stop();
    default:
      c_.fail(Errno::connreset, Event::receive_rst);
      return stop();
  }
}

// --- fourth

Arrival::Verdict Arrival::check_syn() {
  if (!segment_.flags.syn) return proceed();
  // Simultaneous open: the SYN-ACK that crosses ours repeats the SYN we know (RFC 9293 figure 8).
  const bool is_known = c_.state_ == State::syn_received && segment_.flags.ack &&
                        segment_.seq == c_.rcv_.irs && acknowledges_our_syn();
  if (is_known) {
    // As Linux: its SYN came twice, and that is said.
    if (c_.flags_.sack) c_.active().report.on_duplicate({segment_.seq, segment_.seq + 1u});
    c_.acknowledge_now();
    return proceed();
  }
  return challenge(Drop::syn_in_window);  // RFC 5961 4.2 MUST-4, MUST-5
}

// --- fifth

Arrival::Verdict Arrival::check_ack() {
  if (!segment_.flags.ack) return discard(Drop::no_ack);
  c_.last_received_ = now_;
  const std::uint32_t piece = packet_.segment_size == 0 ? segment_.payload_bytes : packet_.segment_size;
  c_.count_ecn(segment_, piece == 0 ? 1 : (segment_.payload_bytes + piece - 1) / piece);
  if (c_.state_ == State::syn_received) {
    const Verdict verdict = ack_in_syn_received();
    if (!verdict.proceeds) return verdict;
  }
  if (segment_.ack > c_.snd_.nxt) return challenge(Drop::bad_ack);
  // RFC 5961 5.2 MUST-6: an acknowledgment older than any window we ever had is an injection.
  if (segment_.ack < c_.snd_.una - c_.snd_.wnd_max) return challenge(Drop::bad_ack);
  // An old one may still bring SACK blocks.
  if (segment_.ack >= c_.snd_.una || segment_.options.sack_count > 0) c_.on_ack(now_, segment_);
  if (c_.flags_.fin_queued && c_.snd_.una == c_.snd_.end + 1) return after_ack_of_fin();
  return proceed();
}

Arrival::Verdict Arrival::ack_in_syn_received() {
  const bool is_fast = c_.is_fast_child();
  if (!acknowledges_our_syn()) {
    reset_reply();
    return discard(Drop::bad_ack);
  }
  if (c_.ecn_.is_accurate() && !segment_.flags.syn) c_.judge_first_ace(ace_of(segment_.flags));
  if (!is_fast) c_.snd_.una = segment_.ack;
  c_.snd_.wnd = std::uint32_t{segment_.window} << (segment_.flags.syn ? 0 : c_.snd_.scale);
  c_.snd_.wnd_max = c_.snd_.wnd;
  c_.snd_.wl1 = segment_.seq;
  c_.snd_.wl2 = segment_.ack;
  c_.enter(Event::receive_ack_of_syn);
  is_fast ? c_.establish_fast(now_) : c_.establish_crossed(now_);
  if (c_.flags_.fin_queued) c_.enter(Event::close);
  return proceed();
}

Arrival::Verdict Arrival::after_ack_of_fin() {
  switch (c_.state_) {
    case State::fin_wait_1:
      c_.enter(Event::receive_ack_of_fin);
      if (c_.flags_.orphan) c_.start_fin_wait_2(now_);
      return proceed();
    case State::closing:
      c_.enter(Event::receive_ack_of_fin);
      c_.start_time_wait();
      return stop();
    case State::last_ack:
      c_.enter(Event::receive_ack_of_fin);
      return stop();
    default:
      return proceed();
  }
}

// --- sixth

Arrival::Verdict Arrival::check_urgent() {
  if (can_receive(c_.state_)) c_.take_urgent(segment_, packet_);
  return proceed();
}

// --- seventh

Arrival::Verdict Arrival::process_text() {
  if (segment_.payload_bytes == 0) return proceed();
  if (!can_receive(c_.state_)) {
    if (c_.state_ == State::time_wait) c_.acknowledge_now();
    const bool is_new = segment_.seq + segment_.payload_bytes > c_.rcv_.nxt;
    if (!is_new) c_.acknowledge_now();  // a retransmission that crossed our ACK
    return discard(is_new ? Drop::data_after_fin : Drop::duplicate_data);
  }
  // RFC 9293 3.6.1 (and Linux in both FIN_WAIT states): nobody will read this, and the peer must know.
  const bool is_closing = c_.state_ != State::established;
  if (is_closing && c_.flags_.read_shut && segment_.seq + segment_.payload_bytes > c_.rcv_.nxt) {
    reset_reply();
    c_.fail(Errno::connreset, Event::abort);
    return discard(Drop::data_after_close);
  }
  c_.take_ecn(segment_);
  const auto drop = c_.take_text(now_, segment_, packet_);
  return {true, drop};
}

// --- eighth

Arrival::Verdict Arrival::check_fin() {
  if (segment_.flags.fin && !c_.flags_.fin_received && can_receive(c_.state_)) {
    const SeqNum at = segment_.end() - 1u;
    // Beyond the window there can be no FIN that counts.
    if (at >= c_.rcv_.nxt && at <= c_.rcv_.nxt + c_.window_.current(c_.rcv_.nxt)) c_.active().fin_at = at;
    if (at > c_.rcv_.nxt) c_.acknowledge_now();
  } else if (segment_.flags.fin && c_.flags_.fin_received) {
    c_.acknowledge_now();  // it was lost on the way back
  }
  if (c_.active_ != nullptr && c_.active_->fin_at == c_.rcv_.nxt && can_receive(c_.state_)) c_.take_fin(now_);
  return proceed();
}

// --- 3.10.7.3

std::optional<Drop> Arrival::in_syn_sent() {
  const bool ack = segment_.flags.ack;
  if (ack && !acknowledges_our_syn()) {
    if (!segment_.flags.rst) reset_reply();
    return Drop::bad_ack;
  }
  if (segment_.flags.rst) {
    if (!ack) return Drop::rst_out_of_window;
    c_.fail(Errno::connrefused, Event::receive_rst);
    return std::nullopt;
  }
  if (!segment_.flags.syn) return ack ? Drop::no_ack : Drop::out_of_window;
  if (ack && !echoes_our_syn()) {
    reset_reply();
    return Drop::paws;
  }
  take_syn();
  if (!ack) {  // both ends have sent a SYN: RFC 9293 3.5 MUST-10
    c_.enter(Event::receive_syn);
    c_.flags_.syn_due = true;
    return std::nullopt;
  }
  const SentAcked covered = c_.active().sent.on_ack(segment_.ack);
  c_.snd_.una = segment_.ack;
  std::optional<Duration> rtt;
  if (covered.any && !covered.retransmitted)
    rtt = now_ - covered.first_sent;
  else if (segment_.options.timestamps)  // the echo tells which SYN was answered
    rtt = c_.timestamps_.round_trip(now_, segment_.options.timestamps->echo);
  if (rtt) c_.rtt_.on_sample(*rtt, c_.snd_.una, c_.snd_.nxt, c_.rto_limits());
  const std::uint32_t again = c_.on_syn_ack_of_fast_open(now_, segment_);
  const bool takes_data = c_.flags_.fast_open && again == 0;
  // Linux: data will carry the ACK of the SYN-ACK, or says the program so.
  const bool is_answered = c_.active().fast_open.writer_waits || c_.delayed_ack_.is_conversation();
  c_.active().fast_open = FastOpenAttempt();
  c_.enter(Event::receive_syn_ack);
  c_.establish(now_);
  if (again > 0) c_.resend_syn_data(now_, again);
  if (is_answered)
    c_.delay_ack_of_syn(now_);
  else
    c_.acknowledge_now();
  if (!takes_data || (segment_.payload_bytes == 0 && !segment_.flags.fin)) return std::nullopt;
  const Verdict verdict = process_text();  // RFC 7413 4.2.2: the server's may come with its SYN-ACK
  (void)check_fin();
  return verdict.drop;
}

// Or that and what was sent behind it, or a part of that (RFC 7413).
bool Arrival::acknowledges_our_syn() const {
  return c_.snd_.iss < segment_.ack && segment_.ack <= c_.snd_.nxt;
}

// Linux: a timestamp that no SYN of ours has carried is not from the peer that we have asked.
bool Arrival::echoes_our_syn() const {
  const auto& timestamps = segment_.options.timestamps;
  if (!timestamps || timestamps->echo == 0 || !c_.resources_.config.timestamps) return true;
  const std::uint32_t offset = timestamp_offset(c_.resources_.timestamp_key, c_.tuple_);
  const std::uint32_t first = TimestampState::value_at(c_.active().unacked_since, offset);
  return timestamps->echo - first <= TimestampState::value_at(now_, offset) - first;
}

void Arrival::take_syn() {
  c_.rcv_.irs = segment_.seq;
  c_.rcv_.nxt = c_.rcv_.acked = segment_.seq + 1;
  const Offer offer = make_offer(c_.resources_.config, c_.settings_->value, c_.path_.mtu, c_.path_.is_v6,
                                 c_.path_.signature_bytes);
  const Negotiated agreed = negotiate(offer, segment_.options, c_.path_.is_v6);
  c_.adopt(now_, agreed, timestamp_offset(c_.resources_.timestamp_key, c_.tuple_));
  c_.negotiate_ecn(segment_);
  // RFC 7323 2.2 MUST-3
  c_.snd_.wnd = c_.snd_.wnd_max = segment_.window;  // a SYN's window is never scaled
  c_.snd_.wl1 = segment_.seq;
  c_.snd_.wl2 = segment_.ack;
}

}  // namespace sockeye::tcp
