// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a datagram socket has received and nobody has read. Each datagram is charged what it would
// cost the kernel (its "truesize"), not its payload, so that SO_RCVBUF means the same number of
// datagrams here and there; a queue that holds its limit takes no more (the newest is dropped,
// hostile.md F27).
#pragma once

#include <cstdint>

#include "core/ip_address.h"
#include "core/ring_queue.h"
#include "packet/packet.h"

namespace sockeye::udp {

struct Datagram {
  PacketPtr packet{};  // the payload only
  Endpoint from{};
  IpAddress to{};
  unsigned interface_index = 0;
  std::uint32_t charge = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
};

// Linux: the socket buffer's own 256 bytes and a block of power-of-two size for headers, data and the
// shared-info trailer.
constexpr std::uint32_t charge_for(std::uint32_t payload_bytes) {
  const std::uint32_t block = payload_bytes + 64 + 320;
  if (block > 4096) return payload_bytes + 1280;  // page fragments
  std::uint32_t size = 512;
  while (size < block) size *= 2;
  return 256 + size;
}

class DatagramQueue {
 public:
  bool empty() const { return queue_.empty(); }
  std::size_t size() const { return queue_.size(); }
  std::uint32_t charged() const { return charged_; }
  std::uint64_t dropped() const { return dropped_; }  // SO_RXQ_OVFL
  const Datagram& front() const { return queue_.front(); }
  Datagram& front() { return queue_.front(); }

  // False: the limit is reached; the datagram is gone.
  bool push(Datagram datagram, std::uint32_t limit) {
    if (charged_ > limit) {
      ++dropped_;
      return false;
    }
    datagram.charge = charge_for(datagram.packet->size());
    charged_ += datagram.charge;
    queue_.push_back(std::move(datagram));
    return true;
  }
  void pop() {
    charged_ -= queue_.front().charge;
    queue_.pop_front();
  }
  void clear() {
    queue_.clear();
    charged_ = 0;
  }

 private:
  RingQueue<Datagram> queue_;
  std::uint32_t charged_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace sockeye::udp
