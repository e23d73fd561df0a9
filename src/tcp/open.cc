// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Opening (RFC 9293 3.5, 3.10.1): active, simultaneous (both ends SYN-SENT; also a connection to
// itself), and the child of a listener, whose handshake the SynQueue has done. The SYN is repeated by
// RFC 6298's timer and given up after TCP_SYNCNT retransmissions (Linux).
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/initial_sequence.h"
#include "tcp/initial_window.h"
#include "tcp/resources.h"

namespace sockeye::tcp {
namespace {

// What the first segment promises: never scaled, and no more than TCP_WINDOW_CLAMP.
std::uint32_t first_window(const Settings& settings) {
  const std::uint32_t clamp = settings.window_clamp == 0 ? 65535 : settings.window_clamp;
  return std::min({settings.receive_buffer, clamp, 65535u});
}

}  // namespace

void Connection::open_active(Instant now, std::optional<SeqNum> iss_beyond) {
  flags_.opened = true;
  snd_.iss = initial_sequence(resources_.isn_key, tuple_, now);
  if (iss_beyond && snd_.iss <= *iss_beyond) snd_.iss = *iss_beyond + 1u;
  snd_.una = snd_.iss;
  snd_.nxt = snd_.end = snd_.iss + 1;
  window_.set_limit(settings_->value.receive_buffer);
  last_received_ = now;
  if (settings_->value.quick_ack_off) delayed_ack_.set_quick(false);
  flags_.syn_due = true;
  active().retransmit_at = kNever;
  enter(Event::open_active);
}

// What a listener's child starts with: both SYNs have their numbers, and count as acknowledged.
void Connection::take_handshake(Instant now, const Handshake& handshake) {
  flags_.opened = flags_.passive = true;
  if (settings_->value.quick_ack_off) delayed_ack_.set_quick(false);
  snd_.iss = handshake.iss;
  snd_.una = snd_.nxt = snd_.end = handshake.iss + 1;
  rcv_.irs = handshake.irs;
  rcv_.nxt = rcv_.acked = handshake.irs + 1;
  Negotiated agreed;
  agreed.peer_mss = handshake.peer_mss;
  agreed.peer_window_scale = handshake.peer_window_scale;
  agreed.our_window_scale = handshake.our_window_scale;
  agreed.sack = handshake.sack;
  agreed.timestamps = handshake.timestamps;
  agreed.timestamp_recent = handshake.timestamp_recent;
  adopt(now, agreed, handshake.timestamp_offset);
  ecn_.enable(handshake.ecn);
  ecn_.set_syn_ip_ecn(handshake.syn_ip_ecn);
  if (handshake.ecn_silent) ecn_.silence();
  if (ecn_.is_accurate() && handshake.ace) judge_first_ace(*handshake.ace);
}

void Connection::open_established(Instant now, const Handshake& handshake) {
  take_handshake(now, handshake);
  snd_.wnd = snd_.wnd_max = handshake.peer_window;
  snd_.wl1 = rcv_.irs;
  snd_.wl2 = snd_.una;
  enter(Event::open_established);
  if (handshake.rtt) rtt_.on_sample(*handshake.rtt, snd_.una, snd_.nxt, rto_limits());
  establish(now);
}

// What the two SYNs have agreed on.
void Connection::adopt(Instant now, const Negotiated& agreed, std::uint32_t offset) {
  flags_.sack = agreed.sack;
  flags_.scaled = agreed.peer_window_scale.has_value();
  snd_.scale = agreed.peer_window_scale.value_or(0);
  // TCP_MAXSEG bounds both directions from here on; set later it changes nothing (Linux).
  const std::uint16_t most = settings_->value.max_segment;
  snd_.peer_mss = most == 0 ? agreed.peer_mss : std::min(agreed.peer_mss, most);
  if (agreed.timestamps) timestamps_.enable(now, offset, agreed.timestamp_recent);
  window_.start(now, rcv_.nxt, first_window(settings_->value), agreed.our_window_scale,
                offered_mss(path_.mtu, path_.is_v6, settings_->value.max_segment));
  window_.set_limit(settings_->value.receive_buffer);
  if (resources_.config.mtu_probing > 1) start_mtu_probing(now);
  update_mss(false);
}

// Both ends have synchronized.
void Connection::establish(Instant now) {
  flags_.syn_due = false;
  last_received_ = now;
  last_data_sent_ms_ = last_data_received_ms_ = ms_of(now);
  const std::uint32_t initial = initial_window_bytes(resources_.config, snd_.mss);
  congestion_->set_mss(snd_.mss);
  const bool is_lossy = handshake_was_lossy(resources_.config, rtt_.back_offs());
  congestion_->set_cwnd(is_lossy ? snd_.mss : initial);
  // RFC 6298 5.7 MUST-9: nothing was measured because the SYN was repeated.
  if (!rtt_.has_sample()) rtt_.distrust_initial();
  rtt_.reset_back_off();
  if (active_ != nullptr) {
    active_->round_end = snd_.nxt;
    active_->retransmit_at = kNever;
    active_->retransmissions = 0;
    active_->sent.clear();
  }
  grow_send_buffer();
  notify(Readiness::out);
}

// The SYN in SYN-SENT, the SYN-ACK in SYN-RECEIVED (simultaneous open).
bool Connection::poll_handshake(Instant now, Segment& segment, Packet& packet) {
  if (!flags_.syn_due) return false;
  flags_.syn_due = false;
  const Offer offer =
      make_offer(resources_.config, settings_->value, path_.mtu, path_.is_v6, path_.signature_bytes);
  const std::uint32_t offset = timestamp_offset(resources_.timestamp_key, tuple_);
  const std::uint32_t ts_value = TimestampState::value_at(now, offset);
  segment = Segment();
  segment.source_port = tuple_.local.port;
  segment.destination_port = tuple_.remote.port;
  segment.seq = snd_.iss;
  segment.flags.syn = true;
  if (state_ == State::syn_sent) {
    segment.options = syn_options(offer, ts_value);
    ask_for_ecn(segment);
    (void)add_fast_open(now, segment, packet);
  } else {
    Negotiated agreed;
    agreed.sack = flags_.sack;
    agreed.timestamps = timestamps_.is_enabled();
    agreed.timestamp_recent = timestamps_.recent();
    if (flags_.scaled) agreed.peer_window_scale = snd_.scale;
    segment.options = syn_ack_options(offer, agreed, ts_value);
    if (flags_.passive && active().fast_open.asks && active().retransmissions == 0)
      segment.options.fast_open = active().fast_open.cookie;
    segment.flags.ack = true;
    if (!ecn_.is_accurate()) {
      segment.flags.ece = ecn_.is_enabled();
    } else if (active().retransmissions < 2) {  // RFC 9768 3.1.4.2
      set_ace(segment.flags, handshake_ace(ecn_.syn_ip_ecn()));
    } else {
      ecn_.silence();
    }
    segment.ack = rcv_.nxt;
    rcv_.acked = rcv_.nxt;
    acks_due_ = 0;
  }
  segment.window = static_cast<std::uint16_t>(first_window(settings_->value));
  Active& a = active();
  if (a.sent.empty()) {
    a.sent.on_sent(snd_.iss, flags_.passive ? snd_.iss + 1 : snd_.nxt, now) = {};
    a.unacked_since = now;
  } else {
    (void)a.sent.on_retransmit(snd_.iss, snd_.iss + 1, now);
    if (a.retransmissions > 0) ++counts_.retransmits;
  }
  packet.transmission = a.retransmissions;
  a.retransmit_at = now + rto();
  ++counts_.segments_out;
  return true;
}

// RFC 9293 3.8.3 MUST-22, MUST-23
void Connection::on_handshake_timeout(Instant now) {
  Active& a = active();
  a.retransmit_at = kNever;
  const Duration patience = settings_->value.user_timeout;
  const bool too_long = patience > Duration::zero() && now - a.unacked_since >= patience;
  const Config& config = resources_.config;
  const unsigned own = settings_->value.syn_retries;
  const unsigned most = own != 0 ? own : flags_.passive ? config.syn_ack_retries + 1 : config.syn_retries;
  const bool is_over = a.retransmissions >= most || too_long;
  on_fast_open_timeout(now, is_over);
  if (is_over) {
    fail(give_up_error(), Event::timeout);
    return;
  }
  ++a.retransmissions;
  rtt_.back_off();
  flags_.syn_due = true;
}

}  // namespace sockeye::tcp
