// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What counts as lost and what is to be sent again: fast retransmit and fast recovery with SACK (RFC
// 6675) and without (NewReno, RFC 6582), limited transmit (RFC 3042, which falls out of the pipe), and
// the retransmission time-out (RFC 5681, 6298).
//
// One idea serves all of them. Losses are found from below: there is a `lost_edge` below which every
// byte that is not SACKed counts as lost, and retransmissions go upward, so that `high_rxt` says how
// far they have come:
//
//   snd_una      high_rxt           lost_edge        snd_nxt
//      | sent again | lost, to be sent  | in flight       |        (SACKed ranges left out everywhere)
//
// pipe = flight - SACKed - lost and not yet sent again. Without SACK every duplicate ACK stands for one
// segment that has arrived. Later: time-based detection (RFC 8985), PRR (RFC 9937), F-RTO.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "tcp/sack_scoreboard.h"

namespace sockeye::tcp {

// Where the sender stands, as the recovery needs to know it.
struct SendEdges {
  SeqNum una{};
  SeqNum nxt{};
  std::uint32_t mss = 0;
  bool sack = false;
};

class LossRecovery {
 public:
  enum class Phase : std::uint8_t { open, recovery, loss };

  Phase phase() const { return phase_; }
  bool is_open() const { return phase_ == Phase::open; }
  std::uint32_t duplicate_acks() const { return duplicate_acks_; }
  SeqNum lost_edge() const { return lost_edge_; }

  // A duplicate ACK (RFC 5681 2), or with SACK one that reported something new.
  void on_duplicate_ack(const SendEdges& at) {
    if (duplicate_acks_ < 0xffff) ++duplicate_acks_;
    if (!at.sack && phase_ != Phase::loss) {
      const std::uint32_t flight = distance(at.una, at.nxt);
      const std::uint32_t most = flight > at.mss ? flight - at.mss : 0;
      reno_sacked_ = std::min(reno_sacked_ + at.mss, most);
    }
  }

  // snd_una has advanced to at.una by `acked` bytes. True: the recovery is over.
  bool on_advance(const SendEdges& at, std::uint32_t acked);
  // After an ACK with SACK information: moves lost_edge.
  void on_scoreboard(const SendEdges& at, const SackScoreboard& scoreboard);
  // Is it time for fast retransmit? (RFC 6675 5 steps 1-4, RFC 6582 3.2 step 1.)
  bool should_enter(const SendEdges& at) const;
  void enter(const SendEdges& at);
  void on_timeout(const SendEdges& at);
  // What lies before `end` was too large for the path: it goes out again, and nothing else follows.
  void on_too_large(const SendEdges& at, SeqNum end);

  // Bytes believed to be in the network.
  std::uint32_t pipe(const SendEdges& at, const SackScoreboard& scoreboard) const {
    const std::uint32_t flight = distance(at.una, at.nxt);
    const std::uint32_t sacked = at.sack ? scoreboard.sacked_bytes() : reno_sacked_;
    const std::uint32_t gone = sacked + lost_waiting_;
    return flight > gone ? flight - gone : 0;
  }
  // The next range to send again; empty: none.
  std::optional<SackBlock> next(const SendEdges& at, const SackScoreboard& scoreboard) const;
  void on_retransmitted(SeqNum begin, SeqNum end);
  // May the next retransmission leave although the pipe is full (the first of a recovery)?
  bool is_forced() const { return forced_; }
  std::uint32_t lost_waiting() const { return lost_waiting_; }
  void reset() { *this = LossRecovery(); }

 private:
  void count_lost(const SendEdges& at, const SackScoreboard& scoreboard);
  SeqNum resume(const SendEdges& at) const { return max(at.una, high_rxt_); }

  SeqNum lost_edge_{};
  SeqNum high_rxt_{};
  SeqNum recovery_point_{};
  std::uint32_t lost_waiting_ = 0;  // lost bytes above high_rxt
  std::uint32_t reno_sacked_ = 0;   // without SACK: bytes that duplicate ACKs stand for
  std::uint16_t duplicate_acks_ = 0;
  Phase phase_ = Phase::open;
  bool forced_ = false;
  bool has_edges_ = false;           // lost_edge_ and high_rxt_ mean something
  bool has_recovery_point_ = false;  // a recovery ended there: RFC 6582's guard
};

}  // namespace sockeye::tcp
