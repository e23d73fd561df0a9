// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP-MD5 (RFC 2385) against what Linux put on a wire: packets that a kernel signed with the key
// "secret", captured from a TUN device.
#include "tcp/signature.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tcp/snapshot.h"
#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

constexpr std::string_view kSyn =
    "45000048c8e6400040065db50a0900010a090002ee3800b38d8597ce00000000d002faf0f53300000101131299c89ab4439a1e5a"
    "1f"
    "1525ac6b7cabbe020405b4010104020103030a";
constexpr std::string_view kData =
    "45000045c8e8400040065db60a0900010a090002ee3800b38d8597cf000003e9a018faf060c50000010113121e0c567e172af1db"
    "ba"
    "4a62f7e4616e3968656c6c6f20424750";

std::vector<std::byte> unhex(std::string_view digits) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return out;
}

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

Md5Key key_for(std::string_view peer, unsigned prefix, std::string_view secret) {
  Md5Key key;
  key.peer = ip(peer);
  key.prefix = static_cast<std::uint8_t>(prefix);
  key.size = static_cast<std::uint8_t>(secret.size());
  std::copy_n(std::as_bytes(std::span(secret.data(), secret.size())).begin(), secret.size(),
              key.secret.begin());
  return key;
}

// A packet that came from the kernel, as the demultiplexer sees it.
struct Arrived {
  explicit Arrived(std::string_view digits) : bytes(unhex(digits)), packet(pool.from_bytes(bytes)) {
    const std::uint32_t header_bytes = tcp_header_bytes(Bytes(bytes).subspan(20));
    header = packet->front(20 + header_bytes).subspan(20);
    static_cast<TcpHeader&>(segment) = *parse_tcp(header);
    packet->consume(20 + header_bytes);
    segment.payload_bytes = packet->size();
  }
  std::optional<Drop> verdict(const KeyRing* keys) const {
    const FiveTuple ends{{ip("10.9.0.2"), 179}, {ip("10.9.0.1"), 60984}};
    return check_signature(keys, ends, segment, header, *packet, nullptr);
  }
  PacketPool pool;
  std::vector<std::byte> bytes;
  PacketPtr packet;
  Bytes header;
  Segment segment;
};

TEST(Signature, AcceptsWhatTheKernelSigned) {
  KeyRing keys;
  keys.set(key_for("10.9.0.1", 32, "secret"));
  for (const std::string_view digits : {kSyn, kData}) EXPECT_EQ(Arrived(digits).verdict(&keys), std::nullopt);
}

TEST(Signature, RefusesEverythingElse) {
  KeyRing wrong;
  wrong.set(key_for("10.9.0.1", 32, "Secret"));
  KeyRing right;
  right.set(key_for("10.9.0.1", 32, "secret"));
  EXPECT_EQ(Arrived(kData).verdict(&wrong), Drop::md5_failure);
  EXPECT_EQ(Arrived(kData).verdict(nullptr), Drop::md5_unexpected);
  std::string other(kData);
  other.back() = '1';  // the last byte of the payload
  EXPECT_EQ(Arrived(other).verdict(&right), Drop::md5_failure);
  std::string elsewhere(kSyn);
  elsewhere.replace(40, 4, "1234");  // the source port
  EXPECT_EQ(Arrived(elsewhere).verdict(&right), Drop::md5_failure);
  std::string unsigned_one(kSyn);
  unsigned_one.replace(80, 40, "0101010101010101010101010101010101010101");
  EXPECT_EQ(Arrived(unsigned_one).verdict(&right), Drop::md5_not_found);
  EXPECT_EQ(Arrived(unsigned_one).verdict(nullptr), std::nullopt);
}

TEST(Signature, SignsAsTheKernelDoes) {
  KeyRing keys;
  keys.set(key_for("10.9.0.2", 32, "secret"));
  Segment segment;
  segment.source_port = 60984;
  segment.destination_port = 179;
  segment.seq = SeqNum(0x8d8597ce);
  segment.flags.syn = true;
  segment.window = 0xfaf0;
  segment.options.mss = 1460;
  segment.options.sack_permitted = true;
  segment.options.window_scale = 10;
  prepare_signature(&keys, ip("10.9.0.2"), segment, nullptr);
  PacketPool pool;
  PacketPtr packet = pool.allocate();
  emit_tcp(segment, packet->push_front(tcp_emit_size(segment)));
  sign(&keys, {{ip("10.9.0.1"), 60984}, {ip("10.9.0.2"), 179}}, segment, *packet, nullptr);
  std::vector<std::byte> ours(packet->size());
  packet->serialize(ours);
  std::vector<std::byte> theirs = unhex(kSyn.substr(40));
  theirs[16] = theirs[17] = std::byte{0};  // the checksum is made later
  EXPECT_EQ(ours, theirs);
}

TEST(Signature, TheLongestPrefixCounts) {
  KeyRing keys;
  keys.set(key_for("10.0.0.0", 8, "net"));
  keys.set(key_for("10.9.0.0", 16, "subnet"));
  keys.set(key_for("fd00::", 8, "six"));
  EXPECT_EQ(keys.find_md5(ip("10.9.0.1"))->prefix, 16);
  EXPECT_EQ(keys.find_md5(ip("10.8.0.1"))->prefix, 8);
  EXPECT_EQ(keys.find_md5(ip("fd09::1"))->prefix, 8);
  EXPECT_EQ(keys.find_md5(ip("11.0.0.1")), nullptr);
  EXPECT_EQ(signature_bytes(&keys, ip("10.8.0.1")), 20);
  EXPECT_EQ(signature_bytes(&keys, ip("11.0.0.1")), 0);
  EXPECT_TRUE(keys.remove_md5(ip("10.9.0.0"), 16));
  EXPECT_FALSE(keys.remove_md5(ip("10.9.0.0"), 16));
  EXPECT_EQ(keys.find_md5(ip("10.9.0.1"))->prefix, 8);
}

// The option takes its room of every segment; timestamps have none left (Linux).
TEST(Signature, SegmentsLeaveRoom) {
  BenchOptions options;
  options.path.signature_bytes = 20;
  TcpBench t(options);
  t.open_active();
  t.expect("S 0:0(0) <mss 1460,sackOK,nop,wscale 7>");
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.info().send_mss, 1440u);
}

// A snapshot of a signed connection is secret itself: without the key nobody could go on.
TEST(Signature, TheKeysMoveWithASnapshot) {
  auto ring = std::make_shared<KeyRing>();
  ring->set(key_for("10.0.0.2", 32, "secret"));
  BenchOptions options;
  options.settings.keys = ring;
  TcpBench t(options);
  t.establish();
  const auto snapshot = t.connection().snapshot(t.now());
  ASSERT_TRUE(snapshot);
  const auto read = snapshot_from_bytes(to_bytes(*snapshot));
  ASSERT_TRUE(read && read->settings.keys);
  const Md5Key* key = read->settings.keys->find_md5(*IpAddress::parse("10.0.0.2"));
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(Bytes(key->bytes()).size(), 6u);
}

}  // namespace
}  // namespace sockeye::tcp
