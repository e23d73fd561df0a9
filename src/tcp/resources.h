// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What all connections, SYN queues and the TIME_WAIT table of one stack share: configuration, the pool
// of payload chunks, the keys behind initial sequence numbers and timestamp offsets (drawn once from
// the secret source), the public random source, and the pool of Active blocks (decisions.md D13: the
// state that a connection has only while something is in flight, unread or out of order).
#pragma once

#include <cstddef>
#include <unordered_map>

#include "core/rng.h"
#include "core/siphash.h"
#include "packet/chunk.h"
#include "tcp/bbr.h"
#include "tcp/config.h"
#include "tcp/counters.h"
#include "tcp/fast_open.h"
#include "tcp/rare.h"
#include "tcp/rate_limit.h"
#include "tcp/shared_settings.h"

namespace sockeye::tcp {

struct Active;
class Connection;

// Keeps Active blocks constructed between uses: taking one is a pop from a free list.
class ActivePool {
 public:
  ActivePool() = default;
  ActivePool(const ActivePool&) = delete;
  ActivePool& operator=(const ActivePool&) = delete;
  ~ActivePool();

  Active* acquire();
  void release(Active* block);
  std::size_t in_use() const { return in_use_; }

 private:
  static constexpr std::size_t kKeep = 256;  // free blocks kept for the next burst
  Active* free_ = nullptr;
  std::size_t free_count_ = 0;
  std::size_t in_use_ = 0;
};

struct Resources {
  // All four outlive what uses them.
  Resources(const Config& configuration, ChunkPool& chunk_pool, Rng& secret, Rng& open)
      : config(configuration),
        chunks(chunk_pool),
        isn_key(SipKey::draw(secret)),
        timestamp_key(SipKey::draw(secret)),
        cookie_key(derive_key(isn_key, 0x73796e636f6f6b69u)),
        fast_open_keys{derive_key(isn_key, 0x666173746f70656eu), {}},
        challenge_limit(derive_key(isn_key, 0x6368616c6c656e67u)),
        reset_limit(derive_key(isn_key, 0x7265736574u)),
        rng(open),
        bbr(open) {}
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;

  const FastOpenKeys& cookie_keys() const {
    return config.fast_open_keys ? *config.fast_open_keys : fast_open_keys;
  }

  const Config& config;
  ChunkPool& chunks;
  const SipKey isn_key;               // RFC 9293 3.4.1
  const SipKey timestamp_key;         // RFC 7323 7.1
  const SipKey cookie_key;            // SYN cookies
  const FastOpenKeys fast_open_keys;  // where nobody has set any
  FastOpenCache fast_open;
  RateLimit challenge_limit;  // of the whole host
  RateLimit reset_limit;
  Counters counters;
  Rng& rng;  // public: jitter
  BbrPool bbr;
  ActivePool active;
  SettingsCache settings;
  std::unordered_map<const Connection*, Rare> rare;  // looked up only
};

}  // namespace sockeye::tcp
