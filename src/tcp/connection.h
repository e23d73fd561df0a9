// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One TCP connection (RFC 9293's TCB): events in; segments, one deadline and readiness out. No I/O,
// no callbacks, no clock. It owns one object per concern of the RFCs and alone decides their order.
//
// Who holds a Connection (socket/StreamSocket) calls it like this:
//   on_segment / on_timer / send / receive / shutdown / close …     something happened
//   take_events()                                                   which waiters to tell
//   poll_transmit() until false                                     what to put on the wire
//   next_timer()                                                    when to call on_timer()
//   is_finished()                                                   may it be destroyed?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/drop.h"
#include "core/ip_address.h"
#include "core/readiness.h"
#include "core/result.h"
#include "core/rng.h"
#include "core/time.h"
#include "packet/packet.h"
#include "tcp/config.h"
#include "tcp/info.h"
#include "tcp/segment.h"
#include "tcp/state.h"

namespace sockeye::tcp {

// What all connections of a stack share. Owned by the stack, outlives its connections.
struct Resources;

// What is known about the way to the peer; may change while the connection lives.
struct Path {
  std::uint32_t mtu = 1500;             // largest IP packet of this path
  std::uint32_t largest_packet = 1500;  // what the link takes in one piece (GSO), >= mtu
  bool is_v6 = false;
  std::uint32_t ip_header_bytes() const { return is_v6 ? 40 : 20; }
};

// A connection that came out of the SYN queue, or is restored from a snapshot.
struct Handshake {
  SeqNum iss{};
  SeqNum irs{};
  std::uint32_t peer_window = 0;  // of the segment that completed the handshake, scaled
  std::uint16_t peer_mss = 536;
  std::optional<std::uint8_t> peer_window_scale{};  // empty: not negotiated
  std::uint8_t our_window_scale = 0;
  bool sack = false;
  bool timestamps = false;
  std::uint32_t timestamp_recent = 0;  // TS.Recent
  std::uint32_t timestamp_offset = 0;  // of our TSval (RFC 7323 7.1)
  std::optional<Duration> rtt{};       // SYN-ACK to ACK, when it was not retransmitted
};

class Connection {
 public:
  Connection(Resources& resources, const FiveTuple& tuple, const Path& path, const Settings& settings);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- opening (RFC 9293 3.10.1)
  void open_active(Instant now);                                   // CLOSED -> SYN-SENT
  void open_established(Instant now, const Handshake& handshake);  // the child of a listener

  // --- what happens to it
  // `packet` holds the payload only (headers consumed); the connection takes its slices.
  // The answer says why the segment was discarded, if it was (counted by the caller).
  std::optional<Drop> on_segment(Instant now, const Segment& segment, Packet& packet);
  void on_timer(Instant now);
  // An ICMP error that quotes this connection. `hard`: codes that abort in SYN-SENT (RFC 9293
  // 3.9.2.2); quoted_seq is checked against the window (RFC 5927).
  void on_icmp_error(Instant now, Errno error, bool hard, SeqNum quoted_seq);
  void on_path_change(Instant now, const Path& path);

  // --- the user calls (3.10.2-3.10.6). They never wait: Errno::again.
  Result<std::size_t> send(Instant now, Bytes bytes, bool more, bool out_of_band);
  // `peek`: leave the bytes. `out_of_band`: the urgent byte (MSG_OOB).
  Result<std::size_t> receive(Instant now, MutableBytes bytes, bool peek, bool out_of_band);
  Result<> shutdown(Instant now, bool reading, bool writing);
  // No one will read or write any more. Unread data or linger zero: RST; otherwise FIN and the
  // connection lives on as an orphan until is_finished().
  void close(Instant now, bool abort);

  // --- what it wants
  // Fills `segment` (ports included) and appends the payload to `packet`, which is empty. False:
  // nothing to send now. segment_size, transmission and release of the packet are set.
  bool poll_transmit(Instant now, Segment& segment, Packet& packet);
  std::optional<Instant> next_timer() const;
  Readiness take_events();   // what happened since the last call; none: nobody needs to be told
  bool is_finished() const;  // CLOSED, or handed to TIME_WAIT: nothing more will ever be sent

  // --- questions
  const FiveTuple& tuple() const;
  State state() const;
  Readiness readiness() const;                 // the level, as poll(2) reports it for a TCP socket
  std::optional<Errno> error() const;          // pending (SO_ERROR), not cleared
  std::optional<Errno> take_error();           // SO_ERROR: read and clear
  std::uint32_t readable_bytes() const;        // FIONREAD / SIOCINQ
  std::uint32_t unsent_bytes() const;          // SIOCOUTQNSD
  std::uint32_t unacknowledged_bytes() const;  // SIOCOUTQ: unsent included
  std::uint32_t send_room() const;             // what send() would take now
  bool at_urgent_mark() const;                 // SIOCATMARK
  bool peer_closed() const;                    // the peer's FIN was received in order
  const Settings& settings() const;
  Settings& settings();  // then call on_settings_changed()
  void on_settings_changed(Instant now);
  Info info(Instant now) const;  // TCP_INFO
  // Bytes that a program has not read although the connection handed them out (a carrier): they
  // count against the advertised window. Call again whenever it changes.
  void set_external_unread(Instant now, std::uint32_t bytes);
  // Valid once in TIME_WAIT: what the compact record needs.
  struct TimeWait make_time_wait(Instant now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // placeholder: tcp/ decides the layout (D13)
};

}  // namespace sockeye::tcp
