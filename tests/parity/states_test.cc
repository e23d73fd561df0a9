// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A stream in every state that a program can see: what poll says, what calls answer, what SO_ERROR
// holds; shutdown and close in all combinations; refusal, reset, the errors of the source text's table.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "script.h"

namespace sockeye::parity {
namespace {

void look(Script& s, int fd) {
  s.state(fd);
  s.poll(fd);
  s.names(fd);
}
void try_both(Script& s, int fd) {
  s.receive(fd, 10, MSG_DONTWAIT);
  s.send(fd, "x", MSG_DONTWAIT);
  s.receive(fd, 10, MSG_DONTWAIT);
  s.send(fd, "x", MSG_DONTWAIT);
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
}

PARITY(Fresh) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  look(s, fd);
  try_both(s, fd);
  for (const int how : {0, 1, 2, 3, -1}) s.shutdown(fd, how);
  look(s, fd);
  s.control(fd, FIONREAD, "FIONREAD");
  s.control(fd, TIOCOUTQ, "SIOCOUTQ");
}

PARITY(Bound) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.bind(fd, loopback(AF_INET, 0));
  look(s, fd);
  try_both(s, fd);
}

PARITY(Listening) {
  const int fd = s.listener();
  look(s, fd);
  try_both(s, fd);
  s.control(fd, FIONREAD, "FIONREAD");
  s.control(fd, TIOCOUTQ, "SIOCOUTQ");
  s.option(fd, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN");
  s.shutdown(fd, SHUT_WR);
  look(s, fd);
  s.shutdown(fd, SHUT_RD);
  look(s, fd);
  s.accept(fd, SOCK_NONBLOCK);
}

PARITY(Established) {
  for (const int family : {AF_INET, AF_INET6}) {
    const Pair pair = s.pair(family);
    look(s, pair.client);
    look(s, pair.server);
    s.receive(pair.client, 10, MSG_DONTWAIT);
    s.connect(pair.client, loopback(family, 9));
    s.send(pair.client, "hello");
    s.settle();
    s.poll(pair.server);
    s.control(pair.server, FIONREAD, "FIONREAD");
    s.receive(pair.server, 3);
    s.receive(pair.server, 10);
    s.poll(pair.server);
  }
}

PARITY(RefusedBlocking) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  const Name nobody = s.free_port(AF_INET);
  s.connect(fd, nobody);
  look(s, fd);
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  try_both(s, fd);
  s.connect(fd, nobody);  // again, on the same socket
  Name name;
  s.listener(AF_INET, 8, &name);
  s.connect(fd, name);
  look(s, fd);
}

PARITY(RefusedNonblocking) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.nonblocking(fd);
  const Name nobody = s.free_port(AF_INET);
  s.connect(fd, nobody);
  s.settle();
  s.poll(fd);
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  s.poll(fd);
  s.connect(fd, nobody);
  s.settle();
  s.connect(fd, nobody);
  s.connect(fd, nobody);
  s.settle();
  s.send(fd, "x");
  s.send(fd, "x");
  s.connect(fd, nobody);
  s.settle();
  s.receive(fd, 1);
  s.receive(fd, 1);
}

PARITY(ConnectedNonblocking) {
  Name name;
  const int listening = s.listener(AF_INET, 8, &name);
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.nonblocking(fd);
  s.connect(fd, name);
  s.poll(fd, POLLOUT, 1000);
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  s.connect(fd, name);
  s.connect(fd, name);
  s.accept(listening);
  look(s, fd);
}

// Nobody answers: the address is on no interface, so the attempt goes on. In a network namespace
// without a default route connect itself fails; then both say so.
PARITY(AlreadyConnecting) {
  Name name;
  const int listening = s.listener(AF_INET, 0, &name);
  for (int i = 0; i < 4; ++i) {  // more than the backlog: the later ones stay in SYN_SENT
    const int fd = s.socket(AF_INET, SOCK_STREAM);
    s.nonblocking(fd);
    s.connect(fd, name);
    s.settle();
    if (i < 3) continue;
    s.state(fd);
    s.poll(fd);
    s.connect(fd, name);
    s.connect(fd, loopback(AF_INET, 9));
    s.receive(fd, 1);
    s.send(fd, "x");
    s.names(fd);
    s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
    s.note("SO_SNDTIMEO", 0);
    s.k.fcntl(fd, F_SETFL, 0);
    s.limit(fd, SO_SNDTIMEO, 50);
    s.connect(fd, name);
    s.shutdown(fd, SHUT_WR);
    s.poll(fd);
  }
  s.poll(listening);
}

PARITY(PeerFinished) {
  const Pair pair = s.pair();
  s.send(pair.client, "bye");
  s.close(pair.client);
  s.settle();
  look(s, pair.server);
  s.receive(pair.server, 10);
  s.receive(pair.server, 10);
  s.receive(pair.server, 10);
  s.poll(pair.server);
  s.send(pair.server, "x");  // the first is taken; it is answered by a reset
  s.settle();
  look(s, pair.server);
  s.send(pair.server, "x");
  s.send(pair.server, "x");
  s.option(pair.server, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  s.receive(pair.server, 10);
}

PARITY(PeerClosedWithUnreadData) {
  const Pair pair = s.pair();
  s.send(pair.server, "unread");
  s.settle();
  s.close(pair.client);
  s.settle();
  look(s, pair.server);
  s.receive(pair.server, 10);
  s.receive(pair.server, 10);
  s.send(pair.server, "x");
  look(s, pair.server);
}

PARITY(ResetByLinger) {
  for (const bool unread : {false, true}) {
    const Pair pair = s.pair();
    if (unread) s.send(pair.client, "data");
    s.settle();
    const linger now = {1, 0};
    s.note("linger", s.k.setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &now, sizeof now));
    s.close(pair.client);
    s.settle();
    look(s, pair.server);
    s.control(pair.server, FIONREAD, "FIONREAD");
    s.receive(pair.server, 10);
    s.receive(pair.server, 10);
    s.receive(pair.server, 10);
    s.option(pair.server, SOL_SOCKET, SO_ERROR, "SO_ERROR");
    s.send(pair.server, "x");
    s.poll(pair.server);
  }
}

PARITY(ResetIsReportedOnce) {
  const Pair pair = s.pair();
  const linger now = {1, 0};
  s.k.setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  s.close(pair.client);
  s.settle();
  s.send(pair.server, "x");
  s.send(pair.server, "x");
  s.receive(pair.server, 10);
  s.poll(pair.server);
  s.shutdown(pair.server, SHUT_WR);
}

PARITY(ShutdownCombinations) {
  for (const int first : {SHUT_RD, SHUT_WR, SHUT_RDWR})
    for (const int second : {SHUT_RD, SHUT_WR, SHUT_RDWR}) {
      const Pair pair = s.pair();
      s.note("--- " + std::to_string(first) + " and " + std::to_string(second));
      s.shutdown(pair.client, first);
      s.rest();
      look(s, pair.client);
      look(s, pair.server);
      s.send(pair.server, "one");
      s.rest();
      s.poll(pair.client);
      s.receive(pair.client, 10, MSG_DONTWAIT);
      s.shutdown(pair.server, second);
      s.rest();
      look(s, pair.client);
      look(s, pair.server);
      try_both(s, pair.client);
      s.rest();
      try_both(s, pair.server);
      s.shutdown(pair.client, SHUT_RDWR);
      s.shutdown(pair.server, SHUT_RDWR);
      s.rest();
      s.state(pair.client);
      s.state(pair.server);
    }
}

PARITY(HalfClose) {
  const Pair pair = s.pair();
  s.send(pair.client, "request");
  s.shutdown(pair.client, SHUT_WR);
  s.settle();
  s.receive(pair.server, 100);
  s.receive(pair.server, 100);
  s.send(pair.server, "response");
  s.settle();
  s.receive(pair.client, 100);
  s.send(pair.client, "more");
  s.shutdown(pair.client, SHUT_WR);
  s.close(pair.server);
  s.settle();
  s.receive(pair.client, 100);
  look(s, pair.client);
  s.shutdown(pair.client, SHUT_WR);
}

PARITY(ShutdownOfReadingDiscardsNothing) {
  const Pair pair = s.pair();
  s.send(pair.client, "early");
  s.settle();
  s.shutdown(pair.server, SHUT_RD);
  s.poll(pair.server);
  s.receive(pair.server, 10, MSG_DONTWAIT);
  s.receive(pair.server, 10, MSG_DONTWAIT);
  s.send(pair.client, "late");
  s.settle();
  s.receive(pair.server, 10, MSG_DONTWAIT);
  s.receive(pair.server, 10, MSG_DONTWAIT);
}

PARITY(Disconnect) {
  const Pair pair = s.pair();
  Name unspecified = anywhere(AF_INET, 0);
  unspecified.storage.ss_family = AF_UNSPEC;
  s.connect(pair.client, unspecified);
  look(s, pair.client);
  s.settle();
  look(s, pair.server);
  s.receive(pair.server, 1);
}

PARITY(ClosedListenerResetsItsQueue) {
  Name name;
  const int listening = s.listener(AF_INET, 8, &name);
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.connect(fd, name);
  s.close(listening);
  s.settle();
  look(s, fd);
  s.receive(fd, 1);
  s.receive(fd, 1);
}

}  // namespace
}  // namespace sockeye::parity
