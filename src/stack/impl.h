// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a Stack is made of, for its own files: the host that its sockets see, ICMP, the built-in
// loopback, and the turn.
//
//   poll(now):  links in -> timers -> connections that have something to do -> links out
//               and again, while a round brought anything and the budget lasts
#pragma once

#include "icmp/icmp_layer.h"
#include "link/pipe.h"
#include "socket/host.h"
#include "stack/stack.h"

namespace sockeye {

// Before the host in the order of construction: the host reads it while it is built.
struct StackConfigBase {
  StackConfig stack_config;
};

struct Stack::Impl final : public StackConfigBase, public SocketHost {
  Impl(const StackConfig& configuration, PacketPool& packets, Rng& secret, Rng& open, Instant start);
  ~Impl() override;

  void wake() override;
  Instant poll(Instant at);
  void attach(Interface& interface);
  std::vector<SocketReport> report() const;

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr Duration kStarvedPause = 1ms;

  struct LinksWaker final : LinkWaker {
    Impl* impl = nullptr;
    void wake() override {
      impl->has_news_ = true;
      impl->wake();
    }
  };
  struct ReassemblyTimer final : TimerEntry {
    Impl* impl = nullptr;
    void on_timer(Instant at) override;
  };

  void receive_from(Interface& interface, std::size_t& budget);
  void receive(Interface& interface, PacketPtr packet);
  void dispatch(PacketPtr packet, const IpArrival& arrival);
  void send_complaints();
  void settle_connections(std::size_t& budget);
  void flush();
  Instant next_arrival();
  Instant next_deadline();
  bool is_idle();

 public:
  IcmpLayer icmp;
  Loopback loopback;
  LinkWaker* waker = nullptr;

 private:
  LinksWaker links_waker_{};
  ReassemblyTimer reassembly_timer_{};
  bool in_turn_ = false;
  bool woken_ = false;
  bool has_news_ = true;           // a link may know better than next_arrival_
  Instant next_arrival_ = kNever;  // of all links, as asked last
};

}  // namespace sockeye
