// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Writes what a Network carries as pcapng: one interface per port, every packet as outbound where it
// was sent and as inbound where it arrived. What the network dropped, damaged, doubled or delayed out
// of order says so in a comment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "link/pcapng.h"
#include "sim/network.h"

namespace sockeye::sim {

class PcapTap final : public PacketTap {
 public:
  explicit PcapTap(ByteSink& sink, Duration epoch = Duration::zero()) : writer_(sink, epoch) {}
  void on_packet(Instant now, const PacketEvent& event, const Packet& packet) override;

 private:
  std::uint32_t interface_of(const Port& port);

  PcapngWriter writer_;
  std::vector<std::optional<std::uint32_t>> interfaces_;  // by port index
};

// "dropped: loss: the network model lost it"; empty when there is nothing to remark.
std::string remark_on(const PacketEvent& event);

}  // namespace sockeye::sim
