// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every tunable of TCP: Config for a whole stack (with its Linux sysctl name), Settings for one
// socket (with its socket option). Defaults are those of the `linux` profile (decisions.md D19).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/time.h"

namespace sockeye::tcp {

struct FastOpenKeys;  // tcp/fast_open.h

struct Config {
  // What the RFCs say where Linux departs from them (tcp/profile.cc names each difference and its source).
  static Config rfc();

  Duration rto_min = 200ms;           // Linux; RFC 6298 2.4 says 1 s
  Duration rto_max = 120s;            // RFC 6298 2.5 MUST-3
  Duration rto_initial = 1s;          // RFC 6298 2.1
  unsigned syn_retries = 6;           // net.ipv4.tcp_syn_retries
  unsigned syn_ack_retries = 5;       // net.ipv4.tcp_synack_retries
  unsigned retries1 = 3;              // net.ipv4.tcp_retries1 (RFC 9293 3.8.3 SHLD-10: R1)
  unsigned retries2 = 15;             // net.ipv4.tcp_retries2 (R2)
  unsigned orphan_retries = 8;        // net.ipv4.tcp_orphan_retries
  Duration fin_timeout = 60s;         // net.ipv4.tcp_fin_timeout (orphans in FIN_WAIT_2)
  std::uint32_t orphans_max = 65536;  // net.ipv4.tcp_max_orphans
  Duration time_wait = 60s;           // 2 MSL, as Linux
  Duration delayed_ack_min = 40ms;
  Duration delayed_ack_max = 200ms;
  bool window_scaling = true;          // net.ipv4.tcp_window_scaling
  bool timestamps = true;              // net.ipv4.tcp_timestamps
  bool sack = true;                    // net.ipv4.tcp_sack
  bool tail_loss_probe = true;         // net.ipv4.tcp_early_retrans (3: on, 0: off)
  bool frto = true;                    // net.ipv4.tcp_frto
  bool dsack = true;                   // net.ipv4.tcp_dsack: reports of duplicates that we send (RFC 2883)
  std::uint32_t reordering = 3;        // net.ipv4.tcp_reordering: DupThresh, in segments
  std::uint32_t max_reordering = 300;  // net.ipv4.tcp_max_reordering: the most that it learns
  Duration min_rtt_window = 300s;      // net.ipv4.tcp_min_rtt_wlen: how long the smallest round trip counts
  bool rfc1337 = false;                // net.ipv4.tcp_rfc1337
  bool abort_on_overflow = false;      // net.ipv4.tcp_abort_on_overflow
  bool rto_min_of_sum = false;         // rto_min bounds SRTT + 4 RTTVAR (RFC 6298 2.4), not 4 RTTVAR alone
  bool require_timestamps = false;     // drop a segment that lacks the agreed option (RFC 7323 3.2)
  bool abort_on_hard_icmp = false;     // also when established (RFC 9293 3.9.2.2; RFC 5927 advises against)
  bool tell_r1 = false;                // R1 time-outs are an error that the program sees (RFC 9293 3.8.3)
  bool weigh_samples = false;          // the RTT samples of a round trip share one weight (RFC 7323 4.2)
  bool prr_in_bytes = false;           // proportional rate reduction by RFC 9937's letter: tcp/prr.h
  bool probe_needs_sample = false;     // a tail loss probe needs a round trip since the last (RFC 8985 7.3)
  Duration probe_slack = 2ms;          // it waits so long beside 2 SRTT; Linux: two ticks of its clock
  unsigned mtu_probing = 0;            // net.ipv4.tcp_mtu_probing: 0, 1 after a black hole, 2
  std::uint32_t base_mss = 1024;       // net.ipv4.tcp_base_mss: where probing begins
  std::uint32_t mtu_probe_floor = 48;  // net.ipv4.tcp_mtu_probe_floor
  std::uint32_t mtu_probe_threshold = 8;           // net.ipv4.tcp_probe_threshold, bytes
  Duration mtu_probe_interval = 600s;              // net.ipv4.tcp_probe_interval
  unsigned initial_window = 10;                    // RFC 6928, in segments; 0: the rule of RFC 5681 3.1
  std::uint32_t receive_buffer_default = 131072;   // net.ipv4.tcp_rmem[1]
  std::uint32_t receive_buffer_max = 6u << 20;     // net.ipv4.tcp_rmem[2] (auto-tuning)
  std::uint32_t send_buffer_default = 87040;       // what Linux starts at, then auto-tunes
  std::uint32_t send_buffer_max = 4u << 20;        // net.ipv4.tcp_wmem[2]
  std::uint32_t tso_win_divisor = 3;               // net.ipv4.tcp_tso_win_divisor
  std::uint32_t notsent_low_water = 0xffffffff;    // net.ipv4.tcp_notsent_lowat
  Duration invalid_ratelimit = 500ms;              // net.ipv4.tcp_invalid_ratelimit: between answers of one
                                                   // connection to what it does not believe (RFC 5961 7)
  std::uint32_t challenge_ack_limit = 0x7fffffff;  // net.ipv4.tcp_challenge_ack_limit: a second, whole host
  std::uint32_t reset_limit = 10'000;  // RSTs a second for segments that nobody wants; 0: no limit
  unsigned syncookies = 1;             // net.ipv4.tcp_syncookies: 0 never, 1 on overflow, 2 always
  // net.ipv4.tcp_ecn: what we take and ask for. 0 nothing; 1 ECN and ECN; 2 ECN and nothing; 3 Accurate ECN
  // and the same; 4 Accurate ECN and ECN; 5 Accurate ECN and nothing.
  unsigned ecn = 2;
  unsigned ecn_option = 2;         // net.ipv4.tcp_ecn_option: 0 never, 1 when it has news, 2 when it fits
  unsigned ecn_option_beacon = 3;  // net.ipv4.tcp_ecn_option_beacon: at least so often per round trip
  unsigned fast_open = 1;          // net.ipv4.tcp_fastopen: bits of tcp/fast_open.h
  std::shared_ptr<const FastOpenKeys> fast_open_keys{};  // net.ipv4.tcp_fastopen_key; null: drawn at random
  Duration fast_open_blackhole = Duration::zero();  // net.ipv4.tcp_fastopen_blackhole_timeout_sec; 0: none
  bool ecn_fallback = true;                         // net.ipv4.tcp_ecn_fallback
  std::uint32_t syn_backlog_max = 4096;             // net.ipv4.tcp_max_syn_backlog
  std::uint32_t somaxconn = 4096;                   // net.core.somaxconn
  std::uint32_t time_wait_max = 262144;             // net.ipv4.tcp_max_tw_buckets
  Duration keepalive_idle = 7200s;
  Duration keepalive_interval = 75s;
  unsigned keepalive_count = 9;
  const char* congestion_control = "cubic";  // net.ipv4.tcp_congestion_control
  // Paces every algorithm, as Linux does under the fq queueing discipline (net.core.default_qdisc). BBR and
  // sockets with SO_MAX_PACING_RATE are always paced.
  bool pacing = false;
  bool header_prediction = true;      // tcp/prediction.cc; off: every segment goes the long way, for tests
  bool slow_start_after_idle = true;  // net.ipv4.tcp_slow_start_after_idle (docs/decisions/0006)
  unsigned min_tso_segs = 2;          // net.ipv4.tcp_min_tso_segs: segments in a packet, if there are as many
  unsigned pacing_ss_ratio = 200;     // net.ipv4.tcp_pacing_ss_ratio: percent of cwnd per RTT in slow start
  unsigned pacing_ca_ratio = 120;     // net.ipv4.tcp_pacing_ca_ratio
};

class KeyRing;  // tcp/signature.h

struct Settings {
  // RFC 9293 3.8.4 MUST-27, MUST-28
  Duration keepalive_idle = 7200s;                    // TCP_KEEPIDLE
  Duration keepalive_interval = 75s;                  // TCP_KEEPINTVL
  Duration user_timeout = Duration::zero();           // TCP_USER_TIMEOUT; zero: R2 decides
  Duration linger2 = 60s;                             // TCP_LINGER2; negative: no FIN_WAIT_2 for orphans
  unsigned keepalive_count = 9;                       // TCP_KEEPCNT
  unsigned syn_retries = 0;                           // TCP_SYNCNT; 0: the host's
  std::uint32_t receive_buffer = 131072;              // bytes that may wait (SO_RCVBUF after doubling)
  std::uint32_t send_buffer = 87040;                  // SO_SNDBUF after doubling
  std::uint32_t receive_low_water = 1;                // SO_RCVLOWAT
  std::uint32_t notsent_low_water = 0;                // TCP_NOTSENT_LOWAT; 0: the host's
  std::uint32_t window_clamp = 0;                     // TCP_WINDOW_CLAMP; 0: none
  std::uint64_t max_pacing_rate = ~std::uint64_t{0};  // SO_MAX_PACING_RATE, bytes per second; all ones: none
  std::uint32_t mark = 0;                             // SO_MARK: told, and nothing more
  std::uint16_t max_segment = 0;                      // TCP_MAXSEG; 0: from the MTU
  bool nodelay = false;                               // TCP_NODELAY
  bool cork = false;                                  // TCP_CORK
  // RFC 9293 3.8.4 MUST-24, MUST-25
  bool keepalive = false;              // SO_KEEPALIVE
  bool oob_inline = false;             // SO_OOBINLINE
  bool quick_ack_off = false;          // TCP_QUICKACK was switched off before connect()
  bool receive_buffer_locked = false;  // SO_RCVBUF was set: no auto-tuning
  bool send_buffer_locked = false;
  bool fast_open_no_cookie = false;       // TCP_FASTOPEN_NO_COOKIE
  char congestion_control[16] = "cubic";  // TCP_CONGESTION
  std::shared_ptr<const KeyRing> keys{};  // TCP_MD5SIG; null: nothing is signed

  // What a new socket of a stack with this Config starts with.
  static Settings of(const Config& config);

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace sockeye::tcp
