// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "posix/raw_link.h"

#include "packet/gso.h"

namespace sockeye::posix {
namespace {

Bytes bytes_of(const Packet& packet, std::vector<std::byte>& room) {
  room.resize(packet.size());
  packet.serialize(room);
  return room;
}

}  // namespace

LinkCapabilities RawLink::capabilities() const {
  return {.mtu = options_.mtu, .largest_packet = largest(), .checksum_trusted = false};
}

Result<> RawLink::input(Instant now, Bytes bytes) {
  if (bytes.empty()) return Errno::inval;
  const auto version = std::to_integer<unsigned>(bytes.front()) >> 4;
  if (version != 4 && version != 6) return Errno::inval;
  if (bytes.size() > largest()) return Errno::msgsize;
  if (inbound_.size() >= kQueueMax) return Errno::nobufs;
  PacketPtr packet = pool_.from_bytes(bytes);
  if (packet == nullptr) return Errno::nobufs;
  packet->checksum = ChecksumState::present;
  packet->due = now;
  inbound_.push_back(std::move(packet));
  wake();
  return {};
}

void RawLink::transmit(Instant now, PacketList& packets) {
  while (PacketPtr packet = packets.pop_front()) {
    PacketList pieces;
    if (cuts_)
      pieces = segment(std::move(packet), true);
    else
      pieces.push_back(std::move(packet));
    while (const PacketPtr piece = pieces.pop_front())
      if (options_.transmit) options_.transmit(now, bytes_of(*piece, bytes_));
  }
}

void RawLink::receive(Instant, PacketList& packets, std::size_t limit) {
  while (limit-- > 0 && !inbound_.empty()) packets.push_back(inbound_.pop_front());
}

void TapLink::transmit(Instant now, PacketList& packets) {
  PacketList seen;
  while (PacketPtr packet = packets.pop_front()) {
    tap_(now, is_first_, bytes_of(*packet, bytes_));
    seen.push_back(std::move(packet));
  }
  inner_.transmit(now, seen);
}

}  // namespace sockeye::posix
