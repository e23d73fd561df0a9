// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One host. No globals, no threads, no clock, no entropy, no system calls: packets come in through
// links, calls through sockets, and `now` through poll(); packets, readiness and one deadline come
// out. The owner turns it:
//
//     for (;;) wait_until(stack.poll(now()));
//
// After any socket call the owner polls again before it sleeps: poll() is what sends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/drop.h"
#include "core/rng.h"
#include "core/time.h"
#include "ip/interface.h"
#include "ip/path_mtu_cache.h"
#include "link/link.h"
#include "socket/local_service.h"
#include "socket/socket.h"
#include "tcp/config.h"
#include "tcp/counters.h"
#include "tcp/snapshot.h"

namespace sockeye {

struct StackConfig {
  std::string name = "host";
  tcp::Config tcp{};
  std::uint16_t ephemeral_first = 32768;  // net.ipv4.ip_local_port_range
  std::uint16_t ephemeral_last = 60999;
  std::uint16_t unprivileged_port = 1024;         // net.ipv4.ip_unprivileged_port_start
  std::uint32_t udp_receive_buffer = 212992;      // net.core.rmem_default
  std::uint32_t udp_send_buffer = 212992;         // net.core.wmem_default
  std::uint32_t receive_buffer_limit = 4u << 20;  // net.core.rmem_max
  std::uint32_t send_buffer_limit = 4u << 20;     // net.core.wmem_max
  std::uint32_t sockets_max = 1u << 20;
  std::uint32_t packets_per_turn = 256;  // budget of one poll per link (hostile.md F28)
  std::uint8_t ttl = 64;
  PathMtuRules path_mtu{};  // net.ipv4.ip_no_pmtu_disc, route.min_pmtu, route.mtu_expires
};

class Stack {
 public:
  // The pool and both random sources outlive the stack. `secret` feeds keys, ports and sequence
  // numbers; `open` feeds jitter.
  Stack(const StackConfig& config, PacketPool& pool, Rng& secret, Rng& open, Instant start = Instant{});
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // Every stack has loopback (127.0.0.1/8, ::1/128) from the start. `link` outlives the stack.
  // Routes to the addresses' prefixes are added; `default_route` sends everything else here too.
  void add_interface(std::string name, Link& link, std::vector<InterfaceAddress> addresses,
                     bool default_route = false);
  // Impair loopback: replaces the built-in link of lo (decisions.md D6). Before the first packet.
  void replace_loopback(Link& link);

  // A live TCP connection moves to another stack that has its address (tcp/snapshot.h): out of a stream
  // socket of this stack, and into a new one. Nothing is sent when it leaves; the errors are those of
  // StreamSocket::take_connection and put_connection.
  Result<tcp::Snapshot> take_connection(Socket& socket);
  Result<SocketRef> put_connection(const tcp::Snapshot& snapshot);

  // AF_INET 2 / AF_INET6 10; SOCK_STREAM 1 / SOCK_DGRAM 2 without flag bits; protocol 0 or the fitting.
  Result<SocketRef> socket(int domain, int type, int protocol);

  // One turn: packets in, timers, packets out, until nothing is left to do at `now` or the budget is
  // spent. The next deadline (== now: turn again); kNever when only outside events can help.
  Instant poll(Instant now);
  Instant now() const;        // of the current or last turn
  void set_now(Instant now);  // a turn that begins with socket calls
  // Called (at most once per turn) when work appears outside a turn: a link woke, a call was made.
  void set_waker(LinkWaker* waker);

  const StackConfig& config() const;
  // A tunable by its Linux name (stack/sysctl.h). What is open keeps what it was opened with where
  // Linux does. ENOENT, EINVAL, EOPNOTSUPP.
  Result<> set_sysctl(std::string_view name, std::string_view value);
  PacketPool& pool();
  void forget_peers();  // what is remembered of servers: cookies and MSS of fast opens
  const tcp::Counters& tcp_counters() const;
  DropCounters& drops();
  const DropCounters& drops() const;
  // May this call do what takes rights (ports below unprivileged_port, SO_MARK)? Set by the face before it
  // (D19).
  void set_privileged(bool privileged);

  // Every socket, half-open connection and TIME_WAIT record, in order of creation.
  std::vector<SocketReport> report() const;
  std::vector<InterfaceAddress> addresses() const;  // not loopback's
  // Is there a socket for packets to this end?
  bool has_owner(const Endpoint& end, IpProtocol protocol) const;
  // Answers what this host's programs send to `port` and nobody owns (socket/local_service.h). The
  // answer is the listening socket for streams: it belongs to the caller and is in no report. The
  // service outlives the stack or is taken away with nullptr, after the socket was let go.
  SocketRef set_local_service(LocalService* service, std::uint16_t port);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockeye
