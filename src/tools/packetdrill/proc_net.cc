// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/packetdrill/proc_net.h"

#include <cstdio>
#include <cstring>

#include "socket/tcp_info.h"

namespace sockeye::packetdrill {
namespace {

// Words of four bytes in the order of the machine, which is what the kernel prints.
std::string hex(const Endpoint& at, bool v6) {
  const auto& bytes = at.address.bytes();
  std::string text;
  char word[16];
  for (std::size_t i = v6 ? 0 : 12; i < bytes.size(); i += 4) {
    std::uint32_t value = 0;
    std::memcpy(&value, &bytes[i], sizeof value);
    std::snprintf(word, sizeof word, "%08X", value);
    text += word;
  }
  std::snprintf(word, sizeof word, ":%04X", at.port);
  return text + word;
}

}  // namespace

std::string proc_net_tcp(std::span<const SocketReport> reports, bool v6) {
  std::string text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  unsigned line = 0;
  for (const SocketReport& report : reports) {
    if (!report.is_stream || report.is_v6 != v6) continue;
    char start[16], rest[80];
    std::snprintf(start, sizeof start, "%4u: ", line++);
    std::snprintf(rest, sizeof rest, " %02X %08X:%08X 00:00000000 00000000     0        0 0\n",
                  unsigned{to_linux(report.state)},
                  report.state == tcp::State::listen ? 0 : report.send_queue, report.receive_queue);
    text += start + hex(report.local, v6) + ' ' + hex(report.remote, v6) + rest;
  }
  return text;
}

}  // namespace sockeye::packetdrill
