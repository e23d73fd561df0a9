// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a program wants to be told of its sends (MSG_ZEROCOPY, SO_TIMESTAMPING), while it is not due: kept
// where the last byte of the send stands in the stream. What has become due waits in a second queue until
// the holder of the connection takes it. Both are bounded: who is told nothing more may send no more with
// MSG_ZEROCOPY (ENOBUFS), and stamps are dropped.
//
// As in Linux a packet that ends several sends reports the last of them, every transmission of that packet
// is reported, and an acknowledgment once.
#pragma once

#include <cstdint>
#include <optional>

#include "core/ring_queue.h"
#include "core/seqnum.h"
#include "core/time.h"

namespace sockeye::tcp {

struct SendNotice {
  enum class Kind : std::uint8_t { zero_copy, scheduled, sent, acked };
  Kind kind = Kind::zero_copy;
  std::uint32_t number = 0;        // zero_copy: of the send; else the sequence number of its last byte
  std::uint32_t packet_bytes = 0;  // payload of the packet that carried it
  Instant at{};
};

class SendNotices {
 public:
  // What a send wants to know, as a set of bits.
  static constexpr std::uint8_t kZeroCopy = 1, kScheduled = 2, kSent = 4, kAcked = 8;
  // Linux's net.core.optmem_max (128 KiB) holds so many.
  static constexpr std::size_t kMax = 227;

  bool empty() const { return pending_.empty() && due_.empty(); }
  bool has_due() const { return !due_.empty(); }
  std::size_t size() const { return pending_.size() + due_.size(); }

  // The send whose last byte is before `end`. False: there are too many.
  bool add(SeqNum end, std::uint8_t wanted, std::uint32_t number) {
    if (size() >= kMax) return false;
    pending_.push_back({end, number, 0, wanted});
    return true;
  }
  // The last send goes on: it ends before `end` now, unless what it wanted was told already.
  void extend(SeqNum end) {
    if (!pending_.empty()) pending_.back().end = end;
  }
  // A packet leaves, for the first time or again. True: something has become due.
  bool on_sent(SeqNum begin, SeqNum end, Instant now) {
    Pending* last = nullptr;
    for (std::size_t i = first_beyond(begin); i < pending_.size() && pending_[i].end <= end; ++i) {
      if (last != nullptr) last->wanted &= kZeroCopy;
      last = &pending_[i];
    }
    if (last == nullptr) return false;
    last->packet_bytes = distance(begin, end);
    if ((last->wanted & kScheduled) != 0) tell(SendNotice::Kind::scheduled, *last, now);
    if ((last->wanted & kSent) != 0) tell(SendNotice::Kind::sent, *last, now);
    return (last->wanted & (kScheduled | kSent)) != 0;
  }
  bool on_una(SeqNum una, Instant now) {
    bool any = false;
    while (!pending_.empty() && pending_.front().end <= una) {
      const Pending& done = pending_.front();
      any |= (done.wanted & (kZeroCopy | kAcked)) != 0;
      if ((done.wanted & kAcked) != 0) tell(SendNotice::Kind::acked, done, now);
      if ((done.wanted & kZeroCopy) != 0) tell(SendNotice::Kind::zero_copy, done, now);
      pending_.pop_front();
    }
    return any;
  }
  // Nothing will be acknowledged any more: what was sent without a copy is the program's again.
  bool give_up() {
    for (std::size_t i = 0; i < pending_.size(); ++i) pending_[i].wanted &= kZeroCopy;
    return pending_.empty() ? false : on_una(pending_.back().end, Instant());
  }
  std::optional<SendNotice> take() {
    if (due_.empty()) return std::nullopt;
    const SendNotice notice = due_.front();
    due_.pop_front();
    return notice;
  }
  void clear() {
    pending_.clear();
    due_.clear();
  }

 private:
  struct Pending {
    SeqNum end{};
    std::uint32_t number = 0;
    std::uint32_t packet_bytes = 0;
    std::uint8_t wanted = 0;
  };
  std::size_t first_beyond(SeqNum begin) const {
    std::size_t low = 0;
    std::size_t high = pending_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (pending_[middle].end <= begin) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  void tell(SendNotice::Kind kind, const Pending& of, Instant now) {
    const bool is_stamp = kind != SendNotice::Kind::zero_copy;
    if (is_stamp && due_.size() >= kMax) return;
    due_.push_back({kind, is_stamp ? (of.end - 1u).value() : of.number, of.packet_bytes, now});
  }

  RingQueue<Pending> pending_;
  RingQueue<SendNotice> due_;
};

}  // namespace sockeye::tcp
