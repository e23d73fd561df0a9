// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Text forms of addresses: RFC 4291 2.2 to read, RFC 5952 to write. No scope identifiers ("%eth0"):
// our links are point to point and carry no link-local traffic.
#include "core/ip_address.h"

#include <bit>
#include <charconv>

namespace sockeye {
namespace {

// A half of an address as the number that its bytes write.
std::uint64_t in_host_order(std::uint64_t half) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(half) : half;
}

std::optional<IpAddress> parse_v4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || number > 255 || digits > 3) return std::nullopt;
    value = value << 8 | number;
    text.remove_prefix(digits);
    if (part == 3) break;
    if (text.empty() || text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return IpAddress::v4(value);
}

// Reads colon-separated groups (the last may be a dotted quad) into out; the number of bytes, or -1.
int parse_groups(std::string_view text, std::array<std::uint8_t, 16>& out) {
  int bytes = 0;
  while (!text.empty()) {
    if (text.find(':') == std::string_view::npos && text.find('.') != std::string_view::npos) {
      const auto quad = parse_v4(text);
      if (!quad || bytes > 12) return -1;
      for (int i = 0; i < 4; ++i)
        out[static_cast<std::size_t>(bytes++)] = quad->bytes()[static_cast<std::size_t>(12 + i)];
      return bytes;
    }
    unsigned group = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), group, 16);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || digits == 0 || digits > 4 || bytes > 14) return -1;
    out[static_cast<std::size_t>(bytes++)] = static_cast<std::uint8_t>(group >> 8);
    out[static_cast<std::size_t>(bytes++)] = static_cast<std::uint8_t>(group);
    text.remove_prefix(digits);
    if (text.empty()) return bytes;
    if (text[0] != ':' || text.size() == 1) return -1;
    text.remove_prefix(1);
  }
  return bytes;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  std::array<std::uint8_t, 16> head{};
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (parse_groups(text, head) != 16) return std::nullopt;
    return IpAddress::v6(head);
  }
  std::array<std::uint8_t, 16> tail{};
  const int before = parse_groups(text.substr(0, gap), head);
  const int after = parse_groups(text.substr(gap + 2), tail);
  if (before < 0 || after < 0 || before + after > 14) return std::nullopt;
  for (int i = 0; i < after; ++i)
    head[static_cast<std::size_t>(16 - after + i)] = tail[static_cast<std::size_t>(i)];
  return IpAddress::v6(head);
}

void append_hex(std::string& out, unsigned value) {
  char text[8];
  const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
  out.append(text, end);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  return parse_v4(text);
}

bool IpAddress::same_prefix(const IpAddress& other, unsigned length) const {
  if (is_v4() != other.is_v4()) return false;
  if (is_v4()) length += 96;
  const std::uint64_t high_differs = in_host_order(high() ^ other.high());
  const std::uint64_t low_differs = in_host_order(low() ^ other.low());
  if (length < 64) return length == 0 || high_differs >> (64 - length) == 0;
  return high_differs == 0 && (length == 64 || low_differs >> (128 - length) == 0);
}

std::string IpAddress::to_string() const {
  std::string out;
  if (is_v4()) {
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) out += '.';
      out += std::to_string(bytes_[i]);
    }
    return out;
  }
  unsigned groups[8];
  for (std::size_t i = 0; i < 8; ++i)
    groups[i] = static_cast<unsigned>(bytes_[2 * i]) << 8 | bytes_[2 * i + 1];
  int best = -1;
  int best_length = 1;  // RFC 5952 4.2.2: a single zero group is not shortened
  for (int i = 0; i < 8; ++i) {
    int length = 0;
    while (i + length < 8 && groups[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_hex(out, groups[i]);
  }
  return out;
}

std::string Endpoint::to_string() const {
  const std::string number = std::to_string(port);
  if (address.is_v4()) return address.to_string() + ':' + number;
  return '[' + address.to_string() + "]:" + number;
}

}  // namespace sockeye
