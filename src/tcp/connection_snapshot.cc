// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Connection <-> Snapshot. The restored end treats what was in flight as sent long ago, and asks its
// peer at once where it stands (a segment below the window, which every TCP answers): the answer moves
// snd_una, and what is still missing goes out by the retransmission timer.
#include <algorithm>
#include <array>
#include <type_traits>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/negotiation.h"
#include "tcp/rare.h"
#include "tcp/resources.h"
#include "tcp/snapshot.h"

namespace sockeye::tcp {
namespace {

// What is counted, without what was told of it: that is told again.
AccEcn counts_of(const AccEcn& from) {
  std::array<std::uint64_t, 16> words{};
  std::size_t at = 0;
  const auto save = [&](const auto& value) { words[at++] = static_cast<std::uint64_t>(value); };
  AccEcn::walk(save, from);
  at = 0;
  const auto load = [&](auto& value) {
    value = static_cast<std::remove_reference_t<decltype(value)>>(words[at++]);
  };
  AccEcn counts;
  AccEcn::walk(load, counts);
  return counts;
}

}  // namespace

Result<Snapshot> Connection::snapshot(Instant now) const {
  if (!is_synchronized(state_) || state_ == State::time_wait || flags_.reset_due) return Errno::inval;
  Snapshot s;
  s.tuple = tuple_;
  s.state = state_;
  s.settings = settings_->value;
  s.is_passive = flags_.passive;
  s.is_read_shut = flags_.read_shut;
  s.is_write_shut = flags_.write_shut;
  s.is_orphan = flags_.orphan;
  s.snd_iss = snd_.iss;
  s.snd_una = snd_.una;
  s.snd_nxt = snd_.nxt;
  s.snd_wl1 = snd_.wl1;
  s.snd_wl2 = snd_.wl2;
  s.snd_wnd = snd_.wnd;
  s.snd_wnd_max = snd_.wnd_max;
  s.snd_limit = snd_.limit;
  s.rcv_irs = rcv_.irs;
  s.rcv_nxt = rcv_.nxt;
  s.rcv_edge = window_.edge();
  s.rcv_limit = window_.limit();
  s.rcv_mss = window_.peer_mss();
  s.peer_mss = snd_.peer_mss;
  s.peer_window_scale = snd_.scale;
  s.our_window_scale = window_.scale();
  s.scaled = flags_.scaled;
  s.sack = flags_.sack;
  s.timestamps = timestamps_.is_enabled();
  s.timestamp_recent = timestamps_.recent();
  s.timestamp_now = timestamps_.value(now);
  s.ecn_bits = ecn_.bits();
  if (ecn_.is_accurate() && rare() != nullptr) s.accurate_ecn = counts_of(rare()->accurate_ecn);
  s.syn_data_acked = flags_.syn_data_acked;
  s.fast_open_failure = flags_.fast_open_failure;
  s.bytes_sent = counts_.bytes_sent;
  s.bytes_received = counts_.bytes_received;
  s.bytes_retransmitted = counts_.bytes_retransmitted;
  s.retransmits = counts_.retransmits;
  s.srtt = rtt_.srtt();
  s.cwnd = congestion_->cwnd();
  s.congestion_memory = congestion_->memory(now).words;
  s.ssthresh = congestion_->ssthresh();
  if (active_ == nullptr) return s;
  const Active& a = *active_;
  s.unacked.resize(a.send_buffer.size());
  a.send_buffer.copy(s.unacked);
  s.unread.resize(a.receive_buffer.size());
  a.receive_buffer.copy(s.unread, 0);
  s.has_urgent_sent = a.urgent.sent_mark().has_value();
  s.urgent_sent = a.urgent.sent_mark().value_or(SeqNum());
  s.urgent_state = static_cast<std::uint8_t>(a.urgent.state());
  s.urgent_value = a.urgent.value();
  s.urgent_at = a.urgent.at();
  return s;
}

Result<> Connection::restore(Instant now, const Snapshot& s) {
  SOCKEYE_ASSERT(state_ == State::closed && !flags_.opened);
  flags_.opened = true;
  flags_.passive = s.is_passive;
  snd_.iss = s.snd_iss;
  snd_.una = s.snd_una;
  snd_.nxt = s.snd_nxt;
  snd_.end = s.snd_una + static_cast<std::uint32_t>(s.unacked.size());
  rcv_.irs = s.rcv_irs;
  rcv_.nxt = rcv_.acked = s.rcv_nxt;
  Negotiated agreed;
  agreed.peer_mss = s.peer_mss;
  if (s.scaled) agreed.peer_window_scale = s.peer_window_scale;
  agreed.our_window_scale = s.our_window_scale;
  agreed.sack = s.sack;
  agreed.timestamps = s.timestamps;
  agreed.timestamp_recent = s.timestamp_recent;
  adopt(now, agreed, s.timestamp_now - ms_of(now));
  window_.restore(s.rcv_limit, s.rcv_edge, s.rcv_mss);
  ecn_ = EcnState::from_bits(s.ecn_bits);
  if (ecn_.is_accurate()) make_rare().accurate_ecn = s.accurate_ecn;
  flags_.syn_data_acked = s.syn_data_acked;
  flags_.fast_open_failure = s.fast_open_failure & 3;
  counts_.bytes_sent = s.bytes_sent;
  counts_.bytes_received = s.bytes_received;
  counts_.bytes_retransmitted = s.bytes_retransmitted;
  counts_.retransmits = s.retransmits;
  snd_.wl1 = s.snd_wl1;
  snd_.wl2 = s.snd_wl2;
  enter(Event::open_established);
  if (s.srtt > Duration::zero()) rtt_.on_sample(s.srtt, snd_.una, snd_.nxt, rto_limits());
  establish(now);
  snd_.wnd = s.snd_wnd;
  snd_.wnd_max = s.snd_wnd_max;
  snd_.limit = std::max(s.snd_limit, snd_.limit);
  congestion_->set_cwnd(std::max<std::uint32_t>(s.cwnd, snd_.mss));
  congestion_->set_ssthresh(std::max<std::uint32_t>(s.ssthresh, 2u * snd_.mss));
  congestion_->remember(now, {s.congestion_memory});
  if (!restore_buffers(now, s)) return Errno::nobufs;
  restore_state(now, s);
  flags_.keepalive_due = true;  // where does the peer stand?
  notify(readiness());
  return {};
}

bool Connection::restore_buffers(Instant now, const Snapshot& s) {
  if (s.unacked.empty() && s.unread.empty() && s.snd_una == s.snd_nxt && s.urgent_state == 0) return true;
  Active& a = active();
  if (a.send_buffer.append(resources_.chunks, s.unacked) != s.unacked.size()) return false;
  for (std::size_t at = 0; at < s.unread.size();) {
    const std::size_t step = std::min<std::size_t>(s.unread.size() - at, ChunkPool::largest());
    ChunkRef chunk = resources_.chunks.copy_of(Bytes(s.unread).subspan(at, step));
    if (!chunk) return false;
    const Slice slice(std::move(chunk), 0, static_cast<std::uint32_t>(step));
    if (!a.receive_buffer.append(resources_.chunks, slice, window_.limit())) return false;
    at += step;
  }
  a.urgent.restore(s.has_urgent_sent, s.urgent_sent, static_cast<Urgent::Byte>(s.urgent_state), s.urgent_at,
                   s.urgent_value);
  if (s.snd_una == s.snd_nxt) return true;
  a.sent.on_sent(snd_.una, snd_.nxt, now, 0, snd_.nxt >= snd_.end) = {};
  (void)a.sent.on_retransmit(snd_.una, snd_.nxt, now);  // no round-trip time from it (Karn)
  a.unacked_since = now;
  a.retransmit_at = now + rto();
  return true;
}

// The events that led to where the other stack left off.
void Connection::restore_state(Instant now, const Snapshot& s) {
  const bool fin_received =
      s.state == State::close_wait || s.state == State::closing || s.state == State::last_ack;
  const bool fin_queued = s.state != State::established && s.state != State::close_wait;
  if (fin_received && s.state != State::closing) enter(Event::receive_fin);
  if (fin_queued) enter(Event::close);
  if (s.state == State::closing) enter(Event::receive_fin);
  flags_.fin_received = fin_received;
  flags_.fin_queued = fin_queued;
  flags_.read_shut = s.is_read_shut || fin_received;
  flags_.write_shut = s.is_write_shut;
  flags_.orphan = s.is_orphan;
  if (s.state != State::fin_wait_2) return;
  snd_.end = snd_.nxt - 1u;  // our FIN stands there, acknowledged
  enter(Event::receive_ack_of_fin);
  if (flags_.orphan) start_fin_wait_2(now);
}

}  // namespace sockeye::tcp
