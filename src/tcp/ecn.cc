// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where ECN meets the rest of a connection: negotiation (RFC 3168 6.1.1), marks that come, and echoes
// of ours, to which congestion control answers as to a loss, once per window of data (6.1.2).
#include "tcp/ecn.h"

#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

// An ECN-setup SYN. The first repetition does without: something on the way may not like it (6.1.1.1).
void Connection::ask_for_ecn(Segment& syn) const {
  const Config& config = resources_.config;
  if (config.ecn != 1) return;
  if (config.ecn_fallback && active_->retransmissions > 0) {
    if (active_->retransmissions == 1) resources_.counters.count(Counter::ecn_fallback);
    return;
  }
  syn.flags.ece = syn.flags.cwr = true;
}

// The peer's SYN-ACK, or its SYN that crosses ours.
void Connection::negotiate_ecn(const Segment& segment) {
  if (resources_.config.ecn != 1 || !segment.flags.ece) return;
  if (segment.flags.cwr != segment.flags.ack) ecn_.enable();
}

void Connection::take_ecn(const Segment& segment) {
  if (segment.flags.cwr) {
    ecn_.on_cwr();
    if (ecn_.is_enabled()) acknowledge_now();
  }
  if (ecn_.on_data(segment.ip_ecn)) delayed_ack_.enter_quick();
}

void Connection::on_congestion_echo(Instant now) {
  if (!ecn_.is_enabled() || active_->recovery.phase() >= LossRecovery::Phase::cwr) return;
  enter_cwr(now);
}

}  // namespace sockeye::tcp
