// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A capture file in pcapng (draft-ietf-opsawg-pcapng): a section header, one interface description
// per host (LINKTYPE_RAW: IPv4 or IPv6 from the first byte, nanoseconds), enhanced packet blocks
// with the direction in epb_flags and, where there is something to say, a comment.
//
// The writer knows no files: whole blocks go to a ByteSink in order. Left out: other link types,
// name resolution and statistics blocks, snapping.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "packet/packet.h"

namespace sockeye {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(Bytes bytes) = 0;
};

class PcapngWriter {
 public:
  // `epoch`: what is added to an Instant to make it a time since 1970. The sink outlives the writer.
  explicit PcapngWriter(ByteSink& sink, Duration epoch = Duration::zero());

  // The answer is the number that packet() takes: 0, 1, 2, …
  std::uint32_t add_interface(std::string_view name, std::span<const IpAddress> addresses);
  void packet(Instant at, std::uint32_t interface, bool outbound, const Packet& packet,
              std::string_view comment = {});

 private:
  void begin(std::uint32_t type);
  void u16(std::uint32_t value);
  void u32(std::uint32_t value);
  void option(std::uint16_t code, Bytes value);
  void end();

  ByteSink& sink_;
  Duration epoch_;
  std::uint32_t interfaces_ = 0;
  std::vector<std::byte> block_;
};

}  // namespace sockeye
