// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Arbitrary packets into a stack that listens and is connected, with the clock going on and calls in
// between. The input is a list of actions:
//
//   0-2  packet: length (2), bytes as they are
//   3-5  packet: protocol (1), length (2), bytes: behind a right IPv4 (3, 4) or IPv6 (5) header, with
//        the right checksum
//   6    time: 2^n microseconds
//   7    a socket call
#include <algorithm>

#include "harness.h"
#include "packet/transport_checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

using namespace sockeye;
using namespace sockeye::fuzz;

namespace {

void send_behind_header(Harness& harness, Input& input, bool is_v6) {
  const std::uint8_t protocol = input.u8();
  const Bytes body = input.bytes(input.u16() % 2000U);
  std::vector<std::byte> bytes(is_v6 ? kIpv6HeaderBytes : kIpv4HeaderMin);
  if (is_v6) {
    Ipv6Header ip;
    ip.source = Harness::them(true);
    ip.destination = Harness::us(true);
    ip.next_header = protocol;
    ip.payload_bytes = static_cast<std::uint16_t>(body.size());
    emit_ipv6(ip, bytes);
  } else {
    Ipv4Header ip;
    ip.source = Harness::them(false);
    ip.destination = Harness::us(false);
    ip.protocol = protocol;
    ip.total_bytes = static_cast<std::uint16_t>(body.size() + kIpv4HeaderMin);
    emit_ipv4(ip, bytes);
  }
  bytes.insert(bytes.end(), body.begin(), body.end());
  PacketPtr packet = harness.pool().from_bytes(bytes);
  if (!packet) return;
  fill_checksum(*packet);
  packet->checksum = ChecksumState::present;
  harness.link().deliver(std::move(packet));
  harness.settle();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Harness harness;
  for (unsigned actions = 0; !input.empty() && actions < 200; ++actions) {
    const unsigned action = input.u8() % 8U;
    if (action <= 2)
      harness.deliver(input.bytes(input.u16() % 2000U));
    else if (action <= 5)
      send_behind_header(harness, input, action == 5);
    else if (action == 6)
      harness.advance(std::chrono::microseconds(std::int64_t{1} << (input.u8() % 32U)));
    else
      harness.call(input);
  }
  return 0;
}
