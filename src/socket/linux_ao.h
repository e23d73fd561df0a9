// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The structures of TCP_AO_* as Linux's linux/tcp.h lays them out, without the sockaddr_storage with which
// all but one begin. C libraries do not have them yet. Bit fields are the low bits of a word of flags.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tcp/ao.h"

namespace sockeye {

inline constexpr std::size_t kAoAddressBytes = sizeof(sockaddr_storage);
inline constexpr std::uint32_t kAoSetCurrent = 1, kAoSetNext = 2;  // of the flag words below
inline constexpr std::uint8_t kAoExcludeOptions = 2;               // TCP_AO_KEYF_EXCLUDE_OPT

// struct tcp_ao_add, behind its address.
struct LinuxAoAdd {
  char algorithm[64];
  std::int32_t interface_index;
  std::uint32_t flags;
  std::uint16_t reserved;
  std::uint8_t prefix;
  std::uint8_t send_id;
  std::uint8_t receive_id;
  std::uint8_t code_bytes;
  std::uint8_t key_flags;
  std::uint8_t key_bytes;
  std::array<std::byte, tcp::AoKey::kBytesMax> key;
};
static_assert(kAoAddressBytes + sizeof(LinuxAoAdd) == 288);

// struct tcp_ao_del, behind its address.
struct LinuxAoDel {
  std::int32_t interface_index;
  std::uint32_t flags;  // bit 2: del_async
  std::uint16_t reserved;
  std::uint8_t prefix;
  std::uint8_t send_id;
  std::uint8_t receive_id;
  std::uint8_t current;
  std::uint8_t next;
  std::uint8_t key_flags;
};
static_assert(kAoAddressBytes + sizeof(LinuxAoDel) == 144);

// struct tcp_ao_info_opt.
struct LinuxAoInfo {
  static constexpr std::uint32_t kRequired = 4, kSetCounters = 8, kAcceptIcmp = 16, kKnown = 31;
  std::uint32_t flags;  // also kAoSetCurrent, kAoSetNext
  std::uint16_t reserved;
  std::uint8_t current;
  std::uint8_t next;
  std::uint64_t good;
  std::uint64_t bad;
  std::uint64_t key_not_found;
  std::uint64_t required;
  std::uint64_t dropped_icmp;
};
static_assert(sizeof(LinuxAoInfo) == 48);

// struct tcp_ao_getsockopt: question (the first of an array) and answer (all of them).
struct LinuxAoEntry {
  static constexpr std::uint16_t kIsCurrent = 1, kIsNext = 2, kGetAll = 4, kKnown = 7;
  std::array<std::byte, sizeof(sockaddr_storage)> address;
  char algorithm[64];
  std::array<std::byte, tcp::AoKey::kBytesMax> key;
  std::uint32_t count;  // in: of the array; out: how many keys matched
  std::uint16_t flags;
  std::uint8_t send_id;
  std::uint8_t receive_id;
  std::uint8_t prefix;
  std::uint8_t code_bytes;
  std::uint8_t key_flags;
  std::uint8_t key_bytes;
  std::int32_t interface_index;
  std::uint64_t good;
  std::uint64_t bad;
};
static_assert(sizeof(LinuxAoEntry) == 304 && offsetof(LinuxAoEntry, count) == 272);

}  // namespace sockeye
