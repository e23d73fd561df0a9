// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The message digests and authentication codes that TCP's signatures need (RFC 2385, RFC 5926): MD5 (RFC
// 1321), SHA-1 (RFC 3174), HMAC-SHA-1 (RFC 2104), AES-128 (FIPS 197) and AES-128-CMAC (RFC 4493). For
// interoperation with routers, and for nothing else: MD5 and SHA-1 are broken as digests, and none of
// this resists an observer of the processor's caches.
#pragma once

#include <array>
#include <cstdint>

#include "core/bytes.h"

namespace sockeye {

using Md5Digest = std::array<std::byte, 16>;
using Sha1Digest = std::array<std::byte, 20>;
using AesBlock = std::array<std::byte, 16>;

namespace detail {

// What MD5 and SHA-1 share: blocks of 64 bytes, and padding with the length at the end.
class BlockHash {
 public:
  void update(Bytes bytes);

 protected:
  virtual ~BlockHash() = default;
  virtual void compress(const std::byte* block) = 0;
  // The length field in the order of bytes that the digest wants.
  void pad(bool big_endian);

 private:
  std::array<std::byte, 64> block_{};
  std::uint64_t total_ = 0;
};

}  // namespace detail

class Md5 final : public detail::BlockHash {
 public:
  Md5Digest finish();  // once

 private:
  void compress(const std::byte* block) override;
  std::array<std::uint32_t, 4> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
};

class Sha1 final : public detail::BlockHash {
 public:
  Sha1Digest finish();  // once

 private:
  void compress(const std::byte* block) override;
  std::array<std::uint32_t, 5> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
};

class HmacSha1 {
 public:
  explicit HmacSha1(Bytes key);  // of any length
  void update(Bytes bytes) { inner_.update(bytes); }
  Sha1Digest finish();  // once

 private:
  std::array<std::byte, 64> outer_key_{};
  Sha1 inner_;
};

class Aes128 {
 public:
  explicit Aes128(const AesBlock& key);
  void encrypt(AesBlock& block) const;

 private:
  std::array<AesBlock, 11> round_keys_{};
};

class AesCmac {
 public:
  explicit AesCmac(const AesBlock& key);
  void update(Bytes bytes);
  AesBlock finish();  // once

 private:
  void mix_in();
  Aes128 cipher_;
  AesBlock state_{};
  AesBlock pending_{};
  std::size_t pending_bytes_ = 0;
};

// Takes as long for any two of the same length.
bool is_equal_in_constant_time(Bytes a, Bytes b);

}  // namespace sockeye
