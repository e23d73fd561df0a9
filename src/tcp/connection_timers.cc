// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The one deadline of a connection and what happens at it: delayed ACK, retransmission (RFC 6298 5),
// what precedes it (RFC 8985), persist (RFC 9293 3.8.6.1), FIN_WAIT_2 of an orphan, keep-alive (3.8.4).
// Timers are not objects; each is an instant that is stored or computed, and the earliest is the answer
// (decisions.md D14).
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/rare.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

Instant Connection::next_timer() const {
  Instant at = std::min(fin_wait_2_at_, keepalive_at());
  if (active_ != nullptr) {
    const Active& a = *active_;  // pair by pair: a list would be made in memory first
    at = std::min(at, std::min(std::min(a.retransmit_at, a.probe_at), std::min(a.reorder_at, a.persist_at)));
    at = std::min(at, std::min(a.delayed_ack_at, a.undo_until));
  }
  return at;
}

void Connection::on_timer(Instant now) {
  check_app_limited();
  if (active_ != nullptr && active_->delayed_ack_at <= now) {
    active_->delayed_ack_at = kNever;
    delayed_ack_.on_timeout();
    acknowledge_now();
  }
  if (active_ != nullptr) on_recovery_timers(now);
  if (active_ != nullptr && active_->retransmit_at <= now) {
    if (state_ == State::syn_sent || state_ == State::syn_received) {
      on_handshake_timeout(now);
    } else {
      on_retransmit_timeout(now);
    }
  }
  if (active_ != nullptr && active_->persist_at <= now) on_persist_timeout(now);
  if (fin_wait_2_at_ <= now) {
    fin_wait_2_at_ = kNever;
    enter(Event::timeout);
  }
  if (keepalive_at() <= now) on_keepalive_timeout(now);
}

// What comes before the retransmission timer: RACK's timer, the tail loss probe (which the timer then
// waits for), and the end of the wait for a late report.
void Connection::on_recovery_timers(Instant now) {
  Active& a = *active_;
  if (a.reorder_at <= now) on_reorder_timeout(now);
  if (a.probe_at <= now) {
    on_probe_timeout(now);
    if (a.loss_probe_due) a.retransmit_at = now + rto();
  }
  if (a.undo_until <= now) {
    if (snd_.una == snd_.nxt) {
      a.undo.clear();
      a.probe.cancel();
    }
    a.undo_until = kNever;
  }
}

// RFC 6298 5 MUST-7
void Connection::on_retransmit_timeout(Instant now) {
  Active& a = *active_;
  if (should_give_up(now)) {
    fail(give_up_error(), Event::timeout);
    return;
  }
  if (resources_.config.tell_r1 && a.retransmissions == resources_.config.retries1) {
    // RFC 9293 3.8.3 SHLD-9: an error that is read once; the connection goes on until R2.
    error_ = soft_error_ != Errno{} ? soft_error_ : Errno::timedout;
    notify(Readiness::err);
  }
  suspect_black_hole(now);
  Rare& kept = make_rare();
  kept.mtu.forget();
  ++kept.timeouts.count;
  if (a.retransmissions == 0) a.first_retransmit = now;
  enter_loss(now);  // RFC 9293 3.8.2 MUST-19
  if (a.retransmissions < 255) ++a.retransmissions;
  rtt_.back_off();  // RFC 6298 5.5 MUST-8
  a.round_end = snd_.nxt;
  Duration wait = rto();
  const Duration patience = settings_->value.user_timeout;
  if (patience > Duration::zero()) {  // do not sleep past it (Linux: tcp_clamp_rto_to_user_timeout)
    const Duration left = a.unacked_since + patience - now;
    wait = std::clamp(left, Duration(1ms), wait);
  }
  a.retransmit_at = now + wait;
}

// Nothing in flight and data (or a FIN) that cannot leave: only a timer can bring the next chance.
// RFC 9293 3.8.6.1 MUST-36, SHLD-29
void Connection::arm_persist(Instant now) {
  if (active_ == nullptr || !is_synchronized(state_) || state_ == State::time_wait) return;
  Active& a = *active_;
  const bool waits = unsent() > 0 || (flags_.fin_queued && !fin_sent());
  if (!waits || snd_.una != snd_.nxt || a.waits_for_release) {
    a.persist_at = kNever;
    return;
  }
  if (a.persist_at != kNever) return;
  a.persist_back_off = 0;
  a.persist_since = now;
  a.persist_at = now + rto();
}

void Connection::on_persist_timeout(Instant now) {
  Active& a = *active_;
  const Config& config = resources_.config;
  unsigned probes_max = config.retries2;
  const Duration patience = settings_->value.user_timeout;
  // TCP_USER_TIMEOUT also ends the wait for a peer that answers but never opens its window (hostile F6).
  bool give_up = patience > Duration::zero() && now - a.persist_since >= patience;
  if (flags_.orphan) {
    const bool is_alive =
        rto() * (std::int64_t{1} << std::min<unsigned>(a.persist_back_off, 20)) < config.rto_max;
    probes_max = config.orphan_retries == 0 ? 8 : config.orphan_retries;
    give_up |= !is_alive && a.persist_back_off >= probes_max;
  }
  // RFC 9293 3.8.6.1 MUST-37: an answered probe sets probes_ back, so a peer that answers is never dropped.
  if (give_up || probes_ >= probes_max) {
    fail(give_up_error(), Event::timeout);
    return;
  }
  if (probes_ < 255) ++probes_;
  last_probe_ = now;
  flags_.probe_due = true;
  if (a.persist_back_off < 16) ++a.persist_back_off;
  // RFC 9293 3.8.6.1 SHLD-30
  const Duration wait = rto() * (std::int64_t{1} << a.persist_back_off);
  a.persist_at = now + std::min(wait, config.rto_max);
}

// RFC 9293 3.8.4 MUST-26. Silence counts from the last segment heard; with data under way the retransmission
// timer looks after the peer. kNever: not now.
Instant Connection::keepalive_at() const {
  const Settings& settings = settings_->value;
  if (!settings.keepalive || !is_synchronized(state_) || state_ == State::time_wait) return kNever;
  if (snd_.una != snd_.nxt || unsent() > 0) return kNever;
  return probes_ == 0 ? last_received_ + settings.keepalive_idle : last_probe_ + settings.keepalive_interval;
}

void Connection::on_keepalive_timeout(Instant now) {
  const Settings& settings = settings_->value;
  // RFC 9293 3.8.4 MUST-29, SHLD-12
  const bool by_time = settings.user_timeout > Duration::zero();
  const bool give_up = by_time ? probes_ > 0 && now - last_received_ >= settings.user_timeout
                               : probes_ >= settings.keepalive_count;
  if (give_up) {
    send_reset();
    fail(give_up_error(), Event::timeout);
    return;
  }
  if (probes_ < 255) ++probes_;
  last_probe_ = now;
  flags_.keepalive_due = true;
}

}  // namespace sockeye::tcp
