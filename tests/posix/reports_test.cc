// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The error queue of streams: MSG_ZEROCOPY's reports and SO_TIMESTAMPING's stamps; TCP_INQ. The answers are
// those of Linux 6.18 over loopback, asked call by call.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "sockeye/sockeye.h"

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr int kInq = 36;  // TCP_INQ, TCP_CM_INQ
constexpr std::uint32_t kTxSoftware = 2, kSoftware = 16, kKeys = 128, kScheduled = 256, kAck = 512,
                        kBare = 2048;

struct Report {
  std::uint32_t error = 0, info = 0, data = 0;
  unsigned origin = 0, code = 0;
  std::optional<std::uint64_t> stamp_ms{};
  int flags = 0;
};

class Reports : public ::testing::Test {
 protected:
  Reports() : net_(sk_net_create(nullptr)) {
    sk_stack_options options{};
    options.name = "left";
    left_ = sk_stack_create(net_, &options);
    options.name = "right";
    right_ = sk_stack_create(net_, &options);
    sk_link_options link{};
    link.delay = 10 * kMs;
    EXPECT_EQ(0, sk_link_pair(left_, "10.0.0.1/24", right_, "10.0.0.2/24", &link));
    listener_ = sk_socket(right_, AF_INET, SOCK_STREAM, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(9000);
    EXPECT_EQ(0, sk_bind(right_, listener_, reinterpret_cast<sockaddr*>(&here), sizeof here));
    EXPECT_EQ(0, sk_listen(right_, listener_, 8));
  }
  ~Reports() override { sk_net_destroy(net_); }

  void open_client() { client_ = sk_socket(left_, AF_INET, SOCK_STREAM, 0); }
  void connect() {
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_port = htons(9000);
    there.sin_addr.s_addr = htonl(0x0a000002);
    ASSERT_EQ(0, sk_connect(left_, client_, reinterpret_cast<sockaddr*>(&there), sizeof there));
    server_ = sk_accept(right_, listener_, nullptr, nullptr);
    ASSERT_GE(server_, 0);
  }
  int set(int fd, int level, int name, int value) {
    return sk_setsockopt(left_, fd, level, name, &value, sizeof value) == 0 ? 0 : errno;
  }
  int get(sk_stack* stack, int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(0, sk_getsockopt(stack, fd, level, name, &value, &size));
    return value;
  }
  long send(std::size_t bytes, int flags) {
    const std::string data(bytes, 'x');
    const long sent = sk_send(left_, client_, data.data(), data.size(), flags);
    return sent < 0 ? -errno : sent;
  }
  void pass(int ms) { EXPECT_EQ(0, sk_poll(left_, nullptr, 0, ms)); }
  short poll() {
    pollfd entry = {client_, POLLOUT, 0};
    sk_poll(left_, &entry, 1, 0);
    return entry.revents;
  }
  // Empty: EAGAIN.
  std::optional<Report> next() {
    alignas(cmsghdr) char control[256];
    msghdr message{};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const long got = sk_recvmsg(left_, client_, &message, MSG_ERRQUEUE);
    if (got < 0) {
      EXPECT_EQ(EAGAIN, errno);
      return std::nullopt;
    }
    EXPECT_EQ(0, got);
    Report report;
    report.flags = message.msg_flags;
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
      if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_TIMESTAMPING) {
        scm_timestamping stamps;
        std::memcpy(&stamps, CMSG_DATA(at), sizeof stamps);
        report.stamp_ms = static_cast<std::uint64_t>(stamps.ts[0].tv_sec) * 1000 +
                          static_cast<std::uint64_t>(stamps.ts[0].tv_nsec) / kMs;
      } else {
        EXPECT_EQ(IPPROTO_IP, at->cmsg_level);
        EXPECT_EQ(IP_RECVERR, at->cmsg_type);
        EXPECT_EQ(CMSG_LEN(sizeof(sock_extended_err) + sizeof(sockaddr_in)), at->cmsg_len);
        sock_extended_err error;
        std::memcpy(&error, CMSG_DATA(at), sizeof error);
        report.error = error.ee_errno;
        report.origin = error.ee_origin;
        report.code = error.ee_code;
        report.info = error.ee_info;
        report.data = error.ee_data;
      }
    }
    return report;
  }
  void expect_range(std::uint32_t first, std::uint32_t last) {
    const auto report = next();
    ASSERT_TRUE(report);
    EXPECT_EQ(0u, report->error);
    EXPECT_EQ(unsigned{SO_EE_ORIGIN_ZEROCOPY}, report->origin);
    EXPECT_EQ(unsigned{SO_EE_CODE_ZEROCOPY_COPIED}, report->code);
    EXPECT_EQ(first, report->info);
    EXPECT_EQ(last, report->data);
    EXPECT_EQ(MSG_ERRQUEUE, report->flags);
  }
  void expect_stamp(std::uint32_t type, std::uint32_t key, std::uint64_t at_ms, int flags) {
    const auto report = next();
    ASSERT_TRUE(report);
    EXPECT_EQ(std::uint32_t{ENOMSG}, report->error);
    EXPECT_EQ(unsigned{SO_EE_ORIGIN_TIMESTAMPING}, report->origin);
    EXPECT_EQ(type, report->info);
    EXPECT_EQ(key, report->data);
    EXPECT_EQ(at_ms, report->stamp_ms.value_or(999'999));
    EXPECT_EQ(MSG_ERRQUEUE | flags, report->flags);
  }

  sk_net* net_;
  sk_stack* left_;
  sk_stack* right_;
  int listener_ = -1, client_ = -1, server_ = -1;
};

TEST_F(Reports, OptionIsCheckedAndInherited) {
  open_client();
  EXPECT_EQ(EINVAL, set(client_, SOL_SOCKET, SO_ZEROCOPY, 2));
  EXPECT_EQ(EINVAL, set(client_, SOL_SOCKET, SO_ZEROCOPY, -1));
  const int one = 1;
  EXPECT_EQ(0, sk_setsockopt(right_, listener_, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one));
  connect();
  EXPECT_EQ(1, get(right_, server_, SOL_SOCKET, SO_ZEROCOPY));
  EXPECT_EQ(0, get(left_, client_, SOL_SOCKET, SO_ZEROCOPY));
}

TEST_F(Reports, ZeroCopyTellsWhenBytesAreAcknowledged) {
  open_client();
  connect();
  EXPECT_EQ(100, send(100, MSG_ZEROCOPY)) << "without SO_ZEROCOPY the flag asks for nothing";
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_ZEROCOPY, 1));
  pass(100);
  EXPECT_FALSE(next());
  EXPECT_EQ(4000, send(4000, MSG_ZEROCOPY));
  EXPECT_EQ(0, send(0, MSG_ZEROCOPY)) << "nothing is sent, nothing is counted";
  EXPECT_FALSE(next()) << "not acknowledged yet";
  EXPECT_EQ(POLLOUT, poll());
  pass(60);  // the delayed ACK of the second segment included
  EXPECT_EQ(POLLOUT | POLLERR, poll());
  EXPECT_EQ(0, get(left_, client_, SOL_SOCKET, SO_ERROR)) << "it is no error";
  EXPECT_EQ(1, send(1, MSG_ZEROCOPY));
  EXPECT_EQ(1, send(1, MSG_ZEROCOPY));
  EXPECT_EQ(1, send(1, 0));
  pass(200);
  expect_range(0, 2);
  EXPECT_FALSE(next());
  EXPECT_EQ(POLLOUT, poll());
  EXPECT_EQ(1, send(1, MSG_ZEROCOPY));
  pass(200);
  expect_range(3, 3);
}

TEST_F(Reports, AnEdgeComesWithEachReport) {
  open_client();
  connect();
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_ZEROCOPY, 1));
  const int set_fd = sk_epoll_create1(left_, 0);
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLET;
  ASSERT_EQ(0, sk_epoll_ctl(left_, set_fd, EPOLL_CTL_ADD, client_, &event));
  EXPECT_EQ(1, sk_epoll_wait(left_, set_fd, &event, 1, 0));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(1000, send(1000, MSG_ZEROCOPY));
    pass(200);
    ASSERT_EQ(1, sk_epoll_wait(left_, set_fd, &event, 1, 0));
    EXPECT_EQ(EPOLLERR | EPOLLOUT, event.events);
    EXPECT_EQ(0, sk_epoll_wait(left_, set_fd, &event, 1, 0)) << "the report is unread, but no edge";
  }
  expect_range(0, 1);
}

TEST_F(Reports, ACallThatFailsIsNotCounted) {
  open_client();
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_ZEROCOPY, 1));
  EXPECT_EQ(-EPIPE, send(100, MSG_ZEROCOPY));
  EXPECT_FALSE(next());
  connect();
  EXPECT_EQ(100, send(100, MSG_ZEROCOPY));
  pass(200);
  expect_range(0, 0);
}

// One blocking call is one report, however many tries it takes; and the unread reports do not end it.
TEST_F(Reports, ABlockingCallIsOneSend) {
  open_client();
  connect();
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_ZEROCOPY, 1));
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_SNDBUF, 10'000));
  EXPECT_EQ(100, send(100, MSG_ZEROCOPY));
  pass(200);
  EXPECT_EQ(60'000, send(60'000, MSG_ZEROCOPY));
  EXPECT_EQ(100, send(100, MSG_ZEROCOPY));
  pass(1000);
  expect_range(0, 2);
  EXPECT_FALSE(next());
}

TEST_F(Reports, TooManyUnreadAreTooMany) {
  open_client();
  connect();
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_ZEROCOPY, 1));
  int sent = 0;
  while (send(1, MSG_ZEROCOPY | MSG_EOR) == 1 && sent < 1000) ++sent;
  EXPECT_EQ(227, sent);
  EXPECT_EQ(-ENOBUFS, send(1, MSG_ZEROCOPY));
  EXPECT_EQ(1, send(1, 0));
  pass(500);
  expect_range(0, 226);
  EXPECT_EQ(1, send(1, MSG_ZEROCOPY));
}

TEST_F(Reports, StampsTellLastBytesAndTimes) {
  open_client();
  EXPECT_EQ(EINVAL, set(client_, SOL_SOCKET, SO_TIMESTAMPING, kKeys))
      << "keys count from a connection's bytes";
  connect();  // at 20 ms
  EXPECT_EQ(EINVAL, set(client_, SOL_SOCKET, SO_TIMESTAMPING, 1 << 30));
  EXPECT_EQ(10, send(10, 0));
  pass(80);
  constexpr std::uint32_t kAll = kTxSoftware | kSoftware | kKeys | kScheduled | kAck;
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_TIMESTAMPING, kAll));
  EXPECT_EQ(static_cast<int>(kAll), get(left_, client_, SOL_SOCKET, SO_TIMESTAMPING));
  const std::uint64_t begin = sk_net_now(net_) / kMs;
  EXPECT_EQ(100, send(100, 0));
  pass(100);
  expect_stamp(SCM_TSTAMP_SCHED, 99, begin, MSG_TRUNC);
  expect_stamp(SCM_TSTAMP_SND, 99, begin, MSG_TRUNC);
  const auto acked = next();
  ASSERT_TRUE(acked);
  EXPECT_EQ(std::uint32_t{SCM_TSTAMP_ACK}, acked->info);
  EXPECT_EQ(99u, acked->data);
  EXPECT_GE(acked->stamp_ms.value_or(0), begin + 20);
  EXPECT_FALSE(next());
}

TEST_F(Reports, StampsMayBeBareOrSilent) {
  open_client();
  connect();
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_TIMESTAMPING, kTxSoftware | kSoftware | kBare));
  const std::uint64_t begin = sk_net_now(net_) / kMs;
  EXPECT_EQ(100, send(100, 0));
  expect_stamp(SCM_TSTAMP_SND, 0, begin, 0);
  ASSERT_EQ(0, set(client_, SOL_SOCKET, SO_TIMESTAMPING, kTxSoftware | kBare));
  EXPECT_EQ(100, send(100, 0));
  pass(100);
  const auto report = next();
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->stamp_ms) << "SOF_TIMESTAMPING_SOFTWARE was not asked for";
}

TEST_F(Reports, InqTellsWhatIsLeft) {
  open_client();
  EXPECT_EQ(EINVAL, set(client_, IPPROTO_TCP, kInq, 2));
  connect();
  const int one = 1;
  ASSERT_EQ(0, sk_setsockopt(right_, server_, IPPROTO_TCP, kInq, &one, sizeof one));
  EXPECT_EQ(1000, send(1000, 0));
  sk_shutdown(left_, client_, SHUT_WR);
  pass(100);
  const auto left_after = [&](std::size_t size, long expected) {
    std::string data(size, '\0');
    alignas(cmsghdr) char control[64];
    iovec part = {data.data(), data.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    EXPECT_EQ(expected, sk_recvmsg(right_, server_, &message, 0));
    const cmsghdr* at = CMSG_FIRSTHDR(&message);
    if (at == nullptr || at->cmsg_level != IPPROTO_TCP || at->cmsg_type != kInq) return -1;
    int value;
    std::memcpy(&value, CMSG_DATA(at), sizeof value);
    return value;
  };
  EXPECT_EQ(901, left_after(100, 100)) << "the FIN counts";
  EXPECT_EQ(1, left_after(900, 900));
  EXPECT_EQ(1, left_after(900, 0));
}

}  // namespace
