// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The digests against the test vectors of their documents.
#include "core/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "hex.h"

namespace sockeye {
namespace {

Bytes text(std::string_view s) {
  return std::as_bytes(std::span(s.data(), s.size()));
}
AesBlock block(std::string_view digits) {
  AesBlock out{};
  const auto bytes = unhex(digits);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::string md5(std::string_view s) {
  Md5 hash;
  hash.update(text(s));
  return hex(hash.finish());
}

TEST(Hash, Md5OfRfc1321) {
  EXPECT_EQ(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5("a"), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(md5("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(md5("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
  EXPECT_EQ(md5("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
            "d174ab98d277d9f5a5611c2c9f419d9f");
  EXPECT_EQ(md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Hash, Sha1OfRfc3174) {
  const auto sha1 = [](std::string_view s, int times) {
    Sha1 hash;
    for (int i = 0; i < times; ++i) hash.update(text(s));
    return hex(hash.finish());
  };
  EXPECT_EQ(sha1("abc", 1), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(sha1("a", 1'000'000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  EXPECT_EQ(sha1("0123456701234567012345670123456701234567012345670123456701234567", 10),
            "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

TEST(Hash, HmacSha1OfRfc2202) {
  const auto hmac = [](Bytes key, Bytes data) {
    HmacSha1 mac(key);
    mac.update(data);
    return hex(mac.finish());
  };
  const std::vector<std::byte> b(20, std::byte{0x0b});
  EXPECT_EQ(hmac(b, text("Hi There")), "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(hmac(text("Jefe"), text("what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  const std::vector<std::byte> aa(80, std::byte{0xaa});
  EXPECT_EQ(hmac(aa, text("Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(Hash, AesOfFips197) {
  AesBlock data = block("00112233445566778899aabbccddeeff");
  Aes128(block("000102030405060708090a0b0c0d0e0f")).encrypt(data);
  EXPECT_EQ(hex(data), "69c4e0d86a7b0430d8cdb78070b4c55a");
}

TEST(Hash, AesCmacOfRfc4493) {
  const auto data = unhex(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f24"
      "45"
      "df4f9b17ad2b417be66c3710");
  const auto cmac = [&](std::size_t length) {
    AesCmac mac(block("2b7e151628aed2a6abf7158809cf4f3c"));
    for (std::size_t i = 0; i < length; ++i) mac.update(Bytes(data).subspan(i, 1));
    return hex(mac.finish());
  };
  EXPECT_EQ(cmac(0), "bb1d6929e95937287fa37d129b756746");
  EXPECT_EQ(cmac(16), "070a16b46b4d4144f79bdd9dd04a287c");
  EXPECT_EQ(cmac(40), "dfa66747de9ae63030ca32611497c827");
  EXPECT_EQ(cmac(64), "51f0bebf7e3b9d92fc49741779363cfe");
}

TEST(Hash, Comparison) {
  EXPECT_TRUE(is_equal_in_constant_time(text("abc"), text("abc")));
  EXPECT_FALSE(is_equal_in_constant_time(text("abc"), text("abd")));
  EXPECT_FALSE(is_equal_in_constant_time(text("abc"), text("ab")));
}

}  // namespace
}  // namespace sockeye
