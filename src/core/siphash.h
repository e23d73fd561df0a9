// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4 (Aumasson, Bernstein 2012): the keyed hash for tables that strangers can fill (demux,
// fragments) and for values that strangers must not predict (RFC 9293 3.4.1 ISN, RFC 6056 ports).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sockeye {

class Rng;

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
  static SipKey draw(Rng& secret);
};

std::uint64_t siphash(const SipKey& key, std::span<const std::byte> data);
// Another key from a key: what is known about values made with one tells nothing about the other.
SipKey derive_key(const SipKey& from, std::uint64_t label);

// SipHash-1-3 over whole words: for hash tables, where half the rounds are enough (Linux does the
// same for its own tables) and the input is always a few words.
std::uint64_t siphash13(const SipKey& key, std::span<const std::uint64_t> words);
// The same of two words: what a flow of IPv4 has.
std::uint64_t siphash13(const SipKey& key, std::uint64_t first, std::uint64_t second);

}  // namespace sockeye
