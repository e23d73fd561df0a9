// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world's name server (decisions.md D4): on every host it answers whatever is sent to port 53 and
// has no owner there, whichever server the machine's resolv.conf names. It knows the world's hosts
// (A, AAAA, and PTR for their addresses) and localhost (RFC 6761 6.3); everything else does not exist,
// at once: the resolver asks for name.search.domain first, and must not wait for that.
//
// Queries over UDP, and over TCP one after the other, each behind its length (RFC 1035 4.2.2, RFC 7766).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ring/ring.h"
#include "socket/local_service.h"
#include "stack/stack.h"

namespace sockeye::world {

// What the answers come from.
class NameTable {
 public:
  virtual std::vector<IpAddress> addresses_of(std::string_view name) const = 0;  // in any case, no final dot
  virtual std::string name_of(const IpAddress& address) const = 0;               // empty: nobody
  // Has a host (other than the asking one) a name server of its own there?
  virtual bool has_server(const Endpoint& at, IpProtocol protocol) const = 0;

 protected:
  ~NameTable() = default;
};

// The answer to one query; empty when it deserves none. `limit` 0: what the query allows over UDP.
std::vector<std::byte> answer_query(const NameTable& names, Bytes message, std::size_t limit = 0);

// The server of one host.
class NameService final : private LocalService {
 public:
  static constexpr std::uint16_t kPort = 53;
  static constexpr std::size_t kConnectionsMax = 64;
  static constexpr Duration kIdleMax = 30s;

  NameService(const NameTable& names, Stack& stack, Ring& ring);
  ~NameService();
  NameService(const NameService&) = delete;
  NameService& operator=(const NameService&) = delete;

 private:
  class Connection;

  bool leaves_alone(const Endpoint& to, IpProtocol protocol) const override;
  std::vector<std::byte> answer(Bytes request) override;
  void accept_next();
  static void on_accepted(Op* op);
  void forget(Connection& connection);

  const NameTable& names_;
  Stack& stack_;
  Ring& ring_;
  Op accept_;
  std::vector<std::unique_ptr<Connection>> connections_;
  bool ending_ = false;
};

}  // namespace sockeye::world
