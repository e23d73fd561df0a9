// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where ECN meets the rest of a connection: negotiation (RFC 3168 6.1.1, RFC 9768 3.1), marks that come,
// and news of those on our data, to which congestion control answers as to a loss, once per window of data
// (RFC 3168 6.1.2).
#include "tcp/ecn.h"

#include <algorithm>

#include "tcp/ack_news.h"
#include "tcp/active.h"
#include "tcp/connection.h"
#include "tcp/rare.h"
#include "tcp/resources.h"

namespace sockeye::tcp {

// An ECN-setup SYN. Its repetitions do without, as something on the way may not like it: the first one (RFC
// 3168 6.1.1.1), with Accurate ECN the second (RFC 9768 3.1.4.1).
void Connection::ask_for_ecn(Segment& syn) {
  const Config& config = resources_.config;
  const EcnMode wanted = ecn_to_ask(config.ecn);
  if (wanted == EcnMode::none) return;
  const unsigned tries = wanted == EcnMode::accurate ? 2 : 1;
  if (config.ecn_fallback && active_->retransmissions >= tries) {
    if (active_->retransmissions == tries) resources_.counters.count(Counter::ecn_fallback);
    ecn_.silence();  // whatever is agreed upon now
    return;
  }
  set_ace(syn.flags, wanted == EcnMode::accurate ? 7 : 3);
}

// The peer's SYN-ACK, or its SYN that crosses ours.
void Connection::negotiate_ecn(const Segment& segment) {
  const EcnMode asked = ecn_to_ask(resources_.config.ecn);
  const std::uint8_t ace = ace_of(segment.flags);
  if (asked == EcnMode::none) return;
  if (!segment.flags.ack) {
    ecn_.enable(ecn_for_syn(resources_.config.ecn, ace, segment.ip_ecn));
    ecn_.set_syn_ip_ecn(segment.ip_ecn);
    return;
  }
  if (asked == EcnMode::classic) {
    if (segment.flags.ece && !segment.flags.cwr) ecn_.enable(EcnMode::classic);
    return;
  }
  ecn_.enable(mode_of_syn_ack(ace));
  if (!ecn_.is_accurate()) return;
  AccEcn& counters = make_rare().accurate_ecn;
  if (handshake_ip_ecn(ace) != kNotEct) {  // our SYN left without ECT (RFC 9768 3.2.2.3)
    counters.on_mangled();
    ecn_.silence();
  }
  counters.set_first_ace(segment.ip_ecn);
  (void)counters.on_packets(segment.ip_ecn, 1, 0);
  if (segment.options.accurate_ecn)
    (void)counters.on_feedback({0, segment.options.accurate_ecn, 0, snd_.mss});
}

// What the ACK of our SYN-ACK says about how that came, which left without ECT.
void Connection::judge_first_ace(std::uint8_t ace) {
  AccEcn& counters = make_rare().accurate_ecn;
  const auto ip_ecn = handshake_ip_ecn(ace);
  if (ip_ecn == kCongestionExperienced) counters.on_first_mark();
  if (ip_ecn.value_or(kNotEct) != kNotEct) {
    counters.on_mangled();
    ecn_.silence();
  }
  if (counters.check_first_ace(ace)) ecn_.silence();
}

// Every acceptable segment, for Accurate ECN. `pieces`: the packets that it came in.
void Connection::count_ecn(const Segment& segment, std::uint32_t pieces) {
  if (!ecn_.is_accurate() || segment.flags.syn) return;
  AccEcn& counters = make_rare().accurate_ecn;
  if (!counters.has_checked_first() && segment.options.sack_count == 0 &&
      counters.check_first_ace(ace_of(segment.flags)))
    ecn_.silence();
  if (counters.on_packets(segment.ip_ecn, pieces, segment.payload_bytes)) acknowledge_now();
}

void Connection::take_ecn(const Segment& segment) {
  if (segment.flags.cwr && !ecn_.is_accurate()) {
    ecn_.on_cwr();
    if (ecn_.is_enabled()) acknowledge_now();
  }
  if (ecn_.on_data(segment.ip_ecn)) delayed_ack_.enter_quick();
}

// On every segment but SYN and RST.
void Connection::write_ecn(Instant now, Segment& segment) {
  if (!ecn_.is_accurate()) {
    segment.flags.ece = ecn_.echoes();
    return;
  }
  const Config& config = resources_.config;
  AccEcn& counters = make_rare().accurate_ecn;
  set_ace(segment.flags, counters.take_ace());
  std::uint32_t room = tcp_option_room(segment.options);
  // SACK blocks come first, and data segments keep their size.
  if (segment.payload_bytes > 0)
    room = std::min(room, snd_.mss - std::min<std::uint32_t>(segment.payload_bytes, snd_.mss));
  segment.options.accurate_ecn =
      counters.option({config.ecn_option, config.ecn_option_beacon}, room, now, rtt_.srtt());
}

// Does this ACK tell of congestion?
bool Connection::hears_congestion(const Segment& segment, const AckNews& news) {
  if (segment.flags.syn) return false;
  if (!ecn_.is_accurate()) return segment.flags.ece;
  if (news.is_old) return false;
  const std::uint32_t packets = (news.delivered + snd_.mss - 1) / snd_.mss;
  return make_rare().accurate_ecn.on_feedback(
             {ace_of(segment.flags), segment.options.accurate_ecn, packets, snd_.mss}) > 0;
}

void Connection::on_congestion_echo(Instant now) {
  if (!ecn_.is_enabled() || active_->recovery.phase() >= LossRecovery::Phase::cwr) return;
  enter_cwr(now);
}

}  // namespace sockeye::tcp
