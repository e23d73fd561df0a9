// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_host.h"

#include <algorithm>

#include "sim/simulation.h"

namespace sockeye::sim {
namespace {

std::uint64_t seed_for(const Simulation& simulation, const std::string& name, std::uint64_t purpose) {
  const SipKey key{simulation.seed(), purpose};
  return siphash(key, std::as_bytes(std::span(name)));
}

}  // namespace

void Task::make_runnable() {
  if (finished_ || ListHook<RunnableTag>::is_linked()) return;
  host_.runnable_.push_back(*this);
  host_.wake();
}

SimHost::SimHost(Simulation& simulation, std::uint32_t index, std::string name,
                 std::vector<IpAddress> addresses, const StackConfig& config)
    : simulation_(simulation),
      index_(index),
      config_(config),
      secret_(seed_for(simulation, name, 1)),
      open_(seed_for(simulation, name, 2)),
      port_(simulation.network().attach(name, std::move(addresses))) {
  config_.name = std::move(name);
}

SimHost::~SimHost() {
  tasks_.clear();
}

void SimHost::boot() {
  stack_ = std::make_unique<Stack>(config_, simulation_.pool(), secret_, open_, simulation_.now());
  stack_->add_interface("eth0", port_, {{v4(), 24}, {v6(), 64}});
  stack_->set_waker(this);
  stack_->set_privileged(true);  // programs here may bind any port
  wake();
}

void SimHost::crash() {
  tasks_.clear();
  stack_.reset();
  port_.set_waker(nullptr);
  simulation_.network().set_up(port_, false);
}

void SimHost::restart() {
  simulation_.network().set_up(port_, true);
  boot();
}

void SimHost::reap() {
  tasks_.erase(
      std::remove_if(tasks_.begin(), tasks_.end(), [](const auto& task) { return task->is_finished(); }),
      tasks_.end());
}

void SimHost::wake() {
  simulation_.mark_due(*this);
}

// One turn: the tasks that something happened to, then the stack.
Instant SimHost::work(Instant now) {
  if (!stack_) return kNever;
  stack_->set_now(now);
  IntrusiveList<Task, RunnableTag> batch;
  batch.splice_back(runnable_);
  while (!batch.empty()) batch.pop_front().run();
  const Instant next = stack_->poll(now);
  return runnable_.empty() ? next : now;
}

}  // namespace sockeye::sim
