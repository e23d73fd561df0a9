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

inline std::uint64_t fold32(std::uint64_t sum) {
  return (sum & 0xffffffffu) + (sum >> 32);
}

// Sums 32-bit words in 64-bit lanes; `at` and `size` move on to the rest that is shorter than a block of
// four registers. 2^32 additions to a lane would overflow it; a packet has 2^13 words. Inlined into who says
// what registers there are.
template <class Lanes>
[[gnu::always_inline]] inline std::uint64_t sum_blocks(const std::byte*& at, std::size_t& size) {
  constexpr std::uint64_t kLowHalf = 0xffffffffu;
  constexpr std::size_t kStep = sizeof(Lanes);
  const std::byte* from = at;
  std::size_t left = size;
  Lanes even{};
  Lanes odd{};
  for (; left >= 4 * kStep; from += 4 * kStep, left -= 4 * kStep) {
    Lanes a, b, c, d;  // not an array: that would live in memory
    std::memcpy(&a, from, kStep);
    std::memcpy(&b, from + kStep, kStep);
    std::memcpy(&c, from + 2 * kStep, kStep);
    std::memcpy(&d, from + 3 * kStep, kStep);
    even += ((a & kLowHalf) + (a >> 32)) + ((c & kLowHalf) + (c >> 32));
    odd += ((b & kLowHalf) + (b >> 32)) + ((d & kLowHalf) + (d >> 32));
  }
  at = from;
  size = left;
  even += odd;
  std::uint64_t sum = 0;
  for (std::size_t lane = 0; lane < kStep / 8; ++lane) sum += fold32(even[lane]);
  return sum;
}

using Lanes16 = std::uint64_t __attribute__((vector_size(16)));

std::uint64_t sum_blocks_of_16(const std::byte*& at, std::size_t& size) {
  return sum_blocks<Lanes16>(at, size);
}

#if defined(__x86_64__)
using Lanes32 = std::uint64_t __attribute__((vector_size(32)));

[[gnu::target("avx2")]] std::uint64_t sum_blocks_of_32(const std::byte*& at, std::size_t& size) {
  return sum_blocks<Lanes32>(at, size);
}

const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
#endif

// One's complement: what is carried out comes in again.
inline std::uint64_t add_word(std::uint64_t sum, std::uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);
}

inline std::uint64_t load_word(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

// Less than a word, zeros behind it. Steps of a known size: a call to copy a few bytes costs more than they.
inline std::uint64_t load_rest(const std::byte* at, std::size_t size) {
  std::uint64_t rest = 0;
  unsigned shift = 0;
  const auto take = [&](auto part) {
    std::memcpy(&part, at, sizeof part);
    rest |= std::uint64_t{part} << shift;
    shift += 8 * static_cast<unsigned>(sizeof part);
    at += sizeof part;
  };
  if ((size & 4) != 0) take(std::uint32_t{});
  if ((size & 2) != 0) take(std::uint16_t{});
  if ((size & 1) != 0) take(std::uint8_t{});
  return rest;
}

std::uint64_t sum_of_words(const std::byte* at, std::size_t size) {
  std::uint64_t sum = 0;
#if defined(__x86_64__)
  if (size >= 256 && has_avx2) sum = sum_blocks_of_32(at, size);
#endif
  if (size >= 64) sum += sum_blocks_of_16(at, size);
  for (; size >= 8; at += 8, size -= 8) sum = add_word(sum, load_word(at));
  return add_word(sum, load_rest(at, size));
}

}  // namespace

void Checksum::add(Bytes bytes) {
  if (bytes.empty()) return;
  const auto sum = fold_checksum(sum_of_words(bytes.data(), bytes.size()));
  sum_ += odd_ ? sum : __builtin_bswap16(sum);
  odd_ = odd_ != (bytes.size() % 2 != 0);
}

void Checksum::add_pseudo_header(const IpAddress& source, const IpAddress& destination, IpProtocol protocol,
                                 std::uint32_t transport_bytes) {
  if (source.is_v4()) {
    const std::uint64_t both = std::uint64_t{source.to_v4()} + destination.to_v4();
    sum_ += (both & 0xffff) + (both >> 16);
  } else {
    for (const IpAddress* address : {&source, &destination})
      for (std::size_t i = 0; i < 16; i += 2)
        sum_ += static_cast<std::uint32_t>(address->bytes()[i]) << 8 | address->bytes()[i + 1];
  }
  sum_ += (transport_bytes >> 16) + (transport_bytes & 0xffff);
  sum_ += static_cast<std::uint8_t>(protocol);
}

std::uint16_t Checksum::finish() const {
  return static_cast<std::uint16_t>(~fold_checksum(sum_));
}

}  // namespace sockeye
