// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Tail loss probes (RFC 8985 7): when nothing is heard for two round trips, one segment (new, or else
// the last one again) provokes an ACK whose SACK blocks show what is missing, long before the
// retransmission timer. If the probe itself repaired a loss nobody else noticed, the window is reduced
// (7.4). As Linux: needs SACK, and no recovery under way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

class TailLossProbe {
 public:
  // RFC 8985 7.2 SHLD-11, MAY-1
  // How long to be silent. A lone segment's ACK may be delayed (`delayed_ack`); `slack`: added to others.
  static Duration timeout(std::optional<Duration> srtt, bool is_lone, Duration delayed_ack, Duration slack,
                          Duration initial) {
    if (!srtt) return initial;
    return 2 * *srtt + (is_lone ? delayed_ack : slack);
  }

  bool is_outstanding() const { return end_.has_value(); }
  // 7.3: a probe leaves; snd_nxt is now `nxt`.
  void on_probe(SeqNum nxt, bool is_retransmission) {
    end_ = nxt;
    is_retransmission_ = is_retransmission;
  }
  // A report of a duplicate that ends where the probe ended.
  bool is_duplicated(SeqNum end) const { return end_ == end; }

  // 7.4. `duplicate`: the ACK reports the probe as a duplicate. `plain`: an ACK that neither moves
  // anything nor reports anything. True: the probe repaired a loss.
  bool on_ack(SeqNum ack, bool duplicate, bool plain) {
    if (!end_ || ack < *end_) return false;
    if (is_retransmission_ && !duplicate && ack == *end_ && !plain) return false;  // not known yet
    const bool repaired = is_retransmission_ && !duplicate && ack > *end_;
    end_.reset();
    return repaired;
  }
  void cancel() { end_.reset(); }

 private:
  std::optional<SeqNum> end_{};  // TLP.end_seq
  bool is_retransmission_ = false;
};

}  // namespace sockeye::tcp
