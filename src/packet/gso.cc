// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "packet/gso.h"

#include <algorithm>
#include <cstring>

#include "packet/tcp_place.h"

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

void correct_urgent(std::byte* tcp, std::uint8_t& flags, std::uint32_t offset) {
  if ((flags & tcp_byte::kUrg) == 0) return;
  const std::uint16_t pointer = load16(tcp + 18);
  if (pointer > offset) {
    store16(tcp + 18, static_cast<std::uint16_t>(pointer - offset));
  } else {
    flags = static_cast<std::uint8_t>(flags & ~tcp_byte::kUrg);
    store16(tcp + 18, 0);
  }
}

// `head` holds a copy of the whole packet's headers; makes them this piece's.
void correct_headers(std::byte* head, const TcpPlace& place, const Piece& piece) {
  std::byte* tcp = head + place.tcp;
  store32(tcp + 4, load32(tcp + 4) + piece.offset);
  std::uint8_t flags = load8(tcp + 13);
  if (!piece.is_last) flags = static_cast<std::uint8_t>(flags & ~(tcp_byte::kFin | tcp_byte::kPsh));
  if (piece.number > 0 && !piece.keeps_cwr) flags = static_cast<std::uint8_t>(flags & ~tcp_byte::kCwr);
  correct_urgent(tcp, flags, piece.offset);
  store8(tcp + 13, flags);
  if (place.is_v4) {
    const std::uint16_t id = load16(head + 4);
    const bool is_atomic = id == 0 && (load8(head + 6) & 0x40) != 0;
    if (!is_atomic) store16(head + 4, static_cast<std::uint16_t>(id + piece.number));
  }
  write_ip_length(head, place, piece.bytes);
}

PacketPtr make_piece(const Packet& whole, const TcpPlace& place, const Piece& part, PayloadCursor& payload) {
  PacketPtr piece = whole.pool().allocate();
  if (!piece || !payload.move_to(*piece, part.bytes)) return nullptr;
  const MutableBytes head = piece->push_front(place.header_bytes);
  std::memcpy(head.data(), whole.head().data(), place.header_bytes);
  correct_headers(head.data(), place, part);
  piece->checksum = whole.checksum;
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
  PayloadCursor payload(*packet);
  for (Piece part{0, 0, 0, false, packet->cwr_in_pieces}; !part.is_last; ++part.number) {
    part.offset = part.number * size;
    part.bytes = std::min(size, place->payload_bytes - part.offset);
    part.is_last = part.offset + part.bytes == place->payload_bytes;
    PacketPtr piece = make_piece(*packet, *place, part, payload);
    if (!piece) return PacketList();
    // The whole packet's checksum, if there was one, is not the pieces'.
    const bool was_present = piece->checksum == ChecksumState::present;
    if (was_present || fill_checksums) fill_checksum(*piece);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace sockeye
