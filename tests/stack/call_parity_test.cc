// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What socket calls answer in every state that a program can bring a socket into, on the kernel and
// here.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>

#include "stack/parity.h"

namespace sockeye {
namespace {

class Log {
 public:
  void operator()(const std::string& what, const std::string& answer) {
    text_ += what + ": " + answer + "\n";
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

using Script = std::function<void(SocketCalls&, unsigned port, Log&)>;

void compare(const Script& script) {
  Log theirs;
  Log ours;
  auto kernel = kernel_calls();
  script(*kernel, unused_port(), theirs);
  auto here = our_calls();
  script(*here, unused_port(), ours);
  EXPECT_EQ(theirs.text(), ours.text()) << "(kernel first)";
}

std::string accepted(int handle) {
  return handle >= 0 ? "a socket" : error_name(-handle);
}

// Everything that can be asked of a socket without changing it.
void describe(SocketCalls& c, Log& log, const std::string& name, int s) {
  log(name + " poll", c.poll(s));
  const std::string address = c.local_address(s);
  log(name + " local", address + (c.local_port(s) == 0 ? " no port" : " a port"));
  log(name + " peer", c.peer(s));
  log(name + " acceptconn", c.get(s, SOL_SOCKET, SO_ACCEPTCONN));
  log(name + " error", c.get(s, SOL_SOCKET, SO_ERROR));
}

TEST(CallParity, OpeningSockets) {
  compare([](SocketCalls& c, unsigned, Log& log) {
    for (const int domain : {AF_INET, AF_INET6, 12345})
      for (const int type : {int{SOCK_STREAM}, int{SOCK_DGRAM}, int{SOCK_SEQPACKET}, 0, 99})
        for (const int protocol : {0, int{IPPROTO_TCP}, int{IPPROTO_UDP}, 143, 1000, -1})
          log(std::to_string(domain) + " " + std::to_string(type) + " " + std::to_string(protocol),
              accepted(c.open(domain, type, protocol)));
  });
}

TEST(CallParity, StreamNeverConnected) {
  compare([](SocketCalls& c, unsigned, Log& log) {
    const int s = c.open(AF_INET, SOCK_STREAM);
    describe(c, log, "fresh", s);
    log("accept", accepted(c.accept(s)));
    log("send", c.send(s, "x"));
    log("receive", c.receive(s, 10));
    log("shutdown rd", c.shutdown(s, SHUT_RD));
    log("shutdown 3", c.shutdown(s, 3));
    log("dissolve", c.dissolve(s));
    describe(c, log, "after", s);
  });
}

TEST(CallParity, Binding) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const int s = c.open(AF_INET, SOCK_STREAM);
    log("foreign", c.bind(s, "192.0.2.1", port));
    log("any 127", c.bind(s, "127.3.2.1", port));
    describe(c, log, "bound", s);
    log("twice", c.bind(s, "127.0.0.1", port + 1));
    const int six = c.open(AF_INET6, SOCK_STREAM);
    log("foreign 6", c.bind(six, "2001:db8::1", port));
    log("multicast 6", c.bind(six, "ff02::1", port));
    log("port 0", c.bind(six, "::1", 0));
    describe(c, log, "six", six);
    const int only = c.open(AF_INET6, SOCK_STREAM);
    log("v6only", c.set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    log("mapped", c.bind(only, "127.0.0.1", port));
    log("any", c.bind(only, "::", port));
    log("v6only off", c.set(only, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    const int udp = c.open(AF_INET, SOCK_DGRAM);
    log("udp multicast", c.bind(udp, "224.0.0.99", port));
  });
}

TEST(CallParity, Listening) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const int s = c.open(AF_INET, SOCK_STREAM);
    log("bind", c.bind(s, "127.0.0.1", port));
    log("listen", c.listen(s, 1));
    describe(c, log, "listener", s);
    log("listen again", c.listen(s, -1));
    log("accept", accepted(c.accept(s)));
    log("send", c.send(s, "x"));
    log("receive", c.receive(s, 1));
    log("connect", c.connect(s, "127.0.0.1", port));
    log("bind again", c.bind(s, "127.0.0.1", port + 1));
    log("shutdown wr", c.shutdown(s, SHUT_WR));
    describe(c, log, "listener", s);
    log("shutdown rd", c.shutdown(s, SHUT_RD));
    describe(c, log, "stopped", s);
    log("accept", accepted(c.accept(s)));
    log("listen", c.listen(s, 1));
    const int unbound = c.open(AF_INET6, SOCK_STREAM);
    log("listen unbound", c.listen(unbound, 1));
    describe(c, log, "unbound", unbound);
    const int udp = c.open(AF_INET, SOCK_DGRAM);
    log("udp listen", c.listen(udp, 1));
    log("udp accept", accepted(c.accept(udp)));
  });
}

struct Pair {
  int listener, client, server;
};
Pair make_pair_of(SocketCalls& c, unsigned port, Log& log, int domain = AF_INET,
                  const char* address = "127.0.0.1") {
  Pair pair{};
  pair.listener = c.open(domain, SOCK_STREAM);
  log("bind", c.bind(pair.listener, address, port));
  log("listen", c.listen(pair.listener, 5));
  pair.client = c.open(domain, SOCK_STREAM);
  log("connect", c.connect(pair.client, address, port));
  c.wait(pair.client, POLLOUT);
  c.wait(pair.listener, POLLIN);
  describe(c, log, "listener", pair.listener);
  pair.server = c.accept(pair.listener);
  log("accept", accepted(pair.server));
  return pair;
}

TEST(CallParity, ConnectingAndTalking) {
  for (const auto& [the_domain, the_address] :
       {std::pair{AF_INET, "127.0.0.1"}, {AF_INET6, "::1"}, {AF_INET6, "127.0.0.1"}})
    compare([domain = the_domain, address = the_address](SocketCalls& c, unsigned port, Log& log) {
      const Pair p = make_pair_of(c, port, log, domain, address);
      describe(c, log, "client", p.client);
      describe(c, log, "server", p.server);
      log("connect again", c.connect(p.client, address, port));
      log("and again", c.connect(p.client, address, port));
      log("bind", c.bind(p.client, address, port + 1));
      log("listen", c.listen(p.client, 1));
      log("send", c.send(p.client, "hello"));
      c.wait(p.server, POLLIN);
      log("poll", c.poll(p.server));
      log("peek", c.receive(p.server, 3, MSG_PEEK));
      log("receive", c.receive(p.server, 2));
      log("trunc", c.receive(p.server, 2, MSG_TRUNC));
      log("rest", c.receive(p.server, 10));
      log("empty", c.receive(p.server, 10));
      log("shutdown wr", c.shutdown(p.client, SHUT_WR));
      log("send after shutdown", c.send(p.client, "x"));
      c.wait(p.server, POLLIN);
      describe(c, log, "server", p.server);
      log("eof", c.receive(p.server, 10));
      log("answer", c.send(p.server, "bye"));
      c.wait(p.client, POLLIN);
      describe(c, log, "client", p.client);
      c.close(p.server);
      c.wait(p.client, POLLHUP);
      describe(c, log, "client", p.client);
      log("receive", c.receive(p.client, 10));
      log("receive", c.receive(p.client, 10));
      log("shutdown", c.shutdown(p.client, SHUT_RDWR));
    });
}

TEST(CallParity, ShutdownOfReading) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const Pair p = make_pair_of(c, port, log);
    log("shutdown rd", c.shutdown(p.client, SHUT_RD));
    describe(c, log, "client", p.client);
    log("receive", c.receive(p.client, 10));
    log("send to it", c.send(p.server, "x"));
    log("shutdown rdwr", c.shutdown(p.client, SHUT_RDWR));
    describe(c, log, "client", p.client);
    c.wait(p.server, POLLIN);
    describe(c, log, "server", p.server);
  });
}

TEST(CallParity, ResetByUnreadData) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const Pair p = make_pair_of(c, port, log);
    log("send", c.send(p.client, "unread"));
    c.wait(p.server, POLLIN);
    c.close(p.server);
    c.wait(p.client, POLLHUP);
    describe(c, log, "client", p.client);  // SO_ERROR clears it
    log("receive", c.receive(p.client, 10));
    log("send", c.send(p.client, "x"));
    log("connect", c.connect(p.client, "127.0.0.1", port));
  });
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const Pair p = make_pair_of(c, port, log);
    log("send", c.send(p.client, "unread"));
    c.wait(p.server, POLLIN);
    c.close(p.server);
    c.wait(p.client, POLLHUP);
    log("poll", c.poll(p.client));
    log("send", c.send(p.client, "x"));
    log("send", c.send(p.client, "x"));
    log("receive", c.receive(p.client, 10));
    log("peer", c.peer(p.client));
    log("shutdown", c.shutdown(p.client, SHUT_RDWR));
  });
}

TEST(CallParity, LingerZero) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const Pair p = make_pair_of(c, port, log);
    log("send", c.send(p.server, "kept"));
    c.wait(p.client, POLLIN);
    log("abort", c.dissolve(p.server));
    describe(c, log, "server", p.server);
    c.wait(p.client, POLLHUP);
    describe(c, log, "client", p.client);
    log("receive", c.receive(p.client, 10));
    log("receive", c.receive(p.client, 10));
  });
}

TEST(CallParity, Refused) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const int s = c.open(AF_INET, SOCK_STREAM);
    log("connect", c.connect(s, "127.0.0.1", port));
    c.wait(s, POLLOUT);
    log("poll", c.poll(s));
    log("peer", c.peer(s));
    log("error", c.get(s, SOL_SOCKET, SO_ERROR));
    log("error", c.get(s, SOL_SOCKET, SO_ERROR));
    log("send", c.send(s, "x"));
    log("receive", c.receive(s, 1));
    log("connect", c.connect(s, "127.0.0.1", port));
    log("connect", c.connect(s, "127.0.0.1", port));
    c.wait(s, POLLOUT);
    log("receive", c.receive(s, 1));
    log("connect", c.connect(s, "127.0.0.1", port));
  });
}

TEST(CallParity, SelfConnect) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const int s = c.open(AF_INET, SOCK_STREAM);
    log("bind", c.bind(s, "127.0.0.1", port));
    log("connect", c.connect(s, "127.0.0.1", port));
    c.wait(s, POLLOUT);
    describe(c, log, "self", s);
    log("send", c.send(s, "me"));
    c.wait(s, POLLIN);
    log("receive", c.receive(s, 10));
    log("shutdown", c.shutdown(s, SHUT_WR));
    c.wait(s, POLLIN);
    log("receive", c.receive(s, 10));
    log("poll", c.poll(s));
  });
}

TEST(CallParity, DualStack) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const int listener = c.open(AF_INET6, SOCK_STREAM);
    log("off", c.set(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    log("bind", c.bind(listener, "::", port));
    log("listen", c.listen(listener, 5));
    for (const char* address : {"127.0.0.1", "0.0.0.0"}) {
      const int client = c.open(AF_INET, SOCK_STREAM);
      log("connect", c.connect(client, address, port));
      c.wait(listener, POLLIN);
      const int server = c.accept(listener);
      log("accept", accepted(server));
      describe(c, log, "server", server);
      describe(c, log, "client", client);
    }
    const int only = c.open(AF_INET6, SOCK_STREAM);
    log("on", c.set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    log("connect mapped", c.connect(only, "127.0.0.1", port));
    const int any = c.open(AF_INET6, SOCK_STREAM);
    log("connect any", c.connect(any, "::", port));
    c.wait(any, POLLOUT);
    describe(c, log, "any", any);
    log("multicast", c.connect(c.open(AF_INET, SOCK_STREAM), "224.0.0.1", port));
  });
}

TEST(CallParity, DatagramsTalk) {
  for (const auto& [the_domain, the_address] :
       {std::pair{AF_INET, "127.0.0.1"}, {AF_INET6, "::1"}, {AF_INET6, "127.0.0.1"}})
    compare([domain = the_domain, address = the_address](SocketCalls& c, unsigned port, Log& log) {
      int s = c.open(domain, SOCK_DGRAM);
      describe(c, log, "fresh", s);
      log("send without peer", c.send(s, "x"));
      log("receive", c.receive(s, 10));
      log("send to port 0", c.send_to(s, "x", address, 0));
      log("bind", c.bind(c.open(domain, SOCK_DGRAM), address, port + 1));
      log("bind", c.bind(s, address, port + 1));
      describe(c, log, "used", s);
      s = c.open(domain, SOCK_DGRAM);
      log("bind", c.bind(s, address, port));
      const int client = c.open(domain, SOCK_DGRAM);
      log("send to", c.send_to(client, "hello", address, port));
      describe(c, log, "client", client);
      c.wait(s, POLLIN);
      log("poll", c.poll(s));
      log("trunc", c.receive(s, 2, MSG_TRUNC | MSG_PEEK));
      log("peek", c.receive(s, 10, MSG_PEEK));
      log("short", c.receive(s, 2));
      log("empty", c.receive(s, 10));
      log("empty datagram", c.send_to(client, "", address, port));
      c.wait(s, POLLIN);
      log("receive", c.receive(s, 10));
      log("connect", c.connect(client, address, port));
      describe(c, log, "client", client);
      log("connect again", c.connect(client, address, port + 1));
      log("send", c.send(client, "anybody?"));
      c.wait(client, POLLERR);
      log("poll", c.poll(client));
      log("send", c.send(client, "again?"));
      c.wait(client, POLLERR);
      log("receive", c.receive(client, 10));
      log("dissolve", c.dissolve(client));
      describe(c, log, "client", client);
      log("shutdown", c.shutdown(client, SHUT_RD));
      log("poll", c.poll(client));
      log("receive", c.receive(client, 10));
      log("connect", c.connect(client, address, port));
      log("shutdown", c.shutdown(client, SHUT_WR));
      log("send", c.send(client, "x"));
      log("poll", c.poll(client));
    });
}

TEST(CallParity, DatagramsFindFault) {
  compare([](SocketCalls& c, unsigned port, Log& log) {
    const int s = c.open(AF_INET, SOCK_DGRAM);
    log("broadcast", c.send_to(s, "x", "255.255.255.255", port));
    log("too long", c.send_to(s, std::string(65508, 'x'), "127.0.0.1", port));
    log("longest", c.send_to(s, std::string(65507, 'x'), "127.0.0.1", port));
    const int six_sender = c.open(AF_INET6, SOCK_DGRAM);
    const int six_receiver = c.open(AF_INET6, SOCK_DGRAM);
    log("bind", c.bind(six_receiver, "::1", port));
    for (const std::size_t bytes : {65487u, 65488u, 65527u, 65528u, 65535u}) {
      log("six " + std::to_string(bytes), c.send_to(six_sender, std::string(bytes, 'x'), "::1", port));
      if (bytes > 65527) continue;
      c.wait(six_receiver, POLLIN);
      log("arrives", std::to_string(c.receive(six_receiver, 70'000).size()));
    }
    log("any", c.send_to(s, "x", "0.0.0.0", port));
    log("connect", c.connect(s, "127.0.0.1", port));
    log("oob", c.send(s, "x", MSG_OOB));
    const int fresh = c.open(AF_INET, SOCK_DGRAM);
    log("oob", c.receive(fresh, 1, MSG_OOB));
    log("errqueue", c.receive(s, 1, MSG_ERRQUEUE));
    const int six = c.open(AF_INET6, SOCK_DGRAM);
    log("only", c.set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    log("mapped", c.send_to(six, "x", "127.0.0.1", port));
    log("connect mapped", c.connect(six, "127.0.0.1", port));
  });
}

}  // namespace
}  // namespace sockeye
