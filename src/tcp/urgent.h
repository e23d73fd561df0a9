// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Urgent data (RFC 9293 3.8.5): a mark in the stream, and the one byte before it that Linux and every
// other system hand out as "out of band". On the wire the pointer names the octet after that byte.
// Nothing is computed into a buffer from what a peer claims (hostile.md D15): the mark is a sequence
// number that is compared, and the byte is taken when data reaches it.
#pragma once

#include <cstdint>
#include <optional>

#include "core/seqnum.h"

namespace sockeye::tcp {

class Urgent {
 public:
  enum class Byte : std::uint8_t { none, awaited, here, read };

  // --- sending
  void mark_sent(SeqNum end) {
    sending_ = true;
    up_ = end;
  }
  void on_una(SeqNum una) {
    if (sending_ && una >= up_) sending_ = false;
  }
  // The pointer field of a segment at `seq`; empty: no URG. A mark more than 64 KiB ahead is announced
  // as far as the field reaches.
  // RFC 9293 3.8.5 MUST-30, MUST-62, MUST-31
  std::optional<std::uint16_t> pointer_for(SeqNum seq) const {
    if (!sending_ || seq >= up_) return std::nullopt;
    const std::uint32_t ahead = distance(seq, up_);
    return static_cast<std::uint16_t>(ahead > 0xffff ? 0xffff : ahead);
  }

  // --- receiving
  // A segment at `seq` carries URG. True: a new mark, tell the program.
  bool on_pointer(SeqNum seq, std::uint16_t pointer, SeqNum read, SeqNum rcv_nxt) {
    // The byte itself: one before what the pointer names (Linux with tcp_stdurg = 0).
    const SeqNum at = seq + (pointer == 0 ? 0u : pointer - 1u);
    if (read > at || at < rcv_nxt) return false;
    if (state_ != Byte::none && at <= at_) return false;
    at_ = at;
    state_ = Byte::awaited;
    return true;
  }
  bool is_awaiting() const { return state_ == Byte::awaited; }
  void take(std::uint8_t value) {
    value_ = value;
    state_ = Byte::here;
  }
  Byte state() const { return state_; }
  SeqNum at() const { return at_; }
  std::uint8_t value() const { return value_; }
  void on_byte_read() { state_ = Byte::read; }
  // The program has read in band up to `read`.
  void on_read(SeqNum read) {
    if (state_ != Byte::none && read > at_) state_ = Byte::none;
  }
  bool is_marked() const { return state_ != Byte::none; }
  std::optional<SeqNum> sent_mark() const { return sending_ ? std::optional(up_) : std::nullopt; }
  // Goes on where another stack left off.
  void restore(bool sending, SeqNum up, Byte state, SeqNum at, std::uint8_t value) {
    sending_ = sending;
    up_ = up;
    state_ = state;
    at_ = at;
    value_ = value;
  }
  bool is_idle() const { return !sending_ && state_ == Byte::none; }

 private:
  SeqNum up_{};
  SeqNum at_{};
  std::uint8_t value_ = 0;
  Byte state_ = Byte::none;
  bool sending_ = false;
};

}  // namespace sockeye::tcp
