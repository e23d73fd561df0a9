// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Random numbers are handed down. A Stack has two sources: a secret one for what an attacker must
// not guess (keys of hashes, initial sequence numbers, ports, cookies) and a public one for jitter.
// Distributions are our own: the standard library's differ between implementations, and the same
// seed must give the same packets on every compiler.
#pragma once

#include <cstdint>

namespace sockeye {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual std::uint64_t next() = 0;

  // Uniform in [0, bound), without modulo bias worth measuring (Lemire's multiply-shift). bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }
};

// splitmix64: one multiplication-xor round per number, full period, any seed is good.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// A seeded, repeatable source (xoshiro256**). Not for keys unless the seed itself is secret.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed);
  std::uint64_t next() override;

 private:
  std::uint64_t state_[4];
};

}  // namespace sockeye
