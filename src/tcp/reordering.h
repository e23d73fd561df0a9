// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a connection has learned about the path for good: how far segments overtake each other (Linux's
// tcp_reordering, in segments), whether they ever did, how often the peer reported duplicates (RFC
// 2883), and how wide RACK's reordering window has become by them (RFC 8985 6.2 step 4). It outlives
// what is in flight, hence 8 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sockeye::tcp {

class Reordering {
 public:
  static constexpr std::uint8_t kPersist = 16;  // recoveries that a wider window lasts
  static constexpr std::uint32_t kStepsMax = 255;

  // `usual`: DupThresh, net.ipv4.tcp_reordering.
  explicit Reordering(std::uint32_t usual = 3)
      : degree_(static_cast<std::uint16_t>(std::min(usual, kCounterMax))) {}

  // A segment arrived although `distance` segments sent after it were here already. `most`:
  // net.ipv4.tcp_max_reordering.
  void on_reordering(std::uint32_t distance, std::uint32_t most) {
    distance = std::min({distance, most, kCounterMax});
    degree_ = static_cast<std::uint16_t>(std::max<std::uint32_t>(degree_, distance));
    if (seen_ < kCounterMax) ++seen_;
  }
  // A time-out in spite of many duplicates: the degree was thought too high.
  void on_timeout(std::uint32_t sacked_segments, std::uint32_t usual) {
    if (sacked_segments >= usual && usual < degree_) degree_ = static_cast<std::uint16_t>(usual);
  }
  void on_duplicate(std::uint32_t segments) {
    duplicates_ =
        static_cast<std::uint16_t>(std::min(duplicates_ + std::min(segments, kCounterMax), kCounterMax));
  }
  // A retransmission was needless: a quarter of a round trip more for the next 16 recoveries.
  void widen_window() {
    if (steps_ < kStepsMax) ++steps_;
    persist_ = kPersist;
  }
  void on_undo() {
    if (persist_ < kPersist) ++persist_;
  }
  void on_recovery_end() {
    if (persist_ > 0 && --persist_ == 0) steps_ = 1;
  }

  std::uint32_t degree() const { return degree_; }  // in segments
  std::uint32_t seen() const { return seen_; }      // tcpi_reord_seen
  std::uint32_t duplicates() const { return duplicates_; }
  std::uint32_t window_steps() const { return steps_; }  // RACK.reo_wnd_mult

 private:
  static constexpr std::uint32_t kCounterMax = 0xffff;  // where counters stop

  std::uint16_t degree_;
  std::uint16_t seen_ = 0;
  std::uint16_t duplicates_ = 0;
  std::uint8_t steps_ = 1;
  std::uint8_t persist_ = 0;
};

static_assert(sizeof(Reordering) == 8);

}  // namespace sockeye::tcp
