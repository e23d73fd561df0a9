// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What one ACK has told about what is in flight, gathered while it is read and judged afterwards.
#pragma once

#include <cstdint>
#include <optional>

#include "core/seqnum.h"
#include "core/time.h"
#include "tcp/sent_queue.h"

namespace sockeye::tcp {

struct AckNews {
  // As it was before this ACK.
  SeqNum una_before{};
  SeqNum highest_before{};  // one past the highest SACKed byte, at least una_before
  std::uint32_t pipe_before = 0;
  std::uint32_t losses_before = 0;  // SentQueue::loss_count()
  std::uint32_t marked_before = 0;  // SentQueue::marked_bytes()

  Duration rtt = Duration::zero();      // that it shows; zero: none
  std::uint32_t delivered = 0;          // bytes that were not known to have arrived
  std::uint32_t acked = 0;              // bytes that snd_una moved by
  std::optional<std::uint32_t> echo{};  // of our timestamp

  bool is_old = false;            // acknowledges less than is acknowledged already
  bool sacked = false;            // something above snd_una became SACKed
  bool duplicate = false;         // RFC 5681 2; with SACK: brings something new
  bool plain = false;             // neither moves, carries nor reports anything, nor changes the window
  bool retransmitted = false;     // acknowledges cumulatively something that was sent more than once
  bool original = false;          // something sent only once, before the present recovery, has arrived
  bool duplicate_report = false;  // RFC 2883, believed
  bool probe_duplicated = false;  // ... and it is the tail loss probe
  bool restart_timer = false;     // it brings progress: the timer starts over

  // Of what was sent only once and has arrived now.
  Instant first_acked = kNever;
  Instant last_acked = kNever;
  Instant first_sacked = kNever;
  Instant last_sacked = kNever;
  std::optional<SeqNum> lowest_original{};

  bool advances() const { return acked > 0; }
  // `before`: the end of the present recovery.
  void on_original(const SentSegment& piece, SeqNum before) {
    if (!lowest_original || piece.begin < *lowest_original) lowest_original = piece.begin;
    if (piece.end <= before) original = true;
  }
};

}  // namespace sockeye::tcp
