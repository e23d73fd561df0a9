// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/sack_scoreboard.h"

#include <algorithm>

namespace sockeye::tcp {

std::optional<SackBlock> duplicate_report(const TcpOptions& options, SeqNum ack) {
  if (options.sack_count == 0) return std::nullopt;
  const SackBlock& first = options.sack[0];
  if (first.begin >= first.end) return std::nullopt;
  if (first.begin < ack) return first;
  if (options.sack_count < 2) return std::nullopt;
  const SackBlock& second = options.sack[1];
  if (first.begin >= second.begin && first.end <= second.end) return first;
  return std::nullopt;
}

bool SackScoreboard::is_credible(SackBlock block, SeqNum snd_una, SeqNum snd_nxt) const {
  if (block.begin >= block.end || block.end <= snd_una || block.end > snd_nxt) return false;
  if (range_count() < kRangesMax) return true;
  const std::size_t i = first_ending_at_or_after(max(block.begin, snd_una));
  return i < ranges_.size() && ranges_[i].begin <= block.end;  // needs no further range
}

std::size_t SackScoreboard::first_ending_at_or_after(SeqNum seq) const {
  if (empty() || ranges_.back().end < seq) return ranges_.size();
  const auto found = std::lower_bound(ranges_.begin() + static_cast<std::ptrdiff_t>(first_), ranges_.end(),
                                      seq, [](const SackBlock& range, SeqNum s) { return range.end < s; });
  return static_cast<std::size_t>(found - ranges_.begin());
}

// Joins the block with all ranges that it overlaps or touches.
std::uint32_t SackScoreboard::merge(SackBlock block) {
  const std::size_t from = first_ending_at_or_after(block.begin);
  std::size_t to = from;
  std::uint32_t known = 0;
  for (; to < ranges_.size() && ranges_[to].begin <= block.end; ++to) {
    known += distance(ranges_[to].begin, ranges_[to].end);
    block.begin = min(block.begin, ranges_[to].begin);
    block.end = max(block.end, ranges_[to].end);
  }
  const auto position = ranges_.begin() + static_cast<std::ptrdiff_t>(from);
  if (from < to) {
    *position = block;
    ranges_.erase(position + 1, ranges_.begin() + static_cast<std::ptrdiff_t>(to));
  } else if (from == first_ && first_ > 0) {
    ranges_[--first_] = block;
  } else {
    ranges_.insert(position, block);
  }
  const std::uint32_t newly = distance(block.begin, block.end) - known;
  sacked_bytes_ += newly;
  return newly;
}

void SackScoreboard::on_cumulative_ack(SeqNum snd_una) {
  while (!empty() && ranges_[first_].end <= snd_una) {
    sacked_bytes_ -= distance(ranges_[first_].begin, ranges_[first_].end);
    ++first_;
  }
  if (empty()) {
    clear();
    return;
  }
  SackBlock& lowest = ranges_[first_];
  if (lowest.begin < snd_una) {
    sacked_bytes_ -= distance(lowest.begin, snd_una);
    lowest.begin = snd_una;
  }
  if (first_ >= 64 && first_ > ranges_.size() / 2) {
    ranges_.erase(ranges_.begin(), ranges_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void SackScoreboard::clear() {
  ranges_.clear();
  first_ = 0;
  sacked_bytes_ = 0;
  if (ranges_.capacity() > 256) std::vector<SackBlock>().swap(ranges_);
}

bool SackScoreboard::is_sacked(SeqNum seq) const {
  const std::size_t i = first_ending_at_or_after(seq + 1);
  return i < ranges_.size() && ranges_[i].begin <= seq;
}

std::optional<SackBlock> SackScoreboard::next_hole(SeqNum from) const {
  std::size_t i = first_ending_at_or_after(from + 1);
  if (i < ranges_.size() && ranges_[i].begin <= from) from = ranges_[i++].end;
  if (i == ranges_.size()) return std::nullopt;
  return SackBlock{from, ranges_[i].begin};
}

std::uint32_t SackScoreboard::sacked_within(SackBlock piece) const {
  std::uint32_t bytes = 0;
  for (std::size_t i = first_ending_at_or_after(piece.begin + 1);
       i < ranges_.size() && ranges_[i].begin < piece.end; ++i)
    bytes += distance(max(ranges_[i].begin, piece.begin), min(ranges_[i].end, piece.end));
  return bytes;
}

}  // namespace sockeye::tcp
