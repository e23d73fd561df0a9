// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a connection has only while something is in flight, unread, out of order or due (decisions.md
// D13). Blocks come from the stack's ActivePool and stay constructed, so taking one costs a pop.
#pragma once

#include <optional>

#include "core/time.h"
#include "tcp/busy_clock.h"
#include "tcp/congestion_control.h"
#include "tcp/delivery_rate.h"
#include "tcp/frto.h"
#include "tcp/loss_recovery.h"
#include "tcp/pacer.h"
#include "tcp/prr.h"
#include "tcp/push_marks.h"
#include "tcp/rack.h"
#include "tcp/reassembly_queue.h"
#include "tcp/receive_buffer.h"
#include "tcp/record_marks.h"
#include "tcp/sack_report.h"
#include "tcp/sack_scoreboard.h"
#include "tcp/send_buffer.h"
#include "tcp/send_notices.h"
#include "tcp/sent_queue.h"
#include "tcp/tail_loss_probe.h"
#include "tcp/undo.h"
#include "tcp/urgent.h"

namespace sockeye::tcp {

// A fast open of ours, from the call to the SYN-ACK (RFC 7413 4.1.3).
struct FastOpenAttempt {
  bool asks = false;          // for a cookie, without data
  bool sends = false;         // data, with or without a cookie
  bool deferred = false;      // the SYN waits for the data
  bool writer_waits = false;  // a blocking call has more bytes than went with the SYN
  std::uint16_t data = 0;     // bytes behind the SYN, once it has left
  std::uint16_t room = 0;     // how many there may be
  FastOpenCookie cookie{};    // of length 0: none is needed
};

struct Active {
  SendBuffer send_buffer;
  SentQueue sent;
  SackScoreboard scoreboard;
  LossRecovery recovery;
  Rack rack;
  Prr prr;
  Frto frto;
  Undo undo;
  CongestionControl::Memory before_reduction{};  // for the undo, as of then
  Instant reduced_at{};
  TailLossProbe probe;
  ReceiveBuffer receive_buffer;
  ReassemblyQueue reassembly;
  SackReport report;
  DeliveryRate rate;
  Pacer pacer;
  BusyClock busy;
  Urgent urgent;
  RecordMarks records;
  PushMarks push_marks;
  SendNotices notices;

  // The receiver's measure of the round trip (Connection::measure_receive_rtt).
  SeqNum window_end{};  // a window was open up to here at `window_since`
  Instant window_since = kNever;
  std::uint32_t last_echo = 0;

  Instant retransmit_at = kNever;
  Instant probe_at = kNever;    // tail loss probe; not later than retransmit_at
  Instant reorder_at = kNever;  // RACK's timer
  Instant undo_until = kNever;  // all is acknowledged, but a report of duplicates may still come
  Instant first_retransmit{};   // of the oldest unacknowledged byte: R2 counts from here (Linux)
  Instant unacked_since{};      // the oldest unacknowledged byte was sent, or the last progress made
  Instant persist_at = kNever;
  Instant persist_since{};  // of this series of probes, for TCP_USER_TIMEOUT
  Instant delayed_ack_at = kNever;
  SeqNum round_end{};              // the present round trip ends when this is acknowledged
  SeqNum usage_end{};              // how far the window is used is judged anew when this is acknowledged
  std::uint32_t flight_max = 0;    // in that time
  SeqNum short_end{};              // end of the last segment below mss that was sent
  std::optional<SeqNum> fin_at{};  // a FIN that arrived out of order
  FastOpenAttempt fast_open{};
  std::uint8_t retransmissions = 0;  // time-outs of the oldest segment in a row
  std::uint8_t persist_back_off = 0;
  bool has_short = false;
  bool waits_for_release = false;  // data could leave but for the pacer
  bool window_limited = false;     // ... but for the peer's window
  bool buffer_limited = false;     // the program wanted to write more than the send buffer takes
  bool loss_probe_due = false;

  Active* next_free = nullptr;

  // The peer has everything below `una`, `bytes` of data more than before. True: there is news for the error
  // queue.
  bool let_go(SeqNum una, std::uint32_t bytes, Instant now) {
    send_buffer.release(bytes);
    records.on_una(una);
    return notices.on_una(una, now);
  }
  // Nothing is in flight any more, and nobody waits for news about what was.
  void forget_flight() {
    sent.clear();
    scoreboard.clear();
    recovery.reset();
    rack.reset();
    frto.stop();
    undo = Undo();
    probe.cancel();
    retransmit_at = probe_at = reorder_at = undo_until = kNever;
    loss_probe_due = false;
  }
  void reset() {
    send_buffer.clear();
    records.clear();
    push_marks.clear();
    notices.clear();
    forget_flight();
    receive_buffer.clear();
    reassembly.clear();
    report.clear();
    urgent = Urgent();
    pacer.reset();
    busy = BusyClock();
    persist_at = delayed_ack_at = window_since = kNever;
    fin_at.reset();
    fast_open = FastOpenAttempt();
    retransmissions = persist_back_off = 0;
    has_short = waits_for_release = window_limited = buffer_limited = false;
  }
};

}  // namespace sockeye::tcp
