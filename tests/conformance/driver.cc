// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "conformance/driver.h"

#include "packet/packet.h"
#include "packet/transport_checksum.h"

namespace sockeye {

int PacketdrillDriver::deliver(TcpHeader tcp, std::uint32_t payload_bytes) {
  tcp.source_port = kPeerPort;
  tcp.destination_port = kPort;
  Ipv4Header ip;
  ip.source = *IpAddress::parse("192.0.2.1");
  ip.destination = *IpAddress::parse("192.168.0.1");
  ip.protocol = static_cast<std::uint8_t>(IpProtocol::tcp);
  const std::uint32_t header_bytes = tcp_emit_size(tcp);
  ip.total_bytes = static_cast<std::uint16_t>(kIpv4HeaderMin + header_bytes + payload_bytes);
  std::vector<std::byte> bytes(ip.total_bytes);
  emit_ipv4(ip, bytes);
  emit_tcp(tcp, MutableBytes(bytes).subspan(kIpv4HeaderMin, header_bytes));
  PacketPool pool;
  PacketPtr packet = pool.from_bytes(bytes);
  packet->front(kIpv4HeaderMin + header_bytes);
  fill_checksum(*packet);
  packet->serialize(bytes);
  return calls_.netdev_send(user_, bytes.data(), bytes.size());
}

WirePacket PacketdrillDriver::next() {
  std::array<std::byte, 65536> room;
  std::size_t size = room.size();
  WirePacket out;
  EXPECT_EQ(calls_.netdev_receive(user_, room.data(), &size, &out.at_us), 0);
  if (size == 0) {
    ADD_FAILURE() << "no packet, and none will come";
    return out;
  }
  Ipv4Header ip;
  const Bytes bytes(room.data(), size);
  EXPECT_EQ(parse_ipv4(bytes.first(kIpv4HeaderMin), size, true, ip), std::nullopt);
  const Bytes segment = bytes.subspan(kIpv4HeaderMin);
  const std::uint32_t header_bytes = tcp_header_bytes(segment.first(kTcpHeaderMin));
  out.tcp = *parse_tcp(segment.first(header_bytes));
  out.payload_bytes = ip.total_bytes - kIpv4HeaderMin - header_bytes;
  return out;
}

int PacketdrillDriver::accept_one() {
  listener_ = calls_.socket(user_, AF_INET, SOCK_STREAM, 0);
  with(address("192.168.0.1", kPort),
       [&](const sockaddr* at, socklen_t size) { return calls_.bind(user_, listener_, at, size); });
  calls_.listen(user_, listener_, 1);
  TcpHeader syn;
  syn.flags.syn = true;
  syn.window = 32792;
  syn.options.mss = 1000;
  deliver(syn);
  const WirePacket answer = next();
  EXPECT_TRUE(answer.tcp.flags.syn && answer.tcp.flags.ack);
  ours_ = answer.tcp.seq.value() + 1;
  TcpHeader ack;
  ack.flags.ack = true;
  ack.seq = SeqNum(1);
  ack.ack = SeqNum(ours_);
  ack.window = 32792;
  deliver(ack);
  return calls_.accept(user_, listener_, nullptr, nullptr);
}

}  // namespace sockeye
