// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Options of SOL_SOCKET and IPPROTO_TCP that ask to be told more: MSG_ZEROCOPY's reports, stamps of what was
// sent, what is left to read. Of SO_TIMESTAMPING's flags those of received data, of hardware, and
// OPT_CMSG, OPT_STATS, OPT_PKTINFO, OPT_TX_SWHW and BIND_PHC are refused (EINVAL): nothing would come of
// them.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "socket/base_socket.h"
#include "socket/option_flag.h"
#include "socket/option_table.h"

namespace sockeye {
namespace {

constexpr int kInq = 36;              // TCP_INQ, younger than the C library's header
constexpr int kTimestampingNew = 65;  // SO_TIMESTAMPING_NEW

Result<> set_timestamping(BaseSocket& socket, Bytes value) {
  constexpr std::uint32_t kTxSoftware = 1u << 1, kSoftware = 1u << 4, kKeys = 1u << 7, kScheduled = 1u << 8,
                          kAck = 1u << 9, kBare = 1u << 11, kKeysFromEnd = 1u << 16;
  std::array<std::uint32_t, 2> words{};  // struct so_timestamping: flags, bind_phc
  if (value.size() < sizeof words[0]) return Errno::inval;
  std::memcpy(words.data(), value.data(), value.size() == sizeof words ? sizeof words : sizeof words[0]);
  const std::uint32_t flags = words[0];
  if ((flags & ~(kTxSoftware | kSoftware | kKeys | kScheduled | kAck | kBare | kKeysFromEnd)) != 0)
    return Errno::inval;
  if ((flags & kKeysFromEnd) != 0 && (flags & kKeys) == 0) return Errno::inval;
  SocketOptions& options = socket.own_options();
  if ((flags & kKeys) != 0 && (options.timestamping & kKeys) == 0) {
    const auto base = socket.stream_position((flags & kKeysFromEnd) != 0);
    if (!base) return Errno::inval;
    options.timestamp_key_base = *base;
  }
  options.timestamping = flags;
  return {};
}
Result<std::size_t> get_timestamping(BaseSocket& socket, MutableBytes out) {
  const std::array<std::uint32_t, 2> words{socket.options().timestamping, 0};
  const std::size_t size = std::min(out.size(), sizeof words);
  std::memcpy(out.data(), words.data(), size);
  return size;
}

constexpr std::string_view kStamps =
    "TX_SCHED, TX_SOFTWARE, TX_ACK with SOFTWARE, OPT_ID, OPT_ID_TCP, OPT_TSONLY: reports on the error "
    "queue, by "
    "the stack's clock and without the packet (MSG_TRUNC)";
constexpr OptionRow kSocketRows[] = {
    {.level = SOL_SOCKET,
     .name = SO_ZEROCOPY,
     .text = "SO_ZEROCOPY",
     .sockets = OptionRow::kStream,
     .minimum = 0,
     .maximum = 1,
     .set = set_flag<&SocketOptions::zero_copy>,
     .get = get_flag<&SocketOptions::zero_copy>,
     .effect =
         "sends with MSG_ZEROCOPY report on the error queue that they are done; bytes are copied, and the "
         "report says so"},
    {.level = SOL_SOCKET,
     .name = SO_TIMESTAMPING,
     .text = "SO_TIMESTAMPING",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = set_timestamping,
     .get_bytes = get_timestamping,
     .effect = kStamps},
    {.level = SOL_SOCKET,
     .name = kTimestampingNew,
     .text = "SO_TIMESTAMPING_NEW",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = set_timestamping,
     .get_bytes = get_timestamping,
     .effect = "as SO_TIMESTAMPING"},
};
constexpr OptionRow kTcpRows[] = {
    {.level = IPPROTO_TCP,
     .name = kInq,
     .text = "TCP_INQ",
     .sockets = OptionRow::kStream,
     .minimum = 0,
     .maximum = 1,
     .set = set_flag<&SocketOptions::tell_unread>,
     .get = get_flag<&SocketOptions::tell_unread>,
     .effect =
         "recvmsg() tells in a control message (TCP_CM_INQ) how many bytes are left, and one more after the "
         "peer's FIN"},
};

}  // namespace

std::span<const OptionRow> socket_report_options() {
  return kSocketRows;
}
std::span<const OptionRow> tcp_report_options() {
  return kTcpRows;
}

}  // namespace sockeye
