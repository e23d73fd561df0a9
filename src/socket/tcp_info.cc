// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/tcp_info.h"

#include <algorithm>

namespace sockeye {

std::uint8_t to_linux(tcp::State state) {
  switch (state) {
    case tcp::State::established:
      return 1;
    case tcp::State::syn_sent:
      return 2;
    case tcp::State::syn_received:
      return 3;
    case tcp::State::fin_wait_1:
      return 4;
    case tcp::State::fin_wait_2:
      return 5;
    case tcp::State::time_wait:
      return 6;
    case tcp::State::closed:
      return 7;
    case tcp::State::close_wait:
      return 8;
    case tcp::State::last_ack:
      return 9;
    case tcp::State::listen:
      return 10;
    case tcp::State::closing:
      return 11;
  }
  return 7;
}

namespace {

std::uint32_t us(Duration d) {
  return static_cast<std::uint32_t>(std::min<std::int64_t>(to_us(d), 0xffffffff));
}
std::uint32_t ms(Duration d) {
  return static_cast<std::uint32_t>(std::min<std::int64_t>(to_ms(d), 0xffffffff));
}

constexpr std::uint8_t kOptionTimestamps = 1, kOptionSack = 2, kOptionWindowScale = 4, kOptionEcn = 8,
                       kOptionEcnSeen = 16, kOptionSynData = 32;
constexpr std::uint32_t kInfiniteThreshold = 0x7fffffff;

}  // namespace

LinuxBbrInfo to_linux(const tcp::PathModel& model) {
  constexpr std::uint32_t kUnit = 256;
  LinuxBbrInfo out;
  out.bandwidth_low = static_cast<std::uint32_t>(model.bandwidth);
  out.bandwidth_high = static_cast<std::uint32_t>(model.bandwidth >> 32);
  out.min_rtt = model.min_rtt == Duration::zero() ? ~0u : us(model.min_rtt);
  out.pacing_gain = model.pacing_gain_percent * kUnit / 100;
  out.cwnd_gain = model.cwnd_gain_percent * kUnit / 100;
  return out;
}

namespace {

void fill_options(const tcp::Info& info, LinuxTcpInfo& out) {
  if (info.timestamps) out.options |= kOptionTimestamps;
  if (info.sack) out.options |= kOptionSack;
  if (info.ecn) out.options |= kOptionEcn;
  if (info.ecn_seen) out.options |= kOptionEcnSeen;
  if (info.syn_data) out.options |= kOptionSynData;
}

void fill_accurate_ecn(const tcp::Info& info, LinuxTcpInfo& out) {
  out.delivered_ce = info.delivered_ce;
  out.received_ce = info.received_ce;
  out.delivered_e1_bytes = info.delivered_ecn_bytes[0];
  out.delivered_e0_bytes = info.delivered_ecn_bytes[1];
  out.delivered_ce_bytes = info.delivered_ecn_bytes[2];
  out.received_e1_bytes = info.received_ecn_bytes[0];
  out.received_e0_bytes = info.received_ecn_bytes[1];
  out.received_ce_bytes = info.received_ecn_bytes[2];
  out.accecn_fail_mode = info.accurate_ecn_failures;
  out.accecn_opt_seen = info.accurate_ecn_option_seen ? 1 : 0;
}

}  // namespace

LinuxTcpInfo to_linux(const tcp::Info& info) {
  LinuxTcpInfo out;
  out.state = to_linux(info.state);
  out.ca_state = info.congestion_state;
  out.retransmits = static_cast<std::uint8_t>(std::min(info.retransmits, 255u));
  out.probes = static_cast<std::uint8_t>(std::min(info.probes, 255u));
  out.backoff = static_cast<std::uint8_t>(std::min(info.back_offs, 255u));
  fill_options(info, out);
  if (info.window_scaling) {
    out.options |= kOptionWindowScale;
    out.window_scales =
        static_cast<std::uint8_t>((info.send_window_scale & 0xf) | (info.receive_window_scale & 0xf) << 4);
  }
  out.rto = us(info.rto);
  out.ato = us(info.delayed_ack);
  out.snd_mss = info.send_mss;
  out.rcv_mss = info.receive_mss;
  out.rcv_rtt = us(info.receive_rtt);
  out.unacked = info.unacked_segments;
  out.sacked = info.sacked_segments;
  out.lost = info.lost_segments;
  out.retrans = info.retransmitted_segments;
  out.last_data_sent = ms(info.since_last_data_sent);
  out.last_data_recv = ms(info.since_last_data_received);
  out.last_ack_recv = ms(info.since_last_ack_received);
  out.pmtu = info.path_mtu;
  out.rcv_ssthresh = info.receive_window;
  out.rtt = us(info.srtt);
  out.rttvar = us(info.rttvar);
  out.snd_ssthresh = info.ssthresh_bytes == 0xffffffff || info.send_mss == 0
                         ? kInfiniteThreshold
                         : info.ssthresh_bytes / info.send_mss;
  out.snd_cwnd = info.cwnd_segments;
  out.advmss = info.advertised_mss;
  out.reordering = info.reordering;
  out.rcv_space = info.receive_space;
  out.total_retrans = static_cast<std::uint32_t>(info.total_retransmits);
  out.bytes_acked = info.bytes_acked;
  out.bytes_received = info.bytes_received;
  out.segs_out = static_cast<std::uint32_t>(info.segments_out);
  out.segs_in = static_cast<std::uint32_t>(info.segments_in);
  out.notsent_bytes = info.notsent_bytes;
  out.delivered = info.delivered_segments;
  out.min_rtt = info.min_rtt > Duration::zero() ? us(info.min_rtt) : 0xffffffff;  // none yet
  if (info.state == tcp::State::listen) out.min_rtt = out.snd_ssthresh = 0;
  out.data_segs_in = static_cast<std::uint32_t>(info.data_segments_in);
  out.data_segs_out = static_cast<std::uint32_t>(info.data_segments_out);
  out.pacing_rate = info.pacing_rate;
  out.max_pacing_rate = info.max_pacing_rate;
  out.busy_time = static_cast<std::uint64_t>(to_us(info.busy));
  out.rwnd_limited = static_cast<std::uint64_t>(to_us(info.receive_window_limited));
  out.sndbuf_limited = static_cast<std::uint64_t>(to_us(info.send_buffer_limited));
  out.delivery_rate = info.delivery_rate;
  out.app_limited = static_cast<std::uint8_t>((info.delivery_rate_app_limited ? 1u : 0u) |
                                              std::uint32_t{info.fast_open_failure} << 1);
  out.bytes_sent = info.bytes_sent;
  out.bytes_retrans = info.bytes_retransmitted;
  out.dsack_dups = info.duplicates_reported;
  out.reord_seen = info.reordering_seen;
  out.snd_wnd = info.send_window;
  out.rcv_ooopack = info.out_of_order_segments;
  out.rcv_wnd = info.receive_window;
  out.total_rto = info.timeouts;
  out.total_rto_recoveries = info.timeout_recoveries;
  out.total_rto_time = ms(info.timeout_recovery);
  fill_accurate_ecn(info, out);
  return out;
}

}  // namespace sockeye
