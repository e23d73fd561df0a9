// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 5681's two variables and who computes them. An algorithm is told what happened and answers with
// cwnd and ssthresh, in bytes; it neither sees segments nor decides what is lost. Algorithms are chosen
// by name (TCP_CONGESTION) and live in place, in at most 48 bytes of the connection (decisions.md D13).
// During a recovery the caller may set cwnd itself (proportional rate reduction, RFC 9937).
//
// Arithmetic is in integers: the same seed gives the same packets on every compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#include "core/time.h"

namespace sockeye::tcp {

struct AckSample {
  Instant now{};
  std::uint32_t acked_bytes = 0;      // newly delivered by this ACK, cumulatively or selectively
  std::uint32_t in_flight = 0;        // after this ACK
  std::uint32_t prior_in_flight = 0;  // before it
  Duration rtt = Duration::zero();    // of this ACK; zero: no sample (Karn)
  Duration srtt = Duration::zero();
  Duration min_rtt = Duration::zero();
  bool is_app_limited = false;  // the window was not used up: it must not grow (RFC 7661, RFC 9438 5.8)
  bool is_round_start = false;  // the first ACK of a round trip
};

class CongestionControl {
 public:
  static constexpr std::uint32_t kInfinite = 0x7fffffff;

  virtual ~CongestionControl() = default;
  virtual const char* name() const = 0;

  // New data was acknowledged while no recovery is under way (or after a time-out, in slow start).
  virtual void on_ack(const AckSample& sample) = 0;
  // A loss was detected, or the peer echoed congestion (ECN): the new ssthresh, at most once per window
  // of data (the caller's). Derived from cwnd, as in Linux, not from FlightSize: a window that was not
  // used did not grow either. cwnd stays as it is: the recovery brings it down.
  void enter_recovery(Instant now);
  // RFC 5681 3.1 MUST-5, MUST-6
  // The retransmission timer expired: cwnd is one segment. `first`: it is a new congestion event, so
  // ssthresh as above; not so for repeated expiries and inside a recovery that has reduced already.
  void on_rto(Instant now, bool first);
  void on_recovery_end() { cwnd_ = ssthresh_ < min_cwnd() ? min_cwnd() : ssthresh_; }
  // Nothing was sent for `idle` (longer than `rto`): RFC 5681 4.1 SHLD-7, but halved once per RTO as in RFC
  // 7661 and Linux, down to the restart window.
  void on_idle(Instant now, Duration idle, Duration rto, std::uint32_t initial_window_bytes);
  // The loss or time-out proved spurious: as it was before enter_recovery() or on_rto().
  void undo(Instant now);

  std::uint32_t cwnd() const { return cwnd_; }
  std::uint32_t ssthresh() const { return ssthresh_; }
  std::uint32_t mss() const { return mss_; }
  bool in_slow_start() const { return cwnd_ < ssthresh_; }
  void set_cwnd(std::uint32_t bytes) { cwnd_ = bytes < mss_ ? mss_ : bytes; }
  void set_ssthresh(std::uint32_t bytes) { ssthresh_ = bytes; }
  // The MSS changed (path MTU): cwnd keeps its number of segments.
  void set_mss(std::uint32_t mss);

 protected:
  // The slow-start threshold after a loss; the caller raises it to two segments.
  virtual std::uint32_t ssthresh_after_loss(Instant now) = 0;
  // Growth was interrupted (time-out, idle, undo): what an algorithm measured since then is void.
  virtual void on_restart(Instant now, bool after_timeout) {
    (void)now;
    (void)after_timeout;
  }
  std::uint32_t min_cwnd() const { return 2u * mss_; }
  // RFC 5681 3.1 SHLD-2, counting bytes (RFC 3465) without its limit per ACK, as Linux: our receivers and
  // others' merge segments. Grows up to ssthresh and answers the acknowledged bytes left over.
  std::uint32_t slow_start(std::uint32_t acked_bytes);

  std::uint32_t cwnd_ = 0;
  std::uint32_t ssthresh_ = kInfinite;  // RFC 5681 3.1 SHLD-1

 private:
  std::uint32_t prior_cwnd_ = 0;  // 0: nothing to undo
  std::uint32_t prior_ssthresh_ = 0;

 protected:
  std::uint16_t mss_ = 536;  // last: an algorithm's members follow in its padding
};

// Names that select() knows, in the order of net.ipv4.tcp_available_congestion_control.
std::string_view available_congestion_controls();  // "reno cubic"
bool is_congestion_control(std::string_view name);

// The place of an algorithm inside a connection.
class CongestionControlSlot {
 public:
  static constexpr std::size_t kBytes = 48;

  CongestionControlSlot();  // Reno with no window yet
  ~CongestionControlSlot() { get().~CongestionControl(); }
  CongestionControlSlot(const CongestionControlSlot&) = delete;
  CongestionControlSlot& operator=(const CongestionControlSlot&) = delete;

  // Starts the algorithm with the windows of its predecessor. False: no such algorithm, unchanged.
  bool select(std::string_view name);

  CongestionControl& get() { return *std::launder(reinterpret_cast<CongestionControl*>(storage_)); }
  const CongestionControl& get() const {
    return *std::launder(reinterpret_cast<const CongestionControl*>(storage_));
  }
  CongestionControl* operator->() { return &get(); }
  const CongestionControl* operator->() const { return &get(); }

 private:
  template <class Algorithm>
  void start();

  alignas(8) std::byte storage_[kBytes];
};

}  // namespace sockeye::tcp
