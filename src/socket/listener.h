// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What listen() adds to a stream socket: half-open connections (tcp::SynQueue) and the accept queue
// behind the backlog. As Linux: the accept queue is full when it holds more than the backlog; then
// SYNs are dropped, and an ACK that would complete a handshake is dropped while its SYN-ACK goes on
// being repeated. With TCP_DEFER_ACCEPT a handshake waits for its first bytes (tcp::SynQueue).
#pragma once

#include <map>
#include <vector>

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

  // `beyond`: the tuple was in TIME_WAIT until this segment came. `headers`: its IP and TCP header.
  void on_segment(const FiveTuple& tuple, const tcp::Segment& segment, Packet& packet, Interface& interface,
                  std::optional<SeqNum> beyond, Bytes headers);
  // The SYN that made an accepted connection, under TCP_SAVE_SYN; empty: not kept.
  std::vector<std::byte> take_saved_syn(const StreamConnection& child);
  StreamConnection* take();  // the oldest connection; null when none waits

 private:
  void on_timer(Instant now) override;
  void rearm();
  void save_syn(const FiveTuple& tuple, Bytes headers);
  std::uint32_t fast_limit() const;
  bool has_fast_room();
  void add_child(const FiveTuple& tuple, const tcp::Segment& segment, const tcp::Handshake& handshake,
                 Packet& packet, Interface& interface, const tcp::Path& path, bool is_fast);

  SocketHost& host_;
  StreamSocket& socket_;
  tcp::SynQueue half_open_;
  IntrusiveList<StreamConnection, AcceptTag> ready_{};
  std::vector<FiveTuple> fast_opens_{};  // that may be under way, at most TCP_FASTOPEN of them
  std::size_t fast_cursor_ = 0;
  std::map<FiveTuple, std::vector<std::byte>> saved_syns_{};
  std::uint32_t backlog_;
  std::uint32_t waiting_ = 0;
};

}  // namespace sockeye
