// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The half-open connections of one listening socket (RFC 9293 3.5, 3.10.7.2): a SYN makes a compact
// entry (at most 64 bytes, D13), the entry repeats the SYN-ACK, and the ACK that completes the
// handshake turns it into a Handshake from which a Connection is made. Linux's overflow behaviour:
// a SYN is dropped while the accept queue is full, and a completing ACK that finds the accept queue
// full is dropped while the SYN-ACK goes on being repeated. As many connections may be half open as the
// backlog says; further SYNs are answered with cookies (tcp/syn_cookie.h), which keep nothing. When half
// the room is taken, entries that were not answered are given up earlier.
//
// TCP_DEFER_ACCEPT: a completing ACK without data is noted and dropped, the SYN-ACK is not repeated for
// so many time-outs, and the answer to its last repetition completes the handshake.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "core/drop.h"
#include "core/ip_address.h"
#include "tcp/connection.h"
#include "tcp/fast_open.h"

namespace sockeye::tcp {

// What to do with a segment that came for a listening socket.
struct ListenVerdict {
  bool is_fast = false;                  // the handshake is not complete: Connection::open_fast()
  std::optional<Drop> drop{};            // discarded: count it
  std::optional<Segment> reply{};        // send this (SYN-ACK, RST or challenge), ports filled in
  std::optional<Handshake> handshake{};  // complete: make the child, then give it this segment
};

// Does the listener take fast opens (RFC 7413)?
struct FastOpenService {
  bool is_on = false;                  // TCP_FASTOPEN
  bool has_room = false;               // fewer than that are under way
  const FastOpenKeys* keys = nullptr;  // of the listener, or else of the host
};

class SynQueue {
 public:
  SynQueue(Resources& resources, std::uint32_t backlog);
  ~SynQueue();
  SynQueue(const SynQueue&) = delete;
  SynQueue& operator=(const SynQueue&) = delete;

  void set_backlog(std::uint32_t backlog);
  void set_fast_open(const FastOpenService& service);
  void set_defer_accept(unsigned timeouts);  // 0: off
  std::size_t size() const;
  bool contains(const FiveTuple& tuple) const;

  // `tuple`: local end first. `settings` are the listener's (buffers, MSS), `path` towards the peer.
  // `iss_beyond`: the tuple was in TIME_WAIT, the new ISS must lie beyond this (RFC 6191).
  ListenVerdict on_segment(Instant now, const FiveTuple& tuple, const Segment& segment,
                           const Settings& settings, const Path& path, bool accept_queue_full,
                           std::optional<SeqNum> iss_beyond = std::nullopt);
  // A hard ICMP error for a half-open connection removes it.
  void on_icmp_error(const FiveTuple& tuple, SeqNum quoted_seq);

  std::optional<Instant> next_timer() const;
  // Advances time; then call next_due() until empty: SYN-ACKs to repeat.
  struct Due {
    FiveTuple tuple{};
    Segment segment{};
    std::uint8_t transmission = 0;  // for Packet::transmission: the n-th repetition
  };
  std::optional<Due> next_due(Instant now);

  // For `ss`: visits every half-open connection in order of arrival.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < size(); ++i) visit(tuple_at(i));
  }

 private:
  FiveTuple tuple_at(std::size_t index) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The RST that answers a segment for which there is no connection (RFC 9293 3.10.7.1); empty when the
// segment is itself a RST. Ports are filled in.
std::optional<Segment> reset_for(const Segment& segment);

}  // namespace sockeye::tcp
