// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A host of the simulation: a Stack on a port of the network, and the tasks that are its programs. A
// task is run when something happened to the socket it waits on; it makes socket calls that never
// block and returns. Crash: stack, sockets and tasks are gone without a word on the wire.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/network.h"
#include "stack/stack.h"

namespace sockeye::sim {

class SimHost;
class Simulation;

struct RunnableTag {};

class Task : public Waiter, public ListHook<RunnableTag> {
 public:
  explicit Task(SimHost& host) : host_(host) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  virtual void run() = 0;
  bool is_finished() const { return finished_; }
  SimHost& host() const { return host_; }
  void make_runnable();

 protected:
  void wait_on(Socket& socket) { socket.waiters().add(*this); }
  void stop_waiting() { WaitQueue::remove(*this); }
  void finish() {
    stop_waiting();
    finished_ = true;
  }

 private:
  void on_event(Readiness) override { make_runnable(); }
  SimHost& host_;
  bool finished_ = false;
};

class SimHost final : private LinkWaker {
 public:
  SimHost(Simulation& simulation, std::uint32_t index, std::string name, std::vector<IpAddress> addresses,
          const StackConfig& config);
  ~SimHost();

  const std::string& name() const { return config_.name; }
  Port& port() { return port_; }
  IpAddress v4() const { return port_.addresses()[0]; }
  IpAddress v6() const { return port_.addresses()[1]; }
  bool is_up() const { return stack_ != nullptr; }
  Stack& stack() { return *stack_; }
  Simulation& simulation() { return simulation_; }

  // Makes a task and lets it run; the host owns it, until it is finished and reap() is called.
  template <class T, class... Arguments>
  T& start(Arguments&&... arguments) {
    auto task = std::make_unique<T>(*this, std::forward<Arguments>(arguments)...);
    T& made = *task;
    tasks_.push_back(std::move(task));
    made.make_runnable();
    return made;
  }
  void reap();  // forgets finished tasks
  std::size_t task_count() const { return tasks_.size(); }

  void crash();
  void restart();  // a new stack on the same addresses

 private:
  friend class Simulation;
  friend class Task;
  void wake() override;
  void boot();
  Instant work(Instant now);

  Simulation& simulation_;
  std::uint32_t index_;
  StackConfig config_;
  SeededRng secret_;
  SeededRng open_;
  Port& port_;
  std::unique_ptr<Stack> stack_;
  std::vector<std::unique_ptr<Task>> tasks_;
  IntrusiveList<Task, RunnableTag> runnable_;
};

}  // namespace sockeye::sim
