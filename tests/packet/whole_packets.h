// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Whole TCP packets for the tests of checksums, cutting and merging: made, cut by hand, and as bytes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "packet/gro.h"
#include "packet/gso.h"
#include "packet/transport_checksum.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace sockeye {

using Raw = std::vector<std::byte>;

struct TcpPacket {
  bool is_v6 = false;
  std::uint16_t id = 100;
  bool dont_fragment = true;
  std::uint8_t tos = 0;
  TcpHeader tcp{};
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_from = 0;  // where in the pattern it begins
  std::uint16_t segment_size = 0;
};

inline std::byte pattern_at(std::uint32_t i) {
  return static_cast<std::byte>(i % 251);
}

inline Raw raw_of(const Packet& packet) {
  Raw out(packet.size());
  packet.serialize(out);
  return out;
}

inline PacketPtr udp_packet(PacketPool& pool, bool is_v6, std::uint16_t checksum, const std::string& data) {
  const std::size_t headers = is_v6 ? 48 : 28;
  Raw raw(headers + data.size());
  std::byte* at = raw.data();
  const auto length = static_cast<std::uint16_t>(8 + data.size());
  if (is_v6) {
    store8(at, 0x60);
    store16(at + 4, length);
    store8(at + 6, 17);
  } else {
    store8(at, 0x45);
    store16(at + 2, static_cast<std::uint16_t>(20 + length));
    store8(at + 9, 17);
  }
  std::byte* udp = at + (is_v6 ? 40 : 20);
  store16(udp, 1);
  store16(udp + 2, 2);
  store16(udp + 4, length);
  store16(udp + 6, checksum);
  std::memcpy(at + headers, data.data(), data.size());
  return pool.from_bytes(raw);
}

class WholePackets : public ::testing::Test {
 protected:
  static TcpPacket plain(std::uint32_t bytes) {
    TcpPacket packet;
    packet.tcp.source_port = 8080;
    packet.tcp.destination_port = 40000;
    packet.tcp.seq = SeqNum(0xfffffc00);  // wraps on the way
    packet.tcp.ack = SeqNum(77);
    packet.tcp.flags.ack = true;
    packet.tcp.window = 500;
    packet.tcp.options.timestamps = TcpTimestamps{5, 6};
    packet.payload_bytes = bytes;
    return packet;
  }

  static void write_ip(const TcpPacket& from, std::uint32_t total, MutableBytes head) {
    std::byte* at = head.data();
    std::fill(head.begin(), head.end(), std::byte{0});
    if (from.is_v6) {
      store32(at, 0x60012345);
      store16(at + 4, static_cast<std::uint16_t>(total - 40));
      store8(at + 6, 6);
      store8(at + 7, 64);
      store8(at + 8, 0xfd);
      store8(at + 23, 1);
      store8(at + 24, 0xfd);
      store8(at + 39, 2);
      return;
    }
    store8(at, 0x45);
    store8(at + 1, from.tos);
    store16(at + 2, static_cast<std::uint16_t>(total));
    store16(at + 4, from.id);
    store16(at + 6, from.dont_fragment ? 0x4000 : 0);
    store8(at + 8, 64);
    store8(at + 9, 6);
    store32(at + 12, 0x0a000001);
    store32(at + 16, 0x0a000002);
    Checksum sum;
    sum.add(head);
    store16(at + 10, sum.finish());
  }

  PacketPtr make(const TcpPacket& from) {
    PacketPtr packet = pool.allocate();
    for (std::uint32_t done = 0; done < from.payload_bytes;) {
      const std::uint32_t step = std::min(from.payload_bytes - done, 5000u);
      Raw bytes(step);
      for (std::uint32_t i = 0; i < step; ++i) bytes[i] = pattern_at(from.payload_from + done + i);
      EXPECT_TRUE(packet->append(Slice(pool.chunks().copy_of(bytes), 0, step)));
      done += step;
    }
    const std::uint32_t tcp_bytes = tcp_emit_size(from.tcp);
    emit_tcp(from.tcp, packet->push_front(tcp_bytes));
    const std::uint32_t ip_bytes = from.is_v6 ? 40 : 20;
    const MutableBytes ip = packet->push_front(ip_bytes);
    write_ip(from, packet->size(), ip);
    packet->segment_size = from.segment_size;
    return packet;
  }

  // What a sender without GSO would have sent instead, with checksums.
  std::vector<Raw> cut_by_hand(const TcpPacket& whole) {
    std::vector<Raw> out;
    for (std::uint32_t done = 0; done < whole.payload_bytes; done += whole.segment_size) {
      TcpPacket piece = whole;
      piece.segment_size = 0;
      piece.payload_bytes = std::min<std::uint32_t>(whole.segment_size, whole.payload_bytes - done);
      piece.payload_from = whole.payload_from + done;
      const bool is_last = done + piece.payload_bytes == whole.payload_bytes;
      piece.id = static_cast<std::uint16_t>(whole.id + (whole.id == 0 ? 0 : out.size()));
      piece.tcp.seq = whole.tcp.seq + done;
      piece.tcp.flags.psh = whole.tcp.flags.psh && is_last;
      piece.tcp.flags.fin = whole.tcp.flags.fin && is_last;
      piece.tcp.flags.cwr = whole.tcp.flags.cwr && done == 0;
      PacketPtr packet = make(piece);
      fill_checksum(*packet);
      out.push_back(raw_of(*packet));
    }
    return out;
  }

  static std::vector<Raw> raws(PacketList list) {
    std::vector<Raw> out;
    while (PacketPtr packet = list.pop_front()) {
      EXPECT_EQ(packet->segment_size, 0);
      out.push_back(raw_of(*packet));
    }
    return out;
  }

  static PacketList list_of(std::vector<PacketPtr> packets) {
    PacketList list;
    for (auto& packet : packets) list.push_back(std::move(packet));
    return list;
  }

  static Raw payload_of(const Packet& packet) {
    Raw out(packet.payload_size());
    packet.copy_payload(out);
    return out;
  }

  PacketPool pool;
};

}  // namespace sockeye
