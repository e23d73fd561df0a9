// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Which flow a packet belongs to and where it stands in it: what sim/fate.h draws from. A TCP flow
// begins with a SYN that has a new initial sequence number; the n-th flow from one host towards one
// service port of another is the same in every run, whatever its own port is. UDP flows begin with
// the first datagram; other protocols are one flow per pair of hosts.
//
// A table has a limit; the flow that was silent longest makes room and, if it speaks again, counts
// as a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/siphash.h"
#include "packet/packet.h"
#include "sim/fate.h"

namespace sockeye::sim {

// What the network reads of a packet's headers.
struct PacketSummary {
  IpAddress source{};
  IpAddress destination{};
  IpProtocol protocol = IpProtocol::no_next_header;
  std::uint32_t transport_offset = 0;  // 0: not known (later fragments, malformed)
  bool fragment = false;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  // TCP only
  std::uint32_t seq = 0;
  std::uint8_t tcp_flags = 0;
  std::uint32_t tcp_payload = 0;

  static constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
  // Takes sequence space: sent again, it is the same data.
  bool has_sequence_space() const { return tcp_payload != 0 || (tcp_flags & (kSyn | kFin)) != 0; }
};

// Empty: not even an IP header. The packet's bytes stay as they are.
std::optional<PacketSummary> summarize(Packet& packet);

class FlowTable {
 public:
  explicit FlowTable(std::uint64_t seed, std::size_t flows_max = 65536);
  ~FlowTable();

  // `from` and `to` name the hosts: numbers that do not depend on the order of joining.
  Fate fate_of(const PacketSummary& packet, std::uint8_t transmission, std::uint64_t from, std::uint64_t to);
  std::size_t size() const { return flows_.size(); }

 private:
  struct Key {
    Endpoint low, high;  // in order of value, so that both directions are one flow
    IpProtocol protocol;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Side {
    std::optional<std::uint32_t> first_seq{};
    std::uint64_t counted = 0;    // packets without sequence space
    std::uint64_t last_data = 0;  // the previous data packet's place, and how often in a row it was
    std::uint64_t repeats = 0;
  };
  struct Flow : ListHook<> {
    Key key{};
    std::uint64_t id = 0;
    bool opened_by_low = false;
    Side low{}, high{};
  };

  Flow& find(const Key& key);
  void open(Flow& flow, const PacketSummary& packet, std::uint64_t from, std::uint64_t to);

  std::uint64_t seed_;
  std::size_t flows_max_;
  std::unordered_map<Key, std::unique_ptr<Flow>, KeyHash> flows_;  // looked up only
  std::unordered_map<std::uint64_t, std::uint64_t> opened_;  // looked up only: by hosts, protocol, service
  IntrusiveList<Flow> by_use_;                               // longest silent first
};

}  // namespace sockeye::sim
