// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A block:  type | total length | body, padded to 4 | total length.  Numbers are written
// little-endian on every machine; the section header's magic says so.
#include "link/pcapng.h"

#include "core/assert.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kEndOfOptions = 0, kComment = 1;
constexpr std::uint16_t kSectionApplication = 4;
constexpr std::uint16_t kInterfaceName = 2, kInterfaceIpv4 = 4, kInterfaceIpv6 = 5, kInterfaceResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint32_t kLinkTypeRaw = 101;
constexpr std::uint32_t kInbound = 1, kOutbound = 2;

Bytes text_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

PcapngWriter::PcapngWriter(ByteSink& sink, Duration epoch) : sink_(sink), epoch_(epoch) {
  begin(kSectionHeader);
  u32(kByteOrderMagic);
  u16(1);
  u16(0);
  u32(0xffffffff);  // the section's length is not known
  u32(0xffffffff);
  option(kSectionApplication, text_bytes("sockeye"));
  option(kEndOfOptions, {});
  end();
}

std::uint32_t PcapngWriter::add_interface(std::string_view name, std::span<const IpAddress> addresses) {
  begin(kInterface);
  u16(kLinkTypeRaw);
  u16(0);
  u32(0);  // no limit to a packet's captured bytes
  option(kInterfaceName, text_bytes(name));
  for (const IpAddress& address : addresses) {
    const auto bytes = std::as_bytes(std::span(address.bytes()));
    std::vector<std::byte> value;
    if (address.is_v4()) {
      value.assign(bytes.begin() + 12, bytes.end());
      value.insert(value.end(), 4, std::byte{255});  // the mask: the host alone
      option(kInterfaceIpv4, value);
    } else {
      value.assign(bytes.begin(), bytes.end());
      value.push_back(std::byte{128});
      option(kInterfaceIpv6, value);
    }
  }
  const std::byte nanoseconds[] = {std::byte{9}};
  option(kInterfaceResolution, nanoseconds);
  option(kEndOfOptions, {});
  end();
  return interfaces_++;
}

void PcapngWriter::packet(Instant at, std::uint32_t interface, bool outbound, const Packet& packet,
                          std::string_view comment) {
  SOCKEYE_ASSERT(interface < interfaces_);
  const auto time = static_cast<std::uint64_t>(to_ns(at.time_since_epoch() + epoch_));
  begin(kEnhancedPacket);
  u32(interface);
  u32(static_cast<std::uint32_t>(time >> 32));
  u32(static_cast<std::uint32_t>(time));
  u32(packet.size());
  u32(packet.size());
  const std::size_t data = block_.size();
  block_.resize(data + (packet.size() + 3) / 4 * 4);
  packet.serialize(MutableBytes(block_).subspan(data));
  if (!comment.empty()) option(kComment, text_bytes(comment.substr(0, 0xffff)));
  const std::byte flags[] = {static_cast<std::byte>(outbound ? kOutbound : kInbound), {}, {}, {}};
  option(kPacketFlags, flags);
  option(kEndOfOptions, {});
  end();
}

void PcapngWriter::begin(std::uint32_t type) {
  block_.clear();
  u32(type);
  u32(0);  // the length, when it is known
}

void PcapngWriter::u16(std::uint32_t value) {
  block_.push_back(static_cast<std::byte>(value & 0xff));
  block_.push_back(static_cast<std::byte>(value >> 8 & 0xff));
}

void PcapngWriter::u32(std::uint32_t value) {
  u16(value & 0xffff);
  u16(value >> 16);
}

void PcapngWriter::option(std::uint16_t code, Bytes value) {
  u16(code);
  u16(static_cast<std::uint32_t>(value.size()));
  block_.insert(block_.end(), value.begin(), value.end());
  block_.resize((block_.size() + 3) / 4 * 4);
}

void PcapngWriter::end() {
  const auto total = static_cast<std::uint32_t>(block_.size() + 4);
  u32(total);
  for (std::size_t i = 0; i < 4; ++i) block_[4 + i] = static_cast<std::byte>(total >> (8 * i) & 0xff);
  sink_.write(block_);
}

}  // namespace sockeye
