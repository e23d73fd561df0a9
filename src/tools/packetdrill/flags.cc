// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/packetdrill/flags.h"

#include <algorithm>
#include <charconv>

namespace sockeye::packetdrill {
namespace {

constexpr std::string_view kUsualAddresses = "192.168.0.1/16,fd3d:a0b:17d6::1/64";
constexpr std::uint64_t kMtuLeast = 68;  // RFC 791
constexpr std::uint64_t kMtuMost = 65535;

bool read_number(std::string_view text, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
  return bad == std::errc() && end == text.data() + text.size() && out >= least && out <= most;
}

bool read_item(std::string_view key, std::string_view value, Flags& flags) {
  std::uint64_t number = 0;
  if (key == "ip") {
    if (!flags.addresses.empty()) flags.addresses += ',';
    flags.addresses += value;
  } else if (key == "mtu" && read_number(value, kMtuLeast, kMtuMost, number)) {
    flags.mtu = static_cast<std::uint32_t>(number);
  } else if (key == "tso" && read_number(value, 0, 1, number)) {
    flags.tso = number != 0;
  } else if (key == "seed" && read_number(value, 0, UINT64_MAX, number)) {
    flags.seed = number;
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<Flags> parse_flags(std::string_view text) {
  Flags flags;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    if (!read_item(item.substr(0, equals), item.substr(equals + 1), flags)) return std::nullopt;
  }
  if (flags.addresses.empty()) flags.addresses = kUsualAddresses;
  return flags;
}

}  // namespace sockeye::packetdrill
