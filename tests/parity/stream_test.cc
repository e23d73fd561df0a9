// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Bytes over a connection: partial sends, peeking, waiting for all, low-water marks, discarding, urgent
// data, time limits, lingering.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cmath>

#include "script.h"

namespace sockeye::parity {
namespace {

PARITY(PeekTakesNothing) {
  const Pair pair = s.pair();
  s.send(pair.client, "hello");
  s.settle();
  s.receive(pair.server, 3, MSG_PEEK);
  s.receive(pair.server, 10, MSG_PEEK);
  s.receive(pair.server, 10, MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT);
  s.receive(pair.server, 2);
  s.receive(pair.server, 10, MSG_PEEK);
  s.receive(pair.server, 10);
  s.receive(pair.server, 10, MSG_PEEK | MSG_DONTWAIT);
}

PARITY(TruncDiscards) {
  const Pair pair = s.pair();
  s.send(pair.client, "0123456789");
  s.settle();
  s.note("recv", s.k.recvfrom(pair.server, nullptr, 4, MSG_TRUNC, nullptr, nullptr));
  s.receive(pair.server, 4, MSG_TRUNC | MSG_PEEK);
  s.control(pair.server, FIONREAD, "FIONREAD");
  s.receive(pair.server, 10);
}

PARITY(WaitAll) {
  const Pair pair = s.pair();
  s.send(pair.client, "0123456789");
  s.settle();
  s.receive(pair.server, 10, MSG_WAITALL);
  s.send(pair.client, "abc");
  s.settle();
  s.receive(pair.server, 10, MSG_WAITALL | MSG_DONTWAIT);
  s.send(pair.client, "def");
  s.shutdown(pair.client, SHUT_WR);
  s.settle();
  s.receive(pair.server, 10, MSG_WAITALL);
  s.receive(pair.server, 10, MSG_WAITALL);
}

PARITY(WaitAllWithATimeLimit) {
  const Pair pair = s.pair();
  s.limit(pair.server, SO_RCVTIMEO, 40);
  s.send(pair.client, "abc");
  s.settle();
  const double before = s.k.now();
  s.receive(pair.server, 10, MSG_WAITALL);
  s.note(s.k.now() - before > 0.035 ? "waited" : "did not wait");
  s.receive(pair.server, 10);
  s.receive(pair.server, 10, MSG_DONTWAIT);
}

PARITY(LowWater) {
  const Pair pair = s.pair();
  s.set(pair.server, SOL_SOCKET, SO_RCVLOWAT, 5, "SO_RCVLOWAT");
  s.option(pair.server, SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT");
  s.limit(pair.server, SO_RCVTIMEO, 40);
  s.send(pair.client, "abc");
  s.settle();
  s.poll(pair.server);
  const double before = s.k.now();
  s.receive(pair.server, 10);
  s.note(s.k.now() - before > 0.035 ? "waited" : "did not wait");
  s.send(pair.client, "abc");
  s.settle();
  s.receive(pair.server, 10, MSG_DONTWAIT);
  s.send(pair.client, "abc");
  s.settle();
  s.receive(pair.server, 3);
  s.send(pair.client, "abcdef");
  s.settle();
  s.poll(pair.server);
}

PARITY(EmptyCalls) {
  const Pair pair = s.pair();
  s.send(pair.client, "");
  s.receive(pair.server, 0, MSG_DONTWAIT);
  s.send(pair.client, "x");
  s.settle();
  s.receive(pair.server, 0);
  s.receive(pair.server, 1);
}

PARITY(PartialSend) {
  const Pair pair = s.pair();
  s.nonblocking(pair.client);
  const std::string big(8 << 20, 'x');
  const long first = s.k.sendto(pair.client, big.data(), big.size(), 0, nullptr, 0);
  s.note(first > 0 && first < static_cast<long>(big.size()) ? "a part was taken" : "not a part");
  s.settle();
  long total = first;
  for (int i = 0; i < 100; ++i) {  // until both buffers are full
    const long more = s.k.sendto(pair.client, big.data(), big.size(), 0, nullptr, 0);
    if (more > 0) total += more;
    s.k.settle();
  }
  s.send(pair.client, "x");
  s.poll(pair.client);
  long received = 0;
  std::string room(1 << 20, ' ');
  for (int i = 0; i < 2000 && received < total; ++i) {
    const long got = s.k.recvfrom(pair.server, room.data(), room.size(), MSG_DONTWAIT, nullptr, nullptr);
    if (got > 0)
      received += got;
    else
      s.k.settle();
  }
  s.note(received == total ? "all of it arrived" : "something is missing");
  s.settle();
  s.poll(pair.client);
}

PARITY(BlockingSendSendsAll) {
  const Pair pair = s.pair();
  const std::string bytes(10'000, 'y');
  s.send(pair.client, bytes);
  s.settle();
  s.control(pair.server, FIONREAD, "FIONREAD");
}

PARITY(SendTimeLimit) {
  const Pair pair = s.pair();
  s.limit(pair.client, SO_SNDTIMEO, 60);
  const std::string big(64 << 20, 'x');
  const double before = s.k.now();
  const long taken = s.k.sendto(pair.client, big.data(), big.size(), 0, nullptr, 0);
  s.note(taken > 0 && taken < static_cast<long>(big.size()) ? "a part was taken" : "not a part");
  s.note(s.k.now() - before > 0.055 ? "waited" : "did not wait");
}

PARITY(ReceiveTimeLimit) {
  const Pair pair = s.pair();
  s.limit(pair.client, SO_RCVTIMEO, 50);
  const double before = s.k.now();
  s.receive(pair.client, 1);
  const double waited = s.k.now() - before;
  s.note(waited > 0.045 && waited < 0.5 ? "waited" : "did not wait");
  timeval value{};
  socklen_t size = sizeof value;
  s.note("SO_RCVTIMEO", s.k.getsockopt(pair.client, SOL_SOCKET, SO_RCVTIMEO, &value, &size));
  s.note("  seconds", value.tv_sec);
  s.note(std::abs(value.tv_usec - 50000) < 10000 ? "  about 50 ms" : "  not 50 ms");  // rounded to jiffies
  value = {0, 1'000'000};
  s.note("too many microseconds", s.k.setsockopt(pair.client, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value));
  s.note("short", s.k.setsockopt(pair.client, SOL_SOCKET, SO_RCVTIMEO, &value, 4));
}

PARITY(AcceptTimeLimit) {
  const int listening = s.listener();
  s.limit(listening, SO_RCVTIMEO, 50);
  s.accept(listening);
}

PARITY(UrgentData) {
  const Pair pair = s.pair();
  s.receive(pair.server, 1, MSG_OOB);
  s.send(pair.client, "ab");
  s.send(pair.client, "U", MSG_OOB);
  s.send(pair.client, "cd");
  s.settle();
  s.poll(pair.server);
  s.control(pair.server, SIOCATMARK, "SIOCATMARK");
  s.receive(pair.server, 10);
  s.control(pair.server, SIOCATMARK, "SIOCATMARK");
  s.receive(pair.server, 1, MSG_OOB);
  s.receive(pair.server, 1, MSG_OOB);
  s.poll(pair.server);
  s.receive(pair.server, 10);
  s.receive(pair.server, 10, MSG_DONTWAIT);
}

PARITY(UrgentInline) {
  const Pair pair = s.pair();
  s.set(pair.server, SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE");
  s.send(pair.client, "ab");
  s.send(pair.client, "U", MSG_OOB);
  s.settle();
  s.receive(pair.server, 1, MSG_OOB);
  s.receive(pair.server, 10);
  s.control(pair.server, SIOCATMARK, "SIOCATMARK");
  s.poll(pair.server);
  s.receive(pair.server, 10);
}

PARITY(LingerWaitsForNothingWhenEverythingIsThere) {
  const Pair pair = s.pair();
  const linger on = {1, 2};
  s.note("linger", s.k.setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &on, sizeof on));
  linger back{};
  socklen_t size = sizeof back;
  s.note("linger", s.k.getsockopt(pair.client, SOL_SOCKET, SO_LINGER, &back, &size));
  s.note("  on", back.l_onoff);
  s.note("  seconds", back.l_linger);
  s.send(pair.client, "x");
  const double before = s.k.now();
  s.close(pair.client);
  s.note(s.k.now() - before < 1 ? "did not wait long" : "waited");
  s.receive(pair.server, 10);
  s.receive(pair.server, 10);
}

PARITY(LingerWaitsForAFullPeer) {
  const Pair pair = s.pair();
  const linger on = {1, 1};
  s.k.setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &on, sizeof on);
  s.nonblocking(pair.client);
  const std::string big(16 << 20, 'x');
  for (int i = 0; i < 50; ++i) {
    s.k.sendto(pair.client, big.data(), big.size(), 0, nullptr, 0);
    s.k.settle();
  }
  const double before = s.k.now();
  s.close(pair.client);
  const double waited = s.k.now() - before;
  s.note(waited > 0.9 && waited < 1.5 ? "waited a second" : "did not wait");
}

PARITY(QueuesAreCounted) {
  const Pair pair = s.pair();
  s.control(pair.client, TIOCOUTQ, "SIOCOUTQ");
  s.send(pair.client, "12345");
  s.k.settle();
  s.control(pair.server, FIONREAD, "FIONREAD");
  s.receive(pair.server, 2);
  s.control(pair.server, FIONREAD, "FIONREAD");
}

PARITY(AddressOnAStream) {
  const Pair pair = s.pair();
  s.send_to(pair.client, "x", loopback(AF_INET, 9));
  s.settle();
  s.receive_from(pair.server, 10);
  const int fresh = s.socket(AF_INET, SOCK_STREAM);
  s.send_to(fresh, "x", loopback(AF_INET, 9));
}

}  // namespace
}  // namespace sockeye::parity
