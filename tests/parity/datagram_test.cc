// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Datagrams: boundaries, truncation, addresses, connected and not, the errors that come back, control
// data.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstring>

#include "script.h"

namespace sockeye::parity {
namespace {

PARITY(DatagramBoundaries) {
  const Pair pair = s.datagrams();
  s.poll(pair.client);
  s.poll(pair.server);
  s.send(pair.client, "one");
  s.send(pair.client, "");
  s.send(pair.client, "three");
  s.settle();
  s.poll(pair.server);
  s.control(pair.server, FIONREAD, "FIONREAD");
  s.receive_from(pair.server, 10);
  s.control(pair.server, FIONREAD, "FIONREAD");
  s.receive(pair.server, 10);
  s.receive(pair.server, 2, MSG_PEEK);
  s.receive(pair.server, 2, MSG_PEEK | MSG_TRUNC);
  s.receive(pair.server, 2);
  s.receive(pair.server, 10, MSG_DONTWAIT);
}

PARITY(DatagramTruncFlag) {
  const Pair pair = s.datagrams();
  s.send(pair.client, "0123456789");
  s.send(pair.client, "abc");
  s.settle();
  for (const int flags : {int{MSG_TRUNC}, 0}) {
    char room[4];
    iovec part = {room, 2};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    s.note("recvmsg", s.k.recvmsg(pair.server, &message, flags));
    s.note("  flags", message.msg_flags);
  }
}

// Three messages of one buffer each, "one", "" and "three" to begin with.
struct Several {
  Several() {
    const char* const texts[] = {"one", "", "three"};
    for (int i = 0; i < 3; ++i) {
      std::memcpy(room[i], texts[i], std::strlen(texts[i]));
      parts[i] = {room[i], std::strlen(texts[i])};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  void make_room(std::size_t bytes) {
    for (int i = 0; i < 3; ++i) parts[i] = {room[i], bytes};
  }
  char room[3][16] = {};
  iovec parts[3] = {};
  mmsghdr messages[3] = {};
};

void note_lengths(Script& s, const Several& several) {
  for (const mmsghdr& message : several.messages) s.note("  length", static_cast<long>(message.msg_len));
}

PARITY(DatagramsManyAtOnce) {
  const Pair pair = s.datagrams();
  Several several;
  s.note("sendmmsg", s.k.sendmmsg(pair.client, several.messages, 3, 0));
  note_lengths(s, several);
  s.settle();
  several.make_room(4);
  s.note("recvmmsg one", s.k.recvmmsg(pair.server, several.messages, 1, 0, nullptr));
  s.note("recvmmsg", s.k.recvmmsg(pair.server, several.messages, 3, MSG_WAITFORONE, nullptr));
  note_lengths(s, several);
  s.note("  flags", several.messages[1].msg_hdr.msg_flags);
  s.note("nothing", s.k.recvmmsg(pair.server, several.messages, 3, MSG_DONTWAIT, nullptr));
  s.note("no room", s.k.recvmmsg(pair.server, several.messages, 0, MSG_DONTWAIT, nullptr));
}

PARITY(DatagramsManyAtOnceWithErrors) {
  const Pair pair = s.datagrams();
  Several several;
  several.messages[1].msg_hdr.msg_iovlen = 1025;
  s.note("second is bad", s.k.sendmmsg(pair.client, several.messages, 3, 0));
  s.note("first is bad", s.k.sendmmsg(pair.client, several.messages + 1, 2, 0));
  s.note("none", s.k.sendmmsg(pair.client, several.messages, 0, 0));
  s.note("bad descriptor", s.k.sendmmsg(999, several.messages, 1, 0));
  s.note("bad descriptor", s.k.recvmmsg(999, several.messages, 1, 0, nullptr));
  s.settle();
  timespec bad = {0, 1'000'000'000};
  s.note("bad time", s.k.recvmmsg(pair.server, several.messages, 1, 0, &bad));
  timespec past = {0, 0};
  s.note("time is over", s.k.recvmmsg(pair.server, several.messages, 1, 0, &past));
}

PARITY(DatagramWithoutPeer) {
  const int fd = s.socket(AF_INET, SOCK_DGRAM);
  s.names(fd);
  s.poll(fd);
  s.send(fd, "x");
  s.receive(fd, 1, MSG_DONTWAIT);
  s.send_to(fd, "x", loopback(AF_INET, 0));
  s.names(fd);
  Name name = loopback(AF_INET, 9);
  name.size = 8;
  s.send_to(fd, "x", name);
  s.send_to(fd, "x", loopback(AF_INET6, 9));
  name = loopback(AF_INET, 9);
  name.storage.ss_family = AF_UNSPEC;
  s.send_to(fd, "x", name);
  s.names(fd);
  s.shutdown(fd, SHUT_WR);
  s.send_to(fd, "x", loopback(AF_INET, 9));
}

PARITY(DatagramTooLong) {
  const Pair pair = s.datagrams();
  const std::string big(65508, 'x');
  s.send(pair.client, big);
  s.send(pair.client, big.substr(1));
  s.settle();
  s.receive(pair.server, 70000);
  s.send_to(pair.client, std::string(70000, 'y'), s.name_of(pair.server));
}

PARITY(DatagramRefused) {
  const int fd = s.socket(AF_INET, SOCK_DGRAM);
  s.connect(fd, s.free_port(AF_INET, SOCK_DGRAM));
  s.names(fd);
  s.send(fd, "x");
  s.settle();
  s.poll(fd);
  s.send(fd, "x");
  s.settle();
  s.receive(fd, 1, MSG_DONTWAIT);
  s.receive(fd, 1, MSG_DONTWAIT);
  s.send(fd, "x");
  s.settle();
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  const int open = s.socket(AF_INET, SOCK_DGRAM);
  s.send_to(open, "x", s.free_port(AF_INET, SOCK_DGRAM));
  s.settle();
  s.poll(open);
  s.send_to(open, "x", s.free_port(AF_INET, SOCK_DGRAM));
}

PARITY(DatagramErrorQueue) {
  const int fd = s.socket(AF_INET, SOCK_DGRAM);
  s.set(fd, IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR");
  s.receive(fd, 10, MSG_ERRQUEUE);
  const Name nobody = s.free_port(AF_INET, SOCK_DGRAM);
  s.send_to(fd, "lost", nobody);
  s.settle();
  s.poll(fd);
  char room[64];
  alignas(8) char control[256];
  Name from;
  iovec part = {room, sizeof room};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  message.msg_name = &from.storage;
  message.msg_namelen = sizeof from.storage;
  s.note("recvmsg", s.k.recvmsg(fd, &message, MSG_ERRQUEUE));
  s.note("  flags", message.msg_flags);
  s.note("  name", message.msg_namelen);
  from.size = message.msg_namelen;
  s.note(from.port() == nobody.port() ? "  the destination" : "  another address");
  s.note("  control", static_cast<long>(message.msg_controllen));
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
    s.note("  level", header->cmsg_level);
    s.note("  type", header->cmsg_type);
    s.note("  length", static_cast<long>(header->cmsg_len));
    const unsigned char* bytes = CMSG_DATA(header);
    s.note("  errno", bytes[0]);
    s.note("  origin", bytes[4]);
    s.note("  icmp type", bytes[5]);
    s.note("  icmp code", bytes[6]);
  }
  s.poll(fd);
  s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
  s.receive(fd, 10, MSG_DONTWAIT);
}

PARITY(DatagramConnected) {
  const Pair pair = s.datagrams();
  const int stranger = s.socket(AF_INET, SOCK_DGRAM);
  s.send_to(stranger, "not for you", s.name_of(pair.client));
  s.send_to(pair.server, "for you", s.name_of(pair.client));
  s.settle();
  s.receive(pair.client, 100, MSG_DONTWAIT);
  s.receive(pair.client, 100, MSG_DONTWAIT);
  s.connect(pair.client, s.name_of(stranger));
  s.names(pair.client);
  Name unspecified = anywhere(AF_INET, 0);
  unspecified.storage.ss_family = AF_UNSPEC;
  s.connect(pair.client, unspecified);
  s.names(pair.client);
  s.send(pair.client, "x");
  s.shutdown(pair.client, SHUT_RD);
}

PARITY(DatagramShutdown) {
  for (const int how : {SHUT_RD, SHUT_WR, SHUT_RDWR}) {
    const Pair pair = s.datagrams();
    s.shutdown(pair.client, how);
    s.poll(pair.client);
    s.send(pair.client, "x");
    s.receive(pair.client, 1, MSG_DONTWAIT);
    s.shutdown(pair.client, how);
  }
}

PARITY(DatagramPacketInformation) {
  const Pair pair = s.datagrams();
  s.set(pair.server, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
  s.set(pair.server, IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL");
  s.set(pair.server, IPPROTO_IP, IP_RECVTOS, 1, "IP_RECVTOS");
  s.set(pair.client, IPPROTO_IP, IP_TTL, 33, "IP_TTL");
  s.set(pair.client, IPPROTO_IP, IP_TOS, 0x10, "IP_TOS");
  for (const std::size_t size : {std::size_t{256}, std::size_t{40}, std::size_t{8}}) {
    s.send(pair.client, "x");
    s.settle();
    char room[4];
    alignas(8) char control[256];
    iovec part = {room, sizeof room};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = size;
    s.note("recvmsg", s.k.recvmsg(pair.server, &message, 0));
    s.note("  flags", message.msg_flags);
    s.note("  control", static_cast<long>(message.msg_controllen));
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      s.note("  type " + std::to_string(header->cmsg_type), static_cast<long>(header->cmsg_len));
      if (header->cmsg_type == IP_TTL || header->cmsg_type == IP_TOS) s.note("    value", *CMSG_DATA(header));
    }
  }
}

PARITY(DatagramControlOut) {
  const Pair pair = s.datagrams();
  s.set(pair.server, IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL");
  char text[] = "x";
  iovec part = {text, 1};
  const auto send_with = [&](int level, int type, int value, std::size_t length) {
    alignas(8) char control[64] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(4);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = length;
    std::memcpy(CMSG_DATA(header), &value, sizeof value);
    return s.k.sendmsg(pair.client, &message, 0);
  };
  s.note("TTL 5", send_with(IPPROTO_IP, IP_TTL, 5, CMSG_LEN(4)));
  s.note("TTL 0", send_with(IPPROTO_IP, IP_TTL, 0, CMSG_LEN(4)));
  s.note("TTL 256", send_with(IPPROTO_IP, IP_TTL, 256, CMSG_LEN(4)));
  s.note("short", send_with(IPPROTO_IP, IP_TTL, 5, CMSG_LEN(2)));
  s.note("too long", send_with(IPPROTO_IP, IP_TTL, 5, 1000));
  s.note("unknown type", send_with(IPPROTO_IP, 99, 5, CMSG_LEN(4)));
  s.note("unknown level", send_with(99, 99, 5, CMSG_LEN(4)));
  s.note("socket level", send_with(SOL_SOCKET, 99, 5, CMSG_LEN(4)));
}

PARITY(DatagramQueueOverflows) {
  const Pair pair = s.datagrams();
  s.set(pair.server, SOL_SOCKET, SO_RCVBUF, 4096, "SO_RCVBUF");
  for (int i = 0; i < 1000; ++i) s.k.sendto(pair.client, "0123456789", 10, 0, nullptr, 0);
  s.settle();
  int got = 0;
  char room[16];
  while (s.k.recvfrom(pair.server, room, sizeof room, MSG_DONTWAIT, nullptr, nullptr) > 0) ++got;
  s.note(got > 0 && got < 1000 ? "some were dropped" : "none were dropped");
}

PARITY(DatagramOverIpv6) {
  const Pair pair = s.datagrams(AF_INET6);
  s.send(pair.client, "six");
  s.settle();
  s.receive_from(pair.server, 10);
  s.names(pair.client);
  const int both = s.socket(AF_INET6, SOCK_DGRAM);
  s.bind(both, anywhere(AF_INET6, 0));
  const int four = s.socket(AF_INET, SOCK_DGRAM);
  s.send_to(four, "mapped", loopback(AF_INET, s.name_of(both).port()));
  s.settle();
  s.receive_from(both, 10);
  s.send_to(both, "x", loopback(AF_INET, 9));
  s.connect(both, loopback(AF_INET, 9));
  s.names(both);
}

PARITY(DatagramTimeLimit) {
  const int fd = s.socket(AF_INET, SOCK_DGRAM);
  s.limit(fd, SO_RCVTIMEO, 50);
  const double before = s.k.now();
  s.receive(fd, 1);
  s.note(s.k.now() - before > 0.045 ? "waited" : "did not wait");
}

PARITY(UnreachableDestinations) {
  const int fd = s.socket(AF_INET, SOCK_DGRAM);
  s.send_to(fd, "x", address(AF_INET, "255.255.255.255", 9));
  const int stream = s.socket(AF_INET, SOCK_STREAM);
  s.connect(stream, address(AF_INET, "255.255.255.255", 9));
  s.connect(stream, address(AF_INET, "224.0.0.1", 9));
  s.connect(stream, loopback(AF_INET, 0));
  const int any = s.socket(AF_INET, SOCK_STREAM);
  s.connect(any, anywhere(AF_INET, s.free_port(AF_INET).port()));
}

}  // namespace
}  // namespace sockeye::parity
