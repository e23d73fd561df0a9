// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "posix/hosts.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace sockeye::posix {
namespace {

// Two hosts that answer each other without delay are at rest sooner or later; if not, time goes on.
constexpr int kRoundsMax = 100'000;

}  // namespace

Host::Host(Hosts& hosts, const StackConfig& config, std::uint64_t seed, const Process::Options& options)
    : owner(hosts),
      secret(mix64(seed)),
      open(mix64(~seed)),
      stack(config, hosts.pool_, secret, open, hosts.now()),
      process(stack, hosts, options) {}

Hosts::Hosts(std::uint64_t seed, Clock* clock) : seed_(seed), clock_(clock) {}

Hosts::~Hosts() {
  hosts_.clear();
}

Host& Hosts::add_host(StackConfig config, const Process::Options& options) {
  const std::uint64_t seed = mix64(seed_ + ++hosts_made_);
  hosts_.push_back(std::make_unique<Host>(*this, config, seed, options));
  return *hosts_.back();
}

void Hosts::remove_host(Host& host) {
  const auto found =
      std::find_if(hosts_.begin(), hosts_.end(), [&host](const auto& owned) { return owned.get() == &host; });
  SOCKEYE_ASSERT(found != hosts_.end());
  for (Link* link : host.links) {
    link->set_waker(nullptr);
    dead_ends_.push_back(link);
  }
  hosts_.erase(found);
}

Result<std::vector<InterfaceAddress>> Hosts::parse_addresses(std::string_view text) {
  std::vector<InterfaceAddress> addresses;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t slash = std::min(item.find('/'), item.size());
    const std::optional<IpAddress> address = IpAddress::parse(item.substr(0, slash));
    if (!address) return Errno::inval;
    const unsigned bits = address->is_v4() ? 32 : 128;
    unsigned length = bits;
    if (slash < item.size()) {
      item.remove_prefix(slash + 1);
      const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), length);
      if (error != std::errc() || end != item.data() + item.size() || length > bits) return Errno::inval;
    }
    addresses.push_back({*address, length});
  }
  if (addresses.empty()) return Errno::inval;
  return addresses;
}

void Hosts::connect(Host& a, std::vector<InterfaceAddress> addresses_a, Host& b,
                    std::vector<InterfaceAddress> addresses_b, const LinkOptions& options) {
  pipes_.push_back(std::make_unique<Pipe>(options.pipe));
  Pipe& pipe = *pipes_.back();
  const std::string name = "link" + std::to_string(pipes_.size() + links_.size());
  const auto join = [&](Host& host, Link& end, bool is_first, std::vector<InterfaceAddress>& addresses) {
    Link* link = &end;
    if (options.tap) {
      links_.push_back(std::make_unique<TapLink>(end, is_first, options.tap));
      link = links_.back().get();
    }
    host.links.push_back(link);
    host.stack.add_interface(name, *link, std::move(addresses), options.default_route);
  };
  join(a, pipe.left(), true, addresses_a);
  join(b, pipe.right(), false, addresses_b);
}

RawLink& Hosts::attach(Host& host, std::vector<InterfaceAddress> addresses, const RawLinkOptions& options,
                       bool default_route) {
  auto owned = std::make_unique<RawLink>(pool_, options);
  RawLink& link = *owned;
  links_.push_back(std::move(owned));
  host.links.push_back(&link);
  host.stack.add_interface("raw" + std::to_string(links_.size()), link, std::move(addresses), default_route);
  return link;
}

bool Hosts::link_has_arrival() const {
  for (const auto& host : hosts_)
    for (const Link* link : host->links)
      if (link->next_arrival() <= now_) return true;
  return false;
}

// What is sent to a host that was removed goes nowhere.
void Hosts::drain_dead_ends() {
  PacketList lost;
  for (Link* link : dead_ends_) {
    link->receive(now_, lost, SIZE_MAX);
    lost.clear();
  }
}

Instant Hosts::settle() {
  drain_dead_ends();
  for (int round = 0; round < kRoundsMax; ++round) {
    Instant next = kNever;
    for (const auto& host : hosts_) next = std::min(next, host->stack.poll(now_));
    if (next > now_ && !link_has_arrival()) return next;
  }
  return now_;
}

bool Hosts::turn(Instant until) {
  now();
  const Instant next = settle();
  if (until <= now_) return true;
  const Instant goal = std::min(next, until);
  if (clock_ != nullptr) {
    if (goal == kNever && !clock_->has_outside()) return false;
    clock_->wait_until(goal);
    now();
  } else {
    if (goal == kNever) return false;
    now_ = std::max(goal, now_);
  }
  settle();
  return true;
}

void Hosts::run_until(Instant until) {
  do {
    if (!turn(until)) return;
  } while (now() < until);
}

}  // namespace sockeye::posix
