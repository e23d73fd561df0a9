// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/fast_open.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sockeye::tcp {

FastOpenCookie make_fast_open_cookie(const SipKey& key, const IpAddress& client, const IpAddress& server) {
  std::array<std::byte, 32> ends{};
  std::size_t size = 0;
  for (const IpAddress* address : {&client, &server}) {
    if (address->is_v4()) {
      store32(ends.data() + size, address->to_v4());
      size += 4;
    } else {
      std::memcpy(ends.data() + size, address->bytes().data(), address->bytes().size());
      size += address->bytes().size();
    }
  }
  std::uint64_t hash = siphash(key, Bytes(ends).first(size));
  FastOpenCookie cookie;
  cookie.size = 8;
  for (std::size_t i = 0; i < 8; ++i, hash >>= 8) cookie.bytes[i] = static_cast<std::byte>(hash & 0xff);
  return cookie;
}

int check_fast_open_cookie(const FastOpenKeys& keys, const IpAddress& client, const IpAddress& server,
                           const FastOpenCookie& cookie) {
  const auto fits = [&](const SipKey& key) {
    const FastOpenCookie good = make_fast_open_cookie(key, client, server);
    return good.size == cookie.size && good.bytes == cookie.bytes;  // whatever option it came in
  };
  if (fits(keys.primary)) return 1;
  return keys.backup && fits(*keys.backup) ? 2 : 0;
}

const FastOpenCache::Entry* FastOpenCache::find(const IpAddress& server) {
  const auto found = entries_.find(server);
  if (found == entries_.end()) return nullptr;
  found->second.used = ++clock_;
  return &found->second;
}

void FastOpenCache::set(const IpAddress& server, std::uint16_t mss,
                        const std::optional<FastOpenCookie>& cookie, Ask unanswered) {
  if (entries_.size() >= kEntriesMax && entries_.count(server) == 0)
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  Entry& entry = entries_[server];
  entry.used = ++clock_;
  entry.mss = mss;
  if (cookie && cookie->size > 0)
    entry.cookie = *cookie;
  else if (unanswered > entry.unanswered && entry.cookie.size == 0)
    entry.unanswered = unanswered;
}

FastOpenKeys read_fast_open_keys(Bytes bytes) {
  const auto key_at = [&](std::size_t at) {
    SipKey key{};
    for (std::size_t i = 8; i-- > 0;) {
      key.k0 = key.k0 << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
      key.k1 = key.k1 << 8 | std::to_integer<std::uint64_t>(bytes[at + 8 + i]);
    }
    return key;
  };
  FastOpenKeys keys{key_at(0), {}};
  if (bytes.size() >= 2 * kFastOpenKeyBytes) keys.backup = key_at(kFastOpenKeyBytes);
  return keys;
}

std::size_t write_fast_open_keys(const FastOpenKeys& keys,
                                 std::array<std::byte, 2 * kFastOpenKeyBytes>& out) {
  const auto put = [&](const SipKey& key, std::size_t at) {
    for (std::size_t i = 0; i < 8; ++i) {
      out[at + i] = static_cast<std::byte>(key.k0 >> 8 * i & 0xff);
      out[at + 8 + i] = static_cast<std::byte>(key.k1 >> 8 * i & 0xff);
    }
  };
  put(keys.primary, 0);
  if (!keys.backup) return kFastOpenKeyBytes;
  put(*keys.backup, kFastOpenKeyBytes);
  return 2 * kFastOpenKeyBytes;
}

void FastOpenCache::forget_cookie(const IpAddress& server) {
  if (const auto found = entries_.find(server); found != entries_.end()) found->second.cookie = {};
}

}  // namespace sockeye::tcp
