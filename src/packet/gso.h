// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Cutting a TCP super-packet (segment_size != 0) into packets of at most segment_size payload bytes
// each, as late as possible: just before a link or a fault model that must see what a wire would.
// Headers are copied and corrected; the payload is shared, not copied.
//
//   sequence number   advances by segment_size
//   lengths           of each piece
//   IPv4 ID           advances by one; 0 with DF stays 0 (an atomic datagram, RFC 6864)
//   FIN, PSH          only on the last
//   CWR               only on the first (RFC 3168 6.1.2)
//   URG               as far as the urgent pointer reaches, which counts from each piece's start
#pragma once

#include "packet/packet.h"

namespace sockeye {

// Takes a whole IP packet; answers the pieces in order, or the packet itself when there is nothing to
// cut (or it is no TCP packet). Empty: a pool is exhausted and everything was let go. `fill_checksums`: each
// piece gets its transport checksum (ChecksumState::present), otherwise it inherits `absent`.
PacketList segment(PacketPtr packet, bool fill_checksums);

}  // namespace sockeye
