// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// IpLayer::send(): the header in front of a transport's packet, and fragments where a packet is
// larger than its way and may be cut (RFC 791 3.2, RFC 8200 4.5; identification: RFC 6864, RFC 7739).
#include <algorithm>
#include <cstring>

#include "ip/ip_layer.h"
#include "packet/transport_checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace sockeye {

void IpLayer::push_header(Packet& packet, const IpSend& how) {
  if (how.destination.is_v4()) {
    Ipv4Header header;
    header.source = how.source;
    header.destination = how.destination;
    header.tos = how.tos;
    header.ttl = how.ttl;
    header.protocol = static_cast<std::uint8_t>(how.protocol);
    header.total_bytes = static_cast<std::uint16_t>(packet.size() + kIpv4HeaderMin);
    header.dont_fragment = how.dont_fragment;
    header.identification = how.dont_fragment ? how.identification : next_identification(how);
    emit_ipv4(header, packet.push_front(kIpv4HeaderMin));
    return;
  }
  Ipv6Header header;
  header.payload_bytes = static_cast<std::uint16_t>(packet.size());
  header.source = how.source;
  header.destination = how.destination;
  header.traffic_class = how.tos;
  header.hop_limit = how.ttl;
  header.next_header = static_cast<std::uint8_t>(how.protocol);
  emit_ipv6(header, packet.push_front(kIpv6HeaderBytes));
}

std::uint16_t IpLayer::next_identification(const IpSend& how) {
  const std::uint64_t words[] = {
      static_cast<std::uint64_t>(how.source.to_v4()) << 32 | how.destination.to_v4(),
      static_cast<std::uint64_t>(how.protocol)};
  return identifications_[siphash13(key_, words) % identifications_.size()]++;
}

Result<> IpLayer::send(Instant now, PacketPtr packet, const IpSend& how) {
  Interface& out = *how.interface;
  const std::uint32_t header_bytes = how.destination.is_v4() ? kIpv4HeaderMin : kIpv6HeaderBytes;
  const std::uint32_t size = packet->size() + header_bytes;
  const std::uint32_t mtu = how.ignore_path_mtu ? out.capabilities.mtu : path_mtu(now, how.destination, out);
  if (size > mtu) {
    // A segmented packet is cut by its link, to pieces that fit.
    const bool link_cuts = packet->segment_size != 0 && size <= out.capabilities.largest_packet;
    if (!link_cuts) {
      if (!how.may_cut) {
        drops_.count(Drop::too_big);
        return Errno::msgsize;
      }
      return send_fragments(std::move(packet), how, mtu);
    }
  }
  push_header(*packet, how);
  // Where the link cuts, it makes the checksums of the pieces.
  if (!out.capabilities.checksum_trusted && size <= mtu) fill_checksum(*packet);
  out.outbound.push_back(std::move(packet));
  return {};
}

namespace {

// The checksum of a datagram that is about to be cut; `packet` begins with the transport header.
void fill_before_cutting(Packet& packet, const IpSend& how) {
  std::uint32_t field = 0;
  switch (how.protocol) {
    case IpProtocol::udp:
      field = 6;
      break;
    case IpProtocol::icmpv6:
      field = 2;
      break;
    default:
      return;  // ICMP's is there already; TCP is never cut
  }
  packet.front(8);
  std::byte* at = packet.mutable_head().data() + field;
  store16(at, 0);
  std::uint16_t sum = transport_checksum(packet, 0, packet.size(), how.source, how.destination, how.protocol);
  if (sum == 0) sum = 0xffff;
  store16(at, sum);
}

// Hands out the bytes of a packet piece by piece: the head area first, then its slices.
class PacketCutter {
 public:
  explicit PacketCutter(Packet& from) : from_(from), head_(from.head()) {}

  bool move(std::uint32_t bytes, Packet& to) {
    if (!head_.empty()) {  // the transport header: always whole in the first piece
      const auto size = static_cast<std::uint32_t>(head_.size());
      if (size > bytes) return false;
      std::memcpy(to.push_front(size).data(), head_.data(), size);
      head_ = {};
      bytes -= size;
    }
    while (bytes > 0) {
      if (current_.empty()) current_ = from_.take_slice();
      const std::uint32_t step = std::min(bytes, current_.size());
      if (!to.append(current_.sub(0, step))) return false;
      current_.remove_prefix(step);
      bytes -= step;
    }
    return true;
  }

 private:
  Packet& from_;
  Bytes head_;
  Slice current_;
};

}  // namespace

Result<> IpLayer::send_fragments(PacketPtr packet, const IpSend& how, std::uint32_t mtu) {
  const bool is_v4 = how.destination.is_v4();
  const std::uint32_t overhead = is_v4 ? kIpv4HeaderMin : kIpv6HeaderBytes + kIpv6FragmentHeaderBytes;
  const std::uint32_t piece_max = (mtu - overhead) / 8 * 8;
  const std::uint32_t total = packet->size();
  const std::uint32_t identification =
      is_v4 ? next_identification(how) : static_cast<std::uint32_t>(secret_.next());
  if (!how.interface->capabilities.checksum_trusted) {
    fill_before_cutting(*packet, how);
    packet->checksum = ChecksumState::present;
  }
  PacketCutter cutter(*packet);
  PacketList pieces;
  for (std::uint32_t offset = 0; offset < total;) {
    const std::uint32_t length = std::min(piece_max, total - offset);
    PacketPtr piece = pool_.allocate();
    if (!piece || !cutter.move(length, *piece)) {
      drops_.count(Drop::no_memory);
      return Errno::nobufs;
    }
    piece->checksum = packet->checksum;
    const bool more = offset + length < total;
    if (is_v4) {
      Ipv4Header header;
      header.source = how.source;
      header.destination = how.destination;
      header.tos = how.tos;
      header.ttl = how.ttl;
      header.protocol = static_cast<std::uint8_t>(how.protocol);
      header.identification = static_cast<std::uint16_t>(identification);
      header.total_bytes = static_cast<std::uint16_t>(length + kIpv4HeaderMin);
      header.fragment_offset = static_cast<std::uint16_t>(offset);
      header.more_fragments = more;
      emit_ipv4(header, piece->push_front(kIpv4HeaderMin));
    } else {
      emit_ipv6_fragment(
          {static_cast<std::uint8_t>(how.protocol), static_cast<std::uint16_t>(offset), more, identification},
          piece->push_front(kIpv6FragmentHeaderBytes));
      IpSend outer = how;
      outer.protocol = IpProtocol::fragment;
      push_header(*piece, outer);
    }
    pieces.push_back(std::move(piece));
    offset += length;
  }
  how.interface->outbound.splice_back(std::move(pieces));
  return {};
}

}  // namespace sockeye
