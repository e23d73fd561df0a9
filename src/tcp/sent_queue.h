// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What is in flight: one entry per packet handed down (up to 64 KiB, so a window of megabytes is a few
// dozen entries), with the time of its last transmission and how often it was sent. Entries are
// ranges of sequence numbers; the bytes are in the SendBuffer. Appending and acknowledging are O(1);
// only a retransmission of a part splits an entry. Gives the round-trip times of RFC 6298 with Karn's
// rule, the transmission number that a packet carries (decisions.md D10), and is what time-based loss
// detection (RFC 8985) will read.
#pragma once

#include <cstdint>

#include "core/ring_queue.h"
#include "core/seqnum.h"
#include "core/time.h"
#include "tcp/delivery_rate.h"

namespace sockeye::tcp {

struct SentSegment {
  SeqNum begin{};
  SeqNum end{};
  Instant sent_at{};
  RateSnapshot rate{};  // of its last transmission
  std::uint8_t retransmissions = 0;
};

// What a cumulative ACK has covered.
struct SentAcked {
  bool any = false;
  bool retransmitted = false;  // some of it was sent more than once: no round-trip time (Karn)
  Instant first_sent{};        // of the oldest and newest range covered
  Instant last_sent{};
  Instant newest_sent{};  // the last of all transmissions covered, unless it was SACKed before
  RateSnapshot newest{};  // its snapshot
  bool has_newest = false;
  bool newest_retransmitted = false;
};

class SentQueue {
 public:
  bool empty() const { return segments_.empty(); }
  std::size_t size() const { return segments_.size(); }
  const SentSegment& front() const { return segments_.front(); }

  void on_sent(SeqNum begin, SeqNum end, Instant now, const RateSnapshot& rate = {}) {
    segments_.push_back({begin, end, now, rate, 0});
  }

  SentAcked on_ack(SeqNum una) {
    SentAcked acked;
    while (!segments_.empty() && segments_.front().begin < una) {
      SentSegment& first = segments_.front();
      if (!acked.any) acked.first_sent = first.sent_at;
      acked.any = true;
      acked.last_sent = first.sent_at;
      acked.retransmitted |= first.retransmissions > 0;
      if (!first.rate.is_delivered && (!acked.has_newest || first.sent_at >= acked.newest_sent)) {
        acked.newest = first.rate;
        acked.newest_sent = first.sent_at;
        acked.newest_retransmitted = first.retransmissions > 0;
        acked.has_newest = true;
      }
      if (una < first.end) {
        first.begin = una;
        break;
      }
      segments_.pop_front();
    }
    return acked;
  }

  // A SACK block ends at `end`. The packet that holds its last byte, unless it was SACKed before; it
  // counts as delivered from now on.
  const SentSegment* on_sacked(SeqNum end) {
    const std::size_t index = find(end - 1u);
    if (index >= segments_.size() || segments_[index].begin >= end) return nullptr;
    SentSegment& segment = segments_[index];
    if (segment.rate.is_delivered) return nullptr;
    segment.rate.is_delivered = segment.end <= end;
    return &segment;
  }

  // The packet that holds this byte; null: none.
  const SentSegment* holding(SeqNum seq) const {
    const std::size_t index = find(seq);
    return index < segments_.size() && segments_[index].begin <= seq ? &segments_[index] : nullptr;
  }

  // The range goes out again. Answers the number of its retransmission (1 for the first).
  std::uint8_t on_retransmit(SeqNum begin, SeqNum end, Instant now, const RateSnapshot& rate = {}) {
    std::uint8_t highest = 0;
    std::size_t index = find(begin);
    while (index < segments_.size() && segments_[index].begin < end) {
      if (segments_[index].begin < begin) split(index++, begin);
      if (end < segments_[index].end) split(index, end);
      SentSegment& segment = segments_[index++];
      if (segment.retransmissions < 255) ++segment.retransmissions;
      segment.sent_at = now;
      segment.rate = rate;
      if (segment.retransmissions > highest) highest = segment.retransmissions;
    }
    return highest;
  }
  void clear() { segments_.clear(); }

 private:
  // The entry that holds `seq`, or the first behind it.
  std::size_t find(SeqNum seq) const {
    std::size_t low = 0;
    std::size_t high = segments_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (segments_[middle].end <= seq) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  // After this segments_[index] ends at `seq` and the next entry begins there.
  void split(std::size_t index, SeqNum seq) {
    SentSegment right = segments_[index];
    right.begin = seq;
    segments_[index].end = seq;
    segments_.insert(index + 1, right);
  }

  RingQueue<SentSegment> segments_;
};

}  // namespace sockeye::tcp
