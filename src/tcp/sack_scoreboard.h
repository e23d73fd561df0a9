// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the peer's SACK blocks have told us (RFC 2018 5; RFC 8985 4 MUST-8): which ranges above snd_una have
// arrived, how many bytes they hold, and where the next hole is. What is lost is RACK's to say (rack.h).
// Which blocks may be believed (hostile.md D6) is decided here too.
//
// Ranges are sorted, and neither touch nor overlap. The usual block extends or follows the last range:
// amortised O(1); others are found by binary search. Bounded: a block that would make one range too
// many is not believed, which is safe (what is not marked is retransmitted). Allocates when it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/seqnum.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

// RFC 2883 4: is the first block a report of a duplicate? `ack` is the segment's acknowledgment number.
std::optional<SackBlock> duplicate_report(const TcpOptions& options, SeqNum ack);

class SackScoreboard {
 public:
  static constexpr std::uint32_t kRangesMax = 16384;

  // Takes one block in, cut to what lies above snd_una. Answers the bytes that were not known before; 0
  // for a block that is inverted, lies below snd_una, reaches above snd_nxt, or brings nothing. `newly`,
  // when given, is called with each range that has become SACKed, in order.
  template <class Visit>
  std::uint32_t add(SackBlock block, SeqNum snd_una, SeqNum snd_nxt, Visit&& newly) {
    if (!is_credible(block, snd_una, snd_nxt)) return 0;
    block.begin = max(block.begin, snd_una);
    SeqNum at = block.begin;
    for (std::size_t i = first_ending_at_or_after(at + 1); at < block.end; ++i) {
      const bool is_last = i == ranges_.size() || ranges_[i].begin >= block.end;
      const SeqNum gap_end = is_last ? block.end : ranges_[i].begin;
      if (at < gap_end) newly(SackBlock{at, gap_end});
      if (is_last) break;
      at = ranges_[i].end;
    }
    return merge(block);
  }
  std::uint32_t add(SackBlock block, SeqNum snd_una, SeqNum snd_nxt) {
    return add(block, snd_una, snd_nxt, [](SackBlock) {});
  }

  void on_cumulative_ack(SeqNum snd_una);  // forgets what lies below
  void clear();                            // a time-out: the peer may have reneged (RFC 2018 8)

  bool empty() const { return ranges_.size() == first_; }
  std::uint32_t sacked_bytes() const { return sacked_bytes_; }
  std::size_t range_count() const { return ranges_.size() - first_; }
  SackBlock range(std::size_t index) const { return ranges_[first_ + index]; }
  // One past the highest SACKed byte (HighSACK + 1); only when not empty.
  SeqNum highest() const { return ranges_.back().end; }
  bool is_sacked(SeqNum seq) const;
  // The first range at or above `from` and below highest() that is not SACKed.
  std::optional<SackBlock> next_hole(SeqNum from) const;
  // SACKed bytes within [begin, end): for pieces of the sent queue.
  std::uint32_t sacked_within(SackBlock piece) const;

 private:
  bool is_credible(SackBlock block, SeqNum snd_una, SeqNum snd_nxt) const;
  std::size_t first_ending_at_or_after(SeqNum seq) const;  // an index into ranges_
  std::uint32_t merge(SackBlock block);

  std::vector<SackBlock> ranges_;  // [first_, size) are in use
  std::size_t first_ = 0;
  std::uint32_t sacked_bytes_ = 0;
};

}  // namespace sockeye::tcp
