// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The values of options that no transport keeps for itself. A socket has a block of its own only once
// an option was set; until then it reads the defaults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/time.h"
#include "tcp/fast_open.h"

namespace sockeye {

class SendReports;

// IP_MTU_DISCOVER / IPV6_MTU_DISCOVER.
enum class PathMtuDiscovery : std::uint8_t {
  dont = 0,
  want = 1,
  always = 2,
  probe = 3,
  interface = 4,
  omit = 5
};

struct SocketOptions {
  // SOL_SOCKET
  bool reuse_address = false;
  bool reuse_port = false;
  bool broadcast = false;
  bool keepalive = false;   // of a datagram socket, where it means nothing to Linux either
  bool oob_inline = false;  // the same
  bool linger = false;
  std::int32_t linger_seconds = 0;
  std::int64_t receive_timeout_us = 0;  // 0: for ever
  std::int64_t send_timeout_us = 0;
  std::int32_t receive_low_water = 1;
  bool zero_copy = false;
  std::uint32_t timestamping = 0;  // SOF_TIMESTAMPING_*
  std::uint32_t timestamp_key_base = 0;
  std::shared_ptr<SendReports> reports{};  // of a stream: the error queue, once something was to go there
  unsigned device = 0;                     // interface index; 0: any
  std::uint32_t receive_buffer = 0;        // datagram sockets; doubled. 0: the host's default
  std::uint32_t send_buffer = 0;
  std::uint32_t mark = 0;  // SO_MARK of a datagram socket
  // IPPROTO_IP
  std::int16_t ttl = -1;
  std::uint8_t tos = 0;
  PathMtuDiscovery mtu_discover = PathMtuDiscovery::want;
  bool receive_errors = false;
  bool packet_info = false;
  bool receive_ttl = false;
  bool receive_tos = false;
  bool freebind = false;
  bool bind_address_no_port = false;
  // IPPROTO_IPV6
  bool v6only = false;
  std::int16_t hops = -1;
  std::int16_t traffic_class = -1;
  PathMtuDiscovery mtu_discover_v6 = PathMtuDiscovery::want;
  bool receive_errors_v6 = false;
  bool packet_info_v6 = false;
  bool receive_hops = false;
  bool receive_traffic_class = false;
  bool dont_fragment = false;
  // IPPROTO_TCP
  std::uint8_t defer_accept_timeouts = 0;  // of a SYN-ACK
  bool fast_open_connect = false;
  bool tell_unread = false;  // TCP_INQ
  std::uint8_t save_syn = 0;
  std::vector<std::byte> saved_syn{};  // of an accepted socket, until it is read
  std::uint32_t fast_open_queue = 0;
  std::optional<tcp::FastOpenKeys> fast_open_keys{};
};

}  // namespace sockeye
