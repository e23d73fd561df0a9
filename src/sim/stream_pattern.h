// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The bytes that simulated programs send, and how they are compared: a pattern that is a function of
// seed and offset, and a digest in which every byte, its place and the length count. Both go by words
// of eight bytes, so that hundreds of megabytes cost little.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/bytes.h"
#include "core/rng.h"

namespace sockeye::sim {

class StreamPattern {
 public:
  explicit StreamPattern(std::uint64_t seed) : seed_(mix64(seed)) {}

  // The bytes from `offset` on.
  void fill(std::uint64_t offset, MutableBytes out) const {
    for (std::size_t at = 0; at < out.size();) {
      const std::uint64_t word = little_endian(mix64(seed_ + offset / 8));
      const std::size_t skip = offset % 8;
      const std::size_t step = out.size() - at < 8 - skip ? out.size() - at : 8 - skip;
      std::memcpy(out.data() + at, reinterpret_cast<const char*>(&word) + skip, step);
      at += step;
      offset += step;
    }
  }

 private:
  static std::uint64_t little_endian(std::uint64_t word) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
  }
  std::uint64_t seed_;
};

// Of a stream, however it is cut into pieces.
class StreamDigest {
 public:
  void add(Bytes bytes) {
    length_ += bytes.size();
    while (!bytes.empty()) {
      const std::size_t step = bytes.size() < 8 - held_ ? bytes.size() : 8 - held_;
      std::memcpy(hold_ + held_, bytes.data(), step);
      held_ += step;
      bytes = bytes.subspan(step);
      if (held_ == 8) absorb();
    }
  }
  std::uint64_t length() const { return length_; }
  std::uint64_t value() const {
    StreamDigest end = *this;
    std::memset(end.hold_ + end.held_, 0, 8 - end.held_);
    end.absorb();
    return mix64(end.state_ ^ length_);
  }
  friend bool operator==(const StreamDigest& a, const StreamDigest& b) { return a.value() == b.value(); }

 private:
  void absorb() {
    std::uint64_t word;
    std::memcpy(&word, hold_, 8);
    if constexpr (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) word = __builtin_bswap64(word);
    state_ = mix64(state_ ^ word);
    held_ = 0;
  }
  std::uint64_t state_ = 0;
  std::uint64_t length_ = 0;
  unsigned char hold_[8] = {};
  std::size_t held_ = 0;
};

inline StreamDigest digest_of(const StreamPattern& pattern, std::uint64_t bytes) {
  StreamDigest digest;
  std::byte buffer[8192];
  for (std::uint64_t at = 0; at < bytes;) {
    const std::uint64_t step = bytes - at < sizeof buffer ? bytes - at : sizeof buffer;
    pattern.fill(at, MutableBytes(buffer, step));
    digest.add(Bytes(buffer, step));
    at += step;
  }
  return digest;
}

}  // namespace sockeye::sim
