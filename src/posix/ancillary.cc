// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "posix/ancillary.h"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "posix/address.h"

namespace sockeye::posix {
namespace {

// The value of a control message of exactly or at least sizeof(T).
template <class T>
bool value_of(const cmsghdr& header, T& value) {
  if (header.cmsg_len < CMSG_LEN(sizeof value)) return false;
  std::memcpy(&value, CMSG_DATA(&header), sizeof value);
  return true;
}

IpAddress address_of(const in6_addr& address) {
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &address, bytes.size());
  return IpAddress::v6(bytes);
}

Result<> parse_v4(const cmsghdr& header, Outgoing& out) {
  int number = 0;
  in_pktinfo info;
  switch (header.cmsg_type) {
    case IP_PKTINFO:
      if (!value_of(header, info)) return Errno::inval;
      if (info.ipi_spec_dst.s_addr != 0) out.from = IpAddress::v4(ntohl(info.ipi_spec_dst.s_addr));
      return {};
    case IP_TTL:
      if (!value_of(header, number) || number < 1 || number > 255) return Errno::inval;
      out.ttl = number;
      return {};
    case IP_TOS:
      if (header.cmsg_len == CMSG_LEN(1))
        number = *CMSG_DATA(&header);
      else if (!value_of(header, number))
        return Errno::inval;
      if (number < 0 || number > 255) return Errno::inval;
      out.tos = number;
      return {};
    default:
      return Errno::inval;
  }
}

Result<> parse_v6(const cmsghdr& header, Outgoing& out) {
  int number = 0;
  in6_pktinfo info;
  switch (header.cmsg_type) {
    case IPV6_PKTINFO:
      if (!value_of(header, info)) return Errno::inval;
      if (const IpAddress from = address_of(info.ipi6_addr); !from.is_unspecified()) out.from = from;
      return {};
    case IPV6_HOPLIMIT:
      if (!value_of(header, number) || number < -1 || number > 255) return Errno::inval;
      if (number >= 0) out.ttl = number;
      return {};
    case IPV6_TCLASS:
      if (!value_of(header, number) || number < -1 || number > 255) return Errno::inval;
      if (number >= 0) out.tos = number;
      return {};
    default:
      return Errno::inval;
  }
}

// Appends control messages to the program's buffer.
class ControlWriter {
 public:
  explicit ControlWriter(msghdr& message)
      : message_(message), room_(message.msg_control == nullptr ? 0 : message.msg_controllen) {}
  ~ControlWriter() { message_.msg_controllen = used_; }

  template <class T>
  void put(int level, int type, const T& value) {
    put(level, type, std::as_bytes(std::span(&value, 1)));
  }
  void put(int level, int type, Bytes value) {
    const std::size_t left = room_ - used_;
    if (left < sizeof(cmsghdr)) {
      message_.msg_flags |= MSG_CTRUNC;
      return;
    }
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    const std::size_t fits = std::min(value.size(), left - sizeof(cmsghdr));
    if (fits < value.size()) message_.msg_flags |= MSG_CTRUNC;
    header.cmsg_len = CMSG_LEN(fits);
    auto* at = static_cast<unsigned char*>(message_.msg_control) + used_;
    std::memcpy(at, &header, sizeof header);
    std::memcpy(at + CMSG_LEN(0), value.data(), fits);
    used_ += std::min<std::size_t>(CMSG_SPACE(fits), left);
  }

 private:
  msghdr& message_;
  std::size_t room_;
  std::size_t used_ = 0;
};

bool is_on(Socket& socket, int level, int name) {
  int value = 0;
  return socket.get_option(level, name, std::as_writable_bytes(std::span(&value, 1))) && value != 0;
}

void put_packet_info(Socket& socket, const IpAddress& to, ControlWriter& out) {
  if (to.is_v4() && is_on(socket, IPPROTO_IP, IP_PKTINFO)) {
    in_pktinfo info{};
    info.ipi_ifindex = to.is_loopback() ? 1 : 2;
    info.ipi_addr.s_addr = info.ipi_spec_dst.s_addr = htonl(to.to_v4());
    out.put(IPPROTO_IP, IP_PKTINFO, info);
  }
  if (socket.is_v6() && is_on(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO)) {
    in6_pktinfo info{};
    info.ipi6_ifindex = to.is_loopback() ? 1 : 2;
    std::memcpy(&info.ipi6_addr, to.bytes().data(), 16);
    out.put(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void put_error(const Socket& socket, const Incoming::ErrorReport& report, ControlWriter& out) {
  struct {
    sock_extended_err error;
    sockaddr_storage offender;
  } value{};
  value.error.ee_errno = static_cast<std::uint32_t>(to_int(report.error));
  value.error.ee_origin = report.origin;
  value.error.ee_type = report.type;
  value.error.ee_code = report.code;
  value.error.ee_info = report.info;
  value.error.ee_data = report.data;
  socklen_t offender = socket.is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (report.offender) offender = to_sockaddr(socket, *report.offender, value.offender);
  const bool v6 = socket.is_v6();
  out.put(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR,
          std::as_bytes(std::span(&value, 1)).first(offsetof(decltype(value), offender) + offender));
}

// SCM_TIMESTAMPING: three times, of which the first is the software's.
void put_stamp(Instant at, ControlWriter& out) {
  constexpr std::int64_t kNano = 1'000'000'000;
  const std::int64_t ns = to_ns(at.time_since_epoch());
  scm_timestamping value{};
  value.ts[0].tv_sec = ns / kNano;
  value.ts[0].tv_nsec = ns % kNano;
  out.put(SOL_SOCKET, SO_TIMESTAMPING, value);
}

}  // namespace

Result<> parse_control(const Socket& socket, const msghdr& message, Outgoing& out) {
  if (message.msg_controllen == 0) return {};
  if (message.msg_control == nullptr) return Errno::fault;
  std::size_t at = 0;
  const std::size_t size = message.msg_controllen;
  while (size - at >= sizeof(cmsghdr)) {
    const auto* header =
        reinterpret_cast<const cmsghdr*>(static_cast<const unsigned char*>(message.msg_control) + at);
    if (header->cmsg_len < sizeof(cmsghdr) || header->cmsg_len > size - at) return Errno::inval;
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type != SCM_RIGHTS &&
        header->cmsg_type != SCM_CREDENTIALS)
      return Errno::inval;
    Result<> parsed;
    const bool datagram = socket.kind() == Socket::Kind::datagram;  // TCP passes over them
    if (datagram && header->cmsg_level == IPPROTO_IP && !socket.is_v6()) parsed = parse_v4(*header, out);
    if (datagram && header->cmsg_level == IPPROTO_IPV6 && socket.is_v6()) parsed = parse_v6(*header, out);
    if (!parsed) return parsed;
    const std::size_t step = CMSG_ALIGN(header->cmsg_len);
    if (step >= size - at) break;
    at += step;
  }
  return {};
}

void store_control(Socket& socket, const Incoming& in, msghdr& message) {
  if (message.msg_control == nullptr || message.msg_controllen == 0) {
    message.msg_controllen = 0;
    return;
  }
  ControlWriter out(message);
  if (in.error_report && in.error_report->stamp) put_stamp(*in.error_report->stamp, out);
  if (in.unread) {
    constexpr int kInq = 36;  // TCP_CM_INQ, younger than the C library's header
    out.put(IPPROTO_TCP, kInq, static_cast<int>(*in.unread));
  }
  if (in.to && socket.kind() == Socket::Kind::datagram) {
    put_packet_info(socket, *in.to, out);
    const bool v4 = in.to->is_v4();
    if (v4 && is_on(socket, IPPROTO_IP, IP_RECVTTL)) out.put(IPPROTO_IP, IP_TTL, in.ttl);
    if (v4 && is_on(socket, IPPROTO_IP, IP_RECVTOS))
      out.put(IPPROTO_IP, IP_TOS, static_cast<std::uint8_t>(in.tos));
    if (socket.is_v6() && is_on(socket, IPPROTO_IPV6, IPV6_RECVHOPLIMIT))
      out.put(IPPROTO_IPV6, IPV6_HOPLIMIT, in.ttl);
    if (socket.is_v6() && is_on(socket, IPPROTO_IPV6, IPV6_RECVTCLASS))
      out.put(IPPROTO_IPV6, IPV6_TCLASS, in.tos);
  }
  if (in.error_report) put_error(socket, *in.error_report, out);
}

}  // namespace sockeye::posix
