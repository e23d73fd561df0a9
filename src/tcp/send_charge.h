// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the bytes in a send buffer count against SO_SNDBUF, and how many more it takes: as Linux
// (sk_wmem_queued, sk_stream_memory_free, sk_stream_is_writeable). A packet's bookkeeping counts with its
// bytes; a packet is begun while anything is left of the limit, and then filled, so a call may overshoot by
// less than a packet. RFC 9293 3.9.1.2 leaves all of this to the implementation.
//
// Our packets cost less than Linux's (an entry of the sent queue, no buffer of its own), but a program that
// sets SO_SNDBUF counts on what Linux makes of it. Left out: Linux fills the packets that wait to the brim
// and cuts them again when they leave; here both are the same.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sockeye::tcp {

inline constexpr std::uint32_t kPacketCharge =
    832;  // of Linux 6.18 on 64 bits: sk_buff, header room, fragments

constexpr std::uint64_t send_charge(std::uint32_t bytes, std::size_t packets) {
  return bytes + std::uint64_t{kPacketCharge} * packets;
}

// Half of what is used must be free again before a waiting writer is told (sk_stream_min_wspace).
constexpr bool is_send_space_ample(std::uint64_t charge, std::uint32_t limit) {
  return charge < limit && limit - charge >= charge / 2;
}

struct SendSpace {
  std::uint64_t charge = 0;     // of what is buffered
  std::uint32_t limit = 0;      // SO_SNDBUF
  std::uint32_t unsent = 0;     // bytes
  std::uint32_t low_water = 0;  // TCP_NOTSENT_LOWAT: a packet is begun while less than this waits
  std::uint32_t packet = 1;     // bytes that go into one
  std::uint32_t leaving = 0;    // bytes that the windows let leave at once, unsent ones first
  bool may_fill = true;         // the last packet that waits takes more
};

// What a call may take.
constexpr std::uint32_t send_space(const SendSpace& s) {
  const std::uint64_t whole = s.packet + std::uint64_t{kPacketCharge};
  std::uint64_t charge = s.charge;
  std::uint64_t space = 0;
  std::uint64_t waiting = 0;
  if (s.unsent < s.leaving) {
    if (charge >= s.limit || s.low_water == 0) return 0;
    space = std::min<std::uint64_t>(s.leaving - s.unsent, (s.limit - charge + whole - 1) / whole * s.packet);
    charge += send_charge(static_cast<std::uint32_t>(space), (space + s.packet - 1) / s.packet);
  } else {
    waiting = s.unsent - s.leaving;
    const std::uint64_t begun = waiting % s.packet;
    if (begun > 0 && s.may_fill) {
      space = s.packet - begun;
      charge += space;
      waiting += space;
    }
  }
  if (charge < s.limit && waiting < s.low_water) {
    const std::uint64_t packets =
        std::min((s.limit - charge + whole - 1) / whole, (s.low_water - waiting + s.packet - 1) / s.packet);
    space += packets * s.packet;
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(space, 0x7fffffff));
}

}  // namespace sockeye::tcp
