// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Merging what one flow sent back to back: the inverse of gso.h, for a receiver that then pays its
// per-packet costs once. Two TCP packets of a batch become one when they are neighbours in sequence and
// their headers say the same: addresses, TOS, TTL, flags but PSH and FIN, acknowledgment, window, and
// options, byte for byte. Only packets with payload, without SYN, RST, URG, CWR; the
// first must not have PSH or FIN, and every piece but the last has the same size. The result has
// segment_size set to that size, so that cutting it again gives the same bytes.
#pragma once

#include <cstdint>

#include "packet/packet.h"

namespace sockeye {

// Merges within `packets` (whole IP packets, as they came, checksums verified or trusted) and keeps the
// order of packets of each flow. Merged packets have ChecksumState::verified (or absent, when all were).
void merge_batch(PacketList& packets);

}  // namespace sockeye
