// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One's complement addition does not care about byte order or about the width of the words that are
// added (RFC 1071 2), so the sum is taken over little-endian words, halves apart so that no carry is lost,
// and folded and swapped once at the end. A piece that begins at an odd place is folded by itself and its
// bytes are swapped once more.
#include "wire/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sockeye {
namespace {

static_assert(std::endian::native == std::endian::little);

// A 64-bit word as the sum of its halves: 2^31 of them fit before anything is carried out.
inline std::uint64_t halves(std::uint64_t word) {
  return (word & 0xffffffffu) + (word >> 32);
}

// `at` and `size` move on to the rest that is shorter than a block of four registers.
using Lanes = std::uint64_t __attribute__((vector_size(16)));

std::uint64_t sum_blocks_of_64(const std::byte*& at, std::size_t& size) {
  constexpr std::uint64_t kLowHalf = 0xffffffffu;
  constexpr std::size_t kStep = sizeof(Lanes);
  Lanes even{};
  Lanes odd{};
  for (; size >= 4 * kStep; at += 4 * kStep, size -= 4 * kStep) {
    Lanes a, b, c, d;  // not an array: that would live in memory
    std::memcpy(&a, at, kStep);
    std::memcpy(&b, at + kStep, kStep);
    std::memcpy(&c, at + 2 * kStep, kStep);
    std::memcpy(&d, at + 3 * kStep, kStep);
    even += ((a & kLowHalf) + (a >> 32)) + ((c & kLowHalf) + (c >> 32));
    odd += ((b & kLowHalf) + (b >> 32)) + ((d & kLowHalf) + (d >> 32));
  }
  even += odd;
  return halves(even[0]) + halves(even[1]);
}

#if defined(__x86_64__)
// PMADDWD adds neighbouring 16-bit words into 32-bit lanes, three instructions per register where the
// halves above take five. It takes them for signed, so 0x8000 is taken from each word first, and given back
// to the sum.
[[gnu::target("avx2")]] std::uint64_t sum_blocks_of_128(const std::byte*& at, std::size_t& size) {
  constexpr std::size_t kBlock = 128, kWords = kBlock / 2;
  constexpr std::size_t kBlocksMost = 4096;  // two pair sums below 2^17 each: a lane keeps within 31 bits
  const __m256i bias = _mm256_set1_epi16(-0x8000);
  const __m256i ones = _mm256_set1_epi16(1);
  const auto pairs = [&](const std::byte* from) __attribute__((target("avx2"), always_inline)) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm256_madd_epi16(_mm256_xor_si256(words, bias), ones);
  };
  std::int64_t sum = 0;
  while (size >= kBlock) {
    const std::size_t blocks = std::min(size / kBlock, kBlocksMost);
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (const std::byte* end = at + blocks * kBlock; at != end; at += kBlock) {
      even = _mm256_add_epi32(even, _mm256_add_epi32(pairs(at), pairs(at + 64)));
      odd = _mm256_add_epi32(odd, _mm256_add_epi32(pairs(at + 32), pairs(at + 96)));
    }
    size -= blocks * kBlock;
    const __m256i low = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(even)),
                                         _mm256_cvtepi32_epi64(_mm256_castsi256_si128(odd)));
    const __m256i high = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_extracti128_si256(even, 1)),
                                          _mm256_cvtepi32_epi64(_mm256_extracti128_si256(odd, 1)));
    const __m256i lanes = _mm256_add_epi64(low, high);
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    sum += _mm_extract_epi64(two, 0) + _mm_extract_epi64(two, 1);
    sum += static_cast<std::int64_t>(0x8000 * kWords * blocks);
  }
  return static_cast<std::uint64_t>(sum);
}

const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
#endif

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
  if (size >= 256 && has_avx2) sum = sum_blocks_of_128(at, size);
#endif
  if (size >= 64) sum += sum_blocks_of_64(at, size);
  for (; size >= 8; at += 8, size -= 8) sum += halves(load_word(at));
  return sum + halves(load_rest(at, size));
}

}  // namespace

void Checksum::add(Bytes bytes) {
  const std::uint64_t sum = sum_of_words(bytes.data(), bytes.size());
  sum_ += odd_ ? __builtin_bswap16(fold_checksum(sum)) : sum;
  odd_ = odd_ != (bytes.size() % 2 != 0);
}

void Checksum::add_pseudo_header(const IpAddress& source, const IpAddress& destination, IpProtocol protocol,
                                 std::uint32_t transport_bytes) {
  for (const IpAddress* address : {&source, &destination}) {
    if (!address->is_v4()) sum_ += halves(address->high());
    // The words 0 and 0xffff in front of a mapped IPv4 address count as nothing (RFC 1071 1: -0).
    sum_ += halves(address->low());
  }
  add16(static_cast<std::uint16_t>(transport_bytes >> 16));
  add16(static_cast<std::uint16_t>(transport_bytes));
  add16(static_cast<std::uint8_t>(protocol));
}

}  // namespace sockeye
