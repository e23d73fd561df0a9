// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The carrier of a datagram socket: a SEQPACKET pair without headers (decisions.md D18).
//
// Out: every packet that the program writes natively (send, write on a connected socket) is one datagram
// to the connected peer. Datagrams with an address or control data come as requests instead.
//
// In: a datagram's sender cannot travel with it, so an unconnected socket has a mailbox of one slot: one
// datagram in the carrier, its facts here, the rest in the socket's own queue. Peeking, FIONREAD and
// MSG_TRUNC are the kernel's and right. On a connected socket all come from one peer and several may
// be in the carrier, unless the program asked for facts of each datagram (IP_PKTINFO and the like).
//
// Left out, because a pair cannot say it: an asynchronous error on a native call (it is kept for the
// next trapped one and for SO_ERROR), EMSGSIZE and EDESTADDRREQ of native sends (the datagram is
// dropped and counted).
#pragma once

#include <optional>
#include <vector>

#include "gate/carrier_end.h"
#include "gate/sockaddr.h"

namespace sockeye::gate {

class DatagramEnd final : public CarrierEnd {
 public:
  DatagramEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd);

  void work(Instant now) override;
  bool is_finished() const override { return finished_; }

  // What is known of the datagram that was just taken out of the carrier or, `peeked`, is in it.
  std::optional<Incoming> facts(bool peeked);
  // Everything that was written natively before is sent before what the caller sends next.
  void send_pending() { pump_out(); }
  std::uint32_t unsent_bytes() const;
  std::optional<Errno> take_error() { return std::exchange(error_, std::nullopt); }
  std::uint64_t refused_sends() const { return refused_sends_; }

 private:
  std::optional<Incoming> facts_of(bool peeked) const;
  void take_hang_up();
  void pump_out();
  bool send_out(Bytes datagram);
  std::ptrdiff_t take(MutableBytes room, bool& ended);
  void pump_in();
  bool is_carrier_empty() const;
  bool fill();
  void arm(bool wants_space);

  Incoming current_{};               // of the datagram that was put in last
  Incoming previous_{};              // of the one before it
  std::vector<std::byte> held_out_;  // the socket would not take it yet
  std::vector<std::byte> held_in_;   // the kernel would not take it yet
  std::optional<Errno> error_;
  std::uint64_t refused_sends_ = 0;
  bool has_held_out_ = false;
  bool has_held_in_ = false;
  bool has_current_ = false;
  bool has_previous_ = false;
  bool hung_up_ = false;
  bool finished_ = false;
};

}  // namespace sockeye::gate
