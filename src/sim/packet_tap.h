// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Who looks on at what the network carries: the pcapng writer, the trace hash, a test. A packet is
// seen when its sender's link takes it, as it was sent, with what the network decided about it; and
// again when its receiver takes it, as it arrived. A packet that the network discards is seen once.
#pragma once

#include <optional>

#include "core/drop.h"
#include "core/time.h"
#include "packet/packet.h"

namespace sockeye::sim {

class Port;

struct PacketEvent {
  const Port& port;  // the sender's when outbound, else the receiver's
  bool outbound = true;
  std::optional<Drop> drop{};
  bool corrupted = false;  // outbound: it is going to be
  bool marked = false;     // ECN: congestion experienced
  bool duplicate = false;  // the network's own second copy
  bool late = false;       // reordered: those behind it may overtake it
};

class PacketTap {
 public:
  virtual ~PacketTap() = default;
  virtual void on_packet(Instant now, const PacketEvent& event, const Packet& packet) = 0;
};

}  // namespace sockeye::sim
