// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

namespace sockeye::gate {
namespace {

using Argument = unsigned long long;

constexpr unsigned kAllow = SECCOMP_RET_ALLOW;
constexpr unsigned kNotify = SECCOMP_RET_USER_NOTIF;
constexpr unsigned kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;

unsigned verdict(long number, Argument a = 0, Argument b = 0, Argument c = 0, Argument d = 0,
                 Argument e = 0) {
  static const auto program = build_filter();
  SystemCall call{native_architecture(), static_cast<int>(number), {a, b, c, d, e, 0}};
  return run_filter(program, call);
}

TEST(Filter, SocketsOfEveryFamilyButUnixAreOurs) {
  EXPECT_EQ(verdict(__NR_socket, AF_UNIX, SOCK_STREAM), kAllow);
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG, AF_UNSPEC})
    EXPECT_EQ(verdict(__NR_socket, static_cast<Argument>(family), SOCK_STREAM), kNotify) << family;
  EXPECT_EQ(verdict(__NR_socketpair, AF_UNIX, SOCK_STREAM), kAllow);
}

TEST(Filter, UpperHalfOfAnIntArgumentMeansNothing) {
  // The kernel takes the family as an int.
  EXPECT_EQ(verdict(__NR_socket, 0xdead'0000'0000'0000 | AF_UNIX), kAllow);
  EXPECT_EQ(verdict(__NR_socket, 0xdead'0000'0000'0000 | AF_INET), kNotify);
  EXPECT_EQ(verdict(__NR_ioctl, 3, 0xdead'0000'0000'0000 | SIOCOUTQ), kNotify);
}

TEST(Filter, DataCallsStayWithTheKernel) {
  EXPECT_EQ(verdict(__NR_read), kAllow);
  EXPECT_EQ(verdict(__NR_write), kAllow);
  EXPECT_EQ(verdict(__NR_sendto, 3, 0x1000, 10, MSG_NOSIGNAL | MSG_DONTWAIT), kAllow);
  EXPECT_EQ(verdict(__NR_recvfrom, 3, 0x1000, 10, MSG_PEEK | MSG_WAITALL), kAllow);
  EXPECT_EQ(verdict(__NR_recvfrom, 3, 0x1000, 10, MSG_OOB), kAllow);  // AF_UNIX has it too
}

TEST(Filter, DataCallsWithAnAddressAreOurs) {
  EXPECT_EQ(verdict(__NR_sendto, 3, 0x1000, 10, 0, 0x2000), kNotify);
  EXPECT_EQ(verdict(__NR_sendto, 3, 0x1000, 10, 0, 0x7f00'0000'0000), kNotify);  // a zero lower half
  EXPECT_EQ(verdict(__NR_recvfrom, 3, 0x1000, 10, 0, 0x7f00'0000'0000), kNotify);
}

TEST(Filter, DataCallsWithSpecialFlagsAreOurs) {
  EXPECT_EQ(verdict(__NR_sendto, 3, 0x1000, 10, MSG_OOB), kNotify);
  EXPECT_EQ(verdict(__NR_sendto, 3, 0x1000, 10, MSG_FASTOPEN), kNotify);
  EXPECT_EQ(verdict(__NR_recvfrom, 3, 0x1000, 10, MSG_ERRQUEUE), kNotify);
  EXPECT_EQ(verdict(__NR_recvfrom, 3, 0x1000, 10, MSG_TRUNC), kNotify);
}

TEST(Filter, ControlCallsAreOurs) {
  for (long number : {__NR_connect, __NR_accept, __NR_accept4, __NR_bind, __NR_listen, __NR_getsockname,
                      __NR_getpeername, __NR_setsockopt, __NR_getsockopt, __NR_shutdown, __NR_sendmsg,
                      __NR_recvmsg, __NR_sendmmsg, __NR_recvmmsg})
    EXPECT_EQ(verdict(number, 3), kNotify) << number;
}

TEST(Filter, DeviceControlByCommand) {
  for (const int command :
       {SIOCOUTQ, SIOCINQ, SIOCOUTQNSD, SIOCGIFCONF, SIOCGIFADDR, SIOCGIFINDEX, SIOCETHTOOL})
    EXPECT_EQ(verdict(__NR_ioctl, 3, static_cast<Argument>(command)), kNotify) << std::hex << command;
  for (const int command : {SIOCATMARK, SIOCSPGRP, FIOSETOWN, FIONBIO, FIOASYNC, TCGETS})
    EXPECT_EQ(verdict(__NR_ioctl, 3, static_cast<Argument>(command)), kAllow) << std::hex << command;
}

TEST(Filter, WaysAroundAreClosed) {
  for (long number : {__NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register})
    EXPECT_EQ(verdict(number), kNoSuchCall);
  static const auto program = build_filter();
  SystemCall foreign{AUDIT_ARCH_I386, 102, {}};  // socketcall
  EXPECT_EQ(run_filter(program, foreign), kNoSuchCall);
#if defined(__x86_64__)
  EXPECT_EQ(verdict(0x40000000 | __NR_socket, AF_INET), kNoSuchCall);  // x32
#endif
}

}  // namespace
}  // namespace sockeye::gate
