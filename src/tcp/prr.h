// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Proportional rate reduction (RFC 9937): how much may leave for each ACK of a recovery, so that the
// window arrives at ssthresh when the recovery ends, neither in a burst nor with half a round trip of
// silence. Above ssthresh it sends the share ssthresh/RecoverFS of what is delivered; below, what is
// delivered (PRR-CRB), and one segment more when nothing further was lost (PRR-SSRB).
//
// Linux takes cwnd for RecoverFS and counts whole segments: the proportional part is rounded up to
// segments. The rfc profile takes what was in flight and rounds nothing (RFC 9937 6).
#pragma once

#include <algorithm>
#include <cstdint>

namespace sockeye::tcp {

class Prr {
 public:
  // A recovery begins: `recover_fs` bytes were in flight when the loss was noticed.
  void start(std::uint32_t recover_fs, std::uint32_t ssthresh, bool in_bytes = false) {
    recover_fs_ = std::max(recover_fs, 1u);
    in_bytes_ = in_bytes;
    ssthresh_ = ssthresh;
    delivered_ = out_ = 0;
  }
  // An ACK that delivered `delivered` bytes, with `pipe` in flight after it. `safe`: it moves snd_una
  // and shows no further loss. Answers cwnd.
  std::uint32_t on_ack(std::uint32_t delivered, std::uint32_t pipe, bool safe, std::uint32_t mss) {
    delivered_ += delivered;
    std::int64_t send = 0;
    if (pipe > ssthresh_) {
      std::uint64_t share = (delivered_ * ssthresh_ + recover_fs_ - 1) / recover_fs_;
      if (!in_bytes_) share = (share + mss - 1) / mss * mss;
      send = static_cast<std::int64_t>(share) - static_cast<std::int64_t>(out_);
    } else {
      const auto owed = static_cast<std::int64_t>(delivered_) - static_cast<std::int64_t>(out_);
      send = std::max<std::int64_t>(owed, delivered) + (safe ? mss : 0);
      send = std::min<std::int64_t>(send, ssthresh_ - pipe);
    }
    // The fast retransmit itself always leaves.
    send = std::max<std::int64_t>(send, out_ == 0 ? mss : 0);
    return pipe + static_cast<std::uint32_t>(send);
  }
  void on_sent(std::uint32_t bytes) { out_ += bytes; }

 private:
  std::uint32_t recover_fs_ = 1;
  std::uint32_t ssthresh_ = 0;
  std::uint64_t delivered_ = 0;  // in this recovery
  std::uint64_t out_ = 0;
  bool in_bytes_ = false;
};

}  // namespace sockeye::tcp
