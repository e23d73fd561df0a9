// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The two profiles (decisions.md D19). A default Config is the `linux` profile: where the kernel departs
// from an RFC, it follows the kernel. Config::rfc() follows the RFC. docs/rfc-coverage.md shows which
// requirements are concerned; tests/tcp/profile_test.cc has one test of each difference, in both.
//
// Left out: what no setting can express. Linux accepts an acknowledgment in a segment that lies wholly
// between the last ACK we sent and RCV.NXT, answers nothing that has neither ACK nor SYN nor RST, does not
// open a connection for SYN with FIN, and calls a RST during a simultaneous open a reset, not a refusal. Both
// profiles do as Linux (docs/theory/segments.md).
#include <algorithm>
#include <iterator>
#include <string_view>

#include "tcp/config.h"

namespace sockeye::tcp {

Config Config::rfc() {
  Config config;
  // RFC 6298 2.4 SHLD-3: at least a second, the whole of it.
  config.rto_min = 1s;
  config.rto_min_of_sum = true;
  // RFC 9293 3.8.3 MUST-23: SYN and SYN-ACK are tried for three minutes. Seven retransmissions are 255 s.
  config.syn_retries = 7;
  config.syn_ack_retries = 7;
  // RFC 9293 3.6.1 MUST-13, 3.4.2: MSL is two minutes. Linux takes half a minute.
  config.time_wait = 240s;
  // RFC 5681 3.1 MUST-2, MUST-3: two to four segments. Linux's ten are RFC 6928's experiment.
  config.initial_window = 0;
  // RFC 7323 3.2 SHLD-2.
  config.require_timestamps = true;
  // RFC 9293 3.9.2.2 SHLD-26.
  config.abort_on_hard_icmp = true;
  // RFC 9293 3.8.3 SHLD-9.
  config.tell_r1 = true;
  // RFC 7323 4.2 SHLD-3.
  config.weigh_samples = true;
  // RFC 9937 6: in bytes, from what was in flight; Linux counts segments, from cwnd.
  config.prr_in_bytes = true;
  // RFC 8985 7.3 MUST-4.
  config.probe_needs_sample = true;
  // RFC 8985 7.2 SHLD-11.
  config.probe_slack = Duration::zero();
  return config;
}

Settings Settings::of(const Config& config) {
  Settings settings;
  settings.keepalive_idle = config.keepalive_idle;
  settings.keepalive_interval = config.keepalive_interval;
  settings.keepalive_count = config.keepalive_count;
  settings.linger2 = config.fin_timeout;
  settings.receive_buffer = config.receive_buffer_default;
  settings.send_buffer = config.send_buffer_default;
  const std::string_view name = config.congestion_control;
  const std::size_t length = std::min(name.size(), sizeof settings.congestion_control - 1);
  std::fill(std::begin(settings.congestion_control), std::end(settings.congestion_control), '\0');
  std::copy_n(name.begin(), length, settings.congestion_control);
  return settings;
}

}  // namespace sockeye::tcp
