// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// getsockopt(2) says how many bytes the value has, and does not read it; but for TCP-AO. TCP_AO_INFO is read
// to see that its reserved bits are zero, and the length given with TCP_AO_GET_KEYS is that of one structure,
// of as many as the first of them says. Who carries a getsockopt() to a Socket needs to know.
#pragma once

#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/bytes.h"
#include "socket/linux_ao.h"
#include "socket/options_signature.h"

namespace sockeye {

namespace detail {

// `first`: the first structure; its field nkeys.
inline std::uint32_t ao_keys_count(Bytes first) {
  std::uint32_t count = 0;
  constexpr std::size_t kAt = offsetof(LinuxAoEntry, count);
  if (first.size() >= kAt + sizeof count) std::memcpy(&count, first.data() + kAt, sizeof count);
  return count;
}

}  // namespace detail

// Does a value go in as well as out?
inline bool reads_value(int level, int name) {
  return level == IPPROTO_TCP && (name == kTcpAoInfo || name == kTcpAoGetKeys);
}

// How many bytes are at the address that came with the option; `given`: those that the length covers.
inline std::size_t option_room(int level, int name, Bytes given) {
  if (level != IPPROTO_TCP || name != kTcpAoGetKeys) return given.size();
  return given.size() * std::max<std::size_t>(1, detail::ao_keys_count(given));
}

// Back from there: the size of one structure in an array of TCP_AO_GET_KEYS. 0: it is too short to be one.
inline std::size_t ao_keys_stride(Bytes whole) {
  return whole.size() / std::max<std::size_t>(1, detail::ao_keys_count(whole));
}

}  // namespace sockeye
