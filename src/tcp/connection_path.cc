// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How large a segment may be (RFC 9293 3.7.1, 3.7.2): the peer's MSS, TCP_MAXSEG, what the path is
// reported to carry (RFC 1191, RFC 8201; the stack keeps the reports), and what probing has shown to
// pass (RFC 4821, tcp/mtu_probe.h).
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/rare.h"
#include "tcp/resources.h"
#include "tcp/signature.h"
#include "tcp/user_timeout.h"

namespace sockeye::tcp {

std::uint32_t Connection::option_bytes() const {
  return (timestamps_.is_enabled() ? kTimestampBytes : 0) + path_.signature_bytes;
}

// Headers of a data segment: everything of a packet that is not payload.
std::uint32_t Connection::header_bytes() const {
  return path_.ip_header_bytes() + kTcpHeaderMin + option_bytes();
}

void Connection::update_mss(bool resend) {
  std::uint32_t mtu = path_.mtu;
  if (Rare* kept = rare(); kept != nullptr && kept->mtu.is_running()) {
    kept->mtu.limit(mtu);
    mtu = std::min(mtu, kept->mtu.low());
  }
  const std::uint32_t mss = effective_send_mss(snd_.peer_mss, mtu, path_.is_v6, 0, option_bytes());
  const bool is_smaller = mss < snd_.mss;
  snd_.mss = static_cast<std::uint16_t>(mss);
  congestion_->set_mss(mss);
  // What is in flight was too large for the path (Linux: tcp_simple_retransmit).
  if (is_smaller && resend && is_synchronized(state_) && active_ != nullptr && snd_.una != snd_.nxt)
    resend_too_large();
}

void Connection::on_path_change(Instant now, const Path& path, bool resend) {
  path_ = path;
  if (state_ == State::syn_sent && resend) resend_syn_alone();
  if (is_synchronized(state_) && state_ != State::time_wait) update_mss(resend);
  (void)now;
}

SignedPosition Connection::signed_position() const {
  SignedPosition position;
  position.iss = snd_.iss;
  position.irs = rcv_.irs;
  position.sending = std::uint64_t{snd_.iss.value()} + 1 + counts_.bytes_sent;
  position.receiving = std::uint64_t{rcv_.irs.value()} + 1 + counts_.bytes_received;
  return position;
}

// --- probing

std::uint32_t Connection::probe_ceiling() const {
  return path_.ip_header_bytes() + kTcpHeaderMin + snd_.peer_mss;
}

bool Connection::is_probing_mtu() const {
  const Rare* kept = rare();
  return kept != nullptr && kept->mtu.is_running();
}

void Connection::start_mtu_probing(Instant now) {
  make_rare().mtu.start(now, header_bytes() + resources_.config.base_mss, probe_ceiling());
}

// RFC 4821 7.7, as Linux: after R1 without an answer, full segments may be what does not get through.
void Connection::suspect_black_hole(Instant now) {
  const Config& config = resources_.config;
  if (config.mtu_probing == 0) return;
  GiveUp question;
  question.rto_min = config.rto_min;
  question.rto_max = config.rto_max;
  question.retransmissions = active_->retransmissions;
  question.retries = config.retries1;
  if (!question.decide(now - active_->first_retransmit, Duration::zero())) return;
  Rare* kept = rare();
  if (kept == nullptr || !kept->mtu.is_running()) {
    start_mtu_probing(now);
  } else {
    const std::uint32_t half = (kept->mtu.low() - std::min(kept->mtu.low(), header_bytes())) / 2;
    const std::uint32_t mss = std::max({std::min(config.base_mss, half), config.mtu_probe_floor, kMssFloor});
    kept->mtu.fall_back(header_bytes() + mss);
  }
  update_mss(true);
}

// The size of a probe to send now, in payload; 0: wait for room to send one; empty: nothing to probe.
std::optional<std::uint32_t> Connection::mtu_probe_due(Instant now, std::uint32_t window,
                                                       std::uint32_t pipe) {
  Rare* kept = rare();
  if (kept == nullptr || !kept->mtu.is_running() || kept->mtu.is_in_flight()) return std::nullopt;
  constexpr std::uint32_t kWindowSegments = 11;  // Linux: a smaller window cannot afford a lost probe
  const Active& a = *active_;
  const std::uint32_t cwnd = congestion_->cwnd();
  if (a.recovery.phase() != LossRecovery::Phase::open || !a.scoreboard.empty() ||
      cwnd < kWindowSegments * snd_.mss)
    return std::nullopt;
  const Config& config = resources_.config;
  const std::uint32_t size = kept->mtu.next(config.mtu_probe_threshold);
  if (size == 0) {
    if (kept->mtu.reopen(now, config.mtu_probe_interval, header_bytes() + snd_.mss, probe_ceiling()))
      kept->mtu.limit(path_.mtu);
    return std::nullopt;
  }
  // Enough behind it that its loss is found by duplicate ACKs and not by a time-out.
  const std::uint32_t payload = size - header_bytes();
  const std::uint32_t needed = payload + (reordering_.degree() + 1) * snd_.mss;
  if (unsent() < needed || snd_.wnd < needed) return std::nullopt;
  if (window < needed) return 0;
  if (pipe + 2u * snd_.mss > cwnd) {
    if (pipe == 0) return std::nullopt;
    return 0;
  }
  return payload;
}

void Connection::send_mtu_probe(Instant now, std::uint32_t payload, Segment& segment, Packet& packet) {
  Active& a = *active_;
  const bool had_short = a.has_short;
  const SeqNum short_end = a.short_end;
  send_new(now, payload, false, segment, packet);
  a.has_short = had_short;  // it is no short segment that Nagle would wait for
  a.short_end = short_end;
  packet.segment_size = 0;  // one piece, that is the point
  segment.flags.psh = segment.seq + segment.payload_bytes == snd_.end && !flags_.unpushed;
  rare()->mtu.on_sent(segment.payload_bytes + header_bytes(), segment.seq, segment.end());
  congestion_->set_cwnd(congestion_->cwnd() - snd_.mss);  // Linux: it takes the place of two
}

// snd_una has advanced.
void Connection::check_mtu_probe() {
  Rare* kept = rare();
  if (kept == nullptr || !kept->mtu.on_una(snd_.una)) return;
  const std::uint32_t cwnd = congestion_->cwnd();
  update_mss(false);
  congestion_->set_cwnd(cwnd);  // the same bytes, in fewer segments
}

// A loss was found. True: it is the probe's, so cwnd stays (RFC 4821 7.5).
bool Connection::is_mtu_probe_loss() {
  Rare* kept = rare();
  if (kept == nullptr || !kept->mtu.is_in_flight() || snd_.una != kept->mtu.begin()) return false;
  kept->mtu.on_lost();
  congestion_->set_cwnd(congestion_->cwnd() + snd_.mss);
  resend_too_large();
  return true;
}

}  // namespace sockeye::tcp
