// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where a sender stands (Linux's five states of congestion), up to which number that lasts, what may be
// sent again now, and, without SACK, what duplicate ACKs stand for (RFC 5681 3.2, RFC 6582).
//
//            something SACKed        a loss            the timer
//      open ----------------> disorder ----> recovery -----------> loss
//        ^ '-- ECN echo --> cwr        '----------------------------^ |
//        '------------- all that was sent until then is acknowledged, or it was no loss
//
// What is lost is marked in the SentQueue, by Rack or by NewReno's rule; how much may leave says Prr.
// RFC 6675's pipe is flight - SACKed - lost + sent again. Limited transmit (RFC 3042) falls out of it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/seqnum.h"

namespace sockeye::tcp {

class LossRecovery {
 public:
  enum class Phase : std::uint8_t { open, disorder, cwr, recovery, loss };
  // What an ACK allows to be sent again.
  enum class Resend : std::uint8_t { lost, new_data_first, nothing };

  Phase phase() const { return phase_; }
  bool is_recovering() const { return phase_ >= Phase::recovery; }
  // Proportional rate reduction sets cwnd.
  bool is_reducing() const { return phase_ == Phase::cwr || phase_ == Phase::recovery; }
  SeqNum end() const { return end_; }  // RecoveryPoint of RFC 6675, `recover` of RFC 6582

  void enter(Phase phase, SeqNum snd_nxt) {
    phase_ = phase;
    end_ = snd_nxt;
  }
  // As enter(), but what ends the present phase stays (an ECN reduction that meets a loss).
  void change(Phase phase) { phase_ = phase; }

  Resend resend() const { return resend_; }
  void set_resend(Resend resend) { resend_ = resend; }

  // --- without SACK: every duplicate ACK stands for one segment that has arrived
  // `room`: the segments in flight that are not lost. True: more duplicates than there can be, which
  // is what reordering looks like.
  bool on_duplicate_ack(std::uint32_t mss, std::uint32_t room) {
    reno_sacked_ = std::min(reno_sacked_ + mss, room);
    if (duplicates_ < 0xffff) ++duplicates_;
    return reno_sacked_ == room && duplicates_ * std::uint64_t{mss} > room;
  }
  // A partial ACK: the first of what it covers was the hole, the rest are the duplicates.
  void on_partial_ack(std::uint32_t acked, std::uint32_t mss) {
    reno_sacked_ -= std::min(reno_sacked_, acked > mss ? acked - mss : 0);
    duplicates_ = static_cast<std::uint16_t>(reno_sacked_ / std::max(mss, 1u));
  }
  void forget_duplicates() {
    reno_sacked_ = 0;
    duplicates_ = 0;
  }
  std::uint32_t reno_sacked() const { return reno_sacked_; }  // bytes
  std::uint32_t duplicates() const { return duplicates_; }

  void reset() { *this = LossRecovery(); }

 private:
  SeqNum end_{};
  std::uint32_t reno_sacked_ = 0;
  std::uint16_t duplicates_ = 0;
  Phase phase_ = Phase::open;
  Resend resend_ = Resend::lost;
};

}  // namespace sockeye::tcp
