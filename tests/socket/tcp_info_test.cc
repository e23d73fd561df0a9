// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every field of struct tcp_info as Linux 6.1 has it: where it comes from, or why it is always 0.
#include "socket/tcp_info.h"

#include <gtest/gtest.h>

namespace sockeye {
namespace {

TEST(TcpInfo, EveryFieldHasItsSource) {
  tcp::Info info;
  info.state = tcp::State::close_wait;
  info.congestion_state = 3;
  info.retransmits = 2;
  info.probes = 4;
  info.back_offs = 5;
  info.timestamps = info.sack = info.window_scaling = true;
  info.send_window_scale = 7;
  info.receive_window_scale = 9;
  info.rto = 201ms;
  info.delayed_ack = 40ms;
  info.receive_rtt = 22ms;
  info.send_mss = 1448;
  info.receive_mss = 1400;
  info.unacked_segments = 11;
  info.sacked_segments = 12;
  info.lost_segments = 13;
  info.retransmitted_segments = 14;
  info.since_last_data_sent = 15ms;
  info.since_last_data_received = 16ms;
  info.since_last_ack_received = 17ms;
  info.path_mtu = 1500;
  info.receive_window = 65000;
  info.srtt = 18ms;
  info.rttvar = 19ms;
  info.ssthresh_bytes = 20 * 1448;
  info.cwnd_segments = 21;
  info.advertised_mss = 1460;
  info.receive_space = 14600;
  info.total_retransmits = 22;
  info.bytes_acked = 23;
  info.bytes_received = 24;
  info.segments_out = 25;
  info.segments_in = 26;
  info.notsent_bytes = 27;
  info.min_rtt = 28us;
  info.data_segments_in = 29;
  info.data_segments_out = 30;
  info.busy = 31ms;
  info.receive_window_limited = 32ms;
  info.send_buffer_limited = 33ms;
  info.bytes_sent = 34;
  info.bytes_retransmitted = 35;
  info.out_of_order_segments = 36;
  info.send_window = 37;
  const LinuxTcpInfo out = to_linux(info);
  EXPECT_EQ(out.state, 8);  // TCP_CLOSE_WAIT
  EXPECT_EQ(out.ca_state, 3);
  EXPECT_EQ(out.retransmits, 2);
  EXPECT_EQ(out.probes, 4);
  EXPECT_EQ(out.backoff, 5);
  EXPECT_EQ(out.options & 7, 7);  // TCPI_OPT_TIMESTAMPS | SACK | WSCALE
  EXPECT_EQ(out.window_scales, 0x97);
  EXPECT_EQ(out.rto, 201'000u);
  EXPECT_EQ(out.ato, 40'000u);
  EXPECT_EQ(out.snd_mss, 1448u);
  EXPECT_EQ(out.rcv_mss, 1400u);
  EXPECT_EQ(out.unacked, 11u);
  EXPECT_EQ(out.sacked, 12u);
  EXPECT_EQ(out.lost, 13u);
  EXPECT_EQ(out.retrans, 14u);
  EXPECT_EQ(out.fackets, 0u);  // Linux: always, since 4.15
  EXPECT_EQ(out.last_data_sent, 15u);
  EXPECT_EQ(out.last_ack_sent, 0u);  // Linux: "not remembered"
  EXPECT_EQ(out.last_data_recv, 16u);
  EXPECT_EQ(out.last_ack_recv, 17u);
  EXPECT_EQ(out.pmtu, 1500u);
  EXPECT_EQ(out.rcv_ssthresh, 65000u);
  EXPECT_EQ(out.rtt, 18'000u);
  EXPECT_EQ(out.rttvar, 19'000u);
  EXPECT_EQ(out.snd_ssthresh, 20u);
  EXPECT_EQ(out.snd_cwnd, 21u);
  EXPECT_EQ(out.advmss, 1460u);
  EXPECT_EQ(out.rcv_rtt, 22'000u);
  EXPECT_EQ(out.rcv_space, 14600u);
  EXPECT_EQ(out.total_retrans, 22u);
  EXPECT_EQ(out.max_pacing_rate, ~std::uint64_t{0});  // SO_MAX_PACING_RATE is refused
  EXPECT_EQ(out.bytes_acked, 23u);
  EXPECT_EQ(out.bytes_received, 24u);
  EXPECT_EQ(out.segs_out, 25u);
  EXPECT_EQ(out.segs_in, 26u);
  EXPECT_EQ(out.notsent_bytes, 27u);
  EXPECT_EQ(out.min_rtt, 28u);
  EXPECT_EQ(out.data_segs_in, 29u);
  EXPECT_EQ(out.data_segs_out, 30u);
  EXPECT_EQ(out.busy_time, 31'000u);
  EXPECT_EQ(out.rwnd_limited, 32'000u);
  EXPECT_EQ(out.sndbuf_limited, 33'000u);
  EXPECT_EQ(out.bytes_sent, 34u);
  EXPECT_EQ(out.bytes_retrans, 35u);
  EXPECT_EQ(out.rcv_ooopack, 36u);
  EXPECT_EQ(out.snd_wnd, 37u);
}

// What 6.2 to 6.18 have added behind snd_wnd.
TEST(TcpInfo, LaterFields) {
  tcp::Info info;
  info.receive_window = 1;
  info.timeouts = 2;
  info.timeout_recoveries = 3;
  info.timeout_recovery = 4ms;
  info.received_ce = 5;
  info.delivered_ce = 6;
  info.delivered_ecn_bytes = {7, 8, 9};
  info.received_ecn_bytes = {10, 11, 12};
  info.accurate_ecn_failures = 13;
  info.accurate_ecn_option_seen = true;
  info.fast_open_failure = 2;
  info.delivery_rate_app_limited = true;
  const LinuxTcpInfo out = to_linux(info);
  EXPECT_EQ(out.rcv_wnd, 1u);
  EXPECT_EQ(out.total_rto, 2);
  EXPECT_EQ(out.total_rto_recoveries, 3);
  EXPECT_EQ(out.total_rto_time, 4u);
  EXPECT_EQ(out.received_ce, 5u);
  EXPECT_EQ(out.delivered_ce, 6u);
  EXPECT_EQ(out.delivered_e1_bytes, 7u);
  EXPECT_EQ(out.delivered_e0_bytes, 8u);
  EXPECT_EQ(out.delivered_ce_bytes, 9u);
  EXPECT_EQ(out.received_e1_bytes, 10u);
  EXPECT_EQ(out.received_e0_bytes, 11u);
  EXPECT_EQ(out.received_ce_bytes, 12u);
  EXPECT_EQ(out.accecn_fail_mode, 13);
  EXPECT_EQ(out.accecn_opt_seen, 1);
  EXPECT_EQ(out.app_limited, 1 | 2 << 1);
}

TEST(TcpInfo, WhatIsNotKnownYet) {
  const LinuxTcpInfo fresh = to_linux(tcp::Info{});
  EXPECT_EQ(fresh.min_rtt, 0xffffffffu);
  EXPECT_EQ(fresh.snd_ssthresh, 0x7fffffffu);
  tcp::Info listening;
  listening.state = tcp::State::listen;
  EXPECT_EQ(to_linux(listening).min_rtt, 0u);
  EXPECT_EQ(to_linux(listening).snd_ssthresh, 0u);
}

}  // namespace
}  // namespace sockeye
