// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Readiness bits, with the meanings and numbers of poll(2)/epoll(7), so that no floor translates.
#pragma once

#include <cstdint>

namespace sockeye {

enum class Readiness : std::uint16_t {
  none = 0,
  in = 0x001,      // a read answers at once: bytes, a connection, end of file or an error
  pri = 0x002,     // urgent data waits
  out = 0x004,     // a write answers at once
  err = 0x008,     // an error is pending
  hup = 0x010,     // both directions are closed, or never were open
  rdhup = 0x2000,  // the peer has shut down its writing half
};

constexpr Readiness operator|(Readiness a, Readiness b) {
  return static_cast<Readiness>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr Readiness operator&(Readiness a, Readiness b) {
  return static_cast<Readiness>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
constexpr Readiness& operator|=(Readiness& a, Readiness b) {
  return a = a | b;
}
constexpr bool any(Readiness r) {
  return r != Readiness::none;
}

}  // namespace sockeye
