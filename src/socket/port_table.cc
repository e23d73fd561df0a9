// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/port_table.h"

#include <algorithm>

#include "socket/connection_table.h"

namespace sockeye {

bool addresses_overlap(const PortUse& a, const PortUse& b) {
  if (a.address.is_v4() && b.address.is_v4()) {
    if (a.v6only || b.v6only) return false;
    return a.address == b.address || a.is_wildcard() || b.is_wildcard();
  }
  const bool a_any = a.address == IpAddress::any_v6();
  const bool b_any = b.address == IpAddress::any_v6();
  if (a_any && b_any) return true;
  // The IPv6 wildcard covers IPv4 too, unless its socket wants none of it.
  if (b_any && !(b.v6only && a.address.is_v4())) return true;
  if (a_any && !(a.v6only && b.address.is_v4())) return true;
  return a.address == b.address;
}

bool PortTable::stream_conflict(const PortUse& claim, const PortUse& other, bool chosen) const {
  if (claim.reuse_address && other.reuse_address && other.state != PortUse::State::listening)
    return chosen && addresses_overlap(claim, other);
  if (!chosen && claim.reuse_port && other.reuse_port) return false;
  return addresses_overlap(claim, other);
}

bool PortTable::conflicts(const PortUse& claim, const PortUse* self, bool chosen) const {
  const Bucket* uses = bucket(claim.port);
  if (uses == nullptr) return false;
  for (auto use = uses->rbegin(); use != uses->rend(); ++use) {  // the latest first, as Linux
    const PortUse& other = **use;
    if (&other == self) continue;
    if (claim.device != 0 && other.device != 0 && claim.device != other.device) continue;
    if (rule_ == Rule::stream) {
      if (stream_conflict(claim, other, chosen)) return true;
      continue;
    }
    if ((claim.reuse_address && other.reuse_address) || !addresses_overlap(claim, other)) continue;
    // Two members of a SO_REUSEPORT group settle the question, whoever else is there.
    return chosen || !claim.reuse_port || !other.reuse_port;
  }
  return false;
}

bool PortTable::may_share(std::uint16_t port) const {
  const Bucket* uses = bucket(port);
  return uses == nullptr ||
         std::all_of(uses->begin(), uses->end(), [](const auto& use) { return use->from_connect; });
}

PortTable::Bucket& PortTable::bucket_for(std::uint16_t port) {
  auto& page = pages_[port >> 8];
  if (!page) page = std::make_unique<Page>();
  auto& uses = page->buckets[port & 0xff];
  if (!uses) {
    uses = std::make_unique<Bucket>();
    ++page->used;
  }
  return *uses;
}

void PortTable::drop_bucket(std::uint16_t port) {
  auto& page = pages_[port >> 8];
  page->buckets[port & 0xff].reset();
  if (--page->used == 0) page.reset();
}

PortUse* PortTable::add(const PortUse& claim) {
  Bucket& uses = bucket_for(claim.port);
  uses.push_back(std::make_unique<PortUse>(claim));
  return uses.back().get();
}

PortUse* PortTable::add_shared(const PortUse& claim) {
  for (const auto& use : bucket_for(claim.port)) {
    if (use->owner != nullptr || use->state != claim.state || use->address != claim.address ||
        use->is_v6 != claim.is_v6 || use->v6only != claim.v6only ||
        use->reuse_address != claim.reuse_address || use->reuse_port != claim.reuse_port ||
        use->from_connect != claim.from_connect || use->device != claim.device)
      continue;
    ++use->count;
    return use.get();
  }
  return add(claim);
}

void PortTable::remove(PortUse* use) {
  if (--use->count > 0) return;
  const std::uint16_t port = use->port;
  Bucket& uses = *bucket(port);
  uses.erase(std::find_if(uses.begin(), uses.end(), [use](const auto& item) { return item.get() == use; }));
  if (uses.empty()) drop_bucket(port);
}

void PortTable::forget_time_wait(std::uint16_t port) {
  Bucket* uses = bucket(port);
  if (uses == nullptr) return;
  uses->erase(std::remove_if(uses->begin(), uses->end(),
                             [](const auto& use) { return use->state == PortUse::State::time_wait; }),
              uses->end());
  if (uses->empty()) drop_bucket(port);
}

bool PortTable::has_time_wait(std::uint16_t port) const {
  const Bucket* uses = bucket(port);
  return uses != nullptr && std::any_of(uses->begin(), uses->end(), [](const auto& use) {
           return use->state == PortUse::State::time_wait;
         });
}

// How well a use fits; 0: not at all. A specific address beats a wildcard (two passes), then a device,
// then the family of the packet, and for datagram sockets the connected peer before all of these.
int PortTable::score(const PortUse& use, const Endpoint& local, const Endpoint& remote,
                     unsigned interface_index, bool wildcard) const {
  if (use.owner == nullptr || use.is_wildcard() != wildcard) return 0;
  if (wildcard) {
    if (local.address.is_v4() ? (use.v6only && use.is_v6) : use.address.is_v4()) return 0;
  } else if (use.address != local.address) {
    return 0;
  }
  if (use.device != 0 && use.device != interface_index) return 0;
  int points = !use.is_v6 ? 2 : 1;
  if (rule_ == Rule::stream) {
    if (use.state != PortUse::State::listening) return 0;
    return points + (use.device != 0 ? 1 : 0);
  }
  if (use.device != 0) points += 4;
  if (use.state == PortUse::State::connected) {
    if (use.remote != remote) return 0;
    points += 8;
  }
  return points;
}

PortUse* PortTable::find(const Endpoint& local, const Endpoint& remote, unsigned interface_index,
                         const ConnectionTable* chooser) const {
  const Bucket* uses = bucket(local.port);
  if (uses == nullptr) return nullptr;
  for (const bool wildcard : {false, true}) {
    PortUse* best = nullptr;
    int best_points = 0;
    std::uint32_t members = 0;  // of the SO_REUSEPORT group with the best score
    for (const auto& use : *uses) {
      const int points = score(*use, local, remote, interface_index, wildcard);
      if (points == 0 || points < best_points) continue;
      if (points > best_points) members = 0;
      best = use.get();
      best_points = points;
      if (use->reuse_port) ++members;
    }
    if (best == nullptr) continue;
    if (!best->reuse_port || members < 2 || best->state == PortUse::State::connected) return best;
    const std::uint32_t hash = chooser != nullptr ? chooser->hash({local, remote}) : 0;
    auto index = static_cast<std::uint32_t>(std::uint64_t{hash} * members >> 32);
    for (const auto& use : *uses)
      if (use->reuse_port && score(*use, local, remote, interface_index, wildcard) == best_points &&
          index-- == 0)
        return use.get();
  }
  return nullptr;
}

}  // namespace sockeye
