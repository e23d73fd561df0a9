// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What lies between hosts: layer 3, no ARP, every host one hop from every other. A host gets a Port
// (a Link for its stack); between any two ports each direction is an Impairment of its own, made when
// it is first used.
//
//     stack a -> Port a --direction a>b: corrupt, duplicate, queue, rate, loss, delay--> Port b -> stack b
//                       --direction a>c: ...
//
// Time comes in with every call: a real-time owner and the simulator use it alike. A port wakes its
// stack when the next arrival has come nearer; the stack asks next_arrival() for when. Who prefers to
// wait for the whole network at once asks Network::next_deadline().
//
// A spec with a fault or a limit makes the way carry real packets: pieces of at most the MTU, with
// checksums (decisions.md D9). An address that no host has is answered with ICMP "host unreachable",
// at once and from that address (D6). A host that is switched off swallows what is sent to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/drop.h"
#include "link/link.h"
#include "sim/due_heap.h"
#include "sim/flow_table.h"
#include "sim/impairment.h"
#include "sim/net_spec.h"
#include "sim/packet_tap.h"

namespace sockeye::sim {

class Network;

class Port final : public Link {
 public:
  const std::string& name() const { return name_; }
  std::uint32_t index() const { return index_; }  // in order of attachment, from 0
  const std::vector<IpAddress>& addresses() const { return addresses_; }
  bool is_up() const { return up_; }

  LinkCapabilities capabilities() const override;
  void transmit(Instant now, PacketList& packets) override;
  void receive(Instant now, PacketList& packets, std::size_t limit) override;
  Instant next_arrival() const override { return arrivals_.next(); }

 private:
  friend class Network;
  struct Direction;
  Port(Network& network, std::string name, std::vector<IpAddress> addresses, std::uint32_t index);

  Network& network_;
  std::string name_;
  std::vector<IpAddress> addresses_;
  std::uint64_t identity_;  // from the name
  std::uint32_t index_;
  bool up_ = true;
  bool loops_ = false;  // everything comes back: an impaired loopback
  PacketList answers_;  // the network's own ICMP, due at once; member kAnswers of arrivals_
  DueHeap arrivals_;    // members: index of the sending port + 1
  std::unordered_map<std::uint32_t, std::unique_ptr<Direction>> incoming_;  // by sender, looked up only
};

class Network {
 public:
  // `seed` decides every fate; the spec's own seed is its owner's affair. The pool that packets come
  // from outlives this.
  Network(const NetSpec& spec, std::uint64_t seed);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // The port lives as long as the network. Addresses must be new.
  Port& attach(std::string name, std::vector<IpAddress> addresses);
  // A port whose packets all come back to it, impaired once: for Stack::replace_loopback.
  Port& attach_loopback(std::string name);
  // Switched off: what is under way to it is lost, what is sent to it is swallowed.
  void set_up(Port& port, bool up);
  // Keeps packets of one direction from entering; what is under way arrives.
  void set_partition(const Port& from, const Port& to, bool apart);
  // One direction leads over a hop that takes no packet above `mtu` bytes (0: none such). It answers with
  // ICMP "packet too big", or swallows them silently: a path MTU black hole (RFC 2923 2.1).
  void set_hop(const Port& from, const Port& to, std::uint32_t mtu, bool is_silent);
  // Other qualities for one direction, from the next packet on (not the MTU or whether packets are
  // real: those are the network's).
  void set_spec(const Port& from, const Port& to, const NetSpec& spec);

  void set_tap(PacketTap* tap) { tap_ = tap; }
  const NetSpec& spec() const { return spec_; }
  std::uint64_t seed() const { return seed_; }
  Instant next_deadline() const { return deadlines_.next(); }  // the next arrival anywhere
  const DropCounters& drops() const { return drops_; }
  const std::vector<std::unique_ptr<Port>>& ports() const { return ports_; }
  Port* find(const IpAddress& address) const;

 private:
  friend class Port;
  void accept(Instant now, Port& from, PacketPtr packet);
  void route(Instant now, Port& from, PacketPtr packet);
  void impair(Instant now, Port& from, Port& to, PacketPtr packet, const PacketSummary& summary);
  void carry(Instant now, Port::Direction& direction, PacketPtr packet, const Fate& fate, bool is_copy);
  void refuse(Instant now, Port& from, PacketPtr packet, const PacketSummary& summary);
  void answer(Instant now, Port& from, PacketPtr error);
  void discard(Instant now, const Port& from, const Packet& packet, Drop reason);
  void look(Instant now, const PacketEvent& event, const Packet& packet);
  Port::Direction& direction(Port& from, Port& to);
  void refresh(Port& to, std::uint32_t member, Instant due);

  NetSpec spec_;
  std::uint64_t seed_;
  FlowTable flows_;
  PacketTap* tap_ = nullptr;
  DropCounters drops_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::map<IpAddress, Port*> by_address_;
  DueHeap deadlines_;  // members: ports
};

}  // namespace sockeye::sim
