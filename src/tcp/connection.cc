// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The user calls (RFC 9293 3.10.2-3.10.6), readiness, and the life of the Active block. Opening,
// closing, sending, acknowledging and receiving have files of their own beside this one.
#include "tcp/connection.h"

#include <algorithm>

#include "tcp/active.h"
#include "tcp/arrival.h"
#include "tcp/rare.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

ActivePool::~ActivePool() {
  SOCKEYE_ASSERT(in_use_ == 0);
  while (free_ != nullptr) {
    Active* next = free_->next_free;
    delete free_;
    free_ = next;
  }
}

Active* ActivePool::acquire() {
  ++in_use_;
  if (free_ == nullptr) return new Active();
  Active* block = free_;
  free_ = block->next_free;
  block->next_free = nullptr;
  --free_count_;
  return block;
}

void ActivePool::release(Active* block) {
  --in_use_;
  if (free_count_ >= kKeep) {
    delete block;
    return;
  }
  block->reset();
  block->next_free = free_;
  free_ = block;
  ++free_count_;
}

Connection::Connection(Resources& resources, const FiveTuple& tuple, const Path& path,
                       const Settings& settings)
    : resources_(resources),
      settings_(resources.settings.share(settings)),
      reordering_(resources.config.reordering),
      tuple_(tuple),
      path_(path) {
  snd_.limit = settings.send_buffer;
  if (!congestion_.select(settings.congestion_control, &resources_.bbr))
    (void)congestion_.select(resources_.config.congestion_control, &resources_.bbr);
}

Connection::~Connection() {
  if (active_ != nullptr) resources_.active.release(active_);
  if (flags_.has_rare) resources_.rare.erase(this);
  SettingsCache::release(settings_);
}

bool Connection::enter(Event event) {
  const auto next = next_state(state_, event);
  if (!next) return false;
  state_ = *next;
  if (state_ == State::closed) finish_closed();
  return true;
}

// Nothing will be sent any more (but a RST that is due), and everything that can be known is known.
void Connection::finish_closed() {
  flags_.read_shut = flags_.write_shut = true;
  flags_.syn_due = flags_.probe_due = flags_.keepalive_due = false;
  fin_wait_2_at_ = kNever;
  acks_due_ = 0;
  if (active_ != nullptr) {
    active_->send_buffer.clear();
    active_->records.clear();
    if (active_->notices.give_up()) notify(Readiness::err);
    active_->forget_flight();
    active_->reassembly.clear();
    active_->persist_at = active_->delayed_ack_at = kNever;
  }
  snd_.una = snd_.nxt = snd_.end;
  notify(Readiness::in | Readiness::out | Readiness::hup | Readiness::rdhup);
  release_active();
}

void Connection::fail(Errno error, Event event) {
  error_ = error;
  notify(Readiness::err);
  enter(event);
}

Rare* Connection::rare() const {
  if (!flags_.has_rare) return nullptr;
  const auto found = resources_.rare.find(this);
  return found == resources_.rare.end() ? nullptr : &found->second;
}

Rare& Connection::make_rare() {
  flags_.has_rare = true;
  return resources_.rare[this];
}

Active& Connection::active() {
  if (active_ == nullptr) {
    active_ = resources_.active.acquire();
    active_->rate.start(counts_.bytes_sent);
    active_->round_end = active_->usage_end = snd_.una;
    active_->flight_max = 0;
  }
  return *active_;
}

void Connection::release_active() {
  if (active_ == nullptr) return;
  const Active& a = *active_;
  // What a busy connection has most often comes first.
  const bool is_busy = !a.send_buffer.empty() || a.delayed_ack_at != kNever || !a.receive_buffer.empty() ||
                       !a.sent.empty() || !a.reassembly.empty() || !a.urgent.is_idle() || !a.report.empty() ||
                       a.retransmit_at != kNever || a.undo_until != kNever || a.persist_at != kNever ||
                       a.fin_at.has_value() || a.waits_for_release || !a.notices.empty();
  if (is_busy && !(state_ == State::closed && flags_.orphan)) return;
  resources_.active.release(active_);
  active_ = nullptr;
}

RtoLimits Connection::rto_limits() const {
  const Config& config = resources_.config;
  return {config.rto_min, config.rto_max, config.rto_initial, config.rto_min_of_sum};
}

Duration Connection::rto() const {
  return rtt_.rto(rto_limits());
}

// --- the user calls

Result<std::size_t> Connection::send(Instant now, Bytes bytes, bool more, bool out_of_band) {
  if (state_ == State::syn_sent || state_ == State::syn_received) {
    const bool takes_with_syn = state_ == State::syn_sent && active_ != nullptr && active_->fast_open.sends &&
                                (flags_.syn_due || active_->fast_open.deferred);
    if (takes_with_syn && !flags_.write_shut) return send_with_syn(bytes);
    if (!flags_.passive || state_ == State::syn_sent) {
      if (const auto error = take_error()) return *error;
      return flags_.write_shut ? Errno::pipe : Errno::again;
    }
  }
  if (!(can_send(state_) || is_fast_child()) || flags_.write_shut || error_ != Errno{})
    return take_error().value_or(Errno::pipe);
  if (bytes.empty()) return std::size_t{0};
  Active& a = active();
  check_app_limited();
  auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), 0x7fffffff));
  if (!has_ample_room(bytes.size())) {
    const std::uint32_t room = send_room();
    if (room < bytes.size()) a.buffer_limited = true;
    if (room == 0) return Errno::again;
    wanted = std::min(wanted, room);
  }
  const std::uint32_t taken = a.send_buffer.append(resources_.chunks, bytes.first(wanted));
  if (taken == 0) return Errno::nobufs;
  if (unsent() == 0) flags_.pushed = false;
  if (unsent() + taken > snd_.wnd_max / 2)
    a.push_marks.on_written(now, snd_.end, snd_.end + taken, flags_.unpushed);
  snd_.end += taken;
  flags_.more = flags_.unpushed = more;
  if (out_of_band) a.urgent.mark_sent(snd_.end);
  return std::size_t{taken};
}

void Connection::end_record() {
  if (active_ != nullptr && unsent() > 0) active_->records.add(snd_.end);
}

std::uint32_t Connection::notsent_low_water() const {
  const std::uint32_t own = settings_->value.notsent_low_water;
  return own != 0 ? own : resources_.config.notsent_low_water;
}

bool Connection::want_notice(std::uint8_t wanted, std::uint32_t number) {
  return active_ != nullptr && active_->notices.add(snd_.end, wanted, number);
}

void Connection::extend_notice() {
  if (active_ != nullptr) active_->notices.extend(snd_.end);
}

std::size_t Connection::notice_count() const {
  return active_ == nullptr ? 0 : active_->notices.size();
}

bool Connection::has_notices() const {
  return active_ != nullptr && active_->notices.has_due();
}

std::optional<SendNotice> Connection::take_notice() {
  if (active_ == nullptr) return std::nullopt;
  const auto notice = active_->notices.take();
  if (!notice) release_active();
  return notice;
}

void Connection::forget_notices() {
  if (active_ != nullptr) active_->notices.clear();
  release_active();
}

// A packet leaves: does it end a send that wants to know?
void Connection::note_sent(Instant now, SeqNum begin, SeqNum end) {
  if (active_->notices.on_sent(begin, end, now)) notify(Readiness::err);
}

std::uint32_t Connection::inq_hint() const {
  return unread() + (flags_.fin_received ? 1 : 0);
}

std::uint32_t Connection::unread() const {
  return active_ == nullptr ? 0 : active_->receive_buffer.size();
}

Result<std::size_t> Connection::receive(Instant now, MutableBytes bytes, bool peek, bool out_of_band) {
  if (out_of_band) return receive_urgent(bytes, peek);
  if (active_ != nullptr && !active_->receive_buffer.empty()) {
    const std::uint32_t copied = read_stream(now, bytes, peek);
    if (copied > 0) return std::size_t{copied};
  }
  // RFC 9293 3.6 MUST-12. Linux's order: after a FIN an error does not count any more.
  if (flags_.fin_received) return std::size_t{0};
  if (const auto error = take_error()) return *error;
  if (flags_.read_shut) return std::size_t{0};
  if (state_ == State::closed) return Errno::notconn;
  if (bytes.empty()) return std::size_t{0};
  return Errno::again;
}

Result<> Connection::shutdown(Instant now, bool reading, bool writing) {
  if (state_ == State::closed || state_ == State::time_wait) {
    // Linux marks the halves and says that there is no connection.
    flags_.read_shut |= reading;
    flags_.write_shut |= writing;
    notify(Readiness::in | Readiness::out | Readiness::hup);
    return Errno::notconn;
  }
  if (state_ == State::syn_sent) {  // Linux disconnects: the attempt ends with ECONNRESET pending
    fail(Errno::connreset, Event::close);
    flags_.read_shut = flags_.write_shut = false;
    return {};
  }
  if (reading && !flags_.read_shut) {
    flags_.read_shut = true;
    notify(Readiness::in | Readiness::rdhup);
  }
  if (writing && !flags_.write_shut) {
    flags_.write_shut = true;
    notify(Readiness::out);
    queue_fin(now);
  }
  if (flags_.read_shut && flags_.write_shut) notify(Readiness::hup);
  return {};
}

// --- questions

Readiness Connection::readiness() const {
  Readiness level = Readiness::none;
  const bool is_closed = state_ == State::closed || state_ == State::time_wait;
  if ((flags_.read_shut && flags_.write_shut) || is_closed) level |= Readiness::hup;
  if (flags_.read_shut) level |= Readiness::in | Readiness::rdhup;
  if (is_syn_deferred()) level |= Readiness::out;  // so that the program writes
  if (state_ != State::syn_sent && (state_ != State::syn_received || flags_.passive)) {
    std::uint32_t target = std::max(settings_->value.receive_low_water, 1u);
    const bool marked = active_ != nullptr && active_->urgent.is_marked();
    if (marked && !settings_->value.oob_inline && at_urgent_mark()) ++target;
    const std::uint32_t have = unread();
    // A low-water mark above what the window admits must not block for ever.
    const bool is_full = have > 0 && window_.current(rcv_.nxt) <= window_.peer_mss();
    if (have >= target || is_full) level |= Readiness::in;
    if (flags_.write_shut || is_writable()) level |= Readiness::out;
    if (marked && active_->urgent.state() == Urgent::Byte::here) level |= Readiness::pri;
  }
  if (error_ != Errno{}) level |= Readiness::err;
  return level;
}

Readiness Connection::take_events() {
  const Readiness events = events_;
  events_ = Readiness::none;
  return events;
}

bool Connection::wants_settling() const {
  return acks_due_ > 0 || active_ == nullptr ||
         (active_->receive_buffer.empty() && active_->delayed_ack_at == kNever &&
          active_->send_buffer.empty());
}

bool Connection::is_finished() const {
  if (flags_.reset_due || acks_due_ > 0) return false;
  return state_ == State::closed || state_ == State::time_wait;
}

std::optional<Errno> Connection::error() const {
  if (error_ == Errno{}) return std::nullopt;
  return error_;
}

std::optional<Errno> Connection::take_error() {
  const auto pending = error();
  error_ = Errno{};
  return pending;
}

const FiveTuple& Connection::tuple() const {
  return tuple_;
}

State Connection::state() const {
  return state_;
}

std::uint32_t Connection::readable_bytes() const {
  const std::uint32_t have = unread();
  if (active_ == nullptr || settings_->value.oob_inline || !active_->urgent.is_marked()) return have;
  // RFC 9293 3.8.5 MUST-33. Linux (tcp_inq): in band only up to the urgent mark.
  const SeqNum read = read_edge();
  const SeqNum mark = active_->urgent.at();
  if (mark < read || mark >= rcv_.nxt) return have;
  return distance(read, mark);
}

SeqNum Connection::read_edge() const {
  return rcv_.nxt - (flags_.fin_received ? 1u : 0u) - unread();
}

std::uint32_t Connection::unsent_bytes() const {
  return unsent();
}

std::uint32_t Connection::unacknowledged_bytes() const {
  return active_ == nullptr ? 0 : active_->send_buffer.size();
}

bool Connection::at_urgent_mark() const {
  return active_ != nullptr && active_->urgent.is_marked() && active_->urgent.at() == read_edge();
}

bool Connection::peer_closed() const {
  return flags_.fin_received;
}

const Settings& Connection::settings() const {
  return settings_->value;
}

Settings& Connection::settings() {
  settings_ = SettingsCache::own(settings_);
  return settings_->value;
}

void Connection::on_settings_changed(Instant now) {
  settings_ = resources_.settings.share_again(settings_);
  const Settings& settings = settings_->value;
  if (settings.send_buffer_locked || settings.send_buffer > snd_.limit) snd_.limit = settings.send_buffer;
  if (settings.receive_buffer_locked || settings.receive_buffer > window_.limit())
    window_.set_limit(settings.receive_buffer);
  if (std::string_view(settings.congestion_control) != congestion_->name())
    (void)congestion_.select(settings.congestion_control, &resources_.bbr);
  if (is_synchronized(state_) && state_ != State::time_wait) update_mss(true);
  notify(Readiness::out);
  (void)now;
}

// Linux: zero waits for data to carry ACKs; anything else acknowledges at once, an even number only what
// waits now.
void Connection::set_quick_ack(int value) {
  delayed_ack_.set_quick(value != 0);
  const bool takes = state_ == State::established || state_ == State::close_wait;
  if (value == 0 || !takes || active_ == nullptr || active_->delayed_ack_at == kNever) return;
  acknowledge_now();
  if (value % 2 == 0) delayed_ack_.set_quick(false);
}

void Connection::set_external_unread(Instant now, std::uint32_t bytes) {
  window_.set_external(bytes);
  if (can_receive(state_) && window_.should_update(rcv_.nxt, receive_charge(), settings_->value.window_clamp))
    acknowledge_now();
  (void)now;
}

}  // namespace sockeye::tcp
