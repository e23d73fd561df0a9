// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ip/path_mtu_cache.h"

#include <algorithm>

#include "wire/ipv6.h"

namespace sockeye {

bool PathMtuCache::lower(Instant now, const IpAddress& destination, std::uint32_t mtu,
                         std::uint32_t link_mtu) {
  bool locked = false;
  if (destination.is_v4()) {
    if (rules_.no_discovery == 2) return false;
    if (rules_.no_discovery == 1) mtu = 0;
    if (mtu < rules_.minimum_v4) {
      locked = true;
      mtu = std::min(rules_.minimum_v4, link_mtu);
    }
  } else if (mtu < kIpv6MinimumMtu) {
    return false;
  }
  const std::uint32_t before = lookup(now, destination, link_mtu);
  if (mtu > before || (mtu == before && !locked)) return false;
  if (entries_.size() >= kEntriesMax && entries_.find(destination) == entries_.end())
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.expires < b.second.expires;
    }));
  entries_[destination] = {mtu, locked, now + rules_.lifetime};
  return mtu < before;
}

const PathMtuCache::Entry* PathMtuCache::find(Instant now, const IpAddress& destination) const {
  if (entries_.empty()) return nullptr;
  const auto found = entries_.find(destination);
  return found == entries_.end() || found->second.expires <= now ? nullptr : &found->second;
}

std::uint32_t PathMtuCache::lookup(Instant now, const IpAddress& destination, std::uint32_t link_mtu) const {
  const Entry* entry = find(now, destination);
  return entry == nullptr ? link_mtu : std::min(entry->mtu, link_mtu);
}

bool PathMtuCache::is_locked(Instant now, const IpAddress& destination) const {
  const Entry* entry = find(now, destination);
  return entry != nullptr && entry->locked;
}

}  // namespace sockeye
