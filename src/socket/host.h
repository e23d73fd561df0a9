// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the sockets of one host share, and the little they need of the Stack that owns them: the time,
// the way out, the tables that packets are matched against, and somebody to tell that there is work.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/intrusive_list.h"
#include "core/timer_wheel.h"
#include "ip/ip_layer.h"
#include "socket/connection_table.h"
#include "socket/local_service.h"
#include "socket/pacing_heap.h"
#include "socket/port_allocator.h"
#include "socket/port_table.h"
#include "socket/socket.h"
#include "tcp/connection.h"
#include "tcp/resources.h"
#include "tcp/signature.h"
#include "tcp/time_wait.h"

namespace sockeye {

class BaseSocket;
class DatagramSocket;

struct DirtyTag {};
struct SocketListTag {};
struct WriterTag {};

// The settings of a host that sockets look at (stack/ fills them from its StackConfig).
struct SocketLimits {
  std::uint16_t ephemeral_first = 32768;
  std::uint16_t ephemeral_last = 60999;
  std::uint16_t unprivileged_port = 1024;
  std::uint32_t datagram_receive_buffer = 212992;
  std::uint32_t datagram_send_buffer = 212992;
  std::uint32_t receive_buffer_limit = 4u << 20;
  std::uint32_t send_buffer_limit = 4u << 20;
  std::uint32_t sockets_max = 1u << 20;
  std::uint8_t ttl = 64;
};

class SocketHost {
 public:
  SocketHost(const SocketLimits& socket_limits, const tcp::Config& tcp_config, PacketPool& packets,
             Rng& secret, Rng& open, Instant start);
  virtual ~SocketHost();
  SocketHost(const SocketHost&) = delete;
  SocketHost& operator=(const SocketHost&) = delete;

  // Work appeared: the stack must be turned. Cheap when it was told before.
  virtual void wake() = 0;

  // The connection has something to say, or somebody did something to it: settle it in this turn.
  void touch(StreamConnection& connection);
  // The socket's send buffer is full: tell its waiters when the packets have gone to the link.
  void wait_for_flush(DatagramSocket& socket);
  // Puts a record of a finished connection on file; see StreamConnection.
  void add_time_wait(const tcp::TimeWait& record, const PortUse& use);
  // Its last ACKs are to be signed.
  void keep_keys(const FiveTuple& tuple, const std::shared_ptr<const tcp::KeyRing>& keys,
                 const tcp::SignedPosition& position);
  // Before bind() looks at a port: forget uses that stand for records which have expired. `exactly`:
  // address by address.
  void refresh_time_wait(std::uint16_t port, bool exactly = false);
  std::uint64_t next_cookie() { return ++last_cookie_; }
  // A single segment outside any connection: a SYN-ACK, a RST, an ACK of a TIME_WAIT record.
  // `keys`: what it is signed with; null: nothing.
  void send_segment(const FiveTuple& tuple, tcp::Segment segment, std::uint8_t ttl, std::uint8_t tos,
                    const tcp::KeyRing* keys = nullptr, const tcp::SignedPosition* position = nullptr);
  // The way from `ends.local` (address: may be unspecified) to `ends.remote`: IpLayer::route(), except
  // to and from the service of this host.
  Result<IpLayer::Route> route(const FiveTuple& ends, IpProtocol protocol, unsigned device) const;
  // Would a packet to this end go to the service? (Or is it the service's own end.)
  bool is_served(const Endpoint& end, IpProtocol protocol) const;
  void answer_as_service(PacketPtr request, const FiveTuple& tuple);
  // The way of a connection, as TCP needs to know it. Signed segments go one by one.
  tcp::Path path_to(const IpAddress& destination, const Interface& interface,
                    const tcp::KeyRing* keys = nullptr) const;
  // The keys of a connection that is in TIME_WAIT, and where it stood; null: none.
  struct SignedTimeWait {
    std::shared_ptr<const tcp::KeyRing> keys{};
    tcp::SignedPosition position{};
  };
  const SignedTimeWait* signed_time_wait(const FiveTuple& tuple) const;
  // Connections that no program holds and that are not over (F9: their number has a limit).
  void count_orphan(int change) { orphans_ += static_cast<std::size_t>(change); }
  bool has_too_many_orphans() const { return orphans_ > config.orphans_max; }
  // A packet to fill; kept for the next caller when it was not needed.
  PacketPtr take_spare();
  void give_spare(PacketPtr packet) { spare_ = std::move(packet); }

  const SocketLimits limits;
  const tcp::Config& config;
  tcp::Settings default_settings;  // of a new stream socket
  PacketPool& pool;
  DropCounters drops{};
  IpLayer ip;
  tcp::Resources tcp;
  tcp::TimeWaitTable time_waits;
  TimerWheel timers;
  PacingHeap<StreamConnection> pacing;
  PortTable stream_ports{PortTable::Rule::stream};
  PortTable datagram_ports{PortTable::Rule::datagram};
  PortAllocator port_choice;
  ConnectionTable connections;
  IntrusiveList<StreamConnection, DirtyTag> dirty{};
  IntrusiveList<BaseSocket, SocketListTag> sockets{};  // in order of creation
  IntrusiveList<DatagramSocket, WriterTag> writers{};  // wait for the next flush
  std::unique_ptr<ServicePoint> service_point{};
  std::uint32_t socket_count = 0;
  std::uint64_t flushes = 0;  // how often packets were handed to the links
  Instant now{};
  bool privileged = false;
  bool starved = false;  // a pool was exhausted in this turn: try again a little later

 private:
  struct TimeWaitTimer final : TimerEntry {
    SocketHost* host = nullptr;
    void on_timer(Instant at) override;
  };

  static constexpr std::size_t kSignedTimeWaitsMax = 1024;
  std::map<FiveTuple, SignedTimeWait> signed_time_waits_{};
  std::uint64_t last_cookie_ = 0;
  std::size_t orphans_ = 0;
  PacketPtr spare_{};
  TimeWaitTimer time_wait_timer_{};
};

}  // namespace sockeye
