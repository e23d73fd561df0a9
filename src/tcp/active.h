// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a connection has only while something is in flight, unread, out of order or due (decisions.md
// D13). Blocks come from the stack's ActivePool and stay constructed, so taking one costs a pop.
#pragma once

#include <optional>

#include "core/time.h"
#include "tcp/loss_recovery.h"
#include "tcp/reassembly_queue.h"
#include "tcp/receive_buffer.h"
#include "tcp/sack_report.h"
#include "tcp/sack_scoreboard.h"
#include "tcp/send_buffer.h"
#include "tcp/sent_queue.h"
#include "tcp/urgent.h"

namespace sockeye::tcp {

struct Active {
  SendBuffer send_buffer;
  SentQueue sent;
  SackScoreboard scoreboard;
  LossRecovery recovery;
  ReceiveBuffer receive_buffer;
  ReassemblyQueue reassembly;
  SackReport report;
  Urgent urgent;

  Instant retransmit_at = kNever;
  Instant first_retransmit{};  // of the oldest unacknowledged byte: R2 counts from here (Linux)
  Instant unacked_since{};     // the oldest unacknowledged byte was sent, or the last progress made
  Instant persist_at = kNever;
  Instant persist_since{};  // of this series of probes, for TCP_USER_TIMEOUT
  Instant delayed_ack_at = kNever;
  SeqNum short_end{};                // end of the last segment below mss that was sent
  std::optional<SeqNum> fin_at{};    // a FIN that arrived out of order
  std::uint8_t retransmissions = 0;  // time-outs of the oldest segment in a row
  std::uint8_t persist_back_off = 0;
  bool has_short = false;
  // Why nothing more goes out at present, for TCP_INFO (RFC 4898's SndLim), and since when.
  enum class Limit : std::uint8_t { none, busy, window, buffer };
  Limit limit = Limit::none;
  bool wants_room = false;  // the program found no room in the send buffer
  std::uint32_t limit_since_ms = 0;

  Active* next_free = nullptr;

  void reset() {
    send_buffer.clear();
    sent.clear();
    scoreboard.clear();
    recovery.reset();
    receive_buffer.clear();
    reassembly.clear();
    report.clear();
    urgent = Urgent();
    retransmit_at = persist_at = delayed_ack_at = kNever;
    fin_at.reset();
    retransmissions = persist_back_off = 0;
    has_short = wants_room = false;
    limit = Limit::none;
  }
};

}  // namespace sockeye::tcp
