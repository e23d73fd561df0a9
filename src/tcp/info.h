// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A snapshot of a connection in words: what TCP_INFO, `sockeye ss -i` and tests read.
#pragma once

#include <cstdint>
#include <optional>

#include "core/time.h"
#include "tcp/acc_ecn.h"
#include "tcp/path_model.h"
#include "tcp/state.h"

namespace sockeye::tcp {

struct Info {
  State state = State::closed;
  bool timestamps = false;
  bool sack = false;
  bool window_scaling = false;
  bool ecn = false;
  bool ecn_seen = false;  // the peer has sent ECT
  EcnMode ecn_mode = EcnMode::none;
  bool accurate_ecn_option_seen = false;
  std::uint8_t accurate_ecn_failures = 0;  // AccEcn::Failure
  std::uint32_t received_ce = 0;           // packets with CE that came; these are Accurate ECN's
  std::uint32_t delivered_ce = 0;          // ... that the peer has counted
  AccEcn::Bytes3 received_ecn_bytes{};     // ECT(1), ECT(0), CE
  AccEcn::Bytes3 delivered_ecn_bytes{};
  std::uint8_t fast_open_failure = 0;  // 1 no cookie, 2 data not acknowledged, 3 after a repeated SYN
  std::uint16_t timeouts = 0;          // of the retransmission timer, ever
  std::uint16_t timeout_recoveries = 0;
  Duration timeout_recovery{};
  bool syn_data = false;                  // data of ours was acknowledged with the SYN
  std::uint8_t send_window_scale = 0;     // the peer's
  std::uint8_t receive_window_scale = 0;  // ours
  Duration rto{};
  Duration srtt{};
  Duration rttvar{};
  Duration min_rtt{};
  Duration delayed_ack{};
  bool quick_ack = true;          // TCP_QUICKACK: it is no conversation, whose ACKs wait for data
  Duration receive_rtt{};         // round trip as the receiving half sees it; zero: not measured
  std::uint32_t send_mss = 0;     // bytes of payload per segment
  std::uint32_t receive_mss = 0;  // largest seen from the peer
  std::uint32_t advertised_mss = 0;
  std::uint32_t path_mtu = 0;
  std::uint32_t cwnd_segments = 0;
  std::uint32_t cwnd_bytes = 0;
  std::uint32_t ssthresh_bytes = 0xffffffff;
  std::uint32_t send_window = 0;       // the peer's, scaled
  std::uint32_t receive_window = 0;    // advertised, scaled
  std::uint32_t receive_space = 0;     // the most that was read in a round trip (auto-tuning)
  std::uint32_t receive_limit = 0;     // what may wait to be read (auto-tuning)
  std::uint32_t unacked_segments = 0;  // in flight
  std::uint32_t sacked_segments = 0;
  std::uint32_t lost_segments = 0;
  std::uint32_t retransmitted_segments = 0;  // in flight now
  std::uint32_t reordering = 3;              // segments that may overtake one before it counts as lost
  std::uint32_t reordering_seen = 0;         // how often segments were seen to be overtaken
  std::uint32_t duplicates_reported = 0;     // segments that the peer says it got twice (RFC 2883)
  std::uint32_t retransmits = 0;             // of the oldest segment
  std::uint32_t back_offs = 0;               // doublings of the retransmission or persist timer
  std::uint32_t probes = 0;                  // unanswered zero-window or keep-alive probes
  std::uint64_t total_retransmits = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_retransmitted = 0;
  std::uint64_t segments_out = 0;
  std::uint64_t segments_in = 0;
  std::uint64_t data_segments_out = 0;
  std::uint64_t data_segments_in = 0;
  std::uint32_t notsent_bytes = 0;
  std::uint32_t delivered_segments = 0;  // that the peer has, our SYN among them
  std::uint32_t out_of_order_segments = 0;
  Duration since_last_data_sent{};
  Duration since_last_data_received{};
  Duration since_last_ack_received{};
  const char* timer = "";  // "on", "keepalive", "timewait", "persist", "" as ss names them
  Duration timer_left{};
  std::uint64_t delivery_rate = 0;  // bytes per second, in steps of 64; 0: none measured yet
  bool delivery_rate_app_limited = false;
  std::uint64_t pacing_rate = ~std::uint64_t{0};  // bytes per second; all ones: not known yet, or no limit
  std::uint64_t max_pacing_rate = ~std::uint64_t{0};
  Duration busy{};  // something was to be sent or in flight; of that:
  Duration receive_window_limited{};
  Duration send_buffer_limited{};
  const char* congestion_control = "";
  std::optional<PathModel> path_model{};  // BBR's
  std::uint8_t congestion_state = 0;      // TCP_CA_Open 0, Disorder 1, CWR 2, Recovery 3, Loss 4
};

}  // namespace sockeye::tcp
