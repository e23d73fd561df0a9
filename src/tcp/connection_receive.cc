// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The peer's bytes (RFC 9293 3.10.7.4, seventh and eighth): in order into the receive buffer, ahead of
// their turn into the reassembly queue; when to acknowledge; the FIN; what the program reads, and the
// window that its reading opens.
#include <algorithm>

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

// What is said at once; several things said at once are one ACK, but every segment out of order is
// answered by its own for a peer that counts duplicates (RFC 5681 4.2, no SACK).
// RFC 9293 3.10.7.4 MUST-58, MUST-59; RFC 5681 4.2 MUST-13
void Connection::acknowledge_now() {
  if (acks_due_ == 0) acks_due_ = 1;
}

// RFC 9293 3.8.6.3 SHLD-18, MUST-40, SHLD-19; RFC 5681 4.2 SHLD-8, SHLD-9, MUST-12
// RFC 9293 3.8.6.3 SHLD-18, MUST-40, SHLD-19
void Connection::schedule_ack(Instant now, bool at_once) {
  const std::uint32_t waiting = distance(rcv_.acked, rcv_.nxt);
  if (at_once || delayed_ack_.wants_at_once() || waiting > window_.peer_mss()) {
    acknowledge_now();
    return;
  }
  Active& a = active();
  if (a.delayed_ack_at != kNever) return;
  const Config& config = resources_.config;
  a.delayed_ack_at = now + DelayedAck::delay(config.delayed_ack_min, config.delayed_ack_max, rtt_.srtt() / 8);
}

std::uint32_t Connection::receive_charge() const {
  return active_ == nullptr ? 0 : active_->receive_buffer.charge();
}

std::uint32_t Connection::take_window() {
  return window_.advertise(rcv_.nxt, receive_charge(), settings_->value.window_clamp);
}

// RFC 2883, net.ipv4.tcp_dsack: the range had come before.
void Connection::report_duplicate(SackBlock range) {
  if (flags_.sack && resources_.config.dsack) active().report.on_duplicate(range);
}

std::optional<Drop> Connection::take_text(Instant now, const Segment& segment, Packet& packet) {
  const SeqNum begin = segment.seq + (segment.flags.syn ? 1u : 0u);
  const SeqNum end = begin + segment.payload_bytes;
  Active& a = active();
  ++counts_.data_segments_in;
  if (end <= rcv_.nxt) {
    report_duplicate({begin, end});
    delayed_ack_.enter_quick();
    acknowledge_now();
    return Drop::duplicate_data;
  }
  const std::uint32_t window = window_.current(rcv_.nxt);
  if (window == 0 || begin >= rcv_.nxt + window) {
    delayed_ack_.enter_quick();
    acknowledge_now();
    return window == 0 ? Drop::zero_window : Drop::out_of_window;
  }
  note_data_arrival(now, segment.payload_bytes, window);
  measure_receive_rtt(now, segment);
  if (begin > rcv_.nxt) return take_out_of_order(begin, packet, window);

  const std::uint32_t skip = distance(begin, rcv_.nxt);
  if (skip > 0) report_duplicate({begin, rcv_.nxt});
  const bool had_hole = !a.reassembly.empty();
  packet.consume(skip);
  packet.truncate(window);
  const std::uint32_t taken = take_in_order(packet);
  if (taken > 0 && had_hole) drain_reassembly();
  if (taken > 0) notify(Readiness::in);
  // RFC 5681 3.2 SHLD-4: a hole that is filled, or partly filled, is told at once.
  if (had_hole || skip > 0) delayed_ack_.enter_quick();
  schedule_ack(now, had_hole || skip > 0 || taken == 0);
  if (taken == 0) return Drop::no_memory;
  return std::nullopt;
}

// Data that fits into the window, in order or not: what the ACK policy learns from it.
void Connection::note_data_arrival(Instant now, std::uint32_t bytes, std::uint32_t window) {
  if (bytes > window_.peer_mss())
    window_.on_segment(bytes, offered_mss(path_.mtu, path_.is_v6, settings_->value.max_segment));
  const std::uint32_t now_ms = ms_of(now);
  const Duration idle = std::chrono::milliseconds(now_ms - last_data_received_ms_);
  const bool was_idle = idle > resources_.config.rto_min && idle > rto();
  delayed_ack_.on_data(was_idle, bytes, window, window_.peer_mss());
  last_data_received_ms_ = now_ms;
}

// Linux (tcp_rcv_rtt_measure, tcp_rcv_rtt_measure_ts), for TCP_INFO: a full segment whose echo is new answers
// an ACK of ours; and a whole window takes at least a round trip to come.
void Connection::measure_receive_rtt(Instant now, const Segment& segment) {
  Active& a = *active_;
  if (a.window_since == kNever || rcv_.nxt >= a.window_end) {
    if (a.window_since != kNever) take_receive_rtt(std::max<Duration>(now - a.window_since, 1us), true);
    a.window_end = rcv_.nxt + window_.current(rcv_.nxt);
    a.window_since = now;
  }
  if (!timestamps_.is_enabled() || !segment.options.timestamps) return;
  const std::uint32_t echo = segment.options.timestamps->echo;
  if (echo == a.last_echo) return;
  a.last_echo = echo;
  if (segment.payload_bytes < window_.peer_mss()) return;
  const std::uint32_t ms = timestamps_.value(now) - echo;
  constexpr std::uint32_t kMost = 0x7fffffff / 1000;
  if (ms > 0 && ms < kMost) take_receive_rtt(std::chrono::milliseconds(ms), false);
}

// `is_bound`: no more than an upper bound, so only a smaller one counts.
void Connection::take_receive_rtt(Duration sample, bool is_bound) {
  const auto us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_us(sample), 1, 0x1fffffff));
  if (receive_rtt_8us_ == 0 || 8 * us < receive_rtt_8us_) {
    receive_rtt_8us_ = 8 * us;
  } else if (!is_bound && unread() == 0) {
    receive_rtt_8us_ += us - receive_rtt_8us_ / 8;
  }
}

// The payload begins at rcv_nxt. Answers the bytes taken; fewer when the pool is exhausted.
std::uint32_t Connection::take_in_order(Packet& packet) {
  Active& a = *active_;
  std::uint32_t taken = 0;
  while (packet.payload_size() > 0) {
    Slice slice = packet.take_slice();
    const std::uint32_t bytes = slice.size();
    if (!a.receive_buffer.append(resources_.chunks, std::move(slice), window_.limit())) break;
    taken += bytes;
  }
  rcv_.nxt += taken;
  counts_.bytes_received += taken;
  return taken;
}

// RFC 9293 3.10.7.4 SHLD-31; RFC 5681 3.2 SHLD-3
// RFC 9293 3.10.7.4 SHLD-31
std::optional<Drop> Connection::take_out_of_order(SeqNum begin, Packet& packet, std::uint32_t window) {
  Active& a = *active_;
  ++counts_.out_of_order;
  packet.truncate(window - distance(rcv_.nxt, begin));
  // Bytes out of order lie inside the window that was promised; their slices cost more than bytes.
  const std::uint32_t charge_max = window_.limit() + window_.limit() / 2;
  const auto inserted = a.reassembly.insert(begin, packet.slices(), charge_max);
  if (inserted.duplicate) report_duplicate(*inserted.duplicate);
  if (flags_.sack && inserted.block) a.report.on_block(*inserted.block);
  delayed_ack_.enter_quick();
  if (flags_.sack) {
    acknowledge_now();
  } else if (acks_due_ < 255) {
    ++acks_due_;
  }
  if (inserted.new_bytes > 0) return std::nullopt;
  return inserted.is_full ? Drop::reassembly_full : Drop::duplicate_data;
}

void Connection::drain_reassembly() {
  Active& a = *active_;
  std::optional<SackBlock> duplicate;  // what came in order was here already in part (RFC 2883)
  while (auto slice = a.reassembly.pop_in_order(rcv_.nxt, &duplicate)) {
    const std::uint32_t bytes = slice->size();
    // A byte that was SACKed may still be forgotten (RFC 2018 8): the pool is exhausted.
    if (!a.receive_buffer.append(resources_.chunks, std::move(*slice), window_.limit())) break;
    rcv_.nxt += bytes;
    counts_.bytes_received += bytes;
  }
  if (duplicate) report_duplicate(*duplicate);
  a.report.on_advance(rcv_.nxt);
}

void Connection::take_fin(Instant now) {
  rcv_.nxt += 1;
  flags_.fin_received = flags_.read_shut = true;
  delayed_ack_.on_peer_fin();
  acknowledge_now();
  if (active_ != nullptr) {
    active_->fin_at.reset();
    active_->reassembly.clear();
    active_->report.clear();
  }
  enter(Event::receive_fin);
  if (state_ == State::time_wait) start_time_wait();
  notify(Readiness::in | Readiness::rdhup);
  if (flags_.write_shut) notify(Readiness::hup);
  (void)now;
}

// --- reading

std::uint32_t Connection::read_stream(Instant now, MutableBytes bytes, bool peek) {
  if (active_ == nullptr || bytes.empty()) return 0;
  Active& a = *active_;
  const SeqNum begin = read_edge();
  std::uint32_t have = a.receive_buffer.size();
  std::uint32_t skip = 0;
  if (a.urgent.is_marked() && have > 0) {
    // In-band reading stops before the mark, and passes over the urgent byte unless it is inline.
    const SeqNum mark = a.urgent.at();
    if (mark == begin && !settings_->value.oob_inline) {
      skip = 1;
    } else if (mark > begin && mark < begin + have) {
      have = distance(begin, mark);
    }
  }
  const std::uint32_t copied =
      skip >= have
          ? 0
          : a.receive_buffer.copy(bytes.first(std::min<std::size_t>(bytes.size(), have - skip)), skip);
  if (peek) return copied;
  const std::uint32_t gone = copied + std::min(skip, have);
  if (gone == 0) return 0;
  a.receive_buffer.remove(gone);
  a.urgent.on_read(begin + gone);
  after_read(now, gone);
  return copied;
}

// Linux's tcp_rcv_space_adjust and tcp_cleanup_rbuf.
void Connection::after_read(Instant now, std::uint32_t bytes) {
  const Settings& settings = settings_->value;
  const std::uint32_t grow_to = settings.receive_buffer_locked ? 0 : resources_.config.receive_buffer_max;
  window_.on_read(now, bytes, rtt_.srtt(), grow_to);
  if (!can_receive(state_)) {
    release_active();
    return;
  }
  if (active_ != nullptr && active_->delayed_ack_at != kNever) {
    const std::uint32_t waiting = distance(rcv_.acked, rcv_.nxt);
    if (waiting > window_.peer_mss() || (unread() == 0 && delayed_ack_.wants_after_read())) acknowledge_now();
  }
  if (window_.should_update(rcv_.nxt, receive_charge(), settings.window_clamp)) acknowledge_now();
}

// Linux (tcp_check_urg, tcp_urg): a new mark, and the byte when it has come.
// RFC 9293 3.8.5 MUST-32
void Connection::take_urgent(const Segment& segment, const Packet& packet) {
  if (segment.flags.urg) {
    // A new mark while the program stands at the old one: the old byte is passed over now, or it would
    // come out as data.
    const bool stands_at_old = at_urgent_mark() && unread() > 0 && !settings_->value.oob_inline;
    if (active().urgent.on_pointer(segment.seq, segment.urgent_pointer, read_edge(), rcv_.nxt)) {
      if (stands_at_old) active_->receive_buffer.remove(1);
      notify(Readiness::pri);
    }
  }
  if (active_ == nullptr || !active_->urgent.is_awaiting()) return;
  const SeqNum at = active_->urgent.at();
  const SeqNum begin = segment.seq + (segment.flags.syn ? 1u : 0u);
  if (at < begin || at >= begin + segment.payload_bytes) return;
  std::byte value{};
  if (packet.copy_payload(MutableBytes(&value, 1), distance(begin, at)) != 1) return;
  active_->urgent.take(std::to_integer<std::uint8_t>(value));
  notify(Readiness::pri | Readiness::in);
}

Result<std::size_t> Connection::receive_urgent(MutableBytes bytes, bool peek) {
  using Byte = Urgent::Byte;
  const Byte state = active_ == nullptr ? Byte::none : active_->urgent.state();
  if (settings_->value.oob_inline || state == Byte::none || state == Byte::read) return Errno::inval;
  if (state == Byte::here) {
    if (bytes.empty()) return std::size_t{0};
    bytes[0] = static_cast<std::byte>(active_->urgent.value());
    if (!peek) active_->urgent.on_byte_read();
    return std::size_t{1};
  }
  if (state_ == State::closed || flags_.read_shut) return std::size_t{0};
  return Errno::again;
}

}  // namespace sockeye::tcp
