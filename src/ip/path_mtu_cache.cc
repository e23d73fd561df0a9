// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ip/path_mtu_cache.h"

#include <algorithm>

#include "wire/ipv6.h"

namespace sockeye {

bool PathMtuCache::lower(Instant now, const IpAddress& destination, std::uint32_t mtu,
                         std::uint32_t link_mtu) {
  const std::uint32_t floor = destination.is_v4() ? kMinimumV4 : kIpv6MinimumMtu;
  mtu = std::max(mtu, std::min(floor, link_mtu));
  if (mtu >= lookup(now, destination, link_mtu)) return false;
  if (entries_.size() >= kEntriesMax && entries_.find(destination) == entries_.end())
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.expires < b.second.expires;
    }));
  entries_[destination] = {mtu, now + kLifetime};
  return true;
}

std::uint32_t PathMtuCache::lookup(Instant now, const IpAddress& destination, std::uint32_t link_mtu) const {
  if (entries_.empty()) return link_mtu;
  const auto found = entries_.find(destination);
  if (found == entries_.end() || found->second.expires <= now) return link_mtu;
  return std::min(found->second.mtu, link_mtu);
}

}  // namespace sockeye
