// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "core/siphash.h"

#include <bit>
#include <cstring>

#include "core/rng.h"

namespace sockeye {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  explicit State(const SipKey& key)
      : v0(key.k0 ^ 0x736f6d6570736575U),
        v1(key.k1 ^ 0x646f72616e646f6dU),
        v2(key.k0 ^ 0x6c7967656e657261U),
        v3(key.k1 ^ 0x7465646279746573U) {}

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  template <int kRounds>
  void absorb(std::uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) round();
    v0 ^= word;
  }

  template <int kRounds>
  std::uint64_t finish() {
    v2 ^= 0xff;
    for (int i = 0; i < kRounds; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

SipKey SipKey::draw(Rng& secret) {
  SipKey key;
  key.k0 = secret.next();
  key.k1 = secret.next();
  return key;
}

std::uint64_t siphash(const SipKey& key, std::span<const std::byte> data) {
  State state(key);
  std::size_t at = 0;
  for (; at + 8 <= data.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, data.data() + at, 8);
    state.absorb<2>(word);
  }
  std::uint64_t last = static_cast<std::uint64_t>(data.size()) << 56;
  for (std::size_t i = 0; at + i < data.size(); ++i)
    last |= std::to_integer<std::uint64_t>(data[at + i]) << (8 * i);
  state.absorb<2>(last);
  return state.finish<4>();
}

SipKey derive_key(const SipKey& from, std::uint64_t label) {
  const auto word = [&](std::uint64_t part) {
    const std::uint64_t words[] = {label, part};
    return siphash(from, std::as_bytes(std::span(words)));
  };
  return {word(0), word(1)};
}

std::uint64_t siphash13(const SipKey& key, std::uint64_t first, std::uint64_t second) {
  State state(key);
  state.absorb<1>(first);
  state.absorb<1>(second);
  state.absorb<1>(std::uint64_t{16} << 56);
  return state.finish<3>();
}

std::uint64_t siphash13(const SipKey& key, std::span<const std::uint64_t> words) {
  State state(key);
  for (const std::uint64_t word : words) state.absorb<1>(word);
  state.absorb<1>(static_cast<std::uint64_t>(words.size() * 8) << 56);
  return state.finish<3>();
}

}  // namespace sockeye
