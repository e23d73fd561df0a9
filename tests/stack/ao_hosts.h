// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The structures of TCP_AO_* as a program fills them in, and two hosts that use them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include "stack/packets.h"
#include "stack/two_hosts.h"

namespace sockeye {

inline constexpr int kAdd = 38, kDelete = 39, kInfo = 40, kGetKeys = 41;

struct WantedKey {
  std::string peer = "10.0.0.2";
  unsigned send_id = 1;
  unsigned receive_id = 1;
  std::string secret = "testvector";
  std::string algorithm = "hmac(sha1)";
  unsigned code_bytes = 0;
  unsigned key_flags = 0;
  unsigned flags = 0;
  int prefix = -1;  // -1: the host
};

inline ByteString address_of(const std::string& peer) {
  ByteString bytes(128);
  const bool is_v6 = peer.find(':') != std::string::npos;
  const auto family = static_cast<std::uint16_t>(is_v6 ? AF_INET6 : AF_INET);
  std::memcpy(bytes.data(), &family, sizeof family);
  inet_pton(family, peer.c_str(), bytes.data() + (is_v6 ? 8 : 4));
  return bytes;
}

// struct tcp_ao_add.
inline ByteString ao_add(const WantedKey& wanted) {
  ByteString bytes = address_of(wanted.peer) + ByteString(160);
  const bool is_v6 = wanted.peer.find(':') != std::string::npos;
  std::memcpy(bytes.data() + 128, wanted.algorithm.data(), wanted.algorithm.size());
  std::memcpy(bytes.data() + 196, &wanted.flags, 4);
  bytes[202] = static_cast<std::byte>(wanted.prefix >= 0 ? wanted.prefix : is_v6 ? 128 : 32);
  bytes[203] = static_cast<std::byte>(wanted.send_id);
  bytes[204] = static_cast<std::byte>(wanted.receive_id);
  bytes[205] = static_cast<std::byte>(wanted.code_bytes);
  bytes[206] = static_cast<std::byte>(wanted.key_flags);
  bytes[207] = static_cast<std::byte>(wanted.secret.size());
  std::memcpy(bytes.data() + 208, wanted.secret.data(), wanted.secret.size());
  return bytes;
}

// struct tcp_ao_del.
inline ByteString ao_del(const WantedKey& wanted) {
  ByteString bytes = address_of(wanted.peer) + ByteString(16);
  bytes[138] = static_cast<std::byte>(wanted.prefix >= 0 ? wanted.prefix : 32);
  bytes[139] = static_cast<std::byte>(wanted.send_id);
  bytes[140] = static_cast<std::byte>(wanted.receive_id);
  return bytes;
}

// struct tcp_ao_info_opt.
inline ByteString ao_info(std::uint32_t flags, unsigned current, unsigned next,
                          const std::array<std::uint64_t, 5>& counters = {}) {
  ByteString bytes(48);
  std::memcpy(bytes.data() + 8, counters.data(), sizeof counters);
  std::memcpy(bytes.data(), &flags, 4);
  bytes[6] = static_cast<std::byte>(current);
  bytes[7] = static_cast<std::byte>(next);
  return bytes;
}

class Ao : public TwoHosts {
 protected:
  Ao() : TwoHosts({.mtu = 1500, .checksum_trusted = false}) {}
  static std::string add(const SocketRef& socket, const WantedKey& wanted) {
    return outcome(socket->set_option(IPPROTO_TCP, kAdd, ao_add(wanted)));
  }
  // How far a connect() from left gets in five seconds.
  std::string attempt(const SocketRef& client, const Endpoint& to) {
    (void)client->connect(to);
    run(5s);
    return outcome(client->connect(to));
  }
  std::uint64_t dropped(Drop reason) { return right.stack.drops()[reason]; }
};

}  // namespace sockeye
