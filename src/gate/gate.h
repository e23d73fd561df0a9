// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The agent's middle: trapped calls in, results out, requests to the world between. Handlers (calls.h) get
// a call, use these primitives, and end it in exactly one way: answer, let_kernel_do, or handing it on
// to ask(), wait_ready() or wait_turn().
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gate/agent.h"
#include "gate/call.h"
#include "gate/carrier.h"
#include "gate/notifier.h"
#include "gate/report.h"
#include "gate/socket_table.h"
#include "gate/task.h"
#include "gate/world_link.h"
#include "world/event_loop.h"

namespace sockeye::gate {

// What the kernel returns inside itself for "restart this call, or EINTR, as the handler's SA_RESTART says".
inline constexpr std::int64_t kRestartSys = -512;

class Gate {
 public:
  Gate(world::EventLoop& loop, UniqueFd listener, UniqueFd session, const AgentOptions& options);
  ~Gate();

  // The agent's loop: everything that is ready, then what is due. Until the listener has hung up.
  bool has_ended() const { return ended_; }
  Instant next_deadline() const;
  void run_due(Instant now);

  // --- ends of a call
  void answer(CallPtr call, std::int64_t result);
  void let_kernel_do(CallPtr call);

  // --- a call goes on later
  // Fills in the id of `request`; `then` gets the call again with the Reply (result -ENETDOWN
  // when there is no world). Set call->parked first when the Reply may take long.
  void ask(CallPtr call, Request request, std::initializer_list<std::string_view> payload, Then then,
           UniqueFd fd = {});
  void tell(Request request, UniqueFd fd = {});  // whose Reply does not matter
  // `retry` gets the call when the carrier is ready for `events`; a signal or the deadline ends it otherwise.
  void wait_ready(CallPtr call, std::uint32_t events, Retry retry);
  // `retry` gets the call when pass_turn() is called for the socket.
  void wait_turn(CallPtr call, Socket& socket, Retry retry);
  void pass_turn(std::uint64_t cookie);

  // --- what the handlers need to know of a call
  Socket* socket_of(const Call& call) { return sockets.find(call.cookie); }
  bool is_nonblocking(const Call& call, int message_flags = 0) const;
  bool read(const Call& call, std::uint64_t address, void* to, std::size_t count) const;
  bool write(const Call& call, std::uint64_t address, const void* from, std::size_t count) const;
  // Replaces the carrier of a spent stream by a new unconnected one, at the same number of the caller.
  bool replace_carrier(Call& call, Socket& socket);
  // Sends away what is known to be closed. True when there was something.
  bool release_closed();

  Notifier notifier;
  Tasks tasks;
  WorldLink world;
  SocketTable sockets;
  LooseStreams loose;
  CarrierPort port;
  Report report;

 private:
  friend struct Call;
  struct Source;  // an EventHandler that calls a member

  void on_listener(std::uint32_t events);
  void on_world(std::uint32_t events);
  void on_task_gone(pid_t tid);
  void start(Trapped trapped);
  void locate(CallPtr call);
  void identify(CallPtr call);
  void settle(Answer& answer);
  void notice(const Answer& answer);
  void lose_world();
  void note_spent(std::uint64_t cookie);
  void write_pill(std::uint64_t cookie);
  void watch_spent(Socket& socket, int fd);
  void park(Call& call, Instant now);
  CallPtr take(std::uint64_t key);
  void interrupt(std::uint64_t key, std::int64_t result);
  void look_at_signals(Call& call, Instant now);
  std::int64_t interruption_by_signal(Call& call);

  world::EventLoop& loop_;
  std::function<void(const Notice&)> on_notice_;
  std::unordered_map<std::uint64_t, CallPtr> calls_;  // those that wait
  std::vector<std::uint64_t> parked_;
  std::uint64_t next_key_ = 1;
  Instant next_sweep_ = kNever;
  Duration sweep_interval_ = std::chrono::milliseconds(100);
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<world::Watch> watches_;  // listener, world
  bool ended_ = false;
};

}  // namespace sockeye::gate
