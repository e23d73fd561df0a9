// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/reassembly_queue.h"

#include <algorithm>

namespace sockeye::tcp {
namespace {

constexpr std::size_t kKeepNodes = 256;  // an empty queue keeps room for this many slices at most

}  // namespace

ReassemblyQueue::Inserted ReassemblyQueue::insert(SeqNum seq, std::span<const Slice> slices,
                                                  std::uint32_t charge_max) {
  std::uint32_t total = 0;
  for (const Slice& slice : slices) total += slice.size();
  Inserted result;
  if (total == 0) return result;
  const SeqNum end = seq + total;
  const std::uint32_t bytes_before = bytes_;

  // The blocks that the arrival touches, [from, to), are joined with it to one run.
  const std::size_t from = first_ending_at_or_after(seq);
  std::size_t to = from;
  const bool is_apart = from == blocks_.size() || end < blocks_[from].begin;
  if (is_apart && block_count() >= kBlocksMax) {
    result.is_full = true;
    return result;
  }
  Block run;
  SeqNum at = seq;
  for (; to < blocks_.size() && blocks_[to].begin <= end; ++to) {
    Block& block = blocks_[to];
    if (at < block.begin) {
      result.is_full = !add_range(run, {at, block.begin}, seq, slices, charge_max);
      if (result.is_full) break;
      at = block.begin;
    }
    const SeqNum overlap_end = min(block.end, end);
    if (at < overlap_end) {
      if (!result.duplicate) result.duplicate = SackBlock{at, overlap_end};
      at = overlap_end;
    }
    join(run, block);
  }
  if (!result.is_full && at < end) result.is_full = !add_range(run, {at, end}, seq, slices, charge_max);

  result.new_bytes = bytes_ - bytes_before;
  if (run.head == kNone) return result;
  result.block = SackBlock{run.begin, run.end};
  replace(from, to, run);
  return result;
}

// blocks_[from, to) become the one block `run`.
void ReassemblyQueue::replace(std::size_t from, std::size_t to, const Block& run) {
  const auto position = blocks_.begin() + static_cast<std::ptrdiff_t>(from);
  if (from < to) {
    *position = run;
    blocks_.erase(position + 1, blocks_.begin() + static_cast<std::ptrdiff_t>(to));
  } else if (from == first_ && first_ > 0) {
    blocks_[--first_] = run;
  } else {
    blocks_.insert(position, run);
  }
}

std::size_t ReassemblyQueue::first_ending_at_or_after(SeqNum seq) const {
  if (empty() || blocks_.back().end < seq) return blocks_.size();
  if (blocks_.size() - first_ == 1 || blocks_[blocks_.size() - 2].end < seq) return blocks_.size() - 1;
  const auto found = std::lower_bound(blocks_.begin() + static_cast<std::ptrdiff_t>(first_), blocks_.end(),
                                      seq, [](const Block& block, SeqNum s) { return block.end < s; });
  return static_cast<std::size_t>(found - blocks_.begin());
}

// Appends the part of the arrival that lies in `range` to the run. False: no room for all of it.
bool ReassemblyQueue::add_range(Block& run, SackBlock range, SeqNum seq, std::span<const Slice> slices,
                                std::uint32_t charge_max) {
  for (const Slice& slice : slices) {
    const SeqNum slice_end = seq + slice.size();
    const SeqNum begin = max(seq, range.begin);
    const SeqNum end = min(slice_end, range.end);
    if (begin < end) {
      if (run.head == kNone) run.begin = run.end = begin;
      if (!append_slice(run, slice.sub(distance(seq, begin), distance(begin, end)), charge_max)) return false;
    }
    seq = slice_end;
  }
  return true;
}

bool ReassemblyQueue::append_slice(Block& run, Slice slice, std::uint32_t charge_max) {
  const std::uint32_t size = slice.size();
  const bool extends = run.tail != kNone && nodes_[run.tail].slice.continues_with(slice);
  if (charged_bytes() + size + (extends ? 0 : kChargePerSlice) > charge_max) return false;
  if (extends) {
    nodes_[run.tail].slice.extend(size);
  } else {
    const std::uint32_t node = take_node();
    nodes_[node].slice = std::move(slice);
    (run.tail == kNone ? run.head : nodes_[run.tail].next) = node;
    run.tail = node;
    ++slice_count_;
  }
  run.end += size;
  bytes_ += size;
  return true;
}

// `right` follows `left` without a gap; `left` may be empty.
void ReassemblyQueue::join(Block& left, const Block& right) {
  if (left.head == kNone) {
    left = right;
    return;
  }
  SOCKEYE_ASSERT(left.end == right.begin);
  nodes_[left.tail].next = right.head;
  left.tail = right.tail;
  left.end = right.end;
}

std::optional<Slice> ReassemblyQueue::pop_in_order(SeqNum rcv_nxt, std::optional<SackBlock>* duplicate) {
  while (!empty()) {
    Block& block = blocks_[first_];
    if (block.begin > rcv_nxt) return std::nullopt;
    const std::uint32_t node = block.head;
    Slice slice = std::move(nodes_[node].slice);
    const SeqNum begin = block.begin;
    const SeqNum end = begin + slice.size();
    block.begin = end;
    block.head = nodes_[node].next;
    bytes_ -= slice.size();
    free_node(node);
    if (block.head == kNone) forget_first_block();

    const SeqNum known_end = min(end, rcv_nxt);
    if (begin < known_end && duplicate != nullptr) {
      if (!*duplicate) *duplicate = SackBlock{begin, known_end};
      if ((*duplicate)->end == begin) (*duplicate)->end = known_end;
    }
    if (end <= rcv_nxt) continue;
    slice.remove_prefix(distance(begin, known_end));
    return slice;
  }
  return std::nullopt;
}

SackBlock ReassemblyQueue::block(std::size_t index) const {
  const Block& block = blocks_[first_ + index];
  return {block.begin, block.end};
}

SeqNum ReassemblyQueue::end() const {
  SOCKEYE_ASSERT(!empty());
  return blocks_.back().end;
}

std::uint32_t ReassemblyQueue::drop_highest_block() {
  if (empty()) return 0;
  const std::uint32_t before = bytes_;
  for (std::uint32_t node = blocks_.back().head; node != kNone;) {
    const std::uint32_t next = nodes_[node].next;
    bytes_ -= nodes_[node].slice.size();
    free_node(node);
    node = next;
  }
  blocks_.pop_back();
  if (empty()) become_empty();
  return before - bytes_;
}

void ReassemblyQueue::clear() {
  while (!empty()) (void)drop_highest_block();
}

std::uint32_t ReassemblyQueue::take_node() {
  if (free_ == kNone) {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  const std::uint32_t node = free_;
  free_ = nodes_[node].next;
  nodes_[node].next = kNone;
  return node;
}

void ReassemblyQueue::free_node(std::uint32_t node) {
  nodes_[node].slice = Slice();
  nodes_[node].next = free_;
  free_ = node;
  --slice_count_;
}

void ReassemblyQueue::forget_first_block() {
  ++first_;
  if (empty()) {
    become_empty();
  } else if (first_ >= 64 && first_ > blocks_.size() / 2) {
    blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void ReassemblyQueue::become_empty() {
  blocks_.clear();
  nodes_.clear();
  first_ = 0;
  free_ = kNone;
  if (nodes_.capacity() <= kKeepNodes) return;
  std::vector<Node>().swap(nodes_);
  std::vector<Block>().swap(blocks_);
}

}  // namespace sockeye::tcp
