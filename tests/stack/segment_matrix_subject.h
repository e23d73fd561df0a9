// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A host whose TCP is asked what it makes of a segment: Sockeye's or the kernel's. It has the address
// kHost, listens on kListenPort, and everything that it sends comes to us, who play kPeer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/ip_address.h"
#include "tcp/segment.h"

namespace sockeye::matrix {

inline const IpAddress kHost = IpAddress::v4(10, 77, 0, 2);
inline const IpAddress kPeer = IpAddress::v4(10, 77, 0, 9);
inline constexpr std::uint16_t kListenPort = 80;
inline constexpr std::uint16_t kClosedPort = 81;

using PacketBytes = std::vector<std::byte>;

// An IPv4 packet with this segment, its payload zeros, its checksums right.
PacketBytes packet_of(const tcp::Segment& segment, const IpAddress& from, const IpAddress& to);
// Empty: no TCP.
std::vector<tcp::Segment> segments_in(const std::vector<PacketBytes>& packets);

class Subject {
 public:
  virtual ~Subject() = default;

  // A segment from the peer, and everything that is answered without time passing.
  virtual std::vector<tcp::Segment> exchange(const tcp::Segment& segment) = 0;

  // --- the program. A handle is at least 0.
  virtual int connect(std::uint16_t peer_port) = 0;  // does not wait
  virtual int accept() = 0;                          // -1: nobody is there
  virtual void shutdown_write(int handle) = 0;
  virtual void read_end(int handle) = 0;  // and acknowledges it now, if that was delayed
  virtual void abort(int handle) = 0;     // closes with SO_LINGER zero
  virtual int error(int handle) = 0;      // SO_ERROR
  virtual int readable(int handle) = 0;
  // What was sent since, because of calls.
  virtual std::vector<tcp::Segment> sent() = 0;

  // Of the connection between these two ports, half-open ones and TIME_WAIT included; "CLOSED": none.
  // `handle`: -1, or the program's, which is a quicker way to know.
  virtual std::string state(int handle, std::uint16_t host_port, std::uint16_t peer_port) = 0;
  // The reasons for which segments were dropped since the last call; empty where nobody says.
  virtual std::string drops() = 0;
};

std::unique_ptr<Subject> sockeye_host();
// The kernel of this machine behind a TUN device. Call it in a process of its own: it enters a new user and
// network namespace. Empty, and `why` says what is missing.
std::unique_ptr<Subject> kernel_host(std::string& why);

}  // namespace sockeye::matrix
