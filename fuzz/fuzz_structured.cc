// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP segments that a peer might send: right checksums, sequence and acknowledgment numbers relative
// to what the stack said last, so that the fuzzer gets past the first checks and into every state.
#include "harness.h"

using namespace sockeye;
using namespace sockeye::fuzz;

namespace {

// Mostly exactly right, else near, else anywhere.
std::uint32_t offset_from(Input& input) {
  const std::uint8_t choice = input.u8();
  if (choice < 160) return 0;
  if (choice < 200) return static_cast<std::uint32_t>(static_cast<std::int8_t>(input.u8()));
  if (choice < 240) return static_cast<std::uint32_t>(static_cast<std::int16_t>(input.u16()));
  return input.u32();
}

TcpFlags flags_from(std::uint8_t choice) {
  switch (choice % 16) {
    case 0:
      return {.syn = true};
    case 1:
      return {.syn = true, .ack = true};
    case 2:
    case 3:
      return {.fin = true, .ack = true};
    case 4:
      return {.rst = true};
    case 5:
      return {.rst = true, .ack = true};
    case 6:
      return {.ack = true, .urg = true};
    case 7:
      return {.fin = (choice & 16U) != 0,
              .syn = (choice & 32U) != 0,
              .rst = (choice & 64U) != 0,
              .psh = true,
              .ack = (choice & 128U) != 0,
              .urg = true,
              .ece = true,
              .cwr = true};
    case 8:
    case 9:
      return {.psh = true, .ack = true};
    default:
      return {.ack = true};
  }
}

void options_from(Input& input, const Peer& peer, TcpHeader& header) {
  const std::uint8_t choice = input.u8();
  TcpOptions& options = header.options;
  if ((choice & 1U) != 0 || header.flags.syn)
    options.timestamps = TcpTimestamps{2000U + input.u8(), peer.timestamp};
  if ((choice & 2U) != 0) options.timestamps = TcpTimestamps{input.u32(), input.u32()};
  if (header.flags.syn) {
    if ((choice & 4U) != 0) options.mss = input.u16();
    if ((choice & 8U) != 0) options.window_scale = static_cast<std::uint8_t>(input.u8() % 20U);
    options.sack_permitted = (choice & 16U) != 0;
  } else if ((choice & 32U) != 0) {
    options.sack_count = static_cast<std::uint8_t>(1 + input.u8() % 3U);
    for (unsigned i = 0; i < options.sack_count; ++i) {
      options.sack[i].begin = peer.sent - std::uint32_t{input.u16()};
      options.sack[i].end = options.sack[i].begin + input.u16();
    }
  }
}

void send_one(Harness& harness, Input& input) {
  const std::uint8_t which = input.u8();
  Peer peer;
  if (which < 200 && !harness.link().peers().empty()) {
    peer = harness.link().peers()[which % harness.link().peers().size()];
  } else {  // perhaps a new connection to the listener
    peer.port = static_cast<std::uint16_t>(1000 + which);
    peer.ours = Harness::kListening;
    peer.is_v6 = (which & 1U) != 0;
    peer.acked = SeqNum(7000);
  }
  TcpHeader header;
  header.source_port = peer.port;
  header.destination_port = peer.ours;
  header.flags = flags_from(input.u8());
  header.seq = peer.acked + offset_from(input);
  if (header.flags.ack) header.ack = peer.sent + offset_from(input);
  const std::uint8_t window = input.u8();
  header.window = window < 40 ? std::uint16_t{0} : static_cast<std::uint16_t>(window * 257U);
  if (header.flags.urg) header.urgent_pointer = input.u16();
  options_from(input, peer, header);
  const std::uint8_t length = input.u8();
  harness.send_segment(header, peer.is_v6,
                       length < 100   ? 0
                       : length < 200 ? length - 99U
                                      : (length - 199U) * 25U);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Harness harness;
  for (unsigned actions = 0; !input.empty() && actions < 300; ++actions) {
    const unsigned action = input.u8() % 8U;
    if (action <= 4)
      send_one(harness, input);
    else if (action == 5)
      harness.advance(std::chrono::microseconds(std::int64_t{1} << (input.u8() % 32U)));
    else
      harness.call(input);
  }
  return 0;
}
