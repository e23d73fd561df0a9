// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Who uses which local port of one transport: the rules of bind(2) exactly as Linux has them
// (SO_REUSEADDR x SO_REUSEPORT x IPV6_V6ONLY x wildcard x state), and the choice of the socket that a
// packet is for when no connection has its five-tuple.
//
//   page (256 ports) -> port -> list of uses: one per bound socket, one per kind of connection
//
// The children of a listener share one use with a count, so neither bind() nor a SYN walks over
// connections. A use of state time_wait stands for records in the TIME_WAIT table.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/ip_address.h"

namespace sockeye {

class ConnectionTable;
class Socket;

struct PortUse {
  enum class State : std::uint8_t { bound, listening, connected, time_wait };

  IpAddress address{};  // any_v4, any_v6 or one address
  std::uint16_t port = 0;
  State state = State::bound;
  bool is_v6 = false;  // of an AF_INET6 socket
  bool v6only = false;
  bool reuse_address = false;
  bool reuse_port = false;
  bool from_connect = false;  // the port was chosen by connect(): others may share it (RFC 6056)
  unsigned device = 0;        // SO_BINDTODEVICE
  Endpoint remote{};          // of a connected datagram socket
  Socket* owner = nullptr;    // none for connections and records
  std::uint32_t count = 1;

  bool is_wildcard() const { return address.is_unspecified(); }
};

class PortTable {
 public:
  enum class Rule : std::uint8_t { stream, datagram };
  explicit PortTable(Rule rule) : rule_(rule) {}

  // RFC 9293 3.9.1.1 MUST-41, MUST-42
  // Does `claim` collide with somebody on its port? `self` is left out. `chosen`: the port is our own
  // choice (bind to port 0), then nobody is to share it.
  bool conflicts(const PortUse& claim, const PortUse* self, bool chosen) const;
  bool is_free(std::uint16_t port) const { return first(port) == nullptr; }
  // Only ports that connect() chose may be shared by another connect().
  bool may_share(std::uint16_t port) const;

  PortUse* add(const PortUse& claim);         // of one socket; the pointer stays until remove()
  PortUse* add_shared(const PortUse& claim);  // of connections: the same use for the same claim
  void remove(PortUse* use);                  // one count of it
  // The TIME_WAIT table has no record of this port any more.
  void forget_time_wait(std::uint16_t port);
  bool has_time_wait(std::uint16_t port) const;
  // The same for the addresses of which `holds(endpoint)` says that no record is left.
  template <class Holds>
  void forget_time_wait_of(std::uint16_t port, Holds holds) {
    erase_if(port, [&](const PortUse& use) {
      return use.state == PortUse::State::time_wait && !holds(Endpoint{use.address, port});
    });
  }

  // The listener (stream) or socket (datagram) for a packet from `remote` to `local`. The hash of `chooser`
  // chooses among a SO_REUSEPORT group; null: its first.
  const PortUse* find(const Endpoint& local, const Endpoint& remote, unsigned interface_index,
                      const ConnectionTable* chooser = nullptr) const;
  // Every datagram socket that a packet to a group address is for, oldest first.
  template <class Visit>
  void for_each_on(std::uint16_t port, Visit visit) const {
    for (const Node* use = first(port); use != nullptr; use = use->next.get()) visit(*use);
  }

 private:
  struct Node : PortUse {
    explicit Node(const PortUse& use) : PortUse(use) {}
    std::unique_ptr<Node> next{};
  };
  struct Page {
    std::array<std::unique_ptr<Node>, 256> ports{};  // the uses of each, in order of arrival
    unsigned used = 0;
  };

  const Node* first(std::uint16_t port) const {
    const Page* page = pages_[port >> 8].get();
    return page == nullptr ? nullptr : page->ports[port & 0xff].get();
  }
  template <class Matches>
  void erase_if(std::uint16_t port, Matches matches) {
    auto& page = pages_[port >> 8];
    if (!page || !page->ports[port & 0xff]) return;
    for (auto* link = &page->ports[port & 0xff]; *link;) {
      if (matches(**link))
        *link = std::move((*link)->next);
      else
        link = &(*link)->next;
    }
    if (page->ports[port & 0xff]) return;
    if (--page->used == 0) page.reset();
  }
  bool stream_conflict(const PortUse& claim, const PortUse& other, bool chosen) const;
  int score(const PortUse& use, const Endpoint& local, const Endpoint& remote, unsigned interface_index,
            bool wildcard) const;

  Rule rule_;
  std::array<std::unique_ptr<Page>, 256> pages_{};
};

// Can a packet reach both? (Linux: inet_rcv_saddr_equal, wildcards matching.)
bool addresses_overlap(const PortUse& a, const PortUse& b);

}  // namespace sockeye
