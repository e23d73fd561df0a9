// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One direction between two hosts: what a NetSpec does to packets that are already as they would be
// on a wire, in this order, each stage optional:
//
//     corrupt -> duplicate -> queue limit -> rate -> loss -> delay and jitter -> deliver
//
// Loss lies behind the rate (a radio): a lost packet has used its time on the wire. Jitter does not
// reorder: a packet is due no earlier than the one before it. `reorder` makes a packet late by up to
// one more delay (at least 1 ms), and those behind it may overtake it. Everything is decided when a
// packet enters; then it waits in a line until it is due.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/drop.h"
#include "packet/packet.h"
#include "sim/fate.h"
#include "sim/net_spec.h"

namespace sockeye::sim {

// The queue in front of a rate, as departure times: drop-tail, exact to the nanosecond.
class Bottleneck {
 public:
  explicit Bottleneck(const NetSpec& spec);
  // When the last bit of a packet that comes now will have left; empty: the queue is full.
  std::optional<Instant> admit(Instant now, std::uint32_t bytes);
  // Is the queue filled to this part of its limit?
  bool is_filled(Chance part) const;

 private:
  struct Waiting {
    Instant departs;
    std::uint32_t bytes;
  };
  std::uint64_t rate_;
  std::uint64_t bytes_max_;
  std::uint64_t packets_max_;
  std::uint64_t bytes_ = 0;
  Instant free_at_ = Instant::min();
  std::deque<Waiting> waiting_;
};

class Impairment {
 public:
  explicit Impairment(const NetSpec& spec) : spec_(spec), bottleneck_(spec) {}
  const NetSpec& spec() const { return spec_; }
  void set_spec(const NetSpec& spec) {  // what is under way stays as it is
    spec_ = spec;
    bottleneck_ = Bottleneck(spec);
  }

  struct Decision {
    std::optional<Drop> drop{};
    bool corrupted = false;
    bool congested = false;  // mark it, if it can be marked
    bool late = false;
    Instant due{};
  };
  bool duplicates(const Fate& fate) const { return fate.strikes(Stage::duplicate, spec_.duplicate); }
  // Takes the packet's place in the queue; who does not drop it calls enter() next.
  Decision decide(Instant now, std::uint32_t bytes, const Fate& fate);
  void enter(PacketPtr packet, const Decision& decision);
  // Flips one bit of a packet that may share its payload. False: no memory for a private copy.
  static bool corrupt(Packet& packet, const Fate& fate);

  Instant next_due() const;
  PacketPtr take_due(Instant now);  // the earliest one, if it is due; else null
  std::size_t under_way() const { return line_.size() + late_.size(); }
  void clear();

 private:
  static constexpr std::size_t kUnderWayMax = 1U << 18;
  struct Late {
    Instant due;
    std::uint64_t order;
    PacketPtr packet;
    bool operator<(const Late& other) const {  // std::push_heap: the earliest on top
      return due != other.due ? due > other.due : order > other.order;
    }
  };

  NetSpec spec_;
  Bottleneck bottleneck_;
  Instant last_due_ = Instant::min();
  std::uint64_t next_order_ = 0;
  PacketList line_;  // in order of due
  std::vector<Late> late_;
};

}  // namespace sockeye::sim
