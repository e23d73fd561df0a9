// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The only door of a stack: everything that reaches a host from outside comes through a Link, and
// everything it says leaves through one. Links carry IP packets (layer 3): loopback, in-memory pipe,
// the simulator's network, TUN, an embedder's own.
//
// A link never calls into the stack. The stack transmits when it is turned, and takes what has
// arrived when it is turned; a link that has something new says so by waking its stack
// (LinkWaker), which only takes note.
#pragma once

#include <cstdint>

#include "core/time.h"
#include "packet/packet.h"

namespace sockeye {

struct LinkCapabilities {
  std::uint32_t mtu = 1500;             // largest IP packet on the wire
  std::uint32_t largest_packet = 1500;  // largest IP packet transmit() takes (GSO): cut by the link
  bool checksum_trusted = false;        // nothing on this link can damage a packet: no checksums
};

// What a link calls when packets wait in receive(). Implemented by the stack's owner or the stack.
class LinkWaker {
 public:
  virtual void wake() = 0;

 protected:
  ~LinkWaker() = default;
};

class Link {
 public:
  virtual ~Link() = default;

  virtual LinkCapabilities capabilities() const = 0;
  // Takes all packets of the list; what the link discards it counts itself.
  virtual void transmit(Instant now, PacketList& packets) = 0;
  // Appends up to `limit` packets that have arrived by now.
  virtual void receive(Instant now, PacketList& packets, std::size_t limit) = 0;
  // When the next packet that is already under way will arrive; kNever when none is. At or before
  // the present when receive() would bring something.
  virtual Instant next_arrival() const = 0;
  void set_waker(LinkWaker* waker) { waker_ = waker; }

 protected:
  void wake() const {
    if (waker_ != nullptr) waker_->wake();
  }

 private:
  LinkWaker* waker_ = nullptr;
};

}  // namespace sockeye
