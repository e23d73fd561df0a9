// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "packet/gso.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "packet/tcp_place.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace sockeye {
namespace {

// Hands out a packet's payload from the front, as slices of the same chunks. What lies in the head
// behind the headers does not occur: the caller has checked.
class PayloadCursor {
 public:
  explicit PayloadCursor(const Packet& packet) : slices_(packet.slices()) {}

  bool move_to(Packet& piece, std::uint32_t bytes) {
    while (bytes > 0) {
      const Slice& slice = slices_[index_];
      const std::uint32_t step = std::min(bytes, slice.size() - offset_);
      if (!piece.append(slice.sub(offset_, step))) return false;
      bytes -= step;
      offset_ += step;
      if (offset_ < slice.size()) continue;
      ++index_;
      offset_ = 0;
    }
    return true;
  }

 private:
  std::span<const Slice> slices_;
  std::size_t index_ = 0;
  std::uint32_t offset_ = 0;
};

struct Piece {
  std::uint32_t number;
  std::uint32_t offset;  // of its payload in the whole
  std::uint32_t bytes;
  bool is_last;
  bool keeps_cwr;
};

// What of a TCP header differs from piece to piece, beside the checksum.
struct Fields {
  std::uint32_t seq = 0;
  std::uint8_t flags = 0;
  std::uint16_t urgent = 0;

  Fields(const std::byte* tcp, const Piece& piece)
      : seq(load32(tcp + 4) + piece.offset), flags(load8(tcp + 13)), urgent(load16(tcp + 18)) {
    if (!piece.is_last) clear(tcp_byte::kFin | tcp_byte::kPsh);
    if (piece.number > 0 && !piece.keeps_cwr) clear(tcp_byte::kCwr);
    if ((flags & tcp_byte::kUrg) == 0) return;
    if (urgent > piece.offset) {
      urgent = static_cast<std::uint16_t>(urgent - piece.offset);
    } else {
      clear(tcp_byte::kUrg);
      urgent = 0;
    }
  }
  void write_to(std::byte* tcp) const {
    store32(tcp + 4, seq);
    store8(tcp + 13, flags);
    store16(tcp + 18, urgent);
  }

 private:
  void clear(unsigned bits) { flags = static_cast<std::uint8_t>(flags & ~bits); }
};

// The checksums of the pieces: what their pseudo and TCP headers have in common is summed once.
class PieceSum {
 public:
  PieceSum(Packet& whole, const TcpPlace& place) : tcp_bytes_(place.header_bytes - place.tcp) {
    const auto transport = find_transport(whole);
    if (!transport) return;  // does not occur: find_tcp() has found it
    common_.add_pseudo_header(transport->source, transport->destination, IpProtocol::tcp, 0);
    std::array<std::byte, kTcpHeaderMax> tcp;
    std::memcpy(tcp.data(), whole.head().data() + place.tcp, tcp_bytes_);
    store32(tcp.data() + 4, 0);
    store8(tcp.data() + 13, 0);
    store32(tcp.data() + 16, 0);  // checksum and urgent pointer
    common_.add(Bytes(tcp).first(tcp_bytes_));
  }
  std::uint16_t of(const Packet& piece, const Fields& fields) const {
    Checksum sum = common_;
    const std::uint32_t bytes = tcp_bytes_ + piece.payload_size();
    sum.add16(static_cast<std::uint16_t>(bytes));
    sum.add16(static_cast<std::uint16_t>(bytes >> 16));
    sum.add16(static_cast<std::uint16_t>(fields.seq));
    sum.add16(static_cast<std::uint16_t>(fields.seq >> 16));
    sum.add16(fields.flags);
    sum.add16(fields.urgent);
    for (const Slice& slice : piece.slices()) sum.add(slice.bytes());
    return sum.finish();
  }

 private:
  std::uint32_t tcp_bytes_;
  Checksum common_;
};

// `head` holds a copy of the whole packet's IP header; makes it this piece's.
void correct_ip(std::byte* head, const TcpPlace& place, const Piece& piece) {
  write_ip_length(head, place, piece.bytes);
  if (!place.is_v4 || piece.number == 0) return;
  const std::uint16_t id = load16(head + 4);
  const bool is_atomic = id == 0 && (load8(head + 6) & 0x40) != 0;
  if (!is_atomic) replace16(head + 4, static_cast<std::uint16_t>(id + piece.number), head + 10);
}

PacketPtr make_piece(const Packet& whole, const TcpPlace& place, const Piece& part, PayloadCursor& payload,
                     const PieceSum* sum) {
  PacketPtr piece = whole.pool().allocate();
  if (!piece || !payload.move_to(*piece, part.bytes)) return nullptr;
  std::byte* head = piece->push_front(place.header_bytes).data();
  std::memcpy(head, whole.head().data(), place.header_bytes);
  correct_ip(head, place, part);
  const Fields fields(whole.head().data() + place.tcp, part);
  fields.write_to(head + place.tcp);
  piece->checksum = whole.checksum;
  if (sum != nullptr) {
    store16(head + place.tcp + 16, sum->of(*piece, fields));
    piece->checksum = ChecksumState::present;
  }
  piece->transmission = whole.transmission;
  piece->release = whole.release;
  piece->due = whole.due;
  return piece;
}

}  // namespace

PacketList segment(PacketPtr packet, bool fill_checksums) {
  PacketList pieces;
  const std::uint32_t size = packet->segment_size;
  const auto place = size == 0 ? std::nullopt : find_tcp(*packet);
  const bool is_cuttable = place && place->payload_bytes > size &&
                           packet->head().size() == place->header_bytes &&
                           place->header_bytes <= Packet::kHeadroom;
  if (!is_cuttable) {
    packet->segment_size = 0;
    if (fill_checksums && packet->checksum == ChecksumState::absent) fill_checksum(*packet);
    pieces.push_back(std::move(packet));
    return pieces;
  }
  // The whole packet's checksum, if there was one, is not the pieces'.
  const bool makes_sums = fill_checksums || packet->checksum == ChecksumState::present;
  const std::optional<PieceSum> sum = makes_sums ? std::optional<PieceSum>({*packet, *place}) : std::nullopt;
  PayloadCursor payload(*packet);
  for (Piece part{0, 0, 0, false, packet->cwr_in_pieces}; !part.is_last; ++part.number) {
    part.offset = part.number * size;
    part.bytes = std::min(size, place->payload_bytes - part.offset);
    part.is_last = part.offset + part.bytes == place->payload_bytes;
    PacketPtr piece = make_piece(*packet, *place, part, payload, sum ? &*sum : nullptr);
    if (!piece) return PacketList();
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace sockeye
