// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What listen() adds to a stream socket: half-open connections (tcp::SynQueue) and the accept queue
// behind the backlog. As Linux: the accept queue is full when it holds more than the backlog; then
// SYNs are dropped, and an ACK that would complete a handshake is dropped while its SYN-ACK goes on
// being repeated. With TCP_DEFER_ACCEPT a handshake waits for its first bytes (tcp::SynQueue).
#pragma once

#include "core/intrusive_list.h"
#include "core/timer_wheel.h"
#include "socket/stream_connection.h"
#include "tcp/syn_queue.h"

namespace sockeye {

class Listener final : public TimerEntry {
 public:
  Listener(SocketHost& host, StreamSocket& socket, std::uint32_t backlog);
  ~Listener();  // aborts what nobody accepted

  std::uint32_t backlog() const { return backlog_; }
  void set_backlog(std::uint32_t backlog);
  std::uint32_t waiting() const { return waiting_; }
  bool is_full() const { return waiting_ > backlog_; }
  tcp::SynQueue& half_open() { return half_open_; }
  const tcp::SynQueue& half_open() const { return half_open_; }

  // `beyond`: the tuple was in TIME_WAIT until this segment came.
  void on_segment(const FiveTuple& tuple, const tcp::Segment& segment, Packet& packet, Interface& interface,
                  std::optional<SeqNum> beyond);
  StreamConnection* take();  // the oldest connection; null when none waits

 private:
  void on_timer(Instant now) override;
  void rearm();
  void add_child(const FiveTuple& tuple, const tcp::Segment& segment, const tcp::Handshake& handshake,
                 Packet& packet, Interface& interface, const tcp::Path& path);

  SocketHost& host_;
  StreamSocket& socket_;
  tcp::SynQueue half_open_;
  IntrusiveList<StreamConnection, AcceptTag> ready_{};
  std::uint32_t backlog_;
  std::uint32_t waiting_ = 0;
};

}  // namespace sockeye
