// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/simulation.h"

#include <algorithm>
#include <cstdio>

namespace sockeye::sim {
namespace {

NetSpec spec_from(std::string_view text) {
  if (text.empty()) return {};
  auto result = parse_net_spec(text);
  if (!result.spec) std::fprintf(stderr, "net spec: %s\n", result.error.c_str());
  SOCKEYE_ASSERT(result.spec);
  return *result.spec;
}

}  // namespace

Simulation::Simulation(std::uint64_t seed, std::string_view net)
    : seed_(seed), network_(spec_from(net), seed) {
  network_.set_tap(&trace_);
}

Simulation::~Simulation() {
  hosts_.clear();
}

SimHost& Simulation::add_host(std::string name, StackConfig config) {
  const auto number = static_cast<std::uint8_t>(hosts_.size() + 1);
  SOCKEYE_ASSERT(hosts_.size() < 254);
  const IpAddress v6 = IpAddress::v6({0xfd, 0, 0x05, 0x0c, 0x0e, 0x7e, 0, 0, 0, 0, 0, 0, 0, 0, 0, number});
  hosts_.push_back(
      std::make_unique<SimHost>(*this, static_cast<std::uint32_t>(hosts_.size()), std::move(name),
                                std::vector<IpAddress>{IpAddress::v4(10, 0, 0, number), v6}, config));
  hosts_.back()->boot();
  return *hosts_.back();
}

Simulation::Outcome Simulation::run_until(Duration time, const std::function<bool()>& done) {
  const Instant end = now_ + time;
  std::uint64_t steps = 0;
  for (;;) {
    if (done()) return Outcome::satisfied;
    if (step()) {
      if (++steps < kStepsMax) continue;
      std::fprintf(stderr, "simulation: %llu steps at one instant, seed %llu\n",
                   static_cast<unsigned long long>(steps), static_cast<unsigned long long>(seed_));
      return Outcome::stuck;
    }
    steps = 0;
    const Instant next = next_event();
    if (next > end) {
      now_ = end;
      return Outcome::timed_out;
    }
    now_ = next;
  }
}

void Simulation::run_for(Duration time) {
  const Outcome outcome = run_until(time, [] { return false; });
  SOCKEYE_ASSERT(outcome != Outcome::stuck);
}

void Simulation::at(Instant when, std::function<void()> action) {
  actions_.emplace(std::max(when, now_), std::move(action));
}

void Simulation::set_partition(SimHost& a, SimHost& b, bool apart) {
  network_.set_partition(a.port(), b.port(), apart);
  network_.set_partition(b.port(), a.port(), apart);
}

void Simulation::mark_due(const SimHost& host) {
  due_.set(host.index_, now_);
}

Instant Simulation::next_event() const {
  const Instant action = actions_.empty() ? kNever : actions_.begin()->first;
  return std::min(action, due_.next());
}

bool Simulation::step() {
  if (!actions_.empty() && actions_.begin()->first <= now_) {
    const auto action = std::move(actions_.begin()->second);
    actions_.erase(actions_.begin());
    action();
    return true;
  }
  if (due_.next() > now_) return false;
  const std::uint32_t member = due_.front();
  due_.set(member, kNever);  // whatever wakes the host from here on counts
  const Instant next = hosts_[member]->work(now_);
  if (next < due_.due_of(member)) due_.set(member, std::max(next, now_));
  return true;
}

}  // namespace sockeye::sim
