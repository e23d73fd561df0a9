// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Fast open in the life of a connection (RFC 7413 4.2): the SYN that carries data, what its SYN-ACK says
// about them, and the server's child that lives before the handshake is complete.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/initial_sequence.h"
#include "tcp/initial_window.h"
#include "tcp/negotiation.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

// --- the client

bool Connection::try_fast_open(Instant now) {
  SOCKEYE_ASSERT(state_ == State::syn_sent && flags_.syn_due);
  const Config& config = resources_.config;
  FastOpenAttempt& attempt = active().fast_open;
  flags_.fast_open = true;
  const FastOpenCache::Entry* known = resources_.fast_open.find(tuple_.remote.address);
  if (resources_.fast_open.is_paused(now, config.fast_open_blackhole)) {
    flags_.fast_open = false;
    return false;
  }
  if ((config.fast_open & kFastOpenClientNoCookie) != 0 || settings_->value.fast_open_no_cookie) {
    attempt.sends = true;
  } else if (known != nullptr && known->cookie.size > 0) {
    attempt.sends = true;
    attempt.cookie = known->cookie;
  } else {
    attempt.asks = true;
    flags_.fast_open_failure = 1;
    attempt.cookie.is_experimental = known != nullptr && known->unanswered == FastOpenCache::Ask::by_rfc;
    return false;
  }
  // As Linux: what the server took last time, or else we would offer; less all options there can be.
  const std::uint16_t ours = offered_mss(path_.mtu, path_.is_v6, settings_->value.max_segment);
  const std::uint32_t mss = known != nullptr && known->mss != 0 ? std::min(known->mss, ours) : ours;
  constexpr std::uint32_t kOptionsMax = kTcpHeaderMax - kTcpHeaderMin;
  attempt.room = static_cast<std::uint16_t>(mss > kOptionsMax ? mss - kOptionsMax : 0);
  return attempt.room > 0;
}

void Connection::defer_syn() {
  flags_.syn_due = false;
  active().fast_open.deferred = true;
}

bool Connection::is_syn_deferred() const {
  return state_ == State::syn_sent && active_ != nullptr && active_->fast_open.deferred;
}

// What a program sends before the SYN has left.
Result<std::size_t> Connection::send_with_syn(Bytes bytes) {
  Active& a = *active_;
  const std::uint32_t used = a.send_buffer.size();
  if (used >= a.fast_open.room) return Errno::again;
  const std::size_t wanted = std::min<std::size_t>(bytes.size(), a.fast_open.room - used);
  const std::uint32_t taken = wanted == 0 ? 0 : a.send_buffer.append(resources_.chunks, bytes.first(wanted));
  if (taken == 0 && wanted > 0) return Errno::nobufs;
  snd_.end += taken;
  a.fast_open.deferred = false;
  flags_.syn_due = true;
  return std::size_t{taken};
}

// The first SYN; its repetitions go without (4.1.3). Answers the bytes that go with it.
std::uint32_t Connection::add_fast_open(Instant now, Segment& syn, Packet& packet) {
  Active& a = *active_;
  if (!(a.fast_open.asks || a.fast_open.sends) || a.retransmissions > 0) return 0;
  if (a.fast_open.asks) {
    syn.options.fast_open = a.fast_open.cookie;
    return 0;
  }
  if (a.fast_open.cookie.size > 0) syn.options.fast_open = a.fast_open.cookie;
  const std::uint32_t wanted = std::min<std::uint32_t>(a.send_buffer.size(), a.fast_open.room);
  if (wanted == 0) return 0;
  syn.payload_bytes = a.send_buffer.slice_into(packet, 0, wanted);
  a.fast_open.data = static_cast<std::uint16_t>(syn.payload_bytes);
  snd_.nxt = snd_.iss + 1 + syn.payload_bytes;
  counts_.bytes_sent += syn.payload_bytes;
  ++counts_.data_segments_out;
  note_sent(now, snd_.iss + 1, snd_.nxt);
  return syn.payload_bytes;
}

// snd_una is what the peer acknowledges of the SYN and its data. Answers how many bytes it left.
std::uint32_t Connection::take_ack_of_syn_data(Instant now) {
  Active& a = *active_;
  const std::uint32_t acked = distance(snd_.iss + 1, snd_.una);
  if (a.let_go(snd_.una, acked, now)) notify(Readiness::err);
  return a.fast_open.data - std::min<std::uint32_t>(acked, a.fast_open.data);
}

// The same for a SYN-ACK, which also tells what to do the next time.
std::uint32_t Connection::on_syn_ack_of_fast_open(Instant now, const Segment& segment) {
  Active& a = *active_;
  const std::uint32_t again = take_ack_of_syn_data(now);
  if (flags_.fast_open) {
    const auto& cookie = segment.options.fast_open;
    using Ask = FastOpenCache::Ask;
    Ask unanswered = Ask::none;
    if (!cookie && a.fast_open.asks && a.retransmissions == 0)
      unanswered = a.fast_open.cookie.is_experimental ? Ask::by_experiment : Ask::by_rfc;
    // As the peer said it: what TCP_MAXSEG of this socket makes of it does not concern the next (Linux).
    const std::uint16_t mss = mss_of_peer(segment.options, path_.is_v6);
    resources_.fast_open.set(tuple_.remote.address, mss, cookie, unanswered);
    // SYNs with data, or the answers to them, do not get through: the next SYN only asks (4.1.3).
    const bool lost = a.retransmissions > 0 && !cookie && a.fast_open.data > 0 && snd_.una == snd_.iss + 1;
    if (lost) resources_.fast_open.forget_cookie(tuple_.remote.address);
  }
  const bool has_data = a.fast_open.data > 0;
  if (again > 0) {
    resources_.counters.count(Counter::fast_open_active_fail);
    flags_.fast_open_failure = a.retransmissions > 0 ? 3 : 2;
  } else if (has_data) {
    flags_.syn_data_acked = true;
    resources_.counters.count(Counter::fast_open_active);
    resources_.fast_open.on_success();
  }
  return again;
}

// Our SYN has met the peer's (RFC 9293 figure 8), and this acknowledges it. As Linux, the peer's data waits
// for its repetition; ours was sent once and may have been taken.
void Connection::establish_crossed(Instant now) {
  (void)active();
  const std::uint32_t again = take_ack_of_syn_data(now);
  active_->fast_open = FastOpenAttempt();
  establish(now);
  if (again > 0) resend_syn_data(now, again);
}

// What the SYN carried in vain counts as lost, but not to congestion (Linux).
void Connection::resend_syn_data(Instant now, std::uint32_t bytes) {
  Active& a = active();
  const auto cut = bytes > snd_.mss ? snd_.mss : std::uint16_t{0};
  a.rate.on_sent(now, 0, bytes, a.sent.on_sent(snd_.una, snd_.una + bytes, now, cut, true));
  a.retransmit_at = now + rto();
  a.sent.mark_lost(a.sent.oldest());
  a.recovery.enter(LossRecovery::Phase::loss, snd_.nxt);
  a.recovery.set_resend(LossRecovery::Resend::lost);
}

// A blocking call has more to say, and will carry the ACK (Linux).
void Connection::delay_ack_of_syn(Instant now) {
  delayed_ack_.start(window_.current(rcv_.nxt), window_.peer_mss());
  rcv_.acked = rcv_.irs;
  active().delayed_ack_at = now + resources_.config.delayed_ack_max;
}

void Connection::expect_writer() {
  if (state_ == State::syn_sent && active_ != nullptr) active_->fast_open.writer_waits = true;
}

// The SYN was too large for the path: again, at once and alone (Linux).
void Connection::resend_syn_alone() {
  if (active_ == nullptr || active_->fast_open.data == 0 || flags_.syn_due) return;
  active_->fast_open.asks = active_->fast_open.sends = false;
  flags_.syn_due = true;
}

// Linux: the third time-out in a row of a connection that began so, or its end, is a black hole.
void Connection::on_fast_open_timeout(Instant now, bool is_over) {
  if (!flags_.fast_open || resources_.config.fast_open_blackhole <= Duration::zero()) return;
  const std::uint8_t timeouts = active_->retransmissions;
  if (timeouts != 2 && !(timeouts < 2 && is_over)) return;
  resources_.counters.count(Counter::fast_open_blackhole);
  resources_.fast_open.on_black_hole(now);
}

// --- the server

void Connection::open_fast(Instant now, const Handshake& handshake, const Segment& syn, Packet& packet) {
  enter(Event::open_passive);
  enter(Event::receive_syn);
  // Our SYN counts as acknowledged, so that offsets in the send buffer are those of data.
  take_handshake(now, handshake);
  snd_.wnd = snd_.wnd_max = syn.window;  // never scaled
  snd_.wl1 = syn.seq;
  snd_.wl2 = snd_.una;
  last_received_ = now;
  last_data_sent_ms_ = last_data_received_ms_ = ms_of(now);
  congestion_->set_mss(snd_.mss);
  congestion_->set_cwnd(initial_window_bytes(resources_.config, snd_.mss));
  grow_send_buffer();
  flags_.syn_due = true;
  if (handshake.fast_open_cookie) {
    active().fast_open.asks = true;
    active().fast_open.cookie = *handshake.fast_open_cookie;
  }
  (void)active();
  if (syn.payload_bytes > 0) {
    flags_.syn_data_acked = true;
    (void)take_text(now, syn, packet);
  }
  active().delayed_ack_at = kNever;  // the SYN-ACK acknowledges them
  acks_due_ = 0;
  notify(Readiness::out);
}

// The ACK that completes the handshake; what it says about data is on_ack()'s.
void Connection::establish_fast(Instant now) {
  flags_.syn_due = false;
  Active& a = active();
  const SentAcked covered = a.sent.on_ack(snd_.iss + 1);
  if (covered.any && !covered.retransmitted)
    rtt_.on_sample(now - covered.first_sent, snd_.una, snd_.nxt, rto_limits());
  rtt_.reset_back_off();
  a.round_end = snd_.nxt;
  a.retransmissions = 0;
  a.fast_open = FastOpenAttempt();
  a.retransmit_at = snd_.una == snd_.nxt ? kNever : now + rto();
  notify(Readiness::out);
}

}  // namespace sockeye::tcp
