// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// --so_flags: what packetdrill knows of the link and does not tell the stack. Items separated by commas:
//   ip=192.168.0.1/16   an address of the host; may be repeated
//   mtu=1500            of the link
//   tso=0               segments are cut before packetdrill sees them; otherwise it sees them whole
//   seed=7              of ports, sequence numbers, keys
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockeye::packetdrill {

struct Flags {
  std::string addresses{};  // "192.168.0.1/16,fd3d:a0b:17d6::1/64"
  std::uint32_t mtu = 1500;
  bool tso = true;
  std::uint64_t seed = 1;
};

// Without an ip= the addresses are those that packetdrill's own scripts use. Empty: not understood.
std::optional<Flags> parse_flags(std::string_view text);

}  // namespace sockeye::packetdrill
