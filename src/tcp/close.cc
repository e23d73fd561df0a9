// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Closing (RFC 9293 3.6, 3.10.4-3.10.6): the FIN follows what was written; unread data or SO_LINGER
// zero turns the close into a RST; without a program the connection goes on as an orphan; FIN_WAIT_2
// without a program ends after TCP_LINGER2 (Linux). And giving up: R2, TCP_USER_TIMEOUT, orphans.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"
#include "tcp/time_wait.h"
#include "tcp/user_timeout.h"

namespace sockeye::tcp {

// The writing half ends: state now, FIN when the data before it has left.
void Connection::queue_fin(Instant now) {
  if (flags_.fin_queued) return;
  flags_.fin_queued = true;
  flags_.write_shut = true;
  // In SYN-RECEIVED the FIN waits until the connection is established (3.10.4).
  if (state_ != State::syn_received) enter(Event::close);
  (void)now;
}

void Connection::send_reset() {
  flags_.reset_due = flags_.reset_acks = true;
  snd_.wl1 = snd_.nxt;
}

void Connection::close(Instant now, bool abort) {
  flags_.orphan = true;
  const bool unread_data = unread() > 0 || window_.external() > 0;
  flags_.read_shut = flags_.write_shut = true;
  switch (state_) {
    case State::closed:
    case State::listen:
    case State::time_wait:
      if (active_ != nullptr) active_->receive_buffer.clear();
      release_active();
      return;
    case State::syn_sent:
      enter(Event::close);
      return;
    default:
      break;
  }
  // RFC 9293 3.6.1 SHLD-3: bytes that nobody will read are lost, and the peer must learn it.
  const bool linger_less = state_ == State::fin_wait_2 && settings_->value.linger2 < Duration::zero();
  if (abort || unread_data || linger_less) {
    // Linux sends no RST when both sides had finished already.
    const bool is_known = state_ != State::closing && state_ != State::last_ack;
    if (is_known || unread_data || snd_.nxt != snd_.end + 1) send_reset();
    enter(Event::abort);
    if (active_ != nullptr) active_->receive_buffer.clear();
    release_active();
    return;
  }
  if (active_ != nullptr) active_->receive_buffer.clear();
  queue_fin(now);
  if (state_ == State::fin_wait_2) start_fin_wait_2(now);
}

// Linux keeps an orphan in FIN_WAIT_2 for TCP_LINGER2, but not shorter than a lost FIN takes to come.
void Connection::start_fin_wait_2(Instant now) {
  const Duration asked = settings_->value.linger2;
  const Duration least = rto() * 4 - rto() / 2;
  fin_wait_2_at_ = now + std::max(asked, least);
}

// 2 MSL are the TimeWaitTable's; here only the last ACK is left to send.
void Connection::start_time_wait() {
  flags_.write_shut = flags_.read_shut = true;
  fin_wait_2_at_ = kNever;
  if (active_ != nullptr) {
    active_->forget_flight();
    active_->persist_at = active_->delayed_ack_at = kNever;
  }
  notify(Readiness::in | Readiness::out | Readiness::hup | Readiness::rdhup);
}

TimeWait Connection::make_time_wait(Instant now) const {
  TimeWait record;
  record.tuple = tuple_;
  record.snd_nxt = snd_.nxt;
  record.rcv_nxt = rcv_.nxt;
  record.window = static_cast<std::uint16_t>(std::min(window_.current(rcv_.nxt) >> window_.scale(), 65535u));
  record.timestamps = timestamps_.is_enabled();
  record.timestamp_recent = timestamps_.recent();
  record.timestamp_offset = timestamps_.offset();
  (void)now;
  return record;
}

// RFC 9293 3.9.2.2 MUST-54, MUST-56, SHLD-26. As Linux: while the connection is being opened any unreachable
// ends it; later it is only remembered, and is what ETIMEDOUT becomes if nothing else comes. RFC 5927 4.1:
// the quoted number must be of something in flight.
void Connection::on_icmp_error(Instant now, Errno error, bool hard, SeqNum quoted_seq) {
  const SeqNum oldest = is_fast_child() ? snd_.iss : snd_.una;  // its SYN-ACK is still under way
  if (quoted_seq < oldest || quoted_seq > snd_.nxt) {
    resources_.counters.count(Counter::out_of_window_icmps);
    return;
  }
  if (state_ == State::syn_sent || state_ == State::syn_received) {
    fail(error, Event::abort);
  } else if (is_synchronized(state_) && state_ != State::time_wait) {
    if (hard && resources_.config.abort_on_hard_icmp) return fail(error, Event::abort);
    soft_error_ = error;
  }
  (void)now;
}

// RFC 9293 3.9.1.8 MUST-47; RFC 9293 3.9.2.2 SHLD-25
Errno Connection::give_up_error() const {
  return soft_error_ != Errno{} ? soft_error_ : Errno::timedout;
}

// A retransmission time-out, or a probe, found nobody: is it time to give up? RFC 9293 3.8.3 MUST-20
bool Connection::should_give_up(Instant now) const {
  const Active& a = *active_;
  GiveUp question;
  question.rto_min = resources_.config.rto_min;
  question.rto_max = resources_.config.rto_max;
  question.user_timeout = settings_->value.user_timeout;
  question.retransmissions = a.retransmissions;
  question.retries = resources_.config.retries2;
  if (flags_.orphan) {
    const bool is_alive = rto() < resources_.config.rto_max;
    question.retries = soft_error_ != Errno{} && !is_alive ? 0 : resources_.config.orphan_retries;
    if (question.retries == 0 && is_alive) question.retries = 8;
  }
  // A peer that shrank its window to zero but still answers is alive.
  // RFC 9293 3.8.6 SHLD-17, MUST-35
  if (snd_.wnd == 0 && now - last_received_ <= resources_.config.rto_max) return false;
  return question.decide(now - a.first_retransmit, now - a.unacked_since);
}

}  // namespace sockeye::tcp
