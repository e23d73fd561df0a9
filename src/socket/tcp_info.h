// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// struct tcp_info as programs know it (TCP_INFO): Linux 6.18's layout, which begins as 6.1's, filled from
// tcp::Info. Our own declaration, because the C library's header stops in 2008 and the kernel's cannot be
// included beside it.
#pragma once

#include <cstdint>

#include "tcp/info.h"

namespace sockeye {

struct LinuxTcpInfo {
  std::uint8_t state = 0;
  std::uint8_t ca_state = 0;
  std::uint8_t retransmits = 0;
  std::uint8_t probes = 0;
  std::uint8_t backoff = 0;
  std::uint8_t options = 0;
  std::uint8_t window_scales = 0;  // low half: what the peer offered; high half: ours
  std::uint8_t app_limited = 0;    // bit 0; bits 1 and 2: fastopen_client_fail
  std::uint32_t rto = 0;           // times in microseconds unless said
  std::uint32_t ato = 0;
  std::uint32_t snd_mss = 0;
  std::uint32_t rcv_mss = 0;
  std::uint32_t unacked = 0;
  std::uint32_t sacked = 0;
  std::uint32_t lost = 0;
  std::uint32_t retrans = 0;
  std::uint32_t fackets = 0;
  std::uint32_t last_data_sent = 0;  // these four in milliseconds
  std::uint32_t last_ack_sent = 0;
  std::uint32_t last_data_recv = 0;
  std::uint32_t last_ack_recv = 0;
  std::uint32_t pmtu = 0;
  std::uint32_t rcv_ssthresh = 0;
  std::uint32_t rtt = 0;
  std::uint32_t rttvar = 0;
  std::uint32_t snd_ssthresh = 0;  // in segments
  std::uint32_t snd_cwnd = 0;
  std::uint32_t advmss = 0;
  std::uint32_t reordering = 3;
  std::uint32_t rcv_rtt = 0;
  std::uint32_t rcv_space = 0;
  std::uint32_t total_retrans = 0;
  std::uint64_t pacing_rate = ~std::uint64_t{0};
  std::uint64_t max_pacing_rate = ~std::uint64_t{0};
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint32_t segs_out = 0;
  std::uint32_t segs_in = 0;
  std::uint32_t notsent_bytes = 0;
  std::uint32_t min_rtt = 0;
  std::uint32_t data_segs_in = 0;
  std::uint32_t data_segs_out = 0;
  std::uint64_t delivery_rate = 0;
  std::uint64_t busy_time = 0;
  std::uint64_t rwnd_limited = 0;
  std::uint64_t sndbuf_limited = 0;
  std::uint32_t delivered = 0;
  std::uint32_t delivered_ce = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_retrans = 0;
  std::uint32_t dsack_dups = 0;
  std::uint32_t reord_seen = 0;
  std::uint32_t rcv_ooopack = 0;
  std::uint32_t snd_wnd = 0;
  std::uint32_t rcv_wnd = 0;
  std::uint32_t rehash = 0;  // other paths tried: there are none
  std::uint16_t total_rto = 0;
  std::uint16_t total_rto_recoveries = 0;
  std::uint32_t total_rto_time = 0;  // milliseconds
  std::uint32_t received_ce = 0;
  std::uint32_t delivered_e1_bytes = 0;
  std::uint32_t delivered_e0_bytes = 0;
  std::uint32_t delivered_ce_bytes = 0;
  std::uint32_t received_e1_bytes = 0;
  std::uint32_t received_e0_bytes = 0;
  std::uint32_t received_ce_bytes = 0;
  std::uint16_t accecn_fail_mode = 0;
  std::uint16_t accecn_opt_seen = 0;
};
static_assert(sizeof(LinuxTcpInfo) == 280);

// struct tcp_bbr_info (TCP_CC_INFO).
struct LinuxBbrInfo {
  std::uint32_t bandwidth_low = 0;  // bytes per second, the low and the high half
  std::uint32_t bandwidth_high = 0;
  std::uint32_t min_rtt = 0;      // microseconds; all ones: none yet
  std::uint32_t pacing_gain = 0;  // times 256
  std::uint32_t cwnd_gain = 0;
};
static_assert(sizeof(LinuxBbrInfo) == 20);

LinuxTcpInfo to_linux(const tcp::Info& info);
LinuxBbrInfo to_linux(const tcp::PathModel& model);
std::uint8_t to_linux(tcp::State state);  // TCP_ESTABLISHED 1 ...

}  // namespace sockeye
