// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world's sockets as `sockeye ss` shows them, in the columns and words of iproute2's ss 6.1.
//
// The world writes rows (it has no files and no processes to look up); the tool reads them, looks up
// what only it can see (the names of processes and services) and lays out the table. A reply has room
// for a part of a large table only: the query "sockets N" answers from row N on, and its last line
// "next M" says where to go on.
//
// With several hosts the table has one more column, "Host", in front; with one host, or one chosen by
// name, it is exactly ss's. What ss does by default is done here: without -a and -l no listeners, no
// unconnected datagram sockets and no TIME-WAIT.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "socket/socket.h"
#include "world/session.h"

namespace sockeye::world {

struct SocketRow {
  std::string host{};
  SocketReport report{};
  std::uint64_t inode = 0;  // of the descriptor that programs hold; 0: nobody does
};

struct SocketUser {
  std::string name{};
  std::int32_t pid = 0;
  std::int32_t fd = 0;
};

// One line, and back; false when the line is not one.
std::string write_row(const SocketRow& row);
bool read_row(std::string_view line, SocketRow& row);

struct TableOptions {
  bool tcp = false;  // neither: both
  bool udp = false;
  bool v4 = false;
  bool v6 = false;
  bool all = false;        // -a
  bool listening = false;  // -l
  bool numeric = false;    // -n
  bool processes = false;  // -p
  bool info = false;       // -i
  bool timers = false;     // -o
  bool extended = false;   // -e
  bool no_header = false;  // -H
  std::string host{};      // only this one
};

struct TableLookups {
  std::function<std::vector<SocketUser>(std::uint64_t inode)> users;
  std::function<std::string(std::uint16_t port, bool stream)> service_name;  // empty: none
};

std::string format_table(const std::vector<SocketRow>& rows, const TableOptions& options,
                         const TableLookups& lookups);

// The words of -i for one connection: "ts sack cubic wscale:7,7 rto:204 …".
std::string format_info(const SocketReport& report);

}  // namespace sockeye::world
