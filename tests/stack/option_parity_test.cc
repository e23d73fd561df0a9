// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every integer option of the table: its value on a fresh socket, what setting it answers for telling
// values and lengths, and what it reads as afterwards, on the kernel and here. What differs on purpose
// is listed with the reason.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <climits>

#include "socket/option_table.h"
#include "stack/parity.h"

namespace sockeye {
namespace {

// Options whose answers are this stack's own: see the table's sentences.
bool differs_on_purpose(const OptionRow& row) {
  if (row.level == SOL_SOCKET) switch (row.name) {
      case SO_PRIORITY:  // refused
      case SO_DEBUG:     // the kernel lets root
      case SO_SNDBUF:    // defaults are the configuration's; clamps have a test of their own
      case SO_RCVBUF:
      case SO_SNDBUFFORCE:
      case SO_RCVBUFFORCE:
      case SO_RCVLOWAT:       // so is its upper end
      case SO_BINDTOIFINDEX:  // other interfaces
        return true;
      default:
        return false;
    }
  if (row.level == IPPROTO_TCP)
    return row.name == TCP_NOTSENT_LOWAT ||  // -1, the same as none, reads as none
           row.name == TCP_LINGER2;          // a test of its own
  return row.name == IP_TRANSPARENT || row.name == 75 /* IPV6_TRANSPARENT: the kernel lets root */ ||
         row.name == IP_MTU || row.name == 24;  // IPV6_MTU: the kernel answers without a peer
}

std::string log_of(std::unique_ptr<SocketCalls> calls, const OptionRow& row, int domain, int type) {
  std::string log;
  const auto fresh = [&] { return calls->open(domain, type); };
  log += "default " + calls->get(fresh(), row.level, row.name) + "\n";
  if (row.set == nullptr) return log;
  for (const int value : {-2,  -1,  0,   1,   2,    3,     5,     6,       7,       87,     88,
                          127, 128, 255, 256, 1000, 32767, 32768, 1 << 20, INT_MAX, INT_MIN}) {
    const int s = fresh();
    log += std::to_string(value) + ": " + calls->set(s, row.level, row.name, value);
    log += " reads " + calls->get(s, row.level, row.name) + "\n";
  }
  for (const unsigned bytes : {0u, 1u, 2u, 3u}) {
    const int s = fresh();
    log += std::to_string(bytes) + " bytes: " + calls->set(s, row.level, row.name, 1, bytes);
    log += " reads " + calls->get(s, row.level, row.name) + "\n";
  }
  return log;
}

void compare(std::span<const OptionRow> rows) {
  for (const OptionRow& row : rows) {
    if (row.kind == OptionKind::structure || differs_on_purpose(row)) continue;
    for (const int domain : {AF_INET, AF_INET6})
      for (const int type : {int{SOCK_STREAM}, int{SOCK_DGRAM}}) {
        const bool stream = type == SOCK_STREAM;
        if ((row.sockets & (stream ? OptionRow::kStream : OptionRow::kDatagram)) == 0) continue;
        if (row.v6_only && domain != AF_INET6) continue;
        EXPECT_EQ(log_of(kernel_calls(), row, domain, type), log_of(our_calls(), row, domain, type))
            << row.text << (stream ? " stream " : " datagram ") << domain << " (kernel first)";
      }
  }
}

TEST(OptionParity, SocketLevel) {
  compare(socket_level_options());
  compare(socket_report_options());
}
TEST(OptionParity, IpLevel) {
  compare(ip_level_options());
}
TEST(OptionParity, TcpLevel) {
  compare(tcp_level_options());
  compare(tcp_report_options());
  compare(tcp_signature_options());
}

TEST(OptionParity, UnknownOptionsAreRefused) {
  for (auto* make : {kernel_calls, our_calls}) {
    auto calls = make();
    const int s = calls->open(AF_INET, SOCK_STREAM);
    const int u = calls->open(AF_INET, SOCK_DGRAM);
    EXPECT_EQ(calls->set(s, SOL_SOCKET, 9999, 1), "ENOPROTOOPT");
    EXPECT_EQ(calls->get(s, SOL_SOCKET, 9999), "ENOPROTOOPT");
    EXPECT_EQ(calls->set(s, IPPROTO_TCP, 9999, 1), "ENOPROTOOPT");
    EXPECT_EQ(calls->get(s, IPPROTO_TCP, 9999), "ENOPROTOOPT");
    EXPECT_EQ(calls->set(s, IPPROTO_IP, 9999, 1), "ENOPROTOOPT");
    EXPECT_EQ(calls->set(u, IPPROTO_TCP, TCP_NODELAY, 1), "ENOPROTOOPT");
    EXPECT_EQ(calls->set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1), "ENOPROTOOPT");
    EXPECT_EQ(calls->set(s, SOL_SOCKET, SO_TYPE, 1), "ENOPROTOOPT");
    EXPECT_EQ(calls->set(s, SOL_SOCKET, SO_ERROR, 1), "ENOPROTOOPT");
  }
}

TEST(OptionParity, BufferSizesAreDoubledAndClamped) {
  for (const int type : {int{SOCK_STREAM}, int{SOCK_DGRAM}})
    for (const int name : {SO_RCVBUF, SO_SNDBUF})
      for (const int value : {0, 1, 1000, 2304, 5000, 100'000}) {
        std::string answers[2];
        int i = 0;
        for (auto* make : {kernel_calls, our_calls}) {
          auto calls = make();
          const int s = calls->open(AF_INET, type);
          answers[i] = calls->set(s, SOL_SOCKET, name, value);
          answers[i++] += " " + calls->get(s, SOL_SOCKET, name);
        }
        EXPECT_EQ(answers[0], answers[1]) << name << " " << value;
      }
}

}  // namespace
}  // namespace sockeye
