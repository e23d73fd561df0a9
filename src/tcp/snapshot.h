// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A connection as plain data: what has to be known to go on with it in another stack that has its
// address (the idea of Linux's TCP_REPAIR). Only synchronized states before TIME_WAIT; while a
// connection is being opened there is nothing to carry over.
//
// A signed connection (TCP-MD5, TCP-AO) takes its keys along: then the snapshot, and its bytes, are secret.
//
// Not in it, because the connection does as well without: data out of order (RFC 2018 8 lets a receiver
// forget it), the peer's SACK blocks, what recovery, probing and the congestion control's algorithm
// remember beyond their windows, most counters, and timers: the restored end asks its peer where it stands.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/seqnum.h"
#include "core/time.h"
#include "tcp/acc_ecn.h"
#include "tcp/config.h"
#include "tcp/state.h"

namespace sockeye::tcp {

struct Snapshot {
  FiveTuple tuple{};
  State state = State::closed;
  Settings settings{};
  bool is_passive = false;
  bool is_read_shut = false;  // the program reads no more (SHUT_RD, or the peer's FIN)
  bool is_write_shut = false;
  bool is_orphan = false;  // the program has closed

  // RFC 9293 3.3.1, send side. The FIN stands behind the data.
  SeqNum snd_iss{};
  SeqNum snd_una{};
  SeqNum snd_nxt{};
  SeqNum snd_wl1{};
  SeqNum snd_wl2{};
  std::uint32_t snd_wnd = 0;  // scaled
  std::uint32_t snd_wnd_max = 0;
  std::uint32_t snd_limit = 0;     // of the send buffer, auto-tuned
  std::vector<std::byte> unacked;  // from snd_una on, sent or not

  // Receive side.
  SeqNum rcv_irs{};
  SeqNum rcv_nxt{};
  SeqNum rcv_edge{};                // the window that was promised ends here
  std::uint32_t rcv_limit = 0;      // of the receive buffer, auto-tuned
  std::uint16_t rcv_mss = 536;      // largest segment seen
  std::vector<std::byte> unread{};  // up to rcv_nxt

  // What the SYNs agreed on.
  std::uint16_t peer_mss = 536;
  std::uint8_t peer_window_scale = 0;
  std::uint8_t our_window_scale = 0;
  bool scaled = false;
  bool sack = false;
  bool timestamps = false;
  std::uint32_t timestamp_recent = 0;  // TS.Recent
  std::uint32_t timestamp_now = 0;     // our TSval when the snapshot was taken; goes on from there

  // ECN, accurate or not, and what TCP_INFO says of a fast open.
  std::uint8_t ecn_bits = 0;  // EcnState::bits()
  AccEcn accurate_ecn{};
  bool syn_data_acked = false;
  std::uint8_t fast_open_failure = 0;

  bool has_asked_key = false;  // TCP-AO: the peer has asked for this SendID
  std::uint8_t asked_key = 0;

  // Counters: TCP-AO signs whole sequence numbers, which follow from the first two (RFC 5925 6.2).
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_retransmitted = 0;
  std::uint32_t retransmits = 0;

  // Estimates.
  Duration srtt = Duration::zero();                  // zero: none
  std::uint32_t cwnd = 0;                            // bytes
  std::array<std::uint32_t, 8> congestion_memory{};  // CongestionControl::Memory, as of the snapshot
  std::uint32_t ssthresh = 0;

  // Urgent data (RFC 9293 3.8.5).
  bool has_urgent_sent = false;
  SeqNum urgent_sent{};           // one past the byte
  std::uint8_t urgent_state = 0;  // Urgent::Byte
  std::uint8_t urgent_value = 0;
  SeqNum urgent_at{};

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// A format of its own, with a version in front: readable by the same major version of this library.
std::vector<std::byte> to_bytes(const Snapshot& snapshot);
// Empty: not a snapshot, another version, or one that contradicts itself.
std::optional<Snapshot> snapshot_from_bytes(Bytes bytes);

}  // namespace sockeye::tcp
