// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/session_socket.h"

namespace sockeye::gate {

CarrierEnd* HeldSocket::carrier() const {
  if (stream) return stream.get();
  if (listener) return listener.get();
  return datagram.get();
}

HeldSocket& HeldSockets::add(std::uint64_t cookie, SocketRef socket, world::Host& host, AgentSession& owner) {
  auto held = std::make_unique<HeldSocket>();
  held->cookie = cookie;
  held->socket = std::move(socket);
  held->host = &host;
  held->owner = &owner;
  HeldSocket& added = *held;
  by_socket_[{&host, added.socket->cookie()}] = &added;
  by_cookie_[cookie] = std::move(held);
  return added;
}

HeldSocket* HeldSockets::find(std::uint64_t cookie) {
  const auto at = by_cookie_.find(cookie);
  return at == by_cookie_.end() ? nullptr : at->second.get();
}

HeldSocket* HeldSockets::find(const CarrierEnd& carrier) {
  const auto at = by_carrier_.find(&carrier);
  return at == by_carrier_.end() ? nullptr : at->second;
}

HeldSocket* HeldSockets::find(const world::Host& host, std::uint64_t socket_cookie) {
  const auto at = by_socket_.find({&host, socket_cookie});
  return at == by_socket_.end() ? nullptr : at->second;
}

bool HeldSockets::rename(std::uint64_t from, std::uint64_t to) {
  if (by_cookie_.contains(to)) return false;
  auto node = by_cookie_.extract(from);
  if (node.empty()) return false;
  node.key() = to;
  node.mapped()->cookie = to;
  by_cookie_.insert(std::move(node));
  return true;
}

void HeldSockets::remove(HeldSocket& held) {
  if (const CarrierEnd* carrier = held.carrier()) unbind(*carrier);
  by_socket_.erase({held.host, held.socket->cookie()});
  by_cookie_.erase(held.cookie);
}

std::vector<HeldSocket*> HeldSockets::of(const AgentSession& owner) {
  std::vector<HeldSocket*> found;
  for (const auto& [cookie, held] : by_cookie_)
    if (held->owner == &owner) found.push_back(held.get());
  return found;
}

}  // namespace sockeye::gate
