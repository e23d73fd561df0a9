// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The capture file, read back by a reader of our own and, where it is installed, by tshark.
#include "link/pcapng.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "wire/ipv4.h"
#include "wire/udp.h"

namespace sockeye {
namespace {

struct MemorySink final : ByteSink {
  void write(Bytes more) override { bytes.insert(bytes.end(), more.begin(), more.end()); }
  std::vector<std::byte> bytes;
};

std::uint32_t number(Bytes bytes, std::size_t at, std::size_t size = 4) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

std::string text(Bytes bytes) {
  std::string out;
  for (const std::byte byte : bytes) out += static_cast<char>(byte);
  return out;
}

struct Block {
  std::uint32_t type = 0;
  std::vector<std::byte> body{};
  std::vector<std::pair<std::uint32_t, std::string>> options{};
  std::string option(std::uint32_t code) const {
    for (const auto& [found, value] : options)
      if (found == code) return value;
    return "(none)";
  }
};

// Every rule of the format that a reader may rely on is checked on the way.
std::vector<Block> read_blocks(Bytes file) {
  std::vector<Block> blocks;
  for (std::size_t at = 0; at < file.size();) {
    Block block;
    block.type = number(file, at);
    const std::uint32_t total = number(file, at + 4);
    EXPECT_EQ(total % 4, 0U);
    if (total < 12 || at + total > file.size()) {
      ADD_FAILURE() << "block length " << total;
      return blocks;
    }
    EXPECT_EQ(number(file, at + total - 4), total);
    const Bytes body = file.subspan(at + 8, total - 12);
    block.body.assign(body.begin(), body.end());
    std::size_t options = block.type == 0x0a0d0d0a ? 16
                          : block.type == 1        ? 8
                                                   : 20 + (number(body, 12) + 3) / 4 * 4;
    for (;;) {
      const std::uint32_t code = number(body, options, 2);
      const std::uint32_t length = number(body, options + 2, 2);
      if (code == 0) break;
      block.options.emplace_back(code, text(body.subspan(options + 4, length)));
      options += 4 + (length + 3) / 4 * 4;
    }
    EXPECT_EQ(options + 4, body.size());
    blocks.push_back(std::move(block));
    at += total;
  }
  return blocks;
}

PacketPtr udp_packet(PacketPool& pool, std::size_t bytes) {
  PacketPtr packet = pool.allocate();
  std::vector<std::byte> payload(bytes, std::byte{'x'});
  packet->append(Slice(pool.chunks().copy_of(payload), 0, static_cast<std::uint32_t>(bytes)));
  emit_udp({1000, 2000, static_cast<std::uint16_t>(bytes + 8), 0}, packet->push_front(8));
  Ipv4Header ip;
  ip.source = IpAddress::v4(10, 0, 0, 1);
  ip.destination = IpAddress::v4(10, 0, 0, 2);
  ip.protocol = 17;
  ip.total_bytes = static_cast<std::uint16_t>(packet->size() + 20);
  emit_ipv4(ip, packet->push_front(20));
  return packet;
}

void write_sample(PacketPool& pool, ByteSink& sink) {
  PcapngWriter writer(sink, 1'700'000'000s);
  const IpAddress addresses[] = {IpAddress::v4(10, 0, 0, 1), *IpAddress::parse("fd00::1")};
  const std::uint32_t client = writer.add_interface("client", addresses);
  const PacketPtr packet = udp_packet(pool, 5);
  writer.packet(Instant(123456789ns), client, true, *packet);
  const std::uint32_t server = writer.add_interface("server", {});  // may come late
  writer.packet(Instant(5s), server, false, *packet);
  writer.packet(Instant(6s), client, true, *packet, "dropped: loss: the network model lost it");
}

TEST(Pcapng, IsReadBack) {
  PacketPool pool;
  MemorySink sink;
  write_sample(pool, sink);
  const auto blocks = read_blocks(sink.bytes);
  ASSERT_EQ(blocks.size(), 6U);
  EXPECT_EQ(blocks[0].type, 0x0a0d0d0aU);
  EXPECT_EQ(number(blocks[0].body, 0), 0x1a2b3c4dU);
  EXPECT_EQ(blocks[1].type, 1U);
  EXPECT_EQ(number(blocks[1].body, 0, 2), 101U);  // LINKTYPE_RAW
  EXPECT_EQ(blocks[1].option(2), "client");
  EXPECT_EQ(blocks[1].option(9), "\x09");
  EXPECT_EQ(blocks[1].option(4), std::string("\x0a\0\0\x01\xff\xff\xff\xff", 8));
  EXPECT_EQ(blocks[1].option(5).size(), 17U);
  const Block& first = blocks[2];
  EXPECT_EQ(first.type, 6U);
  EXPECT_EQ(number(first.body, 0), 0U);
  const std::uint64_t time = std::uint64_t{number(first.body, 4)} << 32 | number(first.body, 8);
  EXPECT_EQ(time, 1'700'000'000'123'456'789U);
  EXPECT_EQ(number(first.body, 12), 33U);
  EXPECT_EQ(number(first.body, 16), 33U);
  std::vector<std::byte> bytes(33);
  udp_packet(pool, 5)->serialize(bytes);
  EXPECT_EQ(text(Bytes(first.body).subspan(20, 33)), text(bytes));
  EXPECT_EQ(first.option(1), "(none)");
  EXPECT_EQ(first.option(2), std::string("\x02\0\0\0", 4));  // outbound
  EXPECT_EQ(blocks[4].option(2), std::string("\x01\0\0\0", 4));
  EXPECT_EQ(number(blocks[4].body, 0), 1U);
  EXPECT_EQ(blocks[5].option(1), "dropped: loss: the network model lost it");
}

TEST(Pcapng, CarriesTheLargestPacket) {
  PacketPool pool;
  MemorySink sink;
  PcapngWriter writer(sink);
  writer.add_interface("", {});
  writer.packet(Instant(), 0, true, *udp_packet(pool, 65507 - 100));
  const auto blocks = read_blocks(sink.bytes);
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(number(blocks[2].body, 12), 65435U);
}

// Runs a command and gives what it printed; empty when it failed.
std::optional<std::string> output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string out;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, got);
  return pclose(pipe) == 0 ? std::optional(out) : std::nullopt;
}

TEST(Pcapng, IsReadByTshark) {
  if (!output_of("tshark --version 2>/dev/null")) GTEST_SKIP() << "tshark is not installed";
  PacketPool pool;
  MemorySink sink;
  write_sample(pool, sink);
  std::string path = ::testing::TempDir() + "sockeye_pcapng_test_" + std::to_string(getpid()) + ".pcapng";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(sink.bytes.data()),
             static_cast<std::streamsize>(sink.bytes.size()));
  const auto out =
      output_of("tshark -r '" + path +
                "' -T fields -e frame.interface_name -e frame.time_epoch -e frame.packet_flags_direction"
                " -e ip.dst -e udp.dstport -e frame.comment -e _ws.malformed 2>&1");
  std::remove(path.c_str());
  ASSERT_TRUE(out);
  std::istringstream lines(*out);
  std::vector<std::string> seen;
  for (std::string line; std::getline(lines, line);)
    if (line.find("Running as user") == std::string::npos) seen.push_back(line);
  ASSERT_EQ(seen.size(), 3U) << *out;
  EXPECT_EQ(seen[0], "client\t1700000000.123456789\t0x00000002\t10.0.0.2\t2000\t\t");
  EXPECT_EQ(seen[1], "server\t1700000005.000000000\t0x00000001\t10.0.0.2\t2000\t\t");
  EXPECT_EQ(
      seen[2],
      "client\t1700000006.000000000\t0x00000002\t10.0.0.2\t2000\tdropped: loss: the network model lost it\t");
}

}  // namespace
}  // namespace sockeye
