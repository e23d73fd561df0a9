// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every socket option that this stack knows, as one table: what it is called, which sockets have it,
// what values it takes, and what it does. setsockopt(2) and getsockopt(2) are look-ups in it, and the
// reference page is printed from it. An option that is not in the table, or has no setter (getter), is
// refused with ENOPROTOOPT; none is accepted and ignored.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"

namespace sockeye {

class BaseSocket;

enum class OptionKind : std::uint8_t {
  integer,    // an int between minimum and maximum, else EINVAL
  boolean,    // an int; anything but 0 is 1
  structure,  // bytes of its own
};

// What a value shorter than an int means.
enum class ShortValue : std::uint8_t {
  by_level,     // IPPROTO_IP: a single byte, or nothing for 0; elsewhere EINVAL
  not_nothing,  // as by_level, but no value is EINVAL
  zero,         // anything shorter is 0
};

struct OptionRow {
  static constexpr std::uint8_t kStream = 1, kDatagram = 2, kBoth = 3;

  int level = 0;
  int name = 0;
  std::string_view text{};  // "SO_REUSEADDR"
  OptionKind kind = OptionKind::integer;
  std::uint8_t sockets = kBoth;
  bool v6_only = false;  // AF_INET6 sockets
  ShortValue short_value = ShortValue::by_level;
  int minimum = 0;
  int maximum = 0;
  Result<> (*set)(BaseSocket&, int) = nullptr;
  Result<int> (*get)(const BaseSocket&) = nullptr;
  Result<> (*set_bytes)(BaseSocket&, Bytes) = nullptr;
  Result<std::size_t> (*get_bytes)(BaseSocket&, MutableBytes) = nullptr;
  std::string_view effect{};  // one sentence for the reference page
};

std::span<const OptionRow> socket_level_options();  // SOL_SOCKET
std::span<const OptionRow> ip_level_options();      // IPPROTO_IP and IPPROTO_IPV6
std::span<const OptionRow> tcp_level_options();     // IPPROTO_TCP
// The rest of SOL_SOCKET and IPPROTO_TCP: what is to be told.
std::span<const OptionRow> socket_report_options();
std::span<const OptionRow> tcp_report_options();
std::span<const OptionRow> tcp_signature_options();  // the keys of signed segments

}  // namespace sockeye
