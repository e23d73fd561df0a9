// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RACK (RFC 8985 6.2): losses by time. What was sent a round trip and a little more before something
// that has arrived, and has not arrived itself, is lost: original or retransmission, in the middle or
// at the end. The "little more" is the reordering window: nothing until segments have been seen to
// overtake each other (then three reports suffice, as in RFC 5681), a quarter of the smallest round
// trip afterwards, and more for each round in which the peer reports needless retransmissions.
//
// The SentQueue keeps what may still arrive in order of transmission, so an ACK looks only at what it
// declares lost, and at the few that the timer will come back to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/seqnum.h"
#include "core/time.h"
#include "tcp/reordering.h"
#include "tcp/sent_queue.h"

namespace sockeye::tcp {

class Rack {
 public:
  // Step 2: `piece` has arrived. A retransmission counts only if the answer cannot be that to the
  // original: it took a round trip (`min_rtt`), and no timestamp echo says that it is older.
  void on_delivered(const SentSegment& piece, Instant now, Duration min_rtt, bool echo_is_older) {
    const Duration rtt = now - piece.sent_at;
    if (piece.retransmissions > 0 && (rtt < min_rtt || echo_is_older)) return;
    advanced_ = true;
    rtt_ = rtt;
    if (is_after(piece.sent_at, piece.end, sent_at_, end_)) {
      sent_at_ = piece.sent_at;
      end_ = piece.end;
    }
  }
  // Step 4. `impatient`: in a recovery, or as many segments are SACKed as make a fast retransmit.
  // RFC 8985 3.3.2 SHLD-1, SHLD-2, MUST-3, SHLD-4
  static Duration window(const Reordering& history, bool impatient, Duration min_rtt, Duration srtt) {
    if (history.seen() == 0 && impatient) return Duration::zero();
    return std::min(min_rtt / 4 * history.window_steps(), srtt);
  }
  // RFC 8985 3.3.2 SHLD-3; RFC 8985 4 REC-1
  // Step 4, once per round: the peer has got something twice. True: the window is to grow.
  bool on_duplicate(SeqNum una, SeqNum nxt) {
    if (duplicate_round_ && una < *duplicate_round_) return false;
    duplicate_round_ = nxt;
    return true;
  }

  // Has an ACK brought something that losses can be found by? Asking answers once.
  bool take_advanced() {
    const bool advanced = advanced_;
    advanced_ = false;
    return advanced;
  }
  void look_again() { advanced_ = true; }
  // Has something arrived that was sent after `segment`, which is still in flight?
  bool is_ahead_of(const SentSegment& segment) const {
    return is_after(sent_at_, end_, segment.sent_at, segment.end);
  }
  // Step 5: marks in `sent` what is lost at `now`. Answers how long to wait until more of it is, if
  // nothing is heard; zero: nothing waits.
  Duration detect(Instant now, Duration window, SentQueue& sent) const;
  // A time-out (RFC 8985 6.3): was this sent less than a round trip ago?
  bool is_young(const SentSegment& segment, Instant now) const { return segment.sent_at + rtt_ > now; }

  Duration rtt() const { return rtt_; }
  void reset() { *this = Rack(); }

 private:
  static constexpr unsigned kWaitersRead = 64;

  static bool is_after(Instant sent, SeqNum end, Instant other_sent, SeqNum other_end) {
    return sent > other_sent || (sent == other_sent && end > other_end);
  }

  Instant sent_at_{};  // of the segment sent last of those that have arrived: RACK.segment
  SeqNum end_{};
  std::optional<SeqNum> duplicate_round_{};  // RACK.dsack_round
  Duration rtt_ = Duration::zero();          // of the one that arrived last
  bool advanced_ = false;
};

}  // namespace sockeye::tcp
