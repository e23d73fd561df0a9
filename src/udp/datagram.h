// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Making a UDP datagram out of a program's buffers (RFC 768): one copy into chunks, the header in the
// packet's head. The checksum is the IP layer's to fill where the link needs one.
#pragma once

#include <cstdint>
#include <span>

#include "core/bytes.h"
#include "core/result.h"
#include "packet/packet.h"

namespace sockeye::udp {

inline constexpr std::uint32_t kPayloadMaxV4 = 65507;  // 65535 less the IPv4 and UDP headers
inline constexpr std::uint32_t kPayloadMaxV6 = 65527;  // 65535 less the UDP header: IPv6 counts its payload

// nobufs: a pool is exhausted.
Result<PacketPtr> make_datagram(PacketPool& pool, std::uint16_t source_port, std::uint16_t destination_port,
                                std::span<const Bytes> buffers, std::uint32_t payload_bytes);

}  // namespace sockeye::udp
