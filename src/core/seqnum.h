// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Sequence numbers modulo 2^32 (RFC 9293 3.4). a < b means that b lies less than 2^31 ahead of a;
// numbers exactly 2^31 apart compare as neither less nor greater.
#pragma once

#include <cstdint>

namespace sockeye {

class SeqNum {
 public:
  constexpr SeqNum() = default;
  constexpr explicit SeqNum(std::uint32_t value) : value_(value) {}
  constexpr std::uint32_t value() const { return value_; }

  // The signed distance from other to this: positive when this is ahead.
  constexpr std::int32_t operator-(SeqNum other) const {
    return static_cast<std::int32_t>(value_ - other.value_);
  }
  constexpr SeqNum operator+(std::uint32_t bytes) const { return SeqNum(value_ + bytes); }
  constexpr SeqNum operator-(std::uint32_t bytes) const { return SeqNum(value_ - bytes); }
  constexpr SeqNum& operator+=(std::uint32_t bytes) {
    value_ += bytes;
    return *this;
  }

  friend constexpr bool operator==(SeqNum, SeqNum) = default;
  friend constexpr bool operator<(SeqNum a, SeqNum b) { return a - b < 0; }
  friend constexpr bool operator>(SeqNum a, SeqNum b) { return b < a; }
  friend constexpr bool operator<=(SeqNum a, SeqNum b) { return a == b || a < b; }
  friend constexpr bool operator>=(SeqNum a, SeqNum b) { return b <= a; }

 private:
  std::uint32_t value_ = 0;
};

constexpr SeqNum max(SeqNum a, SeqNum b) {
  return a < b ? b : a;
}
constexpr SeqNum min(SeqNum a, SeqNum b) {
  return a < b ? a : b;
}

// The bytes from `from` up to `to`, which must not lie before it.
constexpr std::uint32_t distance(SeqNum from, SeqNum to) {
  return to.value() - from.value();
}

}  // namespace sockeye
