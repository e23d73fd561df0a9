// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What the gate takes for granted about the kernel's AF_UNIX sockets (decisions.md D16-D18). Each test
// holds one promise against the running kernel; where a carrier imitates TCP, against the kernel's TCP
// too. When one of these fails on a new kernel, the gate is wrong there, not the test.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "gate/carrier.h"
#include "gate/protocol.h"

namespace sockeye::gate {
namespace {

constexpr short kEverything = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

short poll_bits(int fd) {
  pollfd entry{fd, kEverything, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

std::string names(short bits) {
  std::string text;
  const std::pair<short, const char*> table[] = {{POLLIN, "IN "},   {POLLPRI, "PRI "}, {POLLOUT, "OUT "},
                                                 {POLLERR, "ERR "}, {POLLHUP, "HUP "}, {POLLRDHUP, "RDHUP "}};
  for (auto [bit, name] : table)
    if (bits & bit) text += name;
  if (!text.empty()) text.pop_back();
  return text;
}

std::string polled(int fd) {
  return names(poll_bits(fd));
}

// -errno or the count, as a system call returns it.
ssize_t receive(int fd, std::size_t room = 1 << 20, int flags = MSG_DONTWAIT) {
  std::vector<char> buffer(room);
  ssize_t n = recv(fd, buffer.data(), room, flags);
  return n < 0 ? -errno : n;
}

ssize_t transmit(int fd, std::size_t count, int flags = 0) {
  std::vector<char> buffer(count, 'd');
  ssize_t n = send(fd, buffer.data(), count, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  return n < 0 ? -errno : n;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

// A connected stream carrier as the agent makes it.
struct Carrier {
  UniqueFd program;
  UniqueFd world;

  explicit Carrier(bool established = true) : program(std::move(*make_unconnected_stream(false))) {
    static CarrierPort port;
    auto end = port.connect(program.get());
    EXPECT_TRUE(end.has_value());
    world = std::move(*end);
    if (established) establish();
  }
  // What the world does when the handshake ends: all but the last byte of junk.
  void establish() { EXPECT_EQ(drain(kJunkBytes - 1), kJunkBytes - 1); }
  ssize_t drain(std::size_t count) {
    std::size_t done = 0;
    while (done < count) {
      ssize_t n = receive(world.get(), count - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(done);
  }
};

struct TcpPair {
  UniqueFd client{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd server;

  TcpPair() {
    UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener.get(), generic, length), 0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    EXPECT_EQ(getsockname(listener.get(), generic, &length), 0);
    EXPECT_EQ(::connect(client.get(), generic, length), 0);
    server.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(server);
  }
  void reset_by_peer() {
    linger now{1, 0};
    setsockopt(server.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    server.reset();
  }
};

TEST(KernelCarrier, UnconnectedStreamPollsAsUnconnectedTcp) {
  UniqueFd carrier = std::move(*make_unconnected_stream(false));
  UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(polled(carrier.get()), polled(tcp.get()));
  EXPECT_EQ(polled(carrier.get()), "OUT HUP");
}

TEST(KernelCarrier, ConnectingInPlaceKeepsCookieAndFlags) {
  UniqueFd program = std::move(*make_unconnected_stream(true));
  CarrierPort port;
  std::uint64_t before = cookie_of(program.get());
  ASSERT_NE(before, 0u);
  UniqueFd duplicate(dup(program.get()));
  auto end = port.connect(duplicate.get());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(cookie_of(program.get()), before);
  EXPECT_NE(cookie_of(end->get()), before);
  EXPECT_TRUE(fcntl(program.get(), F_GETFL) & O_NONBLOCK);
}

TEST(KernelCarrier, ConnectTwiceIsRefusedByTheKernel) {
  Carrier carrier;
  CarrierPort port;
  EXPECT_EQ(port.connect(carrier.program.get()).error(), Errno::isconn);
}

TEST(KernelCarrier, JunkHidesPollOutUntilTheWorldHasReadAllButOneByte) {
  Carrier carrier(false);
  EXPECT_EQ(polled(carrier.program.get()), "");
  carrier.drain(kJunkBytes - 1);
  EXPECT_EQ(polled(carrier.program.get()), "OUT");
  int unread = 0;
  ioctl(carrier.world.get(), FIONREAD, &unread);
  EXPECT_EQ(unread, 1);
}

TEST(KernelCarrier, EdgeTriggeredRegistrationMadeBeforeConnectSeesTheEdge) {
  UniqueFd program = std::move(*make_unconnected_stream(false));
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {}};
  ASSERT_EQ(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, program.get(), &wanted), 0);
  epoll_event got{};
  ASSERT_EQ(epoll_wait(epoll.get(), &got, 1, 0), 1);
  EXPECT_EQ(got.events, EPOLLOUT | EPOLLHUP);

  CarrierPort port;
  UniqueFd end;
  {
    UniqueFd duplicate(dup(program.get()));
    end = std::move(*port.connect(duplicate.get()));
  }
  EXPECT_EQ(epoll_wait(epoll.get(), &got, 1, 0), 0) << "got " << got.events;
  std::size_t left = kJunkBytes - 1;
  while (left > 0) left -= static_cast<std::size_t>(receive(end.get(), left));
  ASSERT_EQ(epoll_wait(epoll.get(), &got, 1, 0), 1);
  EXPECT_EQ(got.events, static_cast<std::uint32_t>(EPOLLOUT));
  EXPECT_EQ(epoll_wait(epoll.get(), &got, 1, 0), 0);
}

TEST(KernelCarrier, OneUnreadByteOfAFullBufferStillLeavesPollOut) {
  Carrier carrier;
  // Programs write as they like; whatever the last kernel buffer is, the pill in it must not block POLLOUT.
  for (std::size_t size : {1u, 700u, 4096u, 16384u, 32768u, 36000u, 65536u, 100000u, 131072u}) {
    ssize_t sent = transmit(carrier.program.get(), size);
    ASSERT_GT(sent, 0);
    carrier.drain(static_cast<std::size_t>(sent));  // the old pill goes, the last byte of this stays
    EXPECT_EQ(polled(carrier.program.get()), "OUT") << "after a write of " << size;
  }
}

TEST(KernelCarrier, ClosingWithThePillUnreadIsAReset) {
  Carrier carrier;
  TcpPair tcp;
  carrier.world.reset();
  tcp.reset_by_peer();
  EXPECT_EQ(polled(carrier.program.get()), polled(tcp.client.get()));
  EXPECT_EQ(polled(carrier.program.get()), "IN OUT ERR HUP RDHUP");
  EXPECT_EQ(receive(carrier.program.get()), -ECONNRESET);
  EXPECT_EQ(receive(tcp.client.get()), -ECONNRESET);
  EXPECT_EQ(receive(carrier.program.get()), 0);
  EXPECT_EQ(receive(tcp.client.get()), 0);
  EXPECT_EQ(transmit(carrier.program.get(), 1), -EPIPE);
  EXPECT_EQ(transmit(tcp.client.get(), 1), -EPIPE);
  EXPECT_EQ(polled(carrier.program.get()), polled(tcp.client.get()));
}

TEST(KernelCarrier, FirstWriteAfterAReset) {
  Carrier carrier;
  TcpPair tcp;
  carrier.world.reset();
  tcp.reset_by_peer();
  // TCP: the pending error first; AF_UNIX: EPIPE at once. Known difference, and the error stays pending.
  EXPECT_EQ(transmit(tcp.client.get(), 1), -ECONNRESET);
  EXPECT_EQ(transmit(carrier.program.get(), 1), -EPIPE);
  EXPECT_EQ(socket_error(carrier.program.get()), ECONNRESET);
}

TEST(KernelCarrier, DataBeforeAResetIsStillReadAfterTheError) {
  Carrier carrier;
  ASSERT_EQ(transmit(carrier.world.get(), 100), 100);
  carrier.world.reset();
  EXPECT_EQ(receive(carrier.program.get()), 100);  // TCP gives ECONNRESET first only when it dropped the data
}

TEST(KernelCarrier, ClosingWithThePillReadIsACleanEnd) {
  Carrier carrier;
  carrier.drain(1);
  carrier.world.reset();
  EXPECT_EQ(polled(carrier.program.get()), "IN OUT HUP RDHUP");
  EXPECT_EQ(receive(carrier.program.get()), 0);
  EXPECT_EQ(transmit(carrier.program.get(), 1), -EPIPE);
  EXPECT_EQ(socket_error(carrier.program.get()), 0);
}

TEST(KernelCarrier, HalfCloseByThePeerKeepsWriting) {
  Carrier carrier;
  TcpPair tcp;
  shutdown(carrier.world.get(), SHUT_WR);
  shutdown(tcp.server.get(), SHUT_WR);
  EXPECT_EQ(polled(carrier.program.get()), polled(tcp.client.get()));
  EXPECT_EQ(receive(carrier.program.get()), 0);
  EXPECT_EQ(transmit(carrier.program.get(), 10), 10);
}

TEST(KernelCarrier, ResetAfterTheProgramShutDownItsWritingSide) {
  Carrier carrier;
  TcpPair tcp;
  shutdown(carrier.program.get(), SHUT_WR);
  shutdown(tcp.client.get(), SHUT_WR);
  EXPECT_EQ(polled(carrier.program.get()), polled(tcp.client.get()));
  // The world sees the end behind the pill without taking the pill.
  EXPECT_EQ(names(static_cast<short>(poll_bits(carrier.world.get()) & POLLRDHUP)), "RDHUP");
  carrier.world.reset();
  EXPECT_EQ(receive(carrier.program.get()), -ECONNRESET);
}

TEST(KernelCarrier, ClosingWithDataUnreadTellsTheWorldECONNRESET) {
  Carrier carrier;
  ASSERT_EQ(transmit(carrier.world.get(), 5), 5);
  carrier.program.reset();
  EXPECT_NE(poll_bits(carrier.world.get()) & POLLERR, 0);
  EXPECT_EQ(socket_error(carrier.world.get()), ECONNRESET);
  EXPECT_EQ(receive(carrier.world.get()), 1);  // the pill is still there
}

TEST(KernelCarrier, ClosingWithNothingUnreadTellsTheWorldNoError) {
  Carrier carrier;
  ASSERT_EQ(transmit(carrier.program.get(), 7), 7);
  carrier.program.reset();
  EXPECT_EQ(socket_error(carrier.world.get()), 0);
  EXPECT_NE(poll_bits(carrier.world.get()) & POLLHUP, 0);
  EXPECT_EQ(carrier.drain(8), 8);
  EXPECT_EQ(receive(carrier.world.get()), 0);
}

TEST(KernelCarrier, TheErrorBitGoesWhenTheErrorIsReadThroughADuplicate) {
  Carrier carrier;
  carrier.world.reset();
  UniqueFd duplicate(dup(carrier.program.get()));
  EXPECT_EQ(socket_error(duplicate.get()), ECONNRESET);
  EXPECT_EQ(polled(carrier.program.get()), "IN OUT HUP RDHUP");
}

TEST(KernelCarrier, UrgentByteRaisesPriAndIsReadOutOfBand) {
  Carrier carrier;
  TcpPair tcp;
  for (int end : {carrier.world.get(), tcp.server.get()}) {
    ASSERT_EQ(send(end, "abc", 3, 0), 3);
    ASSERT_EQ(send(end, "U", 1, MSG_OOB), 1);
  }
  pollfd wait{tcp.client.get(), POLLPRI, 0};
  poll(&wait, 1, 1000);
  for (int end : {carrier.program.get(), tcp.client.get()}) {
    EXPECT_EQ(polled(end), "IN PRI OUT");
    int at_mark = -1;
    ioctl(end, SIOCATMARK, &at_mark);
    EXPECT_EQ(at_mark, 0);
    char byte = 0;
    EXPECT_EQ(recv(end, &byte, 1, MSG_OOB), 1);
    EXPECT_EQ(byte, 'U');
    EXPECT_EQ(receive(end, 10), 3);
    ioctl(end, SIOCATMARK, &at_mark);
    EXPECT_EQ(at_mark, 1);
    EXPECT_EQ(receive(end, 10), -EAGAIN);
  }
}

TEST(KernelCarrier, UrgentByteInline) {
  Carrier carrier;
  int on = 1;
  ASSERT_EQ(setsockopt(carrier.program.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
  ASSERT_EQ(send(carrier.world.get(), "abc", 3, 0), 3);
  ASSERT_EQ(send(carrier.world.get(), "U", 1, MSG_OOB), 1);
  char text[8] = {};
  EXPECT_EQ(recv(carrier.program.get(), text, sizeof(text), 0), 3);  // stops at the mark
  EXPECT_EQ(recv(carrier.program.get(), text, sizeof(text), 0), 1);
  EXPECT_EQ(text[0], 'U');
}

TEST(KernelCarrier, ListenerIsReadableExactlyWhileATokenIsThere) {
  Carrier listener(false);
  EXPECT_EQ(polled(listener.program.get()), "");
  ASSERT_EQ(transmit(listener.world.get(), 1), 1);
  ASSERT_EQ(transmit(listener.world.get(), 1), 1);
  EXPECT_EQ(polled(listener.program.get()), "IN");
  UniqueFd duplicate(dup(listener.program.get()));
  EXPECT_EQ(receive(duplicate.get(), 1), 1);
  EXPECT_EQ(polled(listener.program.get()), "IN");
  EXPECT_EQ(receive(duplicate.get(), 1), 1);
  EXPECT_EQ(polled(listener.program.get()), "");
}

TEST(KernelCarrier, EachTokenIsAnEdge) {
  Carrier listener(false);
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{EPOLLIN | EPOLLET, {}};
  ASSERT_EQ(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.program.get(), &wanted), 0);
  epoll_event got{};
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(transmit(listener.world.get(), 1), 1);
    EXPECT_EQ(epoll_wait(epoll.get(), &got, 1, 0), 1);
    EXPECT_EQ(epoll_wait(epoll.get(), &got, 1, 0), 0);
  }
}

TEST(KernelCarrier, WorldSeesTheLastCloseOnly) {
  Carrier carrier;
  carrier.drain(1);
  UniqueFd second(dup(carrier.program.get()));
  carrier.program.reset();
  EXPECT_EQ(poll_bits(carrier.world.get()) & POLLHUP, 0);
  second.reset();
  EXPECT_NE(poll_bits(carrier.world.get()) & POLLHUP, 0);
}

TEST(KernelCarrier, SeqpacketKeepsBoundariesAndTruncates) {
  DatagramCarrier carrier = std::move(*make_datagram_carrier(false));
  ASSERT_EQ(transmit(carrier.world.get(), 100), 100);
  ASSERT_EQ(transmit(carrier.world.get(), 3), 3);
  EXPECT_EQ(receive(carrier.program.get(), 10, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC), 100);
  char small[10];
  iovec part{small, sizeof(small)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(recvmsg(carrier.program.get(), &message, 0), 10);
  EXPECT_EQ(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
  EXPECT_EQ(message.msg_flags & ~(MSG_TRUNC | MSG_EOR), 0);
  EXPECT_EQ(receive(carrier.program.get()), 3);
  EXPECT_EQ(polled(carrier.program.get()), "OUT");
}

TEST(KernelCarrier, ReceiveThatSleepsOnSeqpacketWakesWhenTheWorldGoes) {
  DatagramCarrier carrier = std::move(*make_datagram_carrier(false));
  std::thread closer([&] {
    timespec moment{0, 20'000'000};
    nanosleep(&moment, nullptr);
    carrier.world.reset();
  });
  EXPECT_EQ(receive(carrier.program.get(), 10, 0), 0);
  closer.join();
}

TEST(KernelCarrier, EmptyDatagramTravels) {
  DatagramCarrier carrier = std::move(*make_datagram_carrier(false));
  EXPECT_EQ(send(carrier.program.get(), "", 0, 0), 0);
  EXPECT_NE(poll_bits(carrier.world.get()) & POLLIN, 0);
  EXPECT_EQ(receive(carrier.world.get()), 0);
  EXPECT_EQ(receive(carrier.world.get()), -EAGAIN);
}

TEST(KernelCarrier, LargestDatagramFits) {
  DatagramCarrier carrier = std::move(*make_datagram_carrier(false));
  EXPECT_EQ(transmit(carrier.program.get(), 65507), 65507);
  EXPECT_EQ(transmit(carrier.world.get(), 65507), 65507);
}

TEST(KernelCarrier, SizeOfUnreadDataIsTrueSizeNotBytes) {
  Carrier carrier;
  ASSERT_EQ(transmit(carrier.world.get(), 1), 1);
  int queued = 0;
  ioctl(carrier.world.get(), SIOCOUTQ, &queued);
  EXPECT_GT(queued, 1) << "SIOCOUTQ counts bytes on this kernel: the window could be computed directly";
}

}  // namespace
}  // namespace sockeye::gate
