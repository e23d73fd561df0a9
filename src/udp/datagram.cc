// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "udp/datagram.h"

#include <algorithm>
#include <cstring>

#include "wire/udp.h"

namespace sockeye::udp {

Result<PacketPtr> make_datagram(PacketPool& pool, std::uint16_t source_port, std::uint16_t destination_port,
                                std::span<const Bytes> buffers, std::uint32_t payload_bytes) {
  PacketPtr packet = pool.allocate();
  if (!packet) return Errno::nobufs;
  std::uint32_t left = payload_bytes;
  ChunkRef chunk;
  std::uint32_t begin = 0;
  const auto flush = [&] { return !chunk || packet->append(Slice(chunk, begin, chunk->size() - begin)); };
  for (Bytes buffer : buffers) {
    while (!buffer.empty()) {
      if (!chunk || chunk->room() == 0) {
        if (!flush()) return Errno::nobufs;
        chunk = pool.chunks().allocate(std::min(left, ChunkPool::largest()));
        if (!chunk) return Errno::nobufs;
        begin = 0;
      }
      const auto step = static_cast<std::uint32_t>(std::min<std::size_t>(buffer.size(), chunk->room()));
      std::memcpy(chunk->tail().data(), buffer.data(), step);
      chunk->commit(step);
      buffer = buffer.subspan(step);
      left -= step;
    }
  }
  if (!flush()) return Errno::nobufs;
  const auto length = static_cast<std::uint16_t>(payload_bytes + kUdpHeaderBytes);
  packet->push_front(kUdpHeaderBytes);
  emit_udp({source_port, destination_port, length, 0}, packet->mutable_head());
  return packet;
}

}  // namespace sockeye::udp
