// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Which ephemeral port comes next. For connect(): RFC 6056 3.3.4, double hash with a table of 64 Ki
// perturbations (hostile.md E6), rekeyed every ten seconds; even offsets first, as Linux, so that
// bind(0), which begins with the odd ones, finds free ports. Once they are found taken, a table entry
// begins with the odd ones (its lowest bit), where Linux 6.1 would pass all even ones at each call. A full
// range is searched once and then answers nothing: 28,232 steps.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/ip_address.h"
#include "core/rng.h"
#include "core/siphash.h"
#include "core/time.h"

namespace sockeye {

class PortAllocator {
 public:
  PortAllocator(Rng& secret, std::uint16_t first, std::uint16_t last)
      : secret_(secret), key_(SipKey::draw(secret)), first_(first), last_(last) {}

  // `usable(port)` decides; the first usable one is the answer.
  template <class Usable>
  std::optional<std::uint16_t> for_connect(Instant now, const IpAddress& local, const Endpoint& remote,
                                           Usable usable) {
    if (perturbation_.empty()) fill();
    const std::uint64_t hash = hash_of(now, local, remote);
    std::uint32_t& perturbation = perturbation_[hash & (kPerturbations - 1)];
    const std::uint32_t range = size();
    const std::uint32_t start = perturbation & ~1u;
    const std::uint32_t offset = static_cast<std::uint32_t>(((hash >> 32) + start) % range) & ~1u;
    for (std::uint32_t pass = 0; pass < 2; ++pass) {
      const std::uint32_t parity = (perturbation & 1) ^ pass;
      for (std::uint32_t i = 0; i < range; i += 2) {
        const std::uint32_t place = (offset + i) % (range + (range & 1)) + parity;
        if (place >= range) continue;
        const auto port = static_cast<std::uint16_t>(first_ + place);
        if (!usable(port)) continue;
        perturbation = (start + i + 2) | parity;
        return port;
      }
    }
    return std::nullopt;
  }

  template <class Usable>
  std::optional<std::uint16_t> for_bind(Usable usable) {
    const std::uint32_t range = size();
    const std::uint32_t offset = static_cast<std::uint32_t>(secret_.below(range)) & ~1u;
    for (std::uint32_t parity = 0; parity < 2; ++parity) {
      for (std::uint32_t i = 0; i < range; i += 2) {
        const std::uint32_t place = (offset + i) % (range + (range & 1)) + 1 - parity;
        if (place >= range) continue;
        const auto port = static_cast<std::uint16_t>(first_ + place);
        if (usable(port)) return port;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kPerturbations = 65536;
  std::uint32_t size() const { return static_cast<std::uint32_t>(last_ - first_) + 1u; }
  void fill() {
    perturbation_.resize(kPerturbations);
    for (auto& value : perturbation_) value = static_cast<std::uint32_t>(secret_.next()) & ~1u;
  }
  std::uint64_t hash_of(Instant now, const IpAddress& local, const Endpoint& remote) const {
    const std::uint64_t period = static_cast<std::uint64_t>(to_ms(now.time_since_epoch()) / 10'000);
    const std::uint64_t words[] = {local.high(), local.low(), remote.address.high(), remote.address.low(),
                                   period << 16 | remote.port};
    return siphash(key_, std::as_bytes(std::span(words)));
  }

  Rng& secret_;
  SipKey key_;
  std::uint16_t first_;
  std::uint16_t last_;
  // Made at the first connect(). Even; one more: the odd ports come first.
  std::vector<std::uint32_t> perturbation_;
};

}  // namespace sockeye
