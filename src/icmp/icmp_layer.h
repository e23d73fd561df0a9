// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// ICMP and ICMPv6 of one host: answers echoes, turns complaints into error messages where the rules
// allow one (RFC 1122 3.2.2, RFC 4443 2.4), and reads the errors that come in. Address mask and
// timestamp requests, redirects and source quench are ignored (RFC 6633, hostile.md C7, C11).
#pragma once

#include <optional>

#include "core/rng.h"
#include "icmp/icmp_error.h"
#include "icmp/rate_limit.h"
#include "ip/ip_layer.h"

namespace sockeye {

class IcmpLayer {
 public:
  IcmpLayer(IpLayer& ip, PacketPool& pool, Rng& open, DropCounters& drops)
      : ip_(ip), pool_(pool), drops_(drops), limit_(open) {}

  // A packet of protocol ICMP (IPv4) or ICMPv6 (IPv6). An error about one of our packets is the
  // caller's to deliver; the IcmpError's payload points into `packet`.
  std::optional<IcmpError> receive(Instant now, PacketPtr& packet, const IpArrival& arrival);

  // Sends the error that `complaint` deserves, or counts why not.
  void send_error(Instant now, IpComplaint complaint);
  // The usual two: nobody has this port, nobody speaks this protocol.
  void send_port_unreachable(Instant now, const IpArrival& arrival, PacketPtr packet);
  void send_protocol_unreachable(Instant now, const IpArrival& arrival, PacketPtr packet);

 private:
  void reply_to_echo(Instant now, PacketPtr packet, const IpArrival& arrival);
  std::optional<IcmpError> read_error(Packet& packet, const IpArrival& arrival);
  bool may_complain(const IpComplaint& complaint) const;

  IpLayer& ip_;
  PacketPool& pool_;
  DropCounters& drops_;
  IcmpRateLimit limit_;
};

}  // namespace sockeye
