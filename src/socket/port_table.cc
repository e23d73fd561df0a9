// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/port_table.h"

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
  const PortUse* latest = nullptr;  // that overlaps: Linux asks it first
  for (const Node* use = first(claim.port); use != nullptr; use = use->next.get()) {
    const PortUse& other = *use;
    if (&other == self) continue;
    if (claim.device != 0 && other.device != 0 && claim.device != other.device) continue;
    if (rule_ == Rule::stream) {
      if (stream_conflict(claim, other, chosen)) return true;
      continue;
    }
    if ((claim.reuse_address && other.reuse_address) || !addresses_overlap(claim, other)) continue;
    latest = &other;
  }
  // Two members of a SO_REUSEPORT group settle the question, whoever else is there.
  return latest != nullptr && (chosen || !claim.reuse_port || !latest->reuse_port);
}

bool PortTable::may_share(std::uint16_t port) const {
  for (const Node* use = first(port); use != nullptr; use = use->next.get())
    if (!use->from_connect) return false;
  return true;
}

PortUse* PortTable::add(const PortUse& claim) {
  auto& page = pages_[claim.port >> 8];
  if (!page) page = std::make_unique<Page>();
  auto* link = &page->ports[claim.port & 0xff];
  if (!*link) ++page->used;
  while (*link) link = &(*link)->next;
  *link = std::make_unique<Node>(claim);
  return link->get();
}

PortUse* PortTable::add_shared(const PortUse& claim) {
  auto& page = pages_[claim.port >> 8];
  for (Node* use = page ? page->ports[claim.port & 0xff].get() : nullptr; use != nullptr;
       use = use->next.get()) {
    if (use->owner != nullptr || use->state != claim.state || use->address != claim.address ||
        use->is_v6 != claim.is_v6 || use->v6only != claim.v6only ||
        use->reuse_address != claim.reuse_address || use->reuse_port != claim.reuse_port ||
        use->from_connect != claim.from_connect || use->device != claim.device)
      continue;
    ++use->count;
    return use;
  }
  return add(claim);
}

void PortTable::remove(PortUse* use) {
  if (--use->count > 0) return;
  erase_if(use->port, [use](const PortUse& item) { return &item == use; });
}

void PortTable::forget_time_wait(std::uint16_t port) {
  erase_if(port, [](const PortUse& use) { return use.state == PortUse::State::time_wait; });
}

bool PortTable::has_time_wait(std::uint16_t port) const {
  for (const Node* use = first(port); use != nullptr; use = use->next.get())
    if (use->state == PortUse::State::time_wait) return true;
  return false;
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

const PortUse* PortTable::find(const Endpoint& local, const Endpoint& remote, unsigned interface_index,
                               const ConnectionTable* chooser) const {
  const Node* const uses = first(local.port);
  if (uses == nullptr) return nullptr;
  for (const bool wildcard : {false, true}) {
    const Node* best = nullptr;
    int best_points = 0;
    std::uint32_t members = 0;  // of the SO_REUSEPORT group with the best score
    for (const Node* use = uses; use != nullptr; use = use->next.get()) {
      const int points = score(*use, local, remote, interface_index, wildcard);
      if (points == 0 || points < best_points) continue;
      if (points > best_points) members = 0;
      best = use;
      best_points = points;
      if (use->reuse_port) ++members;
    }
    if (best == nullptr) continue;
    if (!best->reuse_port || members < 2 || best->state == PortUse::State::connected) return best;
    const std::uint32_t hash = chooser != nullptr ? chooser->hash({local, remote}) : 0;
    auto index = static_cast<std::uint32_t>(std::uint64_t{hash} * members >> 32);
    for (const Node* use = uses; use != nullptr; use = use->next.get())
      if (use->reuse_port && score(*use, local, remote, interface_index, wildcard) == best_points &&
          index-- == 0)
        return use;
  }
  return nullptr;
}

}  // namespace sockeye
