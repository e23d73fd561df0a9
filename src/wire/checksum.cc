// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One's complement addition does not care about byte order or about the width of the words that are
// added (RFC 1071 2), so the sum is taken over little-endian 64-bit words, halves apart so that no
// carry is lost, and its bytes are swapped once at the end. A piece that begins at an odd place is
// the same sum with its bytes swapped once more.
#include "wire/checksum.h"

#include <bit>
#include <cstring>

namespace sockeye {
namespace {

static_assert(std::endian::native == std::endian::little);

// Two 64-bit lanes: one SSE2 register, or what the compiler makes of it elsewhere.
using Lanes = std::uint64_t __attribute__((vector_size(16)));

inline Lanes load_lanes(const std::byte* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

inline std::uint64_t fold32(std::uint64_t sum) {
  return (sum & 0xffffffffu) + (sum >> 32);
}

inline std::uint32_t fold16(std::uint64_t sum) {
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32 & 0xffff) + (sum >> 48);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16));
}

// At most 2^32 additions to each lane would overflow; a packet has 2^13 words.
std::uint64_t sum_of_words(const std::byte* at, std::size_t size) {
  const Lanes low_half = {0xffffffffu, 0xffffffffu};
  Lanes sum_a{};
  Lanes sum_b{};
  for (; size >= 64; at += 64, size -= 64) {
    const Lanes a = load_lanes(at);
    const Lanes b = load_lanes(at + 16);
    const Lanes c = load_lanes(at + 32);
    const Lanes d = load_lanes(at + 48);
    sum_a += (a & low_half) + (a >> 32);
    sum_b += (b & low_half) + (b >> 32);
    sum_a += (c & low_half) + (c >> 32);
    sum_b += (d & low_half) + (d >> 32);
  }
  sum_a += sum_b;
  std::uint64_t sum = fold32(sum_a[0]) + fold32(sum_a[1]);
  for (; size >= 8; at += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    sum += fold32(word);
  }
  std::uint64_t rest = 0;
  if (size > 0) std::memcpy(&rest, at, size);
  return sum + fold32(rest);
}

}  // namespace

void Checksum::add(Bytes bytes) {
  if (bytes.empty()) return;
  const auto sum = static_cast<std::uint16_t>(fold16(sum_of_words(bytes.data(), bytes.size())));
  sum_ += odd_ ? sum : __builtin_bswap16(sum);
  odd_ = odd_ != (bytes.size() % 2 != 0);
}

void Checksum::add_pseudo_header(const IpAddress& source, const IpAddress& destination, IpProtocol protocol,
                                 std::uint32_t transport_bytes) {
  const std::size_t skip = source.is_v4() ? 12 : 0;
  const auto add_address = [&](const IpAddress& address) {
    const auto& bytes = address.bytes();
    for (std::size_t i = skip; i < bytes.size(); i += 2)
      sum_ += static_cast<std::uint32_t>(bytes[i]) << 8 | bytes[i + 1];
  };
  add_address(source);
  add_address(destination);
  sum_ += (transport_bytes >> 16) + (transport_bytes & 0xffff);
  sum_ += static_cast<std::uint8_t>(protocol);
}

std::uint16_t Checksum::finish() const {
  return static_cast<std::uint16_t>(~fold16(sum_));
}

}  // namespace sockeye
