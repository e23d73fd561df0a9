// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/pcap_tap.h"

namespace sockeye::sim {

void PcapTap::on_packet(Instant now, const PacketEvent& event, const Packet& packet) {
  const std::uint32_t interface = interface_of(event.port);
  writer_.packet(now, interface, event.outbound, packet, remark_on(event));
}

std::uint32_t PcapTap::interface_of(const Port& port) {
  if (port.index() >= interfaces_.size()) interfaces_.resize(port.index() + std::size_t{1});
  auto& interface = interfaces_[port.index()];
  if (!interface) interface = writer_.add_interface(port.name(), port.addresses());
  return *interface;
}

std::string remark_on(const PacketEvent& event) {
  std::string text;
  const auto add = [&](std::string_view remark) {
    if (!text.empty()) text += "; ";
    text += remark;
  };
  if (event.duplicate) add("a second copy made by the network model");
  if (event.drop) {
    add("dropped: " + std::string(name_of(*event.drop)) + ": " + std::string(text_of(*event.drop)));
    return text;
  }
  if (event.marked) add("the network model has marked this: congestion experienced");
  if (event.corrupted) add("the network model will flip one bit of this");
  if (event.late) add("the network model will deliver this late, out of order");
  return text;
}

}  // namespace sockeye::sim
