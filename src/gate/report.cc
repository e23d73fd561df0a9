// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/report.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "core/errno.h"

namespace sockeye::gate {

namespace {

struct Name {
  int number;
  std::string_view text;
};

template <std::size_t N>
std::string lookup(const Name (&table)[N], int number, std::string_view prefix) {
  for (const Name& name : table)
    if (name.number == number) return std::string(name.text);
  return std::string(prefix) + std::to_string(number);
}

#define SOCKEYE_NAMED(symbol) \
  { symbol, #symbol }

constexpr Name kDomains[] = {SOCKEYE_NAMED(AF_INET),   SOCKEYE_NAMED(AF_INET6),     SOCKEYE_NAMED(AF_NETLINK),
                             SOCKEYE_NAMED(AF_PACKET), SOCKEYE_NAMED(AF_VSOCK),     SOCKEYE_NAMED(AF_ALG),
                             SOCKEYE_NAMED(AF_TIPC),   SOCKEYE_NAMED(AF_BLUETOOTH), SOCKEYE_NAMED(AF_XDP),
                             SOCKEYE_NAMED(AF_CAN),    SOCKEYE_NAMED(AF_UNSPEC)};
constexpr Name kTypes[] = {SOCKEYE_NAMED(SOCK_STREAM),    SOCKEYE_NAMED(SOCK_DGRAM),
                           SOCKEYE_NAMED(SOCK_RAW),       SOCKEYE_NAMED(SOCK_RDM),
                           SOCKEYE_NAMED(SOCK_SEQPACKET), SOCKEYE_NAMED(SOCK_DCCP)};
constexpr Name kLevels[] = {SOCKEYE_NAMED(SOL_SOCKET), SOCKEYE_NAMED(IPPROTO_TCP), SOCKEYE_NAMED(IPPROTO_UDP),
                            SOCKEYE_NAMED(IPPROTO_IP), SOCKEYE_NAMED(IPPROTO_IPV6)};
constexpr Name kSocketOptions[] = {
    SOCKEYE_NAMED(SO_BINDTODEVICE), SOCKEYE_NAMED(SO_ATTACH_FILTER), SOCKEYE_NAMED(SO_BUSY_POLL),
    SOCKEYE_NAMED(SO_INCOMING_CPU), SOCKEYE_NAMED(SO_MARK),          SOCKEYE_NAMED(SO_PEERCRED),
    SOCKEYE_NAMED(SO_PASSCRED),     SOCKEYE_NAMED(SO_PRIORITY),      SOCKEYE_NAMED(SO_TIMESTAMP),
    SOCKEYE_NAMED(SO_TIMESTAMPNS),  SOCKEYE_NAMED(SO_TIMESTAMPING),  SOCKEYE_NAMED(SO_ZEROCOPY),
    SOCKEYE_NAMED(SO_TXTIME),       SOCKEYE_NAMED(SO_RXQ_OVFL),      SOCKEYE_NAMED(SO_ATTACH_BPF),
    SOCKEYE_NAMED(SO_PEERSEC),      SOCKEYE_NAMED(SO_PEERGROUPS),    SOCKEYE_NAMED(SO_MAX_PACING_RATE)};
constexpr Name kTcpOptions[] = {SOCKEYE_NAMED(TCP_FASTOPEN),         SOCKEYE_NAMED(TCP_FASTOPEN_CONNECT),
                                SOCKEYE_NAMED(TCP_MD5SIG),           SOCKEYE_NAMED(TCP_ULP),
                                SOCKEYE_NAMED(TCP_REPAIR),           SOCKEYE_NAMED(TCP_DEFER_ACCEPT),
                                SOCKEYE_NAMED(TCP_ZEROCOPY_RECEIVE), SOCKEYE_NAMED(TCP_SAVE_SYN),
                                SOCKEYE_NAMED(TCP_CONGESTION),       SOCKEYE_NAMED(TCP_INFO),
                                SOCKEYE_NAMED(TCP_WINDOW_CLAMP),     SOCKEYE_NAMED(TCP_NOTSENT_LOWAT)};
constexpr Name kIpOptions[] = {SOCKEYE_NAMED(IP_TOS),           SOCKEYE_NAMED(IP_TTL),
                               SOCKEYE_NAMED(IP_OPTIONS),       SOCKEYE_NAMED(IP_TRANSPARENT),
                               SOCKEYE_NAMED(IP_FREEBIND),      SOCKEYE_NAMED(IP_ADD_MEMBERSHIP),
                               SOCKEYE_NAMED(IP_MULTICAST_IF),  SOCKEYE_NAMED(IP_MULTICAST_LOOP),
                               SOCKEYE_NAMED(IP_MULTICAST_TTL), SOCKEYE_NAMED(IP_MTU_DISCOVER),
                               SOCKEYE_NAMED(IP_PKTINFO),       SOCKEYE_NAMED(IP_RECVTOS),
                               SOCKEYE_NAMED(IP_UNICAST_IF),    SOCKEYE_NAMED(IP_DROP_MEMBERSHIP)};
constexpr Name kIpv6Options[] = {
    SOCKEYE_NAMED(IPV6_JOIN_GROUP),     SOCKEYE_NAMED(IPV6_LEAVE_GROUP), SOCKEYE_NAMED(IPV6_MULTICAST_IF),
    SOCKEYE_NAMED(IPV6_MULTICAST_LOOP), SOCKEYE_NAMED(IPV6_RECVPKTINFO), SOCKEYE_NAMED(IPV6_TCLASS),
    SOCKEYE_NAMED(IPV6_MTU_DISCOVER),   SOCKEYE_NAMED(IPV6_RECVTCLASS),  SOCKEYE_NAMED(IPV6_UNICAST_HOPS)};

#undef SOCKEYE_NAMED

std::string option_name(int level, int name) {
  switch (level) {
    case SOL_SOCKET:
      return lookup(kSocketOptions, name, "option ");
    case IPPROTO_TCP:
      return lookup(kTcpOptions, name, "option ");
    case IPPROTO_IP:
      return lookup(kIpOptions, name, "option ");
    case IPPROTO_IPV6:
      return lookup(kIpv6Options, name, "option ");
    default:
      return "option " + std::to_string(name);
  }
}

}  // namespace

bool means_unsupported(std::int64_t result) {
  return result == -EOPNOTSUPP || result == -ENOPROTOOPT || result == -EAFNOSUPPORT ||
         result == -EPROTONOSUPPORT || result == -ESOCKTNOSUPPORT;
}

void Report::refused(const std::string& what, int error) {
  ++counts_[what + ": " + std::string(name_of(static_cast<Errno>(error)))];
}

void Report::refused_option(int level, int name, bool setting, int error) {
  refused((setting ? "setsockopt " : "getsockopt ") + lookup(kLevels, level, "level ") + " " +
              option_name(level, name),
          error);
}

void Report::refused_socket(int domain, int type, int protocol, int error) {
  refused("socket " + lookup(kDomains, domain, "family ") + " " + lookup(kTypes, type, "type ") +
              " protocol " + std::to_string(protocol),
          error);
}

void Report::note(const std::string& sentence) {
  ++counts_[sentence];
}

std::string Report::text() const {
  std::string text;
  for (const auto& [what, count] : counts_) {
    std::string number = std::to_string(count);
    if (number.size() < 6) text.append(6 - number.size(), ' ');
    text += number + " x " + what + "\n";
  }
  return text;
}

}  // namespace sockeye::gate
