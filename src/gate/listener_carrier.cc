// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/listener_carrier.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <optional>

namespace sockeye::gate {

ListenerEnd::ListenerEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd)
    : CarrierEnd(set, std::move(socket), std::move(fd)) {
  if (!watch(EPOLLRDHUP | EPOLLET)) finished_ = true;
  set_listening();
  note();
}

void ListenerEnd::work(Instant /*now*/) {
  const std::uint32_t events = take_kernel_events();
  take_socket_events();
  if (is_spent()) return;
  if ((events & EPOLLHUP) != 0) {
    finished_ = true;  // nothing shuts a listener's carrier but its last close
    return;
  }
  top_up();
}

std::size_t ListenerEnd::waiting() const {
  const SocketReport report = socket().report();
  return (report.state == tcp::State::listen ? report.receive_queue : 0) + put_back_.size();
}

void ListenerEnd::top_up() {
  for (const std::size_t wanted = waiting(); tokens_ < wanted; ++tokens_) {
    const char token = 0;
    if (::send(fd(), &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) return;
  }
}

void ListenerEnd::put_back(PutBack connection) {
  put_back_.push_front(std::move(connection));
  note();
}

std::optional<ListenerEnd::PutBack> ListenerEnd::take_put_back() {
  if (put_back_.empty()) return std::nullopt;
  PutBack connection = std::move(put_back_.front());
  put_back_.pop_front();
  return connection;
}

bool ListenerEnd::take_token() {
  if (tokens_ <= waiting()) return false;
  --tokens_;
  note();
  return true;
}

void ListenerEnd::end() {
  MutableBytes room = set().discarded();
  while (::recv(fd(), room.data(), room.size(), MSG_DONTWAIT) > 0) {
  }
  hang_up();
}

}  // namespace sockeye::gate
