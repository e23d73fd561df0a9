// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the world holds for one socket of a program, found by the SO_COOKIE of the program's end. The
// table is one for all sessions: a descriptor may be passed to a program of another run, whose agent
// then asks about it. The session that made the entry owns it, and pumps its carrier.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gate/datagram_carrier.h"
#include "gate/listener_carrier.h"
#include "gate/stream_carrier.h"
#include "world/host.h"
#include "world/session.h"

namespace sockeye::gate {

class AgentSession;

struct HeldSocket {
  std::uint64_t cookie = 0;  // of the program's end
  SocketRef socket{};
  world::Host* host = nullptr;
  AgentSession* owner = nullptr;
  // One of these at most; a stream has none before its first connect, a spent one after a reset.
  std::unique_ptr<StreamEnd> stream{};
  std::unique_ptr<ListenerEnd> listener{};
  std::unique_ptr<DatagramEnd> datagram{};
  std::uint64_t inode = 0;  // of the program's end
  bool urgent_inline = false;
  bool told_spent = false;

  CarrierEnd* carrier() const;
  bool is_stream() const { return socket->kind() == Socket::Kind::stream; }
};

class HeldSockets {
 public:
  HeldSocket& add(std::uint64_t cookie, SocketRef socket, world::Host& host, AgentSession& owner);
  HeldSocket* find(std::uint64_t cookie);
  HeldSocket* find(const CarrierEnd& carrier);
  HeldSocket* find(const world::Host& host, std::uint64_t socket_cookie);
  void bind(HeldSocket& held, CarrierEnd& carrier) { by_carrier_[&carrier] = &held; }
  void unbind(const CarrierEnd& carrier) { by_carrier_.erase(&carrier); }
  bool rename(std::uint64_t from, std::uint64_t to);  // false: unknown, or `to` is taken
  void remove(HeldSocket& held);
  std::vector<HeldSocket*> of(const AgentSession& owner);
  std::size_t size() const { return by_cookie_.size(); }

 private:
  std::unordered_map<std::uint64_t, std::unique_ptr<HeldSocket>> by_cookie_;
  std::unordered_map<const CarrierEnd*, HeldSocket*> by_carrier_;
  std::map<std::pair<const world::Host*, std::uint64_t>, HeldSocket*> by_socket_;
};

}  // namespace sockeye::gate
