// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What is in flight: one entry per packet handed down (up to 64 KiB, so a window of megabytes is a few
// dozen entries), with what is known about its fate. Entries are ranges of sequence numbers; the bytes
// are in the SendBuffer. An entry is split where a part of it meets another fate, and only between the
// segments that it was cut into, so that a peer that reports single bytes gains nothing (hostile F14).
//
//   in order of sequence:      una [ sent ][ lost ][ SACKed ][ sent again ][ sent ] nxt
//   in order of transmission:  oldest [ sent ] -> [ sent ] -> [ sent again ] newest
//
// The second list holds what may still arrive: what RFC 8985 walks from its oldest end. Kept beside it:
// how many bytes are SACKed, lost, or believed to be under way a second time; `pipe` follows from them.
//
// Cost: appending and acknowledging O(1); a mark or a retransmission O(log n) to find its place; a split
// moves at most half of a list of 4-byte indices; a time-out and an undo walk everything.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/ring_queue.h"
#include "core/seqnum.h"
#include "core/time.h"
#include "tcp/delivery_rate.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

class SackScoreboard;

struct SentSegment {
  SeqNum begin{};
  SeqNum end{};
  Instant sent_at{};                 // the last transmission (RFC 8985 4 MUST-2), in ns
  RateSnapshot rate{};               // of it
  std::uint16_t mss = 0;             // the packet was cut every so many bytes; 0: it is one segment
  std::uint8_t retransmissions = 0;  // 0: Karn's rule has nothing against it
  bool sacked : 1 = false;
  bool lost : 1 = false;
  bool resent : 1 = false;  // a retransmission of it is believed to be in the network
  bool push : 1 = false;    // its last byte was the last that a write had pushed

  std::uint32_t bytes() const { return distance(begin, end); }
  std::uint32_t segments() const { return mss == 0 ? 1 : (bytes() + mss - 1) / mss; }
  bool waits() const { return lost && !resent; }  // ... to be sent again
};

// What a cumulative ACK has covered.
struct SentAcked {
  bool any = false;
  bool retransmitted = false;  // some of it was sent more than once: no round-trip time (Karn)
  Instant first_sent{};        // of the oldest and newest range covered
  Instant last_sent{};
};

// A packet, or a part of one, that was marked lost.
struct LostPiece {
  RateSnapshot rate{};  // when it was sent
  std::uint32_t bytes = 0;
  bool begins_range = false;  // it does not follow the one that was marked before it
};

// What is known about a range that goes out again.
struct SentAgain {
  std::uint8_t transmission = 0;  // the number of its retransmission, 1 for the first
  bool push = false;              // as Linux: a write ended there, or one packet had several of its segments
};

class SentQueue {
 public:
  bool empty() const { return order_.empty(); }
  std::size_t size() const { return order_.size(); }
  const SentSegment& front() const { return nodes_[order_.front()].segment; }
  const SentSegment& back() const { return nodes_[order_.back()].segment; }
  const SentSegment& operator[](std::size_t index) const { return nodes_[order_[index]].segment; }

  // A new packet, cut every `mss` bytes (0: not cut). The answer is for the caller to fill, before anything
  // else happens here.
  RateSnapshot& on_sent(SeqNum begin, SeqNum end, Instant now, std::uint16_t mss = 0, bool push = false);

  // The cumulative ACK stands at `una`. `visit` is called with each piece that it took away, in order.
  template <class Visit>
  SentAcked on_ack(SeqNum una, Visit&& visit) {
    SentAcked acked;
    while (!order_.empty() && nodes_[order_.front()].segment.begin < una) {
      const SentSegment piece = take_front(una);
      if (!acked.any) acked.first_sent = piece.sent_at;
      acked.any = true;
      acked.last_sent = piece.sent_at;
      acked.retransmitted |= piece.retransmissions > 0;
      visit(piece);
    }
    return acked;
  }
  SentAcked on_ack(SeqNum una) {
    return on_ack(una, [](const SentSegment&) {});
  }

  // `newly` has become SACKed; it is a part of the peer's `block`, which `known` does not hold yet.
  // Whole segments are marked; `visit` sees each piece as it was before.
  template <class Visit>
  void on_sacked(SackBlock newly, SackBlock block, const SackScoreboard& known, Visit&& visit) {
    for (std::size_t i = find(newly.begin); i < order_.size() && (*this)[i].begin < newly.end; ++i) {
      ++steps_;
      if ((*this)[i].sacked) continue;
      const SackBlock whole = whole_segments((*this)[i], newly, block, known);
      if (whole.begin >= whole.end) continue;
      if ((*this)[i].begin < whole.begin) split(i++, whole.begin);
      if (whole.end < (*this)[i].end) split(i, whole.end);
      visit((*this)[i]);
      set_sacked(order_[i]);
    }
  }

  // The range goes out again. `as_probe`: only to see whether an answer comes (TLP); it does not count
  // as being in the network twice.
  SentAgain on_retransmit(SeqNum begin, SeqNum end, Instant now, std::uint16_t mss = 0, bool as_probe = false,
                          const RateSnapshot& rate = {});
  // The peer has got the range twice (RFC 2883): its second transmission is not under way any more.
  void on_duplicate(SackBlock range);

  // --- losses
  // A new account of marks: `each`: new_marks() will list them. Answers marked_bytes().
  std::uint32_t begin_marks(bool each) {
    new_marks_.clear();
    notes_marks_ = each;
    return marked_bytes_;
  }
  std::span<const LostPiece> new_marks() const { return new_marks_; }  // until the next mark
  // The entry counts as lost, or its retransmission as lost too. Nothing for one that is SACKed.
  void mark_lost(std::uint32_t entry);
  void mark_front_lost(std::uint32_t mss);  // its first segment (RFC 6582)
  // A time-out: everything but what is SACKed, and what `spare` says is too young (never the first).
  template <class Spare>
  void mark_all_lost(Spare&& spare) {
    for (std::size_t i = 0; i < order_.size(); ++i)
      if (i == 0 || !spare((*this)[i])) mark_lost(order_[i]);
  }
  void forget_losses();  // they were none: nothing is lost any more
  void forget_sacks();   // the peer reneged (RFC 2018 8)
  // The lowest range that is lost and not sent again, at most `most` bytes of it. Neighbours are joined
  // as long as a packet cut every `mss` bytes is cut where they meet, or is not cut at all.
  std::optional<SackBlock> next_lost(std::uint32_t most, std::uint32_t mss);
  // The last segment in flight: what a tail loss probe repeats. Splits it off.
  SackBlock last_segment(std::uint32_t mss);

  // --- in order of transmission
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::uint32_t oldest() const { return oldest_; }  // kNone: nothing may still arrive
  std::uint32_t newer(std::uint32_t entry) {
    ++steps_;
    return nodes_[entry].newer;
  }
  const SentSegment& entry(std::uint32_t index) const { return nodes_[index].segment; }

  // --- sums, in bytes
  std::uint32_t sacked_bytes() const { return sacked_bytes_; }
  std::uint32_t sacked_segments() const { return sacked_segments_; }
  std::uint32_t lost_bytes() const { return lost_bytes_; }        // sent again or not
  std::uint32_t waiting_bytes() const { return waiting_bytes_; }  // lost and not sent again
  std::uint32_t resent_bytes() const { return resent_bytes_; }    // under way a second time
  std::uint32_t loss_count() const { return loss_count_; }        // marks ever made; wraps
  std::uint32_t marked_bytes() const { return marked_bytes_; }    // ... in bytes
  bool any_retransmitted() const {                                // ... that is still unacknowledged
    return resent_bytes_ > 0 || (!empty() && front().retransmissions > 0);
  }
  // Nothing in flight is SACKed, lost or was ever sent twice.
  bool is_untroubled() const { return !was_resent_ && sacked_bytes_ == 0 && lost_bytes_ == 0; }
  // Entries looked at since the beginning: what hostile peers must not be able to multiply.
  std::uint64_t steps() const { return steps_; }
  void clear();

 private:
  struct Node {
    SentSegment segment{};
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
    bool linked = false;
  };

  // The entry that holds `seq`, or the first behind it, as an index into order_.
  std::size_t find(SeqNum seq) const;
  static SackBlock whole_segments(const SentSegment& segment, SackBlock newly, SackBlock block,
                                  const SackScoreboard& known);
  // After this entry `index` ends at `seq` and the next one begins there.
  void split(std::size_t index, SeqNum seq);
  SentSegment take_front(SeqNum una);
  void set_sacked(std::uint32_t entry);
  void count(const SentSegment& segment);    // into the sums
  void uncount(const SentSegment& segment);  // before anything of it changes
  std::uint32_t take_node();
  void link_newest(std::uint32_t entry);
  void link_oldest(std::uint32_t entry);
  void link_behind(std::uint32_t older, std::uint32_t entry);
  void unlink(std::uint32_t entry);

  std::vector<Node> nodes_;
  RingQueue<std::uint32_t> order_;  // nodes in use, by sequence number
  std::uint32_t free_ = kNone;      // chained by `newer`
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint32_t sacked_bytes_ = 0;
  std::uint32_t sacked_segments_ = 0;
  std::uint32_t lost_bytes_ = 0;
  std::uint32_t waiting_bytes_ = 0;
  std::uint32_t resent_bytes_ = 0;
  std::uint32_t loss_count_ = 0;
  std::uint32_t marked_bytes_ = 0;
  std::vector<LostPiece> new_marks_;
  SeqNum marked_end_{};  // of the piece marked last
  bool notes_marks_ = false;
  std::uint64_t steps_ = 0;
  SeqNum resent_end_{};      // of what was sent again and is unacknowledged, the highest end
  bool was_resent_ = false;  // ... there is such
  SeqNum lost_hint_{};       // nothing below it waits
};

}  // namespace sockeye::tcp
