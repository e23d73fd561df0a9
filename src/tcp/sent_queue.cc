// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/sent_queue.h"

#include <algorithm>

#include "tcp/sack_scoreboard.h"

namespace sockeye::tcp {
namespace {

constexpr std::size_t kKeepEntries = 256;  // an empty queue keeps room for this many entries at most
constexpr std::size_t kRunMax = 64;        // entries joined to one retransmission, or read of one report

bool is_covered(SackBlock piece, SackBlock block, const SackScoreboard& known) {
  std::uint32_t bytes = distance(max(piece.begin, block.begin), min(piece.end, block.end));
  if (piece.begin < block.begin) bytes += known.sacked_within({piece.begin, block.begin});
  if (block.end < piece.end) bytes += known.sacked_within({block.end, piece.end});
  return bytes == distance(piece.begin, piece.end);
}

}  // namespace

RateSnapshot& SentQueue::on_sent(SeqNum begin, SeqNum end, Instant now, std::uint16_t mss, bool push) {
  const std::uint32_t entry = take_node();
  SentSegment& segment = nodes_[entry].segment;
  segment.begin = begin;
  segment.end = end;
  segment.sent_at = now;
  segment.mss = mss;
  segment.retransmissions = 0;
  segment.sacked = segment.lost = segment.resent = false;
  segment.push = push;
  order_.push_back(entry);
  link_newest(entry);
  return segment.rate;
}

// Takes the first entry away, or as much of it as lies below `una`.
SentSegment SentQueue::take_front(SeqNum una) {
  const std::uint32_t entry = order_.front();
  SentSegment piece = nodes_[entry].segment;
  const bool counts = !is_untroubled() || resent_bytes_ > 0;
  if (counts) uncount(piece);
  if (was_resent_ && una >= resent_end_) was_resent_ = false;
  if (una < piece.end) {
    piece.end = una;
    nodes_[entry].segment.begin = una;
    if (counts) count(nodes_[entry].segment);
    return piece;
  }
  unlink(entry);
  order_.pop_front();
  nodes_[entry].newer = free_;
  free_ = entry;
  if (order_.empty() && nodes_.size() > kKeepEntries) clear();
  return piece;
}

void SentQueue::count(const SentSegment& segment) {
  const std::uint32_t bytes = segment.bytes();
  if (segment.sacked) {
    sacked_bytes_ += bytes;
    sacked_segments_ += segment.segments();
  }
  if (segment.lost) lost_bytes_ += bytes;
  if (segment.waits()) waiting_bytes_ += bytes;
  if (segment.resent) resent_bytes_ += bytes;
}

void SentQueue::uncount(const SentSegment& segment) {
  const std::uint32_t bytes = segment.bytes();
  if (segment.sacked) {
    sacked_bytes_ -= bytes;
    sacked_segments_ -= segment.segments();
  }
  if (segment.lost) lost_bytes_ -= bytes;
  if (segment.waits()) waiting_bytes_ -= bytes;
  if (segment.resent) resent_bytes_ -= bytes;
}

SackBlock SentQueue::whole_segments(const SentSegment& segment, SackBlock newly, SackBlock block,
                                    const SackScoreboard& known) {
  const std::uint32_t bytes = segment.bytes();
  const std::uint32_t mss = segment.mss == 0 ? bytes : segment.mss;
  const std::uint32_t from = distance(segment.begin, max(segment.begin, newly.begin));
  const std::uint32_t to = distance(segment.begin, min(segment.end, newly.end));
  std::uint32_t first = from / mss * mss;
  std::uint32_t last = to == bytes ? bytes : to / mss * mss;
  const auto piece = [&](std::uint32_t at) {
    return SackBlock{segment.begin + at, segment.begin + std::min(at + mss, bytes)};
  };
  if (last < to && is_covered(piece(last), block, known)) last = std::min(last + mss, bytes);
  if (first < from && !is_covered(piece(first), block, known)) first = std::min(first + mss, bytes);
  return {segment.begin + first, segment.begin + last};
}

void SentQueue::set_sacked(std::uint32_t entry) {
  SentSegment& segment = nodes_[entry].segment;
  uncount(segment);
  // Of a segment that counts as lost, one of the two transmissions has arrived and the other is not
  // expected. Of one that does not, the second is believed to be still under way.
  if (segment.lost) segment.resent = false;
  segment.lost = false;
  segment.sacked = true;
  count(segment);
  unlink(entry);
}

SentAgain SentQueue::on_retransmit(SeqNum begin, SeqNum end, Instant now, std::uint16_t mss, bool as_probe,
                                   const RateSnapshot& rate) {
  SentAgain known;
  bool is_one_packet = false;
  resent_end_ = was_resent_ ? max(resent_end_, end) : end;
  was_resent_ = true;
  for (std::size_t i = find(begin); i < order_.size() && (*this)[i].begin < end; ++i) {
    if ((*this)[i].begin < begin) split(i++, begin);
    if (end < (*this)[i].end) split(i, end);
    SentSegment& segment = nodes_[order_[i]].segment;
    uncount(segment);
    if (!as_probe) segment.resent = true;
    if (segment.retransmissions < 255) ++segment.retransmissions;
    known.transmission = std::max(known.transmission, segment.retransmissions);
    is_one_packet |= segment.segments() > 1;
    known.push = segment.push || is_one_packet;
    segment.sent_at = now;
    segment.mss = mss;
    segment.rate = rate;
    count(segment);
    if (segment.sacked || segment.waits()) continue;
    unlink(order_[i]);
    link_newest(order_[i]);
  }
  return known;
}

void SentQueue::on_duplicate(SackBlock range) {
  std::size_t i = find(range.begin);
  for (std::size_t run = 0; run < kRunMax && i < order_.size() && (*this)[i].end <= range.end; ++run, ++i) {
    SentSegment& segment = nodes_[order_[i]].segment;
    if (!segment.resent || segment.lost || segment.begin < range.begin) continue;
    uncount(segment);
    segment.resent = false;
    count(segment);
  }
}

void SentQueue::mark_lost(std::uint32_t entry) {
  SentSegment& segment = nodes_[entry].segment;
  if (segment.sacked || segment.waits()) return;
  if (waiting_bytes_ == 0 || segment.begin < lost_hint_) lost_hint_ = segment.begin;
  uncount(segment);
  segment.resent = false;
  segment.lost = true;
  count(segment);
  ++loss_count_;
  marked_bytes_ += segment.bytes();
  if (notes_marks_) new_marks_.push_back({segment.rate, segment.bytes(), segment.begin != marked_end_});
  marked_end_ = segment.end;
  unlink(entry);
}

void SentQueue::mark_front_lost(std::uint32_t mss) {
  if (empty() || front().lost) return;
  if (front().bytes() > mss) split(0, front().begin + mss);
  mark_lost(order_.front());
}

void SentQueue::forget_losses() {
  for (std::size_t i = order_.size(); i > 0; --i) {
    SentSegment& segment = nodes_[order_[i - 1]].segment;
    if (segment.waits()) link_oldest(order_[i - 1]);  // older than what is still in the list
    segment.lost = false;
  }
  lost_bytes_ = waiting_bytes_ = 0;
}

void SentQueue::forget_sacks() {
  for (std::size_t i = order_.size(); i > 0; --i) {
    SentSegment& segment = nodes_[order_[i - 1]].segment;
    if (!segment.sacked) continue;
    segment.sacked = false;
    link_oldest(order_[i - 1]);
  }
  sacked_bytes_ = sacked_segments_ = 0;
}

std::optional<SackBlock> SentQueue::next_lost(std::uint32_t most, std::uint32_t mss) {
  if (waiting_bytes_ == 0) return std::nullopt;
  std::size_t i = find(lost_hint_);
  for (; i < order_.size() && !(*this)[i].waits(); ++i) ++steps_;
  if (i == order_.size()) return std::nullopt;
  const SeqNum begin = lost_hint_ = (*this)[i].begin;
  SeqNum end = begin;
  for (std::size_t run = 0; run < kRunMax && i < order_.size() && (*this)[i].waits(); ++run, ++i) {
    const bool is_cut_here = distance(begin, end) % mss == 0;
    if (!is_cut_here && distance(begin, (*this)[i].end) > mss) break;
    end = (*this)[i].end;
    if (distance(begin, end) >= most) break;
  }
  return SackBlock{begin, min(end, begin + most)};
}

SackBlock SentQueue::last_segment(std::uint32_t mss) {
  const std::size_t last = order_.size() - 1;
  const SentSegment& segment = back();
  const std::uint32_t before = (segment.bytes() - 1) / mss * mss;
  if (before > 0 && !segment.sacked) split(last, segment.begin + before);
  return {back().begin, back().end};
}

std::size_t SentQueue::find(SeqNum seq) const {
  std::size_t low = 0;
  std::size_t high = order_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if ((*this)[middle].end <= seq) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void SentQueue::split(std::size_t index, SeqNum seq) {
  const std::uint32_t right = take_node();  // may move the nodes
  const std::uint32_t left = order_[index];
  uncount(nodes_[left].segment);
  nodes_[right].segment = nodes_[left].segment;
  nodes_[left].segment.end = seq;
  nodes_[left].segment.push = false;
  nodes_[right].segment.begin = seq;
  count(nodes_[left].segment);
  count(nodes_[right].segment);
  if (nodes_[left].linked) link_behind(left, right);
  order_.insert(index + 1, right);
}

std::uint32_t SentQueue::take_node() {
  if (free_ == kNone) {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  const std::uint32_t entry = free_;
  free_ = nodes_[entry].newer;
  return entry;
}

void SentQueue::link_newest(std::uint32_t entry) {
  if (newest_ == kNone) {
    link_oldest(entry);
  } else {
    link_behind(newest_, entry);
  }
}

void SentQueue::link_oldest(std::uint32_t entry) {
  Node& node = nodes_[entry];
  if (node.linked) return;
  node.linked = true;
  node.older = kNone;
  node.newer = oldest_;
  (oldest_ == kNone ? newest_ : nodes_[oldest_].older) = entry;
  oldest_ = entry;
}

void SentQueue::link_behind(std::uint32_t older, std::uint32_t entry) {
  Node& node = nodes_[entry];
  node.linked = true;
  node.older = older;
  node.newer = nodes_[older].newer;
  (node.newer == kNone ? newest_ : nodes_[node.newer].older) = entry;
  nodes_[older].newer = entry;
}

void SentQueue::unlink(std::uint32_t entry) {
  Node& node = nodes_[entry];
  if (!node.linked) return;
  (node.older == kNone ? oldest_ : nodes_[node.older].newer) = node.newer;
  (node.newer == kNone ? newest_ : nodes_[node.newer].older) = node.older;
  node.linked = false;
}

void SentQueue::clear() {
  order_.clear();
  nodes_.clear();
  free_ = oldest_ = newest_ = kNone;
  sacked_bytes_ = sacked_segments_ = lost_bytes_ = waiting_bytes_ = resent_bytes_ = 0;
  was_resent_ = false;
  if (nodes_.capacity() > kKeepEntries) std::vector<Node>().swap(nodes_);
  if (new_marks_.capacity() > kKeepEntries) std::vector<LostPiece>().swap(new_marks_);
}

}  // namespace sockeye::tcp
