// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP-AO against the test vectors of RFC 9235.
#include "tcp/ao.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "hex.h"
#include "wire/tcp.h"

namespace sockeye::tcp {
namespace {

AoKey master(AoKey::Algorithm algorithm, bool excludes_options = false) {
  constexpr std::string_view kSecret = "testvector";
  AoKey key;
  key.algorithm = algorithm;
  key.excludes_options = excludes_options;
  key.size = static_cast<std::uint8_t>(kSecret.size());
  std::copy_n(std::as_bytes(std::span(kSecret.data(), kSecret.size())).begin(), kSecret.size(),
              key.secret.begin());
  return key;
}

constexpr auto kSha1 = AoKey::Algorithm::hmac_sha1;
constexpr auto kAes = AoKey::Algorithm::aes_cmac;

struct TrafficCase {
  AoKey::Algorithm algorithm;
  bool is_v6;
  bool from_server;
  std::uint16_t client_port;
  std::uint32_t source_isn;
  std::uint32_t destination_isn;
  std::string_view expected;
};

TEST(Ao, TrafficKeysOfRfc9235) {
  const TrafficCase cases[] = {
      {kSha1, false, false, 59863, 0xfbfbab5a, 0, "6d63ef1b02fe1509d4b1402707fd7b0416abb74f"},
      {kSha1, false, true, 59863, 0x11c14261, 0xfbfbab5a, "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96"},
      {kSha1, false, false, 59863, 0xfbfbab5a, 0x11c14261, "d2e59c65ffc7b1a39347656463b70edc24a13d71"},
      {kAes, false, false, 50426, 0x787a1ddf, 0, "f5b8b3d5f34fdbb6eb8d4ab9660e60e3"},
      {kAes, false, true, 50426, 0xfadd6de9, 0x787a1ddf, "4bc7571a486f3264bbd888474066b4b1"},
      {kAes, false, false, 50426, 0x787a1ddf, 0xfadd6de9, "8c8ae0e8371ec5cbb97ea79d90418391"},
      {kSha1, true, false, 63460, 0x176a833f, 0, "625ec09d575836edc9b6428418bbf06989a361bb"},
      {kSha1, true, true, 63460, 0x3f51994b, 0x176a833f, "e4a37ada2a0afca8711434913fe138c771ebcb4a"},
      {kAes, true, false, 63578, 0x193cccec, 0, "fa5a2108882d39d0c71929175ab1b7b8"},
      {kAes, true, false, 63578, 0x193cccec, 0xa6744ecb, "6174c3557abed27574dba37185f00300"},
  };
  for (const TrafficCase& c : cases) {
    Endpoint client{*IpAddress::parse(c.is_v6 ? "fd00::1" : "10.11.12.13"), c.client_port};
    Endpoint server{*IpAddress::parse(c.is_v6 ? "fd00::2" : "172.27.28.29"), 179};
    if (c.from_server) std::swap(client, server);
    const AoTrafficKey key = ao_traffic_key(master(c.algorithm), client, server,
                                            {SeqNum(c.source_isn), SeqNum(c.destination_isn)});
    EXPECT_EQ(hex(Bytes(key).first(c.expected.size() / 2)), c.expected);
  }
}

struct SegmentCase {
  AoKey::Algorithm algorithm;
  bool excludes_options;
  std::string_view traffic_key;
  std::string_view packet;
};

TEST(Ao, CodesOfRfc9235) {
  const SegmentCase cases[] = {
      {kSha1, false, "6d63ef1b02fe1509d4b1402707fd7b0416abb74f",
       "45e0004cdd0f4000ff06bf6b0a0b0c0dac1b1c1de9d700b3fbfbab5a00000000e002ffffcac40000020405b40103030804020"
       "80a"
       "00155ab7000000001d103d542ee437c6f8ede6d7c4d602e7"},
      {kSha1, true, "30eaa1560cf0be57dab5c045229fb10a423cd7ea",
       "45e0004c53994000ff0648e20a0b0c0dac1b1c1dff1200b3cb0efbee00000000e002ffff541f0000020405b40103030804020"
       "80a"
       "00024cce000000001d103d5480af3cfeb85368937b8f9ec2"},
      {kAes, false, "f5b8b3d5f34fdbb6eb8d4ab9660e60e3",
       "45e0004c7b9f4000ff0620dc0a0b0c0dac1b1c1dc4fa00b3787a1ddf00000000e002ffff5a0f0000020405b40103030804020"
       "80a"
       "00017ed0000000001d103d54e477e99c8040765498e55091"},
      {kSha1, false, "625ec09d575836edc9b6428418bbf06989a361bb",
       "6e0891dc00380640fd000000000000000000000000000001fd000000000000000000000000000002f7e400b3176a833f00000"
       "000"
       "e002ffff47210000020405a0010303080402080a0041d087000000001d103d549033ec3d7334b64c5edd039f"},
      {kAes, false, "fa5a2108882d39d0c71929175ab1b7b8",
       "6e04a70600380640fd000000000000000000000000000001fd000000000000000000000000000002f85a00b3193cccec00000"
       "000"
       "e002ffffde5d0000020405a0010303080402080a13e4ab99000000001d103d5459b588107481ac6dc3927040"},
  };
  for (const SegmentCase& c : cases) {
    const auto bytes = unhex(c.packet);
    const bool is_v6 = bytes[0] == std::byte{0x6e};
    const Bytes header = Bytes(bytes).subspan(is_v6 ? 40 : 20);
    const FiveTuple from_to{{*IpAddress::parse(is_v6 ? "fd00::1" : "10.11.12.13"), 0},
                            {*IpAddress::parse(is_v6 ? "fd00::2" : "172.27.28.29"), 0}};
    AoTrafficKey traffic{};
    const auto key = unhex(c.traffic_key);
    std::copy(key.begin(), key.end(), traffic.begin());
    const auto parsed = parse_tcp(header);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->options.signature.kind, TcpSignature::Kind::ao);
    EXPECT_EQ(parsed->options.signature.key_id, 61);
    EXPECT_EQ(parsed->options.signature.next_key_id, 84);
    PacketPool pool;
    const PacketPtr nothing = pool.allocate();
    const AoCode code = ao_code(master(c.algorithm, c.excludes_options), traffic, 0, from_to, header,
                                parsed->options.signature.at, *nothing, 0);
    EXPECT_EQ(hex(Bytes(code).first(12)), c.packet.substr(c.packet.size() - 24));
  }
}

TEST(Ao, SequenceNumbersHave64Bits) {
  EXPECT_EQ(ao_extension(SeqNum(100), 50), 0u);
  EXPECT_EQ(ao_extension(SeqNum(5), 0xfffffff0), 1u);            // wrapped since
  EXPECT_EQ(ao_extension(SeqNum(0xfffffff0), 0x100000005), 0u);  // an old one
  EXPECT_EQ(ao_extension(SeqNum(7), 0x300000005), 3u);
}

}  // namespace
}  // namespace sockeye::tcp
