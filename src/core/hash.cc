// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "core/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sockeye {
namespace {

std::uint32_t load32_little(const std::byte* at) {
  std::uint32_t value = 0;
  for (unsigned i = 4; i-- > 0;) value = value << 8 | load8(at + i);
  return value;
}
void store32_little(std::byte* at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) store8(at + i, static_cast<std::uint8_t>(value >> (8 * i)));
}

// RFC 1321 3.4: floor(2^32 |sin(i)|), i from 1.
constexpr std::uint32_t kMd5Sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
constexpr int kMd5Shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

std::uint8_t times_two(std::uint8_t value) {  // in GF(2^8), FIPS 197 4.2.1
  return static_cast<std::uint8_t>(value << 1 ^ (value & 0x80 ? 0x1b : 0));
}

// FIPS 197 5.1.1: the inverse in GF(2^8), then an affine map; computed once.
std::array<std::uint8_t, 256> make_sbox() {
  std::array<std::uint8_t, 256> sbox{};
  std::uint8_t p = 1;
  std::uint8_t q = 1;
  do {
    p = static_cast<std::uint8_t>(p ^ times_two(p));  // times 3: runs through all but zero
    q = static_cast<std::uint8_t>(q ^ q << 1);        // divided by 3
    q = static_cast<std::uint8_t>(q ^ q << 2);
    q = static_cast<std::uint8_t>(q ^ q << 4);
    if (q & 0x80) q ^= 0x09;
    sbox[p] = static_cast<std::uint8_t>(q ^ std::rotl(q, 1) ^ std::rotl(q, 2) ^ std::rotl(q, 3) ^
                                        std::rotl(q, 4) ^ 0x63);
  } while (p != 1);
  sbox[0] = 0x63;
  return sbox;
}

std::byte substitute(std::byte value) {
  static const std::array<std::uint8_t, 256> kSbox = make_sbox();
  return static_cast<std::byte>(kSbox[std::to_integer<std::uint8_t>(value)]);
}

void xor_into(AesBlock& to, const AesBlock& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] ^= from[i];
}

// RFC 4493 2.3: the sub-keys are doublings in GF(2^128).
AesBlock doubled(const AesBlock& block) {
  AesBlock out{};
  std::uint8_t carry = 0;
  for (std::size_t i = block.size(); i-- > 0;) {
    const auto value = std::to_integer<std::uint8_t>(block[i]);
    out[i] = static_cast<std::byte>(static_cast<std::uint8_t>(value << 1 | carry));
    carry = value >> 7;
  }
  if (carry != 0) out[15] ^= std::byte{0x87};
  return out;
}

}  // namespace

namespace detail {

void BlockHash::update(Bytes bytes) {
  std::size_t used = total_ % block_.size();
  total_ += bytes.size();
  while (!bytes.empty()) {
    const std::size_t step = std::min(bytes.size(), block_.size() - used);
    std::memcpy(block_.data() + used, bytes.data(), step);
    bytes = bytes.subspan(step);
    used += step;
    if (used == block_.size()) {
      compress(block_.data());
      used = 0;
    }
  }
}

void BlockHash::pad(bool big_endian) {
  const std::uint64_t bits = total_ * 8;
  std::array<std::byte, 72> padding{};
  padding[0] = std::byte{0x80};
  const std::size_t used = total_ % block_.size();
  const std::size_t zeros = (used < 56 ? 56 : 120) - used;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t shift = 8 * (big_endian ? 7 - i : i);
    padding[zeros + i] = static_cast<std::byte>(bits >> shift & 0xff);
  }
  update(Bytes(padding).first(zeros + 8));
}

}  // namespace detail

void Md5::compress(const std::byte* block) {
  auto [a, b, c, d] = state_;
  for (unsigned i = 0; i < 64; ++i) {
    std::uint32_t mixed;
    unsigned word;
    switch (i / 16) {
      case 0:
        mixed = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        mixed = (d & b) | (~d & c);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        mixed = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        mixed = c ^ (b | ~d);
        word = 7 * i % 16;
    }
    const std::uint32_t sum = a + mixed + kMd5Sines[i] + load32_little(block + 4 * word);
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kMd5Shifts[i / 16][i % 4]);
  }
  state_[0] += a;
  state_[1] += b;
  state_[2] += c;
  state_[3] += d;
}

Md5Digest Md5::finish() {
  pad(false);
  Md5Digest digest;
  for (std::size_t i = 0; i < state_.size(); ++i) store32_little(digest.data() + 4 * i, state_[i]);
  return digest;
}

void Sha1::compress(const std::byte* block) {
  std::array<std::uint32_t, 80> w;
  for (std::size_t i = 0; i < 16; ++i) w[i] = load32(block + 4 * i);
  for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e] = state_;
  for (std::size_t i = 0; i < 80; ++i) {
    std::uint32_t mixed;
    std::uint32_t constant;
    if (i < 20) {
      mixed = (b & c) | (~b & d);
      constant = 0x5a827999;
    } else if (i < 40) {
      mixed = b ^ c ^ d;
      constant = 0x6ed9eba1;
    } else if (i < 60) {
      mixed = (b & c) | (b & d) | (c & d);
      constant = 0x8f1bbcdc;
    } else {
      mixed = b ^ c ^ d;
      constant = 0xca62c1d6;
    }
    const std::uint32_t sum = std::rotl(a, 5) + mixed + e + constant + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = sum;
  }
  state_[0] += a;
  state_[1] += b;
  state_[2] += c;
  state_[3] += d;
  state_[4] += e;
}

Sha1Digest Sha1::finish() {
  pad(true);
  Sha1Digest digest;
  for (std::size_t i = 0; i < state_.size(); ++i) store32(digest.data() + 4 * i, state_[i]);
  return digest;
}

HmacSha1::HmacSha1(Bytes key) {
  std::array<std::byte, 64> inner_key{};
  if (key.size() > inner_key.size()) {
    Sha1 shorter;
    shorter.update(key);
    const Sha1Digest digest = shorter.finish();
    std::copy(digest.begin(), digest.end(), inner_key.begin());
  } else {
    std::copy(key.begin(), key.end(), inner_key.begin());
  }
  outer_key_ = inner_key;
  for (std::byte& byte : inner_key) byte ^= std::byte{0x36};
  for (std::byte& byte : outer_key_) byte ^= std::byte{0x5c};
  inner_.update(inner_key);
}

Sha1Digest HmacSha1::finish() {
  const Sha1Digest inner = inner_.finish();
  Sha1 outer;
  outer.update(outer_key_);
  outer.update(inner);
  return outer.finish();
}

Aes128::Aes128(const AesBlock& key) {
  round_keys_[0] = key;
  std::uint8_t round_constant = 1;
  for (std::size_t round = 1; round < round_keys_.size(); ++round) {
    const AesBlock& before = round_keys_[round - 1];
    AesBlock& next = round_keys_[round];
    for (std::size_t i = 0; i < 4; ++i) next[i] = before[i] ^ substitute(before[12 + (i + 1) % 4]);
    next[0] ^= static_cast<std::byte>(round_constant);
    for (std::size_t i = 4; i < 16; ++i) next[i] = before[i] ^ next[i - 4];
    round_constant = times_two(round_constant);
  }
}

void Aes128::encrypt(AesBlock& block) const {
  xor_into(block, round_keys_[0]);
  for (std::size_t round = 1; round < round_keys_.size(); ++round) {
    AesBlock shifted;  // bytes stand in columns; row r moves r columns to the left
    for (std::size_t i = 0; i < 16; ++i) shifted[i] = substitute(block[(i + 4 * (i % 4)) % 16]);
    if (round + 1 < round_keys_.size()) {
      for (std::size_t column = 0; column < 16; column += 4) {
        const std::byte all =
            shifted[column] ^ shifted[column + 1] ^ shifted[column + 2] ^ shifted[column + 3];
        const std::byte first = shifted[column];
        for (std::size_t r = 0; r < 4; ++r) {
          const std::byte next = r == 3 ? first : shifted[column + r + 1];
          const auto pair = std::to_integer<std::uint8_t>(shifted[column + r] ^ next);
          shifted[column + r] ^= all ^ static_cast<std::byte>(times_two(pair));
        }
      }
    }
    block = shifted;
    xor_into(block, round_keys_[round]);
  }
}

AesCmac::AesCmac(const AesBlock& key) : cipher_(key) {}

void AesCmac::mix_in() {
  xor_into(state_, pending_);
  cipher_.encrypt(state_);
  pending_bytes_ = 0;
}

void AesCmac::update(Bytes bytes) {
  while (!bytes.empty()) {
    if (pending_bytes_ == pending_.size()) mix_in();  // the last block is kept for finish()
    const std::size_t step = std::min(bytes.size(), pending_.size() - pending_bytes_);
    std::memcpy(pending_.data() + pending_bytes_, bytes.data(), step);
    pending_bytes_ += step;
    bytes = bytes.subspan(step);
  }
}

AesBlock AesCmac::finish() {
  AesBlock sub_key{};
  cipher_.encrypt(sub_key);
  sub_key = doubled(sub_key);
  if (pending_bytes_ < pending_.size()) {
    sub_key = doubled(sub_key);
    pending_[pending_bytes_] = std::byte{0x80};
    std::fill(pending_.begin() + static_cast<std::ptrdiff_t>(pending_bytes_) + 1, pending_.end(),
              std::byte{0});
  }
  xor_into(pending_, sub_key);
  mix_in();
  return state_;
}

bool is_equal_in_constant_time(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  std::byte difference{0};
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == std::byte{0};
}

}  // namespace sockeye
