// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/ao.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/hash.h"
#include "wire/tcp.h"

namespace sockeye::tcp {
namespace {

Bytes address_bytes(const IpAddress& address) {
  const Bytes whole = std::as_bytes(std::span(address.bytes()));
  return address.is_v4() ? whole.subspan(12) : whole;
}

// RFC 5926 3.1.1.2: a master key that is not 16 bytes long is made so.
AesBlock aes_key(Bytes secret) {
  AesBlock key{};
  if (secret.size() == key.size()) {
    std::copy(secret.begin(), secret.end(), key.begin());
    return key;
  }
  AesCmac mac(key);
  mac.update(secret);
  return mac.finish();
}

AesBlock first16(const AoTrafficKey& key) {
  AesBlock block{};
  std::copy_n(key.begin(), block.size(), block.begin());
  return block;
}

// What is covered (RFC 5925 5.1), into either algorithm.
template <class Mac>
void add_segment(Mac& mac, const AoKey& key, std::uint32_t extension, const FiveTuple& from_to, Bytes header,
                 std::uint32_t option_at, const Packet& packet, std::uint32_t header_in_packet) {
  std::array<std::byte, 44> room{};
  ByteWriter pseudo(room);
  pseudo.u32(extension);
  pseudo.bytes(address_bytes(from_to.local.address));
  pseudo.bytes(address_bytes(from_to.remote.address));
  const auto bytes = static_cast<std::uint32_t>(header.size()) + packet.size() - header_in_packet;
  if (from_to.local.address.is_v4()) {
    pseudo.u16(static_cast<std::uint16_t>(IpProtocol::tcp));
    pseudo.u16(static_cast<std::uint16_t>(bytes));
  } else {
    pseudo.u32(bytes);
    pseudo.u32(static_cast<std::uint32_t>(IpProtocol::tcp));
  }
  mac.update(Bytes(room).first(pseudo.size()));
  std::array<std::byte, kTcpHeaderMax> copy{};
  std::memcpy(copy.data(), header.data(), header.size());
  store16(copy.data() + 16, 0);  // the checksum is made later
  std::memset(copy.data() + option_at + 4, 0, key.code_bytes);
  if (key.excludes_options) {
    mac.update(Bytes(copy).first(kTcpHeaderMin));
    mac.update(Bytes(copy).subspan(option_at, key.option_bytes()));
  } else {
    mac.update(Bytes(copy).first(header.size()));
  }
  mac.update(packet.head().subspan(header_in_packet));
  for (const Slice& slice : packet.slices()) mac.update(slice.bytes());
}

}  // namespace

AoTrafficKey ao_traffic_key(const AoKey& key, const Endpoint& source, const Endpoint& destination,
                            const AoIsns& isns) {
  constexpr std::string_view kLabel = "TCP-AO";
  const bool is_sha1 = key.algorithm == AoKey::Algorithm::hmac_sha1;
  std::array<std::byte, 64> room{};
  ByteWriter input(room);
  input.u8(1);  // the first block of output is all that is needed
  input.bytes(std::as_bytes(std::span(kLabel.data(), kLabel.size())));
  input.bytes(address_bytes(source.address));
  input.bytes(address_bytes(destination.address));
  input.u16(source.port);
  input.u16(destination.port);
  input.u32(isns.source.value());
  input.u32(isns.destination.value());
  input.u16(is_sha1 ? 160 : 128);
  const Bytes bytes = Bytes(room).first(input.size());
  AoTrafficKey traffic{};
  if (is_sha1) {
    HmacSha1 mac(key.bytes());
    mac.update(bytes);
    return mac.finish();
  }
  AesCmac mac(aes_key(key.bytes()));
  mac.update(bytes);
  const AesBlock block = mac.finish();
  std::copy(block.begin(), block.end(), traffic.begin());
  return traffic;
}

AoCode ao_code(const AoKey& key, const AoTrafficKey& traffic_key, std::uint32_t extension,
               const FiveTuple& from_to, Bytes header, std::uint32_t option_at, const Packet& packet,
               std::uint32_t header_in_packet) {
  AoCode code{};
  if (key.algorithm == AoKey::Algorithm::hmac_sha1) {
    HmacSha1 mac(traffic_key);
    add_segment(mac, key, extension, from_to, header, option_at, packet, header_in_packet);
    return mac.finish();
  }
  AesCmac mac(first16(traffic_key));
  add_segment(mac, key, extension, from_to, header, option_at, packet, header_in_packet);
  const AesBlock block = mac.finish();
  std::copy(block.begin(), block.end(), code.begin());
  return code;
}

}  // namespace sockeye::tcp
