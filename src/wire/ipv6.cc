// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/ipv6.h"

#include <cstring>

namespace sockeye {

IpAddress load_ipv6_address(const std::byte* at) {
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), at, bytes.size());
  return IpAddress::v6(bytes);
}

void store_ipv6_address(std::byte* at, const IpAddress& address) {
  std::memcpy(at, address.bytes().data(), 16);
}

std::optional<Drop> parse_ipv6(Bytes header, std::size_t packet_bytes, Ipv6Header& out) {
  const std::byte* at = header.data();
  const std::uint32_t first = load32(at);
  if (first >> 28 != 6) return Drop::bad_version;
  out.traffic_class = static_cast<std::uint8_t>(first >> 20);
  out.flow_label = first & 0xfffff;
  out.payload_bytes = load16(at + 4);
  out.next_header = load8(at + 6);
  out.hop_limit = load8(at + 7);
  out.source = load_ipv6_address(at + 8);
  out.destination = load_ipv6_address(at + 24);
  if (kIpv6HeaderBytes + std::size_t{out.payload_bytes} > packet_bytes) return Drop::truncated;
  if (out.source.is_v4() || out.destination.is_v4()) return Drop::mapped_on_wire;
  return std::nullopt;
}

void emit_ipv6(const Ipv6Header& header, MutableBytes out) {
  std::byte* at = out.data();
  store32(at, 0x60000000u | static_cast<std::uint32_t>(header.traffic_class) << 20 |
                  (header.flow_label & 0xfffff));
  store16(at + 4, header.payload_bytes);
  store8(at + 6, header.next_header);
  store8(at + 7, header.hop_limit);
  store_ipv6_address(at + 8, header.source);
  store_ipv6_address(at + 24, header.destination);
}

void emit_ipv6_fragment(const Ipv6Fragment& fragment, MutableBytes out) {
  std::byte* at = out.data();
  store8(at, fragment.next_header);
  store8(at + 1, 0);
  store16(at + 2, static_cast<std::uint16_t>((fragment.offset & 0xfff8u) | (fragment.more ? 1u : 0u)));
  store32(at + 4, fragment.identification);
}

namespace {

constexpr std::uint8_t kOptionPad1 = 0;
constexpr std::uint8_t kOptionPadN = 1;

// One walk over the chain. Every step moves forward by at least eight bytes, so it ends.
class Walker {
 public:
  Walker(Bytes front, std::uint32_t packet_bytes, Ipv6Walk& walk)
      : front_(front), packet_bytes_(packet_bytes), walk_(walk) {}

  void run(std::uint8_t next_header) {
    walk_.protocol = next_header;
    for (unsigned count = 0;; ++count) {
      const auto protocol = static_cast<IpProtocol>(walk_.protocol);
      switch (protocol) {
        case IpProtocol::hop_by_hop:
          // RFC 8200 4.1: only directly behind the fixed header.
          if (count != 0) return fail(Drop::bad_extension_header, {1, walk_.next_header_at});
          [[fallthrough]];
        case IpProtocol::destination_options:
          if (!step_options()) return;
          break;
        case IpProtocol::routing:
          if (!step_routing()) return;
          break;
        case IpProtocol::fragment:
          if (!step_fragment()) return;
          break;
        default:
          return;
      }
      if (count + 1 == kIpv6ExtensionsMax && is_extension(walk_.protocol))
        return fail(Drop::bad_extension_header, {1, walk_.next_header_at});
    }
  }

 private:
  static bool is_extension(std::uint8_t protocol) {
    const auto p = static_cast<IpProtocol>(protocol);
    return p == IpProtocol::hop_by_hop || p == IpProtocol::destination_options || p == IpProtocol::routing ||
           p == IpProtocol::fragment;
  }
  void fail(Drop drop, Ipv6Problem problem) {
    walk_.drop = drop;
    walk_.problem = problem;
  }
  bool fail_quietly(Drop drop) {
    walk_.drop = drop;
    return false;
  }

  // The bytes of an extension header of the usual shape at the current place; empty after a failure.
  Bytes current() {
    const std::uint32_t at = walk_.header_bytes;
    if (packet_bytes_ - at < 8) {
      // RFC 7112 5: a first fragment must hold the whole chain.
      if (in_first_fragment_)
        fail(Drop::bad_fragment, {3, 0});
      else
        walk_.drop = Drop::truncated;
      return {};
    }
    if (front_.size() < at + 8) {
      walk_.drop = Drop::bad_extension_header;
      return {};
    }
    const std::uint32_t length = (load8(front_.data() + at + 1) + 1u) * 8u;
    extension_bytes_ += length;
    if (length > packet_bytes_ - at) {
      if (in_first_fragment_)
        fail(Drop::bad_fragment, {3, 0});
      else
        fail(Drop::bad_extension_header, {0, at + 1});
      return {};
    }
    if (extension_bytes_ > kIpv6ExtensionBytesMax || front_.size() < at + length) {
      fail(Drop::bad_extension_header, {0, at + 1});
      return {};
    }
    return front_.subspan(at, length);
  }
  void advance(Bytes extension) {
    walk_.protocol = load8(extension.data());
    walk_.next_header_at = walk_.header_bytes;
    walk_.header_bytes += static_cast<std::uint32_t>(extension.size());
  }

  bool step_options() {
    const Bytes extension = current();
    if (extension.empty()) return false;
    std::size_t at = 2;
    while (at < extension.size()) {
      const std::uint8_t type = load8(extension.data() + at);
      if (type == kOptionPad1) {
        ++at;
        continue;
      }
      if (at + 2 > extension.size() || at + 2u + load8(extension.data() + at + 1) > extension.size()) {
        fail(Drop::bad_extension_header, {0, walk_.header_bytes + static_cast<std::uint32_t>(at)});
        return false;
      }
      if (type != kOptionPadN && !unknown_option(type, walk_.header_bytes + static_cast<std::uint32_t>(at)))
        return false;
      at += 2u + load8(extension.data() + at + 1);
    }
    advance(extension);
    return true;
  }

  // RFC 8200 4.2: the two highest bits of an unknown option's type say what to do.
  bool unknown_option(std::uint8_t type, std::uint32_t at) {
    switch (type >> 6) {
      case 0:
        return true;
      case 1:
        return fail_quietly(Drop::bad_extension_header);
      default:
        fail(Drop::bad_extension_header, {2, at, type >> 6 == 2});
        return false;
    }
  }

  bool step_routing() {
    const Bytes extension = current();
    if (extension.empty()) return false;
    if (load8(extension.data() + 3) != 0) {  // segments left: we forward for nobody (RFC 5095)
      fail(Drop::routing_header, {0, walk_.header_bytes + 2});
      return false;
    }
    advance(extension);
    return true;
  }

  bool step_fragment() {
    const std::uint32_t at = walk_.header_bytes;
    if (packet_bytes_ - at < kIpv6FragmentHeaderBytes) return fail_quietly(Drop::truncated);
    if (front_.size() < at + kIpv6FragmentHeaderBytes || walk_.fragment)
      return fail_quietly(Drop::bad_extension_header);
    const std::byte* header = front_.data() + at;
    const std::uint16_t field = load16(header + 2);
    Ipv6Fragment fragment{load8(header), static_cast<std::uint16_t>(field & 0xfff8), (field & 1) != 0,
                          load32(header + 4)};
    walk_.fragment_at = at;
    walk_.fragment_link_at = walk_.next_header_at;
    walk_.next_header_at = at;
    walk_.header_bytes = at + kIpv6FragmentHeaderBytes;
    walk_.protocol = fragment.next_header;
    walk_.fragment = fragment;
    // Only the first fragment (or an atomic one, RFC 6946) goes on with headers.
    in_first_fragment_ = fragment.offset == 0 && fragment.more;
    return fragment.offset == 0;
  }

  Bytes front_;
  std::uint32_t packet_bytes_;
  Ipv6Walk& walk_;
  std::uint32_t extension_bytes_ = 0;
  bool in_first_fragment_ = false;
};

}  // namespace

Ipv6Walk walk_ipv6_extensions(Bytes front, std::uint32_t packet_bytes, const Ipv6Header& header) {
  Ipv6Walk walk;
  Walker(front, packet_bytes, walk).run(header.next_header);
  return walk;
}

}  // namespace sockeye
