// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The peer of a script: makes IP packets of notation, and judges the host's. Numbers of a script are
// relative: the peer's to kPeerIss, the host's to its SYN. The host's timestamps are counted from the
// first that a script expects.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/seqnum.h"
#include "scripts/script.h"
#include "tcp/notation.h"

namespace sockeye::scripts {

class Wire {
 public:
  static constexpr std::uint16_t kPort = 8080;
  static constexpr std::uint16_t kPeerPort = 40000;
  static IpAddress local() { return *IpAddress::parse("192.168.0.1"); }
  static IpAddress peer() { return *IpAddress::parse("192.0.2.1"); }

  // The packet that an inbound event puts on the wire. Empty: `complaint`.
  std::vector<std::byte> build(const Event& event, std::string& complaint);
  // Empty: the packet is what the event says. `before`: that many bytes of the same data left in packets
  // just before it; how the host cuts them is its own affair.
  std::string judge(const Event& event, Bytes packet, std::uint32_t before);
  // How many bytes the packet is short of what the event expects from where it begins; 0: it is complete,
  // or another one.
  std::uint32_t missing(const Event& event, Bytes packet) const;
  // The payload of a packet that goes on where another ended.
  static std::optional<std::uint32_t> continues(Bytes before, Bytes packet);
  static std::uint32_t payload_of(Bytes packet);
  // As notation, for a report.
  std::string describe(Bytes packet);

 private:
  struct Parsed {
    tcp::Segment segment{};
    std::uint8_t ecn = 0;
    std::uint16_t source_port = 0;
  };
  static std::optional<Parsed> parse(Bytes packet);
  // The peer's numbers start here, so that relative and absolute cannot be confused.
  static constexpr SeqNum kPeerIss{5'000'000};

  tcp::NotationBase ours() const { return {our_iss_, kPeerIss}; }
  tcp::NotationBase theirs() const { return {kPeerIss, our_iss_}; }
  void learn(const Parsed& packet);

  SeqNum our_iss_{};
  std::uint16_t our_port_ = kPort;
  bool is_client_ = false;  // the host has connected: the peer's port is kPort
  std::optional<std::uint32_t> timestamp_base_{};
};

}  // namespace sockeye::scripts
