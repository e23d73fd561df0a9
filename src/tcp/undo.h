// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Was the last reduction of the window for nothing? Two witnesses: an ACK that echoes a timestamp from
// before the first retransmission answers the original (Eifel, RFC 3522; what then happens is RFC
// 4015's), and a duplicate report (RFC 2883, RFC 3708) for every single retransmission says that none
// was needed. As in Linux, both are believed only about the last recovery.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/seqnum.h"
#include "tcp/timestamps.h"

namespace sockeye::tcp {

class Undo {
 public:
  // The window is reduced now. `resent`: segments whose retransmission is under way already. Without
  // `restores` the window was smaller for another reason already (ECN), which stays true.
  void start(SeqNum una, std::uint32_t resent, bool restores) {
    marker_ = una;
    is_armed_ = true;
    restores_ = restores;
    outstanding_ = resent;
    any_sent_ = resent > 0;
  }
  void clear() { is_armed_ = false; }
  bool is_armed() const { return is_armed_; }
  bool restores() const { return restores_; }

  // `segments` leave again at `ts_value` of our timestamp clock.
  void on_retransmitted(std::uint32_t segments, std::uint32_t ts_value) {
    any_sent_ = true;
    outstanding_ += segments;
    if (!first_at_) first_at_ = ts_value;
  }
  // Nothing that was sent twice is in flight: the next retransmission is the first.
  void forget_first() { first_at_.reset(); }
  // The peer has got `segments` up to `end` twice.
  void on_duplicate(std::uint32_t segments, SeqNum end) {
    if (is_armed_ && any_sent_ && end > marker_) outstanding_ -= std::min(outstanding_, segments);
  }

  // Every retransmission was reported as a duplicate.
  bool all_duplicate() const { return is_armed_ && any_sent_ && outstanding_ == 0; }
  // The ACK with this echo answers something sent before the first retransmission.
  bool is_delayed(std::optional<std::uint32_t> echo) const {
    return first_at_ && echo && *echo != 0 && TimestampState::is_before(*echo, *first_at_);
  }
  bool may_undo(std::optional<std::uint32_t> echo) const {
    return is_armed_ && (all_duplicate() || is_delayed(echo));
  }

 private:
  SeqNum marker_{};                          // snd_una at the reduction
  std::uint32_t outstanding_ = 0;            // retransmitted segments that no report has called duplicate
  std::optional<std::uint32_t> first_at_{};  // our timestamp of the first retransmission
  bool is_armed_ = false;
  bool any_sent_ = false;
  bool restores_ = false;
};

}  // namespace sockeye::tcp
