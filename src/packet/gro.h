// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Merging what one flow sent back to back: the inverse of gso.h, for a receiver that then pays its
// per-packet costs once. Two TCP packets of a batch become one when they are neighbours in sequence and
// their headers say the same: addresses, TOS, TTL, flags but PSH and FIN, acknowledgment, window, and
// options, byte for byte (so timestamps too, as in Linux). Only packets with payload and without SYN,
// RST, URG, CWR, a signature (TCP-MD5, TCP-AO), IPv4 options or IPv6 extension headers. A merged packet
// ends with the first piece that is shorter than the others or has PSH or FIN, and has segment_size set,
// so that segment() cuts it into the same packets again.
#pragma once

#include "packet/packet.h"

namespace sockeye {

// Merges within `packets` (whole IP packets, as they came) and keeps the order of packets of each flow.
// Checksums are verified first where they are `present`; a packet with a wrong one is left alone, to be
// discarded by whoever looks at it next. A merged packet is `verified`, or `absent` as its pieces were;
// its transport checksum field means nothing any more.
void merge_batch(PacketList& packets);

}  // namespace sockeye
