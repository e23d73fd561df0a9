// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The order of loss recovery: what an ACK, a time-out, and the two timers before it (RFC 8985's
// reordering timer and tail loss probe) do to the phase, the marks and the window. As Linux orders it:
// undo before new marks, marks before a new recovery, and the window last.
#include <algorithm>

#include "tcp/ack_news.h"
#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

using Phase = LossRecovery::Phase;
using Resend = LossRecovery::Resend;

// RFC 6675's pipe: bytes believed to be in the network.
// RFC 5681 3.2 SHLD-6, MUST-7: what arrived out of order makes room, and cwnd stays.
std::uint32_t Connection::pipe() const {
  const Active& a = *active_;
  const std::uint32_t flight = distance(snd_.una, snd_.nxt) + a.sent.resent_bytes();
  const std::uint32_t arrived = flags_.sack ? a.sent.sacked_bytes() : a.recovery.reno_sacked();
  const std::uint32_t gone = arrived + a.sent.lost_bytes();
  return flight > gone ? flight - gone : 0;
}

std::uint32_t Connection::sacked_segments() const {
  return flags_.sack ? active_->sent.sacked_segments() : active_->recovery.duplicates();
}

Duration Connection::rack_window() const {
  const Active& a = *active_;
  const bool impatient = a.recovery.is_recovering() || sacked_segments() >= reordering_.degree();
  return Rack::window(reordering_, impatient, std::chrono::microseconds(min_rtt_us_), rtt_.srtt());
}

// RFC 8985 6.2 step 5, or RFC 6582's rule (RFC 8985 4 MUST-1). What waits for the reordering timer replaces
// the others (RFC 8985 6.2 REC-2). RFC 6675's rules are not asked (RFC 8985 9.2 MUST-10; RFC 8985 1 REC-4).
void Connection::mark_losses(Instant now, AckNews& news) {
  Active& a = *active_;
  if (a.sent.empty()) return;
  if (!flags_.sack) {
    const bool many = !a.recovery.is_recovering() && a.recovery.duplicates() >= reordering_.degree();
    const bool partial = a.recovery.phase() == Phase::recovery && news.advances();
    if (many || partial) a.sent.mark_front_lost(snd_.mss);  // RFC 5681 3.2 MUST-9
    return;
  }
  if (!a.rack.take_advanced()) return;
  const Duration wait = a.rack.detect(now, rack_window(), a.sent);
  if (wait == Duration::zero()) return;
  a.reorder_at = now + wait;
  a.probe_at = kNever;  // RFC 8985 8 SHLD-10: one of the timers runs
  a.retransmit_at = std::max(a.retransmit_at, a.reorder_at);
  news.restart_timer = false;
}

// RFC 8985 6.2 step 3: something that was sent only once arrived behind what was sent after it.
void Connection::note_reordering(SeqNum low) {
  const Active& a = *active_;
  SeqNum highest = snd_.una;
  if (!a.scoreboard.empty()) highest = max(highest, a.scoreboard.highest());
  if (low >= highest) return;
  reordering_.on_reordering((distance(low, highest) + snd_.mss - 1) / snd_.mss,
                            resources_.config.max_reordering);
}

// --- phases

void Connection::keep_open() {
  Active& a = *active_;
  const bool something_left = a.sent.lost_bytes() > 0 || sacked_segments() > 0 || a.sent.any_retransmitted();
  const Phase phase = something_left ? Phase::disorder : Phase::open;
  if (phase != a.recovery.phase()) a.recovery.enter(phase, snd_.nxt);
}

// RFC 5681 3.2 MUST-8, MUST-11: PRR brings cwnd to ssthresh. RFC 8985 9.3 REC-3
void Connection::start_reduction(Instant now, Phase phase, std::uint32_t delivered) {
  Active& a = *active_;
  const bool in_bytes = resources_.config.prr_in_bytes;
  // RFC 9937 6: what was in flight before this ACK, but for what was SACKed already.
  const std::uint32_t flight = distance(snd_.una, snd_.nxt) + delivered - a.sent.sacked_bytes();
  const std::uint32_t recover_fs = in_bytes ? flight : congestion_->cwnd();
  congestion_->enter_recovery(now);
  ecn_.on_reduction();
  a.prr.start(recover_fs, congestion_->ssthresh(), in_bytes);
  a.probe.cancel();
  a.loss_probe_due = false;
  a.recovery.enter(phase, snd_.nxt);
}

// RFC 5681 4.3 SHLD-10, MUST-14
void Connection::enter_recovery(Instant now, std::uint32_t delivered) {
  Active& a = *active_;
  const bool reduced = a.recovery.is_reducing();
  a.undo.start(snd_.una, a.sent.resent_bytes() / snd_.mss, !reduced);
  if (!reduced) keep_for_undo(now);
  if (reduced) {
    a.recovery.change(Phase::recovery);
  } else {
    start_reduction(now, Phase::recovery, delivered);
  }
}

// The peer echoes congestion (ECN): the window comes down once, nothing is sent again.
void Connection::enter_cwr(Instant now) {
  Active& a = active();
  if (a.recovery.phase() >= Phase::cwr) return;
  a.undo.clear();
  start_reduction(now, Phase::cwr);
}

// --- undo (RFC 4015, with Linux's conditions)

// RFC 9438 4.9: what is restored is what there was before the reduction that now begins.
void Connection::keep_for_undo(Instant now) {
  active_->before_reduction = congestion_->memory(now);
  active_->reduced_at = now;
}

void Connection::undo_reduction(Instant now, bool nothing_lost) {
  Active& a = *active_;
  if (nothing_lost) a.sent.forget_losses();
  if (a.undo.restores()) {
    congestion_->undo(now);
    if (!congestion_->owns_recovery()) congestion_->remember(a.reduced_at, a.before_reduction);
  } else if (congestion_->owns_recovery()) {
    congestion_->on_recovery_end();
  }
  a.undo.clear();
  a.rack.look_again();
}

bool Connection::try_undo_duplicates(Instant now) {
  Active& a = *active_;
  if (!a.undo.all_duplicate()) return false;
  reordering_.on_undo();
  undo_reduction(now, false);
  return true;
}

// The hole was filled by the delayed original. True: nothing more is marked or sent again for now.
bool Connection::try_undo_partial(Instant now, const AckNews& news) {
  Active& a = *active_;
  if (!a.undo.is_armed() || !a.undo.is_delayed(news.echo)) return false;
  note_reordering(news.una_before);
  if (a.sent.resent_bytes() > 0) return true;
  undo_reduction(now, true);
  keep_open();
  return false;
}

bool Connection::try_undo_loss(Instant now, const AckNews& news, bool by_frto) {
  Active& a = *active_;
  if (!by_frto && !a.undo.may_undo(news.echo)) return false;
  undo_reduction(now, true);
  a.retransmissions = 0;
  if (holds_old_phase()) return true;
  if (by_frto || flags_.sack) a.recovery.enter(Phase::open, snd_.nxt);
  return true;
}

// RFC 6582 4: without SACK the duplicates of what was sent needlessly would start a new recovery, so
// the old one lasts until something beyond its end is acknowledged.
bool Connection::holds_old_phase() {
  Active& a = *active_;
  if (flags_.sack || snd_.una != a.recovery.end()) return false;
  if (!a.sent.any_retransmitted()) a.undo.forget_first();
  return true;
}

// Everything up to the end of the recovery is acknowledged. True: the phase stays nevertheless.
bool Connection::finish_recovery(Instant now, const AckNews& news) {
  Active& a = *active_;
  if (a.undo.may_undo(news.echo)) {
    undo_reduction(now, false);
  } else {
    reordering_.on_recovery_end();
  }
  if (holds_old_phase()) return true;
  if (a.recovery.phase() == Phase::loss && congestion_->owns_recovery()) congestion_->on_recovery_end();
  a.recovery.change(Phase::open);
  return false;
}

// --- an ACK

// Answers false when the ACK is done with.
bool Connection::leave_phase(Instant now, const AckNews& news) {
  Active& a = *active_;
  if (a.recovery.phase() == Phase::open) {
    if (!a.sent.any_retransmitted()) a.undo.forget_first();
    return true;
  }
  if (snd_.una < a.recovery.end()) return true;
  if (a.recovery.phase() == Phase::cwr) {
    if (snd_.una == a.recovery.end()) return true;  // something above must be acknowledged
    congestion_->on_recovery_end();
    a.recovery.change(Phase::open);
  } else if (a.recovery.phase() == Phase::recovery) {
    if (!flags_.sack) a.recovery.forget_duplicates();
    if (finish_recovery(now, news)) return false;
    if (a.undo.is_armed()) congestion_->on_recovery_end();
  }
  return true;
}

void Connection::count_duplicate(AckNews& news) {
  Active& a = *active_;
  if (flags_.sack || !news.duplicate) return;
  const std::uint32_t flight = distance(snd_.una, snd_.nxt);
  const std::uint32_t holes =
      std::min<std::uint32_t>(std::max<std::uint32_t>(a.sent.lost_bytes(), snd_.mss), flight);
  const std::uint32_t before = a.recovery.reno_sacked();
  if (a.recovery.on_duplicate_ack(snd_.mss, flight - holes))
    reordering_.on_reordering(flight / snd_.mss, resources_.config.max_reordering);
  news.delivered += a.recovery.reno_sacked() - before;
}

void Connection::recover(Instant now, AckNews& news) {
  Active& a = *active_;
  a.recovery.set_resend(Resend::lost);
  if (news.advances() && !a.sent.empty() && a.sent.front().sacked) {
    // RFC 2018 8: the peer let go of what it had reported. A little time for an ACK that was overtaken.
    a.retransmit_at = now + std::max<Duration>(rtt_.srtt() / 2, 10ms);
    a.probe_at = a.reorder_at = kNever;
    news.restart_timer = false;
    a.recovery.set_resend(Resend::nothing);
    return;
  }
  if (!leave_phase(now, news)) return;
  switch (a.recovery.phase()) {
    case Phase::recovery:
      if (!news.advances()) {
        count_duplicate(news);
      } else if (try_undo_partial(now, news)) {
        a.recovery.set_resend(Resend::nothing);
        return;
      }
      if (try_undo_duplicates(now)) keep_open();
      mark_losses(now, news);
      if (a.recovery.phase() == Phase::recovery) return;
      break;
    case Phase::loss: {
      recover_from_timeout(now, news);
      const std::uint32_t resent = a.sent.resent_bytes();
      mark_losses(now, news);
      const bool lost_again = a.sent.resent_bytes() < resent;
      if (a.recovery.phase() != Phase::open && !lost_again) return;
      if (a.recovery.phase() <= Phase::disorder) (void)try_undo_duplicates(now);
      break;
    }
    default:
      if (news.advances()) a.recovery.forget_duplicates();
      count_duplicate(news);
      if (a.recovery.phase() <= Phase::disorder) (void)try_undo_duplicates(now);
      mark_losses(now, news);
      break;
  }
  if (a.sent.lost_bytes() > 0) {
    if (is_mtu_probe_loss()) return;
    enter_recovery(now, news.delivered);
  } else if (a.recovery.phase() != Phase::cwr) {
    if (!a.sent.any_retransmitted()) a.undo.forget_first();
    keep_open();
  }
}

// In the loss phase: undo, F-RTO, or on with the retransmissions.
void Connection::recover_from_timeout(Instant now, AckNews& news) {
  Active& a = *active_;
  if (news.advances() && try_undo_loss(now, news, false)) return;
  const bool recovered = snd_.una >= a.recovery.end();
  Frto::Heard heard;
  // Without SACK an ACK that covers a retransmission says nothing about the originals.
  heard.original = news.original && (flags_.sack || !news.retransmitted);
  heard.duplicate = news.sacked || (!flags_.sack && news.duplicate);
  heard.advances = news.advances();
  heard.recovered = recovered;
  heard.can_send_new = unsent() > 0 && snd_.nxt < snd_.una + snd_.wnd;
  heard.sent_new = snd_.nxt > a.recovery.end();
  const Frto::Advice advice = a.frto.on_ack(heard);
  if (advice == Frto::Advice::spurious) {
    (void)try_undo_loss(now, news, true);
  } else if (advice == Frto::Advice::send_new) {
    a.recovery.enter(Phase::loss, snd_.nxt);
    a.recovery.set_resend(Resend::new_data_first);
  } else if (recovered) {
    (void)finish_recovery(now, news);
  } else if (!flags_.sack && heard.sent_new && news.duplicate) {
    count_duplicate(news);  // of the new data
  } else if (!flags_.sack && news.advances()) {
    a.recovery.forget_duplicates();
  }
}

// The timer: what is not SACKed is lost, unless it left less than a round trip ago (RFC 8985 6.3).
void Connection::enter_loss(Instant now) {
  Active& a = *active_;
  const Phase before = a.recovery.phase();
  if (before <= Phase::disorder) reordering_.on_timeout(sacked_segments(), resources_.config.reordering);
  if (!a.scoreboard.empty() && a.scoreboard.range(0).begin <= snd_.una) {
    // RFC 2018 5 MUST-5: what is SACKed and begins where the cumulative ACK stands was let go of.
    a.scoreboard.clear();
    a.sent.forget_sacks();
  }
  a.recovery.forget_duplicates();
  const std::uint32_t marked = a.sent.begin_marks(congestion_->owns_recovery());
  a.sent.mark_all_lost([&](const SentSegment& s) { return flags_.sack && a.rack.is_young(s, now); });
  (void)count_lost(now, marked);
  // A reduction of this window was made already, unless the last one is over or this is a first time-out
  // after progress.
  const bool is_new = before <= Phase::disorder || snd_.una >= a.recovery.end() ||
                      (before == Phase::loss && a.retransmissions == 0);
  if (is_new) {
    a.undo.start(snd_.una, a.sent.resent_bytes() / snd_.mss, true);
    keep_for_undo(now);
  }
  congestion_->on_rto(now, is_new);
  ecn_.on_reduction();
  congestion_->set_cwnd(pipe() + snd_.mss);
  a.recovery.enter(Phase::loss, snd_.nxt);
  a.recovery.set_resend(Resend::lost);
  a.frto.on_timeout(resources_.config.frto && (before < Phase::recovery || a.retransmissions > 0));
  a.probe.cancel();
  a.probe_at = a.reorder_at = kNever;
  a.loss_probe_due = false;
}

// The path became smaller (Linux: tcp_simple_retransmit): what was too large for it is lost for sure,
// which is no sign of congestion.
void Connection::resend_too_large() {
  Active& a = *active_;
  a.sent.mark_all_lost(
      [&](const SentSegment& s) { return (s.mss == 0 ? s.bytes() : s.mss) <= std::uint32_t{snd_.mss}; });
  if (a.recovery.phase() == Phase::loss) return;
  a.undo.clear();
  a.recovery.enter(Phase::loss, snd_.nxt);
  a.recovery.set_resend(Resend::lost);
}

// RFC 8985 6.2 step 5: nothing was heard while the reordering window passed.
void Connection::on_reorder_timeout(Instant now) {
  Active& a = *active_;
  a.reorder_at = kNever;
  if (!a.sent.empty()) a.retransmit_at = std::max<Instant>(now + 1ms, a.sent.front().sent_at + rto());
  const std::uint32_t losses = a.sent.loss_count();
  const std::uint32_t marked = a.sent.begin_marks(congestion_->owns_recovery());
  const Duration wait = a.rack.detect(now, rack_window(), a.sent);
  if (wait > Duration::zero()) a.reorder_at = now + wait;
  (void)count_lost(now, marked);
  if (losses == a.sent.loss_count()) return;
  a.recovery.set_resend(Resend::lost);
  if (a.recovery.phase() == Phase::recovery || is_mtu_probe_loss()) return;
  enter_recovery(now);
  // The reduction begins without an ACK; as if one for a segment had come (Linux).
  if (!congestion_->owns_recovery()) congestion_->set_cwnd(a.prr.on_ack(snd_.mss, pipe(), false, snd_.mss));
}

// --- the tail loss probe (RFC 8985 7.2, 7.3)

// False: not now (no SACK, or something is amiss already, which others look after).
bool Connection::schedule_probe(Instant now) {
  Active& a = *active_;
  const Phase phase = a.recovery.phase();
  // RFC 8985 7.2 SHLD-6, SHLD-7
  if (!resources_.config.tail_loss_probe || !flags_.sack || a.sent.empty()) return false;
  if (phase != Phase::open && phase != Phase::cwr) return false;
  const bool is_lone = a.sent.size() == 1 && a.sent.front().bytes() <= snd_.mss;
  const auto srtt = rtt_.has_sample() ? std::optional(rtt_.srtt()) : std::nullopt;
  const Config& config = resources_.config;
  const Duration silence =
      TailLossProbe::timeout(srtt, is_lone, config.rto_min, config.probe_slack, config.rto_initial);
  a.probe_at = std::min(now + silence, a.retransmit_at);
  return true;
}

void Connection::on_probe_timeout(Instant now) {
  Active& a = *active_;
  a.probe_at = kNever;
  // RFC 8985 7.3 MUST-4, MUST-5: one at a time; now it is the timer's turn.
  const bool unmeasured =
      resources_.config.probe_needs_sample && (flags_.probe_unmeasured || !rtt_.has_sample());
  if (a.probe.is_outstanding() || unmeasured) {
    a.retransmit_at = std::max(now, a.sent.front().sent_at + rto());
  } else {
    a.loss_probe_due = true;
  }
}

bool Connection::poll_loss_probe(Instant now, Segment& segment, Packet& packet) {
  Active& a = *active_;
  if (!a.loss_probe_due) return false;
  // RFC 8985 7.3 lets a probe pass the congestion window, not the pacer.
  if (!a.sent.empty() && is_held_by_pacer(now)) return false;
  a.loss_probe_due = false;
  if (a.sent.empty()) return false;
  const std::uint32_t waiting = unsent();
  const std::uint32_t wanted = std::min<std::uint32_t>(waiting, snd_.mss);
  const std::uint32_t flight = distance(snd_.una, snd_.nxt);
  const bool is_new = wanted > 0 && flight + wanted <= snd_.wnd;
  // RFC 8985 7.3 SHLD-8, SHLD-9
  if (is_new) {  // whatever the congestion window and Nagle say
    const bool fin = flags_.fin_queued && wanted == waiting && flight + wanted < snd_.wnd;
    send_new(now, wanted, fin, segment, packet);
  } else {
    const SackBlock last = a.sent.last_segment(snd_.mss);
    // RFC 8985 7.3 MUST-9
    send_again(now, last, true, segment, packet);
  }
  a.probe.on_probe(snd_.nxt, !is_new);
  flags_.probe_unmeasured = true;
  a.probe_at = kNever;
  a.retransmit_at = now + rto();  // RFC 8985 7.3 MUST-6
  return true;
}

// After an ACK that brought progress: the timers start over (RFC 6298 5.3).
// RFC 6298 5.1 SHLD-4
void Connection::restart_timers(Instant now) {
  Active& a = *active_;
  const bool others_waited = a.probe_at != kNever || a.reorder_at != kNever;
  a.probe_at = a.reorder_at = kNever;
  a.loss_probe_due = false;  // what the pacer still holds has its answer
  if (snd_.una == snd_.nxt) {
    a.retransmit_at = kNever;
    // A report of duplicates may come when all is acknowledged. An undo and a probe's verdict wait for
    // it, but not for ever.
    if (flags_.sack && (a.undo.is_armed() || a.probe.is_outstanding())) a.undo_until = now + rto();
    return;
  }
  a.retransmit_at = now + rto();
  if (schedule_probe(now) || !others_waited) return;
  a.retransmit_at = std::max(now, a.sent.front().sent_at + rto());
}

}  // namespace sockeye::tcp
