// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// BBR on the bench: a sender without TCP around it, one bottleneck with a queue, a constant round trip, in
// virtual time. Every packet is one segment and gets its own ACK; what overflows the queue is found lost
// when the ACK of its successor comes. The test says what the path and the program do, and looks at BBR's
// variables.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>

#include "core/rng.h"
#include "tcp/bbr.h"
#include "tcp/bbr_state.h"
#include "tcp/congestion_control.h"
#include "tcp/delivery_rate.h"
#include "tcp/pacer.h"

namespace sockeye::tcp {

class BbrPath {
 public:
  static constexpr std::uint32_t kMss = 1000;
  using Phase = BbrState::Phase;

  explicit BbrPath(std::uint64_t bytes_per_second = 1'250'000, Duration rtt = 40ms,
                   std::uint32_t buffer = 100'000)
      : link_rate(bytes_per_second), round_trip(rtt), buffer_bytes(buffer) {
    EXPECT_TRUE(slot_.select("bbr", &pool_));
    slot_->set_mss(kMss);
    slot_->set_cwnd(10 * kMss);
    rate_.start(0);
  }

  // --- the world, to be changed at any time
  std::uint64_t link_rate;
  Duration round_trip;
  std::uint32_t buffer_bytes;
  unsigned loss_per_mille = 0;  // on top of overflow, evenly
  std::uint64_t app_rate = 0;   // bytes per second that the program writes; 0: as fast as it can
  bool paused = false;          // the program writes nothing
  bool has_sack = true;

  // --- time
  void run_for(Duration time) {
    (void)run_until([] { return false; }, time);
  }
  // False: it did not come to that.
  bool run_until(const std::function<bool()>& done, Duration limit = 60s) {
    const Instant end = now_ + limit;
    while (!done()) {
      send();
      const Instant next = next_event();
      if (next > end) {
        now_ = end;
        return false;
      }
      now_ = std::max(now_, next);
      if (!events_.empty() && events_.front().due <= now_) take_event();
    }
    return true;
  }
  bool run_to(Phase phase, Duration limit = 60s) {
    return run_until([&] { return bbr().phase == phase; }, limit);
  }

  // --- questions
  Instant now() const { return now_; }
  const BbrState& bbr() const { return static_cast<const Bbr&>(slot_.get()).state(); }
  CongestionControl& control() { return slot_.get(); }
  std::uint32_t in_flight() const { return in_flight_; }
  std::uint64_t delivered() const { return rate_.delivered(); }
  std::uint64_t lost() const { return rate_.lost(); }
  std::uint64_t max_bw() const { return std::max(bbr().bw_now, bbr().bw_previous); }
  std::uint32_t bdp() const {
    return static_cast<std::uint32_t>(link_rate * static_cast<std::uint64_t>(to_ms(round_trip)) / 1000);
  }

 private:
  struct Event {
    Instant due;
    Instant sent_at;
    RateSnapshot snapshot;
    std::uint64_t number = 0;
    bool is_lost = false;
  };

  bool has_data() {
    if (paused) return false;
    if (app_rate == 0) return true;
    return sent_ * kMss < static_cast<std::uint64_t>(to_us(now_ - begin_)) * app_rate / 1'000'000;
  }

  void send() {
    if (!has_data() && in_flight_ < slot_->cwnd()) rate_.mark_app_limited(in_flight_);
    while (has_data() && pacer_.may_send(now_)) {
      if (in_flight_ + kMss > slot_->cwnd()) {
        is_cwnd_limited_ = true;
        return;
      }
      if (in_flight_ == 0) slot_->on_restart_from_idle(now_, rate_.is_app_limited());
      Event event{{}, now_, rate_.on_sent(now_, in_flight_, kMss), sent_, false};
      ++sent_;
      in_flight_ += kMss;
      pacer_.on_sent(now_, kMss, slot_->pacing_rate(srtt_, 0, 0));
      const Duration wait = std::max(free_at_ - now_, Duration::zero());
      const auto queued = static_cast<std::uint64_t>(to_us(wait)) * link_rate / 1'000'000;
      loss_dice_ += loss_per_mille;
      event.is_lost = queued + kMss > buffer_bytes || loss_dice_ >= 1000;
      loss_dice_ %= 1000;
      if (!event.is_lost)
        free_at_ = std::max(free_at_, now_) +
                   Duration(static_cast<std::int64_t>(std::uint64_t{kMss} * 1'000'000'000u / link_rate));
      event.due = std::max(free_at_, now_) + round_trip;
      if (!events_.empty()) event.due = std::max(event.due, events_.back().due);
      events_.push_back(event);
      if (!has_data()) rate_.mark_app_limited(in_flight_);
    }
  }

  Instant next_event() {
    Instant next = events_.empty() ? kNever : events_.front().due;
    const bool may_send = in_flight_ + kMss <= slot_->cwnd();
    if (may_send && has_data()) next = std::min(next, std::max(pacer_.release_at(), now_));
    if (may_send && !has_data() && app_rate != 0 && !paused)
      next =
          std::min(next, begin_ + std::chrono::microseconds((sent_ * kMss + 1) * 1'000'000 / app_rate + 1));
    if (next == kNever) next = now_ + 1ms;  // paused: time goes on
    return next;
  }

  void take_event() {
    const Event event = events_.front();
    events_.pop_front();
    in_flight_ -= kMss;
    if (event.is_lost) {
      rate_.on_lost(kMss);
      pending_loss_ += kMss;
      if (!in_recovery_) {
        in_recovery_ = true;
        recovery_point_ = sent_;
        slot_->enter_recovery(now_);
      }
      if (event.number < recovery_point_) recovery_ends_ = sent_;  // until it was sent again
      LossEvent loss{now_,
                     kMss,
                     event.snapshot.in_flight,
                     static_cast<std::uint32_t>(rate_.lost()) - event.snapshot.lost,
                     rate_.delivered(),
                     event.snapshot.is_app_limited,
                     has_sack};
      slot_->on_loss(loss);
      return;
    }
    if (in_recovery_ && event.number >= recovery_ends_) {
      in_recovery_ = false;
      slot_->on_recovery_end();
    }
    rate_.on_acknowledged(event.snapshot, event.sent_at, false);
    AckSample sample;
    sample.now = now_;
    sample.acked_bytes = kMss;
    sample.in_flight = in_flight_;
    sample.prior_in_flight = in_flight_ + kMss;
    sample.lost_bytes = pending_loss_;
    sample.rtt = sample.latest_rtt = now_ - event.sent_at;
    srtt_ = srtt_ == Duration::zero() ? sample.rtt : (srtt_ * 7 + sample.rtt) / 8;
    sample.srtt = srtt_;
    sample.is_cwnd_limited = is_cwnd_limited_;
    sample.in_recovery = in_recovery_;
    sample.has_sack = has_sack;
    sample.rate = rate_.finish(now_, kMss, round_trip);
    pending_loss_ = 0;
    if (event.number >= round_ends_) {
      round_ends_ = sent_;
      is_cwnd_limited_ = false;
    }
    slot_->on_ack(sample);
    if (slot_->marks_app_limited()) rate_.mark_app_limited(in_flight_);
  }

  SeededRng random_{3};
  BbrPool pool_{random_};
  CongestionControlSlot slot_;
  DeliveryRate rate_;
  Pacer pacer_;
  Instant now_ = Instant{} + 100s;
  Instant begin_ = now_;
  Instant free_at_{};  // the bottleneck has sent all that it has
  Duration srtt_ = Duration::zero();
  std::deque<Event> events_;
  std::uint64_t sent_ = 0;  // packets
  std::uint64_t recovery_point_ = 0;
  std::uint64_t recovery_ends_ = 0;
  std::uint64_t round_ends_ = 0;
  std::uint32_t in_flight_ = 0;
  std::uint32_t pending_loss_ = 0;
  unsigned loss_dice_ = 0;
  bool in_recovery_ = false;
  bool is_cwnd_limited_ = false;
};

}  // namespace sockeye::tcp
