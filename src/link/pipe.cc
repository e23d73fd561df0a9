// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "link/pipe.h"

namespace sockeye {

LinkCapabilities PipeEnd::capabilities() const {
  return {.mtu = options_.mtu, .largest_packet = options_.mtu, .checksum_trusted = options_.checksum_trusted};
}

void PipeEnd::transmit(Instant now, PacketList& packets) {
  const bool was_idle = other_->inbound_.empty();
  while (PacketPtr packet = packets.pop_front()) {
    if (other_->inbound_.size() >= options_.queue_packets_max) {
      drops_.count(Drop::link_queue_full);
      continue;
    }
    packet->due = now + options_.delay;
    other_->inbound_.push_back(std::move(packet));
  }
  if (was_idle && !other_->inbound_.empty()) other_->wake();
}

void PipeEnd::receive(Instant now, PacketList& packets, std::size_t limit) {
  while (limit-- > 0 && !inbound_.empty() && inbound_.front().due <= now)
    packets.push_back(inbound_.pop_front());
}

Instant PipeEnd::next_arrival() const {
  return inbound_.empty() ? kNever : inbound_.front().due;
}

Pipe::Pipe(const PipeOptions& options) {
  left_.options_ = right_.options_ = options;
  left_.other_ = &right_;
  right_.other_ = &left_;
}

Loopback::Loopback(const PipeOptions& options) {
  end_.options_ = options;
  end_.other_ = &end_;
}

}  // namespace sockeye
