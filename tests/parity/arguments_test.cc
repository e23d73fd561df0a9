// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What wrong arguments get: families, types, addresses that are short, null or of another family,
// descriptors that are none, calls on the wrong kind of socket.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "script.h"

namespace sockeye::parity {
namespace {

PARITY(SocketArguments) {
  s.socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  s.socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  s.socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
  s.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP);
  s.socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP);
  s.socket(AF_INET, SOCK_STREAM, 255);
  s.socket(AF_INET, SOCK_STREAM, 300);
  s.socket(AF_INET, SOCK_STREAM, -1);
  s.socket(AF_INET, SOCK_SEQPACKET);
  s.socket(AF_INET, 99);
  s.socket(AF_INET, 9);
  s.socket(200, SOCK_STREAM);
  s.socket(-1, SOCK_STREAM);
  s.socket(AF_UNSPEC, SOCK_STREAM);
  s.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
}

PARITY(NoDescriptor) {
  const Name name = loopback(AF_INET, 1);
  for (const int fd : {-1, 999}) {
    s.bind(fd, name);
    s.listen(fd, 1);
    s.accept(fd);
    s.connect(fd, name);
    s.send(fd, "x");
    s.receive(fd, 1);
    s.shutdown(fd, SHUT_RD);
    s.names(fd);
    s.option(fd, SOL_SOCKET, SO_TYPE, "SO_TYPE");
    s.set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    s.note("fcntl", s.k.fcntl(fd, F_GETFL, 0));
    s.control(fd, FIONREAD, "FIONREAD");
    s.note("dup", s.k.dup(fd));
    s.note("close", s.k.close(fd));
    char byte;
    s.note("read", s.k.read(fd, &byte, 1));
    s.note("write", s.k.write(fd, &byte, 1));
  }
  s.poll(999);
  s.poll(-1);
}

PARITY(NotASocket) {
  const auto fd = static_cast<int>(s.k.epoll_create(0));
  const Name name = loopback(AF_INET, 1);
  s.bind(fd, name);
  s.listen(fd, 1);
  s.accept(fd);
  s.connect(fd, name);
  s.receive(fd, 1);
  s.shutdown(fd, SHUT_RD);
  s.names(fd);
  s.option(fd, SOL_SOCKET, SO_TYPE, "SO_TYPE");
  char byte;
  s.note("read", s.k.read(fd, &byte, 1));
  s.control(fd, FIONREAD, "FIONREAD");
  s.close(fd);
}

PARITY(BindAddresses) {
  for (const int family : {AF_INET, AF_INET6}) {
    const int fd = s.socket(family, SOCK_STREAM);
    const Name good = loopback(family, 0);
    for (const socklen_t size : {0u, 1u, 2u, 8u, 15u, 16u, 23u, 24u, 28u, 128u, 129u}) {
      sockaddr_storage storage = good.storage;
      const int fresh = static_cast<int>(s.k.socket(family, SOCK_STREAM, 0));
      s.note("bind of " + std::to_string(size), s.k.bind(fresh, reinterpret_cast<sockaddr*>(&storage), size));
      s.k.close(fresh);
    }
    s.note("bind of null", s.k.bind(fd, nullptr, 16));
    s.note("bind of null and 0", s.k.bind(fd, nullptr, 0));
    s.bind(fd, loopback(family == AF_INET ? AF_INET6 : AF_INET, 0));
    Name unspecified = anywhere(family, 0);
    unspecified.storage.ss_family = AF_UNSPEC;
    s.bind(fd, unspecified);
    Name elsewhere =
        family == AF_INET ? address(AF_INET, "192.0.2.77", 0) : address(AF_INET6, "2001:db8::77", 0);
    const int other = s.socket(family, SOCK_STREAM);
    s.bind(other, elsewhere);
    elsewhere.storage.ss_family = AF_UNSPEC;
    s.bind(other, elsewhere);
    s.bind(other, good);
    s.bind(other, good);  // twice
    s.names(other);
  }
}

PARITY(ConnectAddresses) {
  for (const int family : {AF_INET, AF_INET6})
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      const int fd = s.socket(family, type);
      sockaddr_storage storage = loopback(family, 9).storage;
      for (const socklen_t size : {0u, 1u, 2u, 8u, 15u})
        s.note("connect of " + std::to_string(size),
               s.k.connect(fd, reinterpret_cast<sockaddr*>(&storage), size));
      s.note("connect of null", s.k.connect(fd, nullptr, 16));
      s.note("connect of null and 0", s.k.connect(fd, nullptr, 0));
      if (family == AF_INET) s.connect(fd, loopback(AF_INET6, 9));
      Name unspecified = anywhere(family, 0);
      unspecified.storage.ss_family = AF_UNSPEC;
      s.connect(fd, unspecified);
    }
}

PARITY(NamesOfAFreshSocket) {
  for (const int family : {AF_INET, AF_INET6}) {
    const int fd = s.socket(family, SOCK_STREAM);
    s.names(fd);
    socklen_t size = 4;
    char room[4];
    s.note("short getsockname", s.k.getsockname(fd, reinterpret_cast<sockaddr*>(room), &size));
    s.note("  size", size);
    size = 128;
    s.note("null getsockname", s.k.getsockname(fd, nullptr, &size));
    s.note("null size", s.k.getsockname(fd, reinterpret_cast<sockaddr*>(room), nullptr));
    size = static_cast<socklen_t>(-1);
    s.note("negative size", s.k.getsockname(fd, reinterpret_cast<sockaddr*>(room), &size));
    size = 0;
    s.note("no room", s.k.getsockname(fd, nullptr, &size));
    s.note("  size", size);
  }
}

PARITY(AcceptAndListenOnTheWrongSocket) {
  const int stream = s.socket(AF_INET, SOCK_STREAM);
  s.accept(stream);
  const int datagram = s.socket(AF_INET, SOCK_DGRAM);
  s.accept(datagram);
  s.listen(datagram, 1);
  const int listening = s.listener();
  s.accept(listening, SOCK_NONBLOCK | 1);
  s.nonblocking(listening);
  s.accept(listening);
  s.send(listening, "x");
  s.receive(listening, 1);
  s.connect(listening, loopback(AF_INET, 9));
  s.listen(listening, 4);
  s.names(listening);
  const Pair pair = s.pair();
  s.listen(pair.client, 1);
  s.accept(pair.client);
}

PARITY(ListenWithoutBind) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.listen(fd, 0);
  s.names(fd);
  s.state(fd);
  const int negative = s.socket(AF_INET, SOCK_STREAM);
  s.listen(negative, -1);
}

PARITY(AcceptAddress) {
  Name name;
  const int listening = s.listener(AF_INET, 8, &name);
  for (int round = 0; round < 4; ++round) {
    const int client = s.socket(AF_INET, SOCK_STREAM);
    s.connect(client, name);
    sockaddr_storage storage{};
    socklen_t size = round == 0 ? 128 : round == 1 ? 5 : static_cast<socklen_t>(-1);
    const long got =
        s.k.accept(listening, reinterpret_cast<sockaddr*>(&storage), round == 3 ? nullptr : &size, 0);
    s.note("accept", got < 0 ? got : 0);
    s.note("  size", size);
    if (got >= 0) s.close(static_cast<int>(got));
  }
  s.nonblocking(listening);
  s.accept(listening);  // those that failed are gone, too
}

PARITY(FlagsAndVectors) {
  const Pair pair = s.pair();
  char bytes[] = "abcdef";
  const iovec parts[] = {{bytes, 3}, {nullptr, 0}, {bytes + 3, 3}};
  s.note("writev", s.k.writev(pair.client, parts, 3));
  s.note("writev of 0", s.k.writev(pair.client, parts, 0));
  s.note("writev of -1", s.k.writev(pair.client, parts, -1));
  s.note("writev of 1025", s.k.writev(pair.client, parts, 1025));
  s.settle();
  s.note("read of 0", s.k.read(pair.server, bytes, 0));
  s.note("readv", s.k.readv(pair.server, parts, 1));
  s.note("readv of 0", s.k.readv(pair.server, parts, 0));
  msghdr message{};
  s.note("sendmsg of null", s.k.sendmsg(pair.client, nullptr, 0));
  s.note("recvmsg of null", s.k.recvmsg(pair.client, nullptr, 0));
  s.note("sendmsg of nothing", s.k.sendmsg(pair.client, &message, 0));
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = 1025;
  s.note("sendmsg of 1025", s.k.sendmsg(pair.client, &message, 0));
  s.note("recvmsg of 1025", s.k.recvmsg(pair.client, &message, MSG_DONTWAIT));
  message.msg_iovlen = 3;
  s.note("recvmsg", s.k.recvmsg(pair.server, &message, MSG_DONTWAIT));
  s.note("  flags", message.msg_flags);
}

PARITY(OptionArguments) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  int value = 1;
  socklen_t size = sizeof value;
  s.note("getsockopt without size", s.k.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, nullptr));
  s.note("getsockopt without room", s.k.getsockopt(fd, SOL_SOCKET, SO_TYPE, nullptr, &size));
  size = static_cast<socklen_t>(-1);
  s.note("getsockopt of -1", s.k.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size));
  size = 1;
  s.note("getsockopt of 1", s.k.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size));
  s.note("  size", size);
  s.note("setsockopt of null", s.k.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nullptr, 4));
  s.note("setsockopt of 3", s.k.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 3));
  s.note("setsockopt of -1",
         s.k.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, static_cast<socklen_t>(-1)));
  s.option(fd, SOL_SOCKET, 9999, "unknown");
  s.set(fd, SOL_SOCKET, 9999, 1, "unknown");
  s.option(fd, IPPROTO_TCP, 9999, "unknown of TCP");
  s.set(fd, IPPROTO_TCP, 9999, 1, "unknown of TCP");
  s.option(fd, IPPROTO_IP, 9999, "unknown of IP");
  s.set(fd, IPPROTO_IP, 9999, 1, "unknown of IP");
  s.option(fd, 9999, 1, "unknown level");
  s.set(fd, 9999, 1, 1, "unknown level");
  const int datagram = s.socket(AF_INET, SOCK_DGRAM);
  s.option(datagram, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY of a datagram socket");
  s.set(datagram, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY of a datagram socket");
}

}  // namespace
}  // namespace sockeye::parity
