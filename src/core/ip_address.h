// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// IpAddress, Endpoint, FiveTuple: words that every floor speaks. An IPv4 address is kept as the
// IPv4-mapped IPv6 address ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that one table serves both families
// and a dual-stack socket needs no second key. On the wire a mapped address never appears; ip/ drops
// it (RFC 4942 2.2).
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockeye {

class IpAddress {
 public:
  constexpr IpAddress() = default;  // ::
  static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    IpAddress address;
    address.bytes_ = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
    return address;
  }
  // From a number in host order: 0x7f000001 is 127.0.0.1.
  static constexpr IpAddress v4(std::uint32_t host_order) {
    if constexpr (std::endian::native == std::endian::little) {  // two words instead of sixteen bytes
      IpAddress address;
      const std::uint64_t low = std::uint64_t{__builtin_bswap32(host_order)} << 32 | 0xffff0000u;
      address.bytes_ = std::bit_cast<std::array<std::uint8_t, 16>>(std::array<std::uint64_t, 2>{0, low});
      return address;
    }
    return v4(static_cast<std::uint8_t>(host_order >> 24), static_cast<std::uint8_t>(host_order >> 16),
              static_cast<std::uint8_t>(host_order >> 8), static_cast<std::uint8_t>(host_order));
  }
  static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& bytes) {
    IpAddress address;
    address.bytes_ = bytes;
    return address;
  }
  static constexpr IpAddress any_v4() { return v4(0, 0, 0, 0); }
  static constexpr IpAddress any_v6() { return IpAddress(); }
  static constexpr IpAddress loopback_v4() { return v4(127, 0, 0, 1); }
  static constexpr IpAddress loopback_v6() { return v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}); }
  static std::optional<IpAddress> parse(std::string_view text);

  // By words here and in ==: every packet asks several times.
  constexpr bool is_v4() const {
    constexpr auto mask = std::bit_cast<std::uint64_t>(std::array<std::uint8_t, 8>{255, 255, 255, 255});
    constexpr auto mapped = std::bit_cast<std::uint64_t>(std::array<std::uint8_t, 8>{0, 0, 255, 255});
    return high() == 0 && (low() & mask) == mapped;
  }
  constexpr bool is_v6() const { return !is_v4(); }
  constexpr std::uint32_t to_v4() const {  // host order; only for an is_v4() address
    return static_cast<std::uint32_t>(bytes_[12]) << 24 | static_cast<std::uint32_t>(bytes_[13]) << 16 |
           static_cast<std::uint32_t>(bytes_[14]) << 8 | bytes_[15];
  }
  constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  constexpr bool is_unspecified() const { return *this == any_v6() || *this == any_v4(); }
  constexpr bool is_loopback() const { return is_v4() ? bytes_[12] == 127 : *this == loopback_v6(); }
  constexpr bool is_multicast() const { return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }
  constexpr bool is_limited_broadcast() const { return *this == v4(255, 255, 255, 255); }
  constexpr bool is_link_local() const {
    return is_v4() ? bytes_[12] == 169 && bytes_[13] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
  }
  // Do the first `length` bits agree? length counts within the family: 0..32 or 0..128.
  bool same_prefix(const IpAddress& other, unsigned length) const;

  // The halves in memory order: for hashing and comparing, not for counting.
  constexpr std::uint64_t high() const { return words()[0]; }
  constexpr std::uint64_t low() const { return words()[1]; }

  std::string to_string() const;  // "10.0.0.1", "2001:db8::1" (RFC 5952)

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.low() == b.low() && a.high() == b.high();
  }

 private:
  constexpr std::array<std::uint64_t, 2> words() const {
    return std::bit_cast<std::array<std::uint64_t, 2>>(bytes_);
  }
  std::array<std::uint8_t, 16> bytes_{};
};

struct Endpoint {
  IpAddress address{};
  std::uint16_t port = 0;  // host order

  std::string to_string() const;  // "10.0.0.1:80", "[2001:db8::1]:80"
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// The identity of a connection at one host: local end first. The protocol is implied by the table.
struct FiveTuple {
  Endpoint local{};
  Endpoint remote{};
  friend constexpr auto operator<=>(const FiveTuple&, const FiveTuple&) = default;
};

enum class IpProtocol : std::uint8_t {
  hop_by_hop = 0,
  icmp = 1,
  tcp = 6,
  udp = 17,
  routing = 43,
  fragment = 44,
  icmpv6 = 58,
  no_next_header = 59,
  destination_options = 60,
};

}  // namespace sockeye
