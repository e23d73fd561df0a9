// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// An in-memory link between two stacks of one thread (or of a stack with itself: loopback). Packets
// pass by reference, arrive after a fixed delay in order, and cannot be damaged. The queue of each
// direction is bounded; beyond it packets are dropped as link_queue_full.
#pragma once

#include "core/drop.h"
#include "link/link.h"

namespace sockeye {

struct PipeOptions {
  std::uint32_t mtu = 65535;
  Duration delay = Duration::zero();
  std::size_t queue_packets_max = 16384;
  bool checksum_trusted = true;
};

class PipeEnd final : public Link {
 public:
  LinkCapabilities capabilities() const override;
  void transmit(Instant now, PacketList& packets) override;
  void receive(Instant now, PacketList& packets, std::size_t limit) override;
  Instant next_arrival() const override;
  const DropCounters& drops() const { return drops_; }

 private:
  friend class Pipe;
  friend class Loopback;
  PipeOptions options_;
  PipeEnd* other_ = nullptr;
  PacketList inbound_;
  DropCounters drops_;
};

class Pipe {
 public:
  explicit Pipe(const PipeOptions& options = {});
  PipeEnd& left() { return left_; }
  PipeEnd& right() { return right_; }

 private:
  PipeEnd left_;
  PipeEnd right_;
};

// 127/8 and ::1: what goes out comes back in.
class Loopback {
 public:
  explicit Loopback(const PipeOptions& options = {});
  PipeEnd& link() { return end_; }

 private:
  PipeEnd end_;
};

}  // namespace sockeye
