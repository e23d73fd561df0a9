// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One number for everything that went over the network: times, hosts, bytes, fates, in order. Two
// runs that have the same number did the same thing.
#pragma once

#include "sim/network.h"
#include "sim/stream_pattern.h"

namespace sockeye::sim {

class TraceHash final : public PacketTap {
 public:
  void on_packet(Instant now, const PacketEvent& event, const Packet& packet) override {
    add(static_cast<std::uint64_t>(to_ns(now.time_since_epoch())));
    add(event.port.index() << 1U | (event.outbound ? 1U : 0U));
    add(event.drop ? 1U + static_cast<unsigned>(*event.drop) : 0U);
    if (event.outbound) {  // what arrives are the same bytes, or a repeatable bit of them is flipped
      StreamDigest bytes;
      bytes.add(packet.head());
      for (const Slice& slice : packet.slices()) bytes.add(slice.bytes());
      add(bytes.value());
    } else {
      add(packet.size());
    }
    ++packets_;
    if (next_ != nullptr) next_->on_packet(now, event, packet);
  }
  void add(std::uint64_t value) { state_ = mix64(state_ ^ value); }
  std::uint64_t value() const { return state_; }
  std::uint64_t packets() const { return packets_; }
  void set_next(PacketTap* next) { next_ = next; }  // who else looks on

 private:
  std::uint64_t state_ = 0;
  std::uint64_t packets_ = 0;
  PacketTap* next_ = nullptr;
};

}  // namespace sockeye::sim
