// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Who may bind what, and what waits behind a listener: SO_REUSEADDR, SO_REUSEPORT, TIME_WAIT, dual
// stack, the backlog and its overflow.
#include <fcntl.h>

#include <array>

#include "script.h"

namespace sockeye::parity {
namespace {

// Two sockets bind one port, with every combination of options, wildcards and listening.
PARITY(WhoMayShareAPort) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM})
    for (int mask = 0; mask < 64; ++mask) {
      if (type == SOCK_DGRAM && (mask & 32) != 0) continue;
      const int first = static_cast<int>(s.k.socket(AF_INET, type, 0));
      const int second = static_cast<int>(s.k.socket(AF_INET, type, 0));
      const int on = 1;
      if ((mask & 1) != 0) s.k.setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      if ((mask & 2) != 0) s.k.setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      if ((mask & 4) != 0) s.k.setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      if ((mask & 8) != 0) s.k.setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      const Name any = anywhere(AF_INET, 0);
      s.k.bind(first, any.get(), any.size);
      const std::uint16_t port = s.name_of(first).port();
      if ((mask & 32) != 0) s.k.listen(first, 1);
      const Name wanted = (mask & 16) != 0 ? loopback(AF_INET, port) : anywhere(AF_INET, port);
      const std::string label = std::to_string(type) + ":" + std::to_string(mask);
      const long bound = s.note("bind " + label, s.k.bind(second, wanted.get(), wanted.size));
      if (bound == 0 && type == SOCK_STREAM) s.note("listen " + label, s.k.listen(second, 1));
      if (bound == 0 && type == SOCK_STREAM) s.note("first listens " + label, s.k.listen(first, 1));
      s.k.close(first);
      s.k.close(second);
    }
}

PARITY(BothFamilies) {
  for (const int v6only : {0, 1})
    for (const bool v4_first : {false, true}) {
      const int v6 = s.socket(AF_INET6, SOCK_STREAM);
      const int v4 = s.socket(AF_INET, SOCK_STREAM);
      s.set(v6, IPPROTO_IPV6, IPV6_V6ONLY, v6only, "IPV6_V6ONLY");
      const int first = v4_first ? v4 : v6;
      const int second = v4_first ? v6 : v4;
      s.bind(first, anywhere(v4_first ? AF_INET : AF_INET6, 0));
      const std::uint16_t port = s.name_of(first).port();
      s.bind(second, anywhere(v4_first ? AF_INET6 : AF_INET, port));
      s.set(v6, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY after bind");
    }
}

PARITY(DualStackAccepts) {
  const int listening = s.socket(AF_INET6, SOCK_STREAM);
  s.set(listening, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
  s.bind(listening, anywhere(AF_INET6, 0));
  s.listen(listening, 4);
  const int client = s.socket(AF_INET, SOCK_STREAM);
  s.connect(client, loopback(AF_INET, s.name_of(listening).port()));
  const int server = s.accept(listening);
  s.names(server);
  s.send(client, "over IPv4");
  s.settle();
  s.receive(server, 100);
  const int mapped = s.socket(AF_INET6, SOCK_STREAM);
  s.connect(mapped, address(AF_INET6, "::ffff:127.0.0.1", s.name_of(listening).port()));
  s.names(mapped);
}

PARITY(RestartWithTimeWait) {
  for (const bool reuse : {false, true}) {
    Name name;
    const int listening = s.listener(AF_INET, 4, &name);
    const int client = s.socket(AF_INET, SOCK_STREAM);
    s.connect(client, name);
    const int server = s.accept(listening);
    s.close(server);  // the server closes first: TIME_WAIT is on its port
    s.settle();
    s.receive(client, 1);
    s.close(client);
    s.close(listening);
    s.settle();
    const int again = s.socket(AF_INET, SOCK_STREAM);
    if (reuse) s.set(again, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    s.bind(again, name);
  }
}

PARITY(RestartWithConnections) {
  for (const bool reuse : {false, true}) {
    Name name;
    const int listening = s.socket(AF_INET, SOCK_STREAM);
    if (reuse) s.set(listening, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    s.bind(listening, loopback(AF_INET, 0));
    s.listen(listening, 4);
    name = s.name_of(listening);
    const int client = s.socket(AF_INET, SOCK_STREAM);
    s.connect(client, name);
    s.accept(listening);
    s.close(listening);
    const int again = s.socket(AF_INET, SOCK_STREAM);
    if (reuse) s.set(again, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    s.bind(again, name);
    s.listen(again, 4);
  }
}

PARITY(BacklogOverflow) {
  for (const int backlog : {0, 1, 3}) {
    Name name;
    const int listening = s.listener(AF_INET, backlog, &name);
    std::array<int, 7> clients{};
    for (int& client : clients) {
      client = s.socket(AF_INET, SOCK_STREAM);
      s.nonblocking(client);
      s.connect(client, name);
      s.settle();
      s.state(client);
    }
    s.nonblocking(listening);
    for (int i = 0; i < 5; ++i) s.accept(listening);
  }
}

PARITY(ListenAgainChangesTheBacklog) {
  Name name;
  const int listening = s.listener(AF_INET, 0, &name);
  s.listen(listening, 2);
  for (int i = 0; i < 4; ++i) {
    const int client = s.socket(AF_INET, SOCK_STREAM);
    s.nonblocking(client);
    s.connect(client, name);
    s.settle();
    s.state(client);
  }
}

PARITY(ReusePortBalances) {
  std::array<int, 4> listeners{};
  std::uint16_t port = 0;
  for (int& listening : listeners) {
    listening = s.socket(AF_INET, SOCK_STREAM);
    s.set(listening, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    s.bind(listening, loopback(AF_INET, port));
    s.listen(listening, 128);
    port = s.name_of(listening).port();
    s.nonblocking(listening);
  }
  std::vector<int> clients;
  for (int i = 0; i < 80; ++i) {
    const auto client = static_cast<int>(s.k.socket(AF_INET, SOCK_STREAM, 0));
    const Name name = loopback(AF_INET, port);
    s.k.connect(client, name.get(), name.size);
    const linger now = {1, 0};
    s.k.setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    clients.push_back(client);
  }
  int busy = 0;
  int total = 0;
  for (const int listening : listeners) {
    int count = 0;
    long fd;
    while ((fd = s.k.accept(listening, nullptr, nullptr, 0)) >= 0) {
      ++count;
      s.k.close(static_cast<int>(fd));
    }
    busy += count > 3 ? 1 : 0;
    total += count;
  }
  for (const int client : clients) s.k.close(client);
  s.note("listeners with a share", busy);
  s.note("connections", total);
}

PARITY(PrivilegedPorts) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.bind(fd, loopback(AF_INET, 807));
}

PARITY(ConnectFromABoundPort) {
  Name name;
  s.listener(AF_INET, 4, &name);
  const int first = s.socket(AF_INET, SOCK_STREAM);
  s.bind(first, loopback(AF_INET, 0));
  const Name local = s.name_of(first);
  s.connect(first, name);
  const int second = s.socket(AF_INET, SOCK_STREAM);
  s.set(second, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  s.bind(second, local);
  s.connect(second, name);
}

PARITY(AfterAListenerIsShutDown) {
  const Name name = s.free_port(AF_INET);
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.bind(fd, name);
  s.listen(fd, 4);
  s.shutdown(fd, SHUT_RD);
  const int other = s.socket(AF_INET, SOCK_STREAM);
  s.bind(other, name);
  s.names(fd);
  s.listen(fd, 4);
  s.state(fd);
  const int client = s.socket(AF_INET, SOCK_STREAM);
  s.connect(client, name);
}

PARITY(AcceptedSocketsInherit) {
  const int listening = s.socket(AF_INET, SOCK_STREAM);
  s.set(listening, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
  s.set(listening, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  s.set(listening, IPPROTO_TCP, TCP_KEEPIDLE, 30, "TCP_KEEPIDLE");
  s.set(listening, SOL_SOCKET, SO_RCVBUF, 50000, "SO_RCVBUF");
  s.set(listening, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  s.nonblocking(listening);
  s.bind(listening, loopback(AF_INET, 0));
  s.listen(listening, 4);
  const int client = s.socket(AF_INET, SOCK_STREAM);
  s.connect(client, s.name_of(listening));
  s.settle();
  const int server = s.accept(listening);
  s.option(server, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE");
  s.option(server, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
  s.option(server, IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE");
  s.option(server, SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF");
  s.option(server, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
  s.option(server, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN");
  s.note("F_GETFL", s.k.fcntl(server, F_GETFL, 0));
}

}  // namespace
}  // namespace sockeye::parity
