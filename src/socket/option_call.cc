// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// setsockopt(2) and getsockopt(2) over the option table: finding the row, and lengths as Linux takes
// and gives them. The IP levels take and give single bytes for small integers; SOL_SOCKET and
// IPPROTO_TCP insist on an int.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "socket/base_socket.h"
#include "socket/option_table.h"

namespace sockeye {
namespace {

const OptionRow* find_in(std::span<const OptionRow> rows, const BaseSocket& socket, int level, int name) {
  const std::uint8_t kind = socket.is_stream() ? OptionRow::kStream : OptionRow::kDatagram;
  for (const OptionRow& row : rows)
    if (row.level == level && row.name == name && (row.sockets & kind) != 0 &&
        (!row.v6_only || socket.is_v6()))
      return &row;
  return nullptr;
}

const OptionRow* find_option(const BaseSocket& socket, int level, int name) {
  if (level == SOL_SOCKET) {
    const OptionRow* row = find_in(socket_level_options(), socket, level, name);
    return row != nullptr ? row : find_in(socket_report_options(), socket, level, name);
  }
  if (level == IPPROTO_IP || level == IPPROTO_IPV6) return find_in(ip_level_options(), socket, level, name);
  if (level == IPPROTO_TCP) {
    for (const auto rows : {tcp_level_options(), tcp_report_options(), tcp_signature_options()})
      if (const OptionRow* row = find_in(rows, socket, level, name)) return row;
  }
  return nullptr;
}

// Is the level one that a socket of its kind looks into itself?
bool knows_level(const BaseSocket& socket, int level) {
  if (level == SOL_SOCKET || level == IPPROTO_IP) return true;
  if (level == IPPROTO_IPV6) return socket.is_v6();
  return level == (socket.is_stream() ? IPPROTO_TCP : IPPROTO_UDP);
}

Result<int> read_int(const OptionRow& row, Bytes value) {
  int number = 0;
  if (value.size() >= sizeof number) {
    std::memcpy(&number, value.data(), sizeof number);
    return number;
  }
  if (row.short_value == ShortValue::zero) return 0;
  if (row.level != IPPROTO_IP || (value.empty() && row.short_value == ShortValue::not_nothing))
    return Errno::inval;
  return value.empty() ? 0 : static_cast<int>(load8(value.data()));
}

std::size_t write_int(int level, int number, MutableBytes value) {
  if (level == IPPROTO_IP && value.size() < sizeof number && !value.empty() && number >= 0 && number <= 255) {
    store8(value.data(), static_cast<std::uint8_t>(number));
    return 1;
  }
  const std::size_t size = std::min(value.size(), sizeof number);
  if (size > 0) std::memcpy(value.data(), &number, size);
  return size;
}

}  // namespace

Result<> BaseSocket::set_option(int level, int name, Bytes value) {
  const OptionRow* row = find_option(*this, level, name);
  if (row == nullptr) return Errno::noprotoopt;
  if (row->set_bytes != nullptr) return row->set_bytes(*this, value);
  if (row->set == nullptr) return Errno::noprotoopt;
  auto number = read_int(*row, value);
  if (!number) return number.error();
  if (row->kind == OptionKind::boolean)
    number = *number != 0 ? 1 : 0;
  else if (*number < row->minimum || *number > row->maximum)
    return Errno::inval;
  return row->set(*this, *number);
}

Result<std::size_t> BaseSocket::get_option(int level, int name, MutableBytes value) {
  const OptionRow* row = find_option(*this, level, name);
  // Linux's IPv4 says EOPNOTSUPP when it is asked for an option of a level that is not its own.
  if (row == nullptr && !is_v6() && !knows_level(*this, level)) return Errno::opnotsupp;
  if (row == nullptr) return Errno::noprotoopt;
  if (row->get_bytes != nullptr) return row->get_bytes(*this, value);
  if (row->get == nullptr) return Errno::noprotoopt;
  const auto number = row->get(*this);
  if (!number) return number.error();
  return write_int(level, *number, value);
}

}  // namespace sockeye
