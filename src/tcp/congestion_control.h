// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 5681's two variables and who computes them. An algorithm is told what happened and answers with
// cwnd and ssthresh, in bytes; it neither sees segments nor decides what is lost. Algorithms are chosen
// by name (TCP_CONGESTION) and live in place, in at most 48 bytes of the connection (decisions.md D13).
// During a recovery the caller may set cwnd itself (proportional rate reduction, RFC 9937), unless the
// algorithm says that it does so (owns_recovery()).
//
// Arithmetic is in integers: the same seed gives the same packets on every compiler.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>

#include "core/time.h"
#include "tcp/delivery_rate.h"
#include "tcp/pacer.h"
#include "tcp/path_model.h"

namespace sockeye::tcp {

struct AckSample {
  Instant now{};
  std::uint32_t acked_bytes = 0;      // newly delivered by this ACK, cumulatively or selectively
  std::uint32_t in_flight = 0;        // after this ACK
  std::uint32_t prior_in_flight = 0;  // before it
  std::uint32_t lost_bytes = 0;       // newly declared lost by this ACK
  Duration rtt = Duration::zero();    // of this ACK; zero: no sample (Karn)
  // Of the packet that was sent last among those acknowledged; zero: it was sent more than once. Shorter
  // than `rtt`: no delayed ACK in it.
  Duration latest_rtt = Duration::zero();
  Duration srtt = Duration::zero();
  Duration min_rtt = Duration::zero();
  bool is_app_limited = false;   // the window was not used up: it must not grow (RFC 7661, RFC 9438 5.8)
  bool is_round_start = false;   // the first ACK of a round trip
  bool is_cwnd_limited = false;  // cwnd held something back in this round trip
  bool in_recovery = false;      // after this ACK: fast recovery or a time-out's
  bool has_sack = false;         // more than one loss per round trip can be seen
  RateSample rate{};
};

// A packet, or a part of one, was declared lost.
struct LossEvent {
  Instant now{};
  std::uint32_t bytes = 0;
  std::uint32_t tx_in_flight = 0;     // when it was sent, itself included
  std::uint32_t lost_since = 0;       // declared lost since it was sent, itself included
  std::uint64_t total_delivered = 0;  // C.delivered now
  bool is_app_limited = false;        // when it was sent
  bool has_sack = false;
  bool begins_range = true;  // it does not follow what was declared lost before it
};

class CongestionControl {
 public:
  static constexpr std::uint32_t kInfinite = 0x7fffffff;

  virtual ~CongestionControl() = default;
  virtual const char* name() const = 0;

  // New data was acknowledged while no recovery is under way (or after a time-out, in slow start). Who
  // owns its recovery hears of all new data, and of every ACK in a recovery.
  virtual void on_ack(const AckSample& sample) = 0;
  // cwnd is the algorithm's own also during a recovery: no proportional rate reduction, no cut at its end.
  virtual bool owns_recovery() const { return false; }
  // Called before on_ack() for each packet newly declared lost, for who owns its recovery.
  virtual void on_loss(const LossEvent& loss) { (void)loss; }
  // The algorithm's pacing rate in bytes per second (kUnlimitedRate: it has none yet), and whether it must
  // be kept. Window-based algorithms: a window in each RTT, times a ratio in percent so that the pacer is
  // not what keeps the window from growing (Linux: tcp_update_pacing_rate).
  virtual bool needs_pacing() const { return false; }
  virtual std::uint64_t pacing_rate(Duration srtt, unsigned slow_start_ratio, unsigned avoidance_ratio) const;
  // What is sent now tells nothing about the path: the samples are to count as application-limited.
  virtual bool marks_app_limited() const { return false; }
  // Data is about to leave while nothing is in flight.
  virtual void on_restart_from_idle(Instant now, bool is_app_limited) {
    (void)now;
    (void)is_app_limited;
  }
  // A loss was detected, or the peer echoed congestion (ECN): the new ssthresh, at most once per window
  // of data (the caller's). Derived from cwnd, as in Linux, not from FlightSize: a window that was not
  // used did not grow either. cwnd stays as it is: the recovery brings it down.
  virtual void enter_recovery(Instant now);
  // RFC 5681 3.1 MUST-5, MUST-6
  // The retransmission timer expired: cwnd is one segment. `first`: it is a new congestion event, so
  // ssthresh as above; not so for repeated expiries and inside a recovery that has reduced already.
  virtual void on_rto(Instant now, bool first);
  virtual void on_recovery_end() { cwnd_ = ssthresh_ < min_cwnd() ? min_cwnd() : ssthresh_; }
  // Nothing was sent for `idle` (longer than `rto`): RFC 5681 4.1 SHLD-7, but halved once per RTO as in RFC
  // 7661 and Linux, down to the restart window.
  virtual void on_idle(Instant now, Duration idle, Duration rto, std::uint32_t initial_window_bytes);
  // The loss or time-out proved spurious: as it was before enter_recovery() or on_rto().
  virtual void undo(Instant now);

  // What the algorithm knows beside its windows, as of `now`. Whoever may need it again has the room: until
  // an undo (tcp/active.h), or in a snapshot. remember() brings it to an algorithm of the same name.
  struct Memory {
    std::array<std::uint32_t, 8> words{};
    friend bool operator==(const Memory&, const Memory&) = default;
  };
  virtual Memory memory(Instant now) const {
    (void)now;
    return {};
  }
  virtual void remember(Instant now, const Memory& memory) {
    (void)now;
    (void)memory;
  }

  // What it believes of the path, if it models it (TCP_CC_INFO).
  virtual std::optional<PathModel> path_model() const { return std::nullopt; }

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
std::string_view available_congestion_controls();  // "reno cubic bbr"
bool is_congestion_control(std::string_view name);

class BbrPool;

// The place of an algorithm inside a connection.
class CongestionControlSlot {
 public:
  static constexpr std::size_t kBytes = 48;

  CongestionControlSlot();  // Reno with no window yet
  ~CongestionControlSlot() { get().~CongestionControl(); }
  CongestionControlSlot(const CongestionControlSlot&) = delete;
  CongestionControlSlot& operator=(const CongestionControlSlot&) = delete;

  // Starts the algorithm with the windows of its predecessor. False: no such algorithm, unchanged. `pool`
  // is where BBR's model comes from; without one there is no BBR.
  bool select(std::string_view name, BbrPool* pool = nullptr);

  CongestionControl& get() { return *std::launder(reinterpret_cast<CongestionControl*>(storage_)); }
  const CongestionControl& get() const {
    return *std::launder(reinterpret_cast<const CongestionControl*>(storage_));
  }
  CongestionControl* operator->() { return &get(); }
  const CongestionControl* operator->() const { return &get(); }

 private:
  template <class Algorithm, class... Arguments>
  void start(Arguments&... arguments);

  alignas(8) std::byte storage_[kBytes];
};

}  // namespace sockeye::tcp
