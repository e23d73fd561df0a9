// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Delivery-rate samples (draft-ietf-ccwg-bbr, "Delivery Rate Samples"): what share of the data in flight
// arrived in what time, seen from one packet. Every packet takes a snapshot when it is sent; when it is
// (selectively) acknowledged, the newest one tells how much was delivered since, over the longer of the
// time in which it was sent and the time in which it was acknowledged:
//
//     sent    ---P1--P2--P3------P4          send_elapsed = P4.sent - P1.sent
//     acked               a1--a2------a4     ack_elapsed  = a4 - a1, a1: the last ACK before P4 was sent
//
// The longer one, because neither a burst of ACKs nor a burst of packets shows what the path can carry.
// A sample is application-limited when the program had nothing to send at some time in between.
//
// Kept while something is in flight (Active). Left out: C.pending_transmissions (what the stack sends is
// on the link in the same turn).
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace sockeye::tcp {

// What a packet remembers of the moment when it was sent (draft: per-packet state P).
struct RateSnapshot {
  Instant first_sent_at{};      // P.first_send_time
  Instant delivered_at{};       // P.delivered_time
  std::uint32_t delivered = 0;  // P.delivered, modulo 2^32
  std::uint32_t lost = 0;       // P.lost, modulo 2^32
  std::uint32_t in_flight = 0;  // P.tx_in_flight: this packet included
  bool is_app_limited = false;
};

// What one ACK tells (draft: RS). In bytes.
struct RateSample {
  std::uint64_t rate = 0;             // bytes per second; 0: no reliable sample
  std::uint64_t total_delivered = 0;  // C.delivered after this ACK
  std::uint64_t prior_delivered = 0;  // C.delivered when the newest packet acknowledged was sent
  Duration interval = Duration::zero();
  std::uint32_t delivered = 0;     // in `interval`
  std::uint32_t tx_in_flight = 0;  // when that packet was sent, itself included
  std::uint32_t lost = 0;          // declared lost between its transmission and now
  bool is_app_limited = false;
  bool has_data = false;  // this ACK delivered something
};

class DeliveryRate {
 public:
  // `delivered`: all that this connection ever had delivered. Nothing is in flight.
  void start(std::uint64_t delivered) {
    *this = DeliveryRate();
    delivered_ = delivered;
  }

  // A packet of `bytes` leaves on top of `in_flight` bytes.
  void on_sent(Instant now, std::uint32_t in_flight, std::uint32_t bytes, RateSnapshot& packet) {
    if (in_flight == 0) first_sent_at_ = delivered_at_ = now;
    packet.first_sent_at = first_sent_at_;
    packet.delivered_at = delivered_at_;
    packet.delivered = static_cast<std::uint32_t>(delivered_);
    packet.lost = static_cast<std::uint32_t>(lost_);
    packet.in_flight = in_flight + bytes;
    packet.is_app_limited = app_limited_until_ != 0;
  }
  RateSnapshot on_sent(Instant now, std::uint32_t in_flight, std::uint32_t bytes) {
    RateSnapshot packet;
    on_sent(now, in_flight, bytes, packet);
    return packet;
  }

  // A packet that was sent at `sent_at` is acknowledged. Several may be, then finish() is called once.
  void on_acknowledged(const RateSnapshot& packet, Instant sent_at, bool retransmitted) {
    if (has_newest_ && sent_at < newest_sent_at_) return;
    newest_ = packet;
    newest_sent_at_ = sent_at;
    is_newest_ambiguous_ = retransmitted;
    has_newest_ = true;
  }
  // Of the newest packet acknowledged so far by this ACK; zero: none, or it was sent more than once (Karn).
  Duration latest_rtt(Instant now) const {
    return has_newest_ && !is_newest_ambiguous_ ? now - newest_sent_at_ : Duration::zero();
  }
  // All of an ACK has been looked at: `bytes` were newly delivered. An interval shorter than `min_rtt` is
  // the sign of a spurious retransmission and gives no rate.
  RateSample finish(Instant now, std::uint32_t bytes, Duration min_rtt);

  void on_lost(std::uint32_t bytes) { lost_ += bytes; }
  std::uint64_t lost() const { return lost_; }
  std::uint64_t delivered() const { return delivered_; }

  // The program has nothing to send although the window is open: everything up to here tells only that.
  void mark_app_limited(std::uint32_t in_flight) {
    app_limited_until_ = std::max<std::uint64_t>(delivered_ + in_flight, 1);
  }
  bool is_app_limited() const { return app_limited_until_ != 0; }

 private:
  std::uint64_t delivered_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t app_limited_until_ = 0;  // C.app_limited; 0: not
  Instant first_sent_at_{};              // C.first_send_time
  Instant delivered_at_{};               // C.delivered_time
  RateSnapshot newest_{};                // of the packets that this ACK acknowledges
  Instant newest_sent_at_{};
  bool has_newest_ = false;
  bool is_newest_ambiguous_ = false;
};

inline RateSample DeliveryRate::finish(Instant now, std::uint32_t bytes, Duration min_rtt) {
  RateSample sample;
  if (bytes > 0) {
    delivered_ += bytes;
    delivered_at_ = now;
    if (app_limited_until_ != 0 && delivered_ > app_limited_until_) app_limited_until_ = 0;
  }
  sample.total_delivered = delivered_;
  if (!has_newest_ || bytes == 0) {
    has_newest_ = false;
    return sample;
  }
  has_newest_ = false;
  first_sent_at_ = newest_sent_at_;
  const Duration send_elapsed = newest_sent_at_ - newest_.first_sent_at;
  const Duration ack_elapsed = now - newest_.delivered_at;
  sample.has_data = true;
  sample.interval = std::max(send_elapsed, ack_elapsed);
  sample.delivered = static_cast<std::uint32_t>(delivered_) - newest_.delivered;
  sample.prior_delivered = delivered_ - sample.delivered;
  sample.tx_in_flight = newest_.in_flight;
  sample.lost = static_cast<std::uint32_t>(lost_) - newest_.lost;
  sample.is_app_limited = newest_.is_app_limited;
  if (sample.interval >= min_rtt && sample.interval > Duration::zero())
    sample.rate =
        std::uint64_t{sample.delivered} * 1'000'000'000u / static_cast<std::uint64_t>(to_ns(sample.interval));
  return sample;
}

}  // namespace sockeye::tcp
