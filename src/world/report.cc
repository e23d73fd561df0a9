// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

namespace sockeye::world {

namespace {

using tcp::State;

std::string_view state_word(const SocketReport& report) {
  switch (report.state) {
    case State::closed:
      return "UNCONN";
    case State::listen:
      return "LISTEN";
    case State::syn_sent:
      return "SYN-SENT";
    case State::syn_received:
      return "SYN-RECV";
    case State::established:
      return "ESTAB";
    case State::fin_wait_1:
      return "FIN-WAIT-1";
    case State::fin_wait_2:
      return "FIN-WAIT-2";
    case State::close_wait:
      return "CLOSE-WAIT";
    case State::closing:
      return "CLOSING";
    case State::last_ack:
      return "LAST-ACK";
    case State::time_wait:
      return "TIME-WAIT";
  }
  return "UNKNOWN";
}

constexpr unsigned bit(State state) {
  return 1U << static_cast<unsigned>(state);
}

// The states that ss shows for these options, both kinds of socket together.
unsigned shown_states(const TableOptions& options, bool stream) {
  constexpr unsigned kAll = (bit(State::time_wait) << 1) - 1;
  if (options.all) return kAll;
  if (options.listening) return bit(State::listen) | bit(State::closed);
  if (!stream) return bit(State::established);
  return kAll & ~(bit(State::listen) | bit(State::closed) | bit(State::time_wait) | bit(State::syn_received));
}

bool is_shown(const SocketRow& row, const TableOptions& options) {
  const SocketReport& report = row.report;
  if (report.is_stream && report.state == State::closed) return false;  // in no table, so ss cannot see it
  const bool both_kinds = options.tcp == options.udp;
  const bool both_families = options.v4 == options.v6;
  if (!options.host.empty() && row.host != options.host) return false;
  if (!both_kinds && report.is_stream != options.tcp) return false;
  if (!both_families && report.is_v6 != options.v6) return false;
  return (shown_states(options, report.is_stream) & bit(report.state)) != 0;
}

// ss asks for datagrams first, and the kernel lists listeners before connections:
// datagrams, listening streams, other streams; within each the order of creation.
int group_of(const SocketRow& row) {
  if (!row.report.is_stream) return 0;
  return row.report.state == State::listen ? 1 : 2;
}

std::string address_text(const SocketReport& report, const IpAddress& address) {
  if (!report.is_v6) return address.is_unspecified() ? "0.0.0.0:" : address.to_string() + ":";
  if (address.is_unspecified()) return report.v6only ? "[::]:" : "*:";
  return "[" + (address.is_v4() ? "::ffff:" : std::string()) + address.to_string() + "]:";
}

std::string port_text(const SocketReport& report, std::uint16_t port, const TableOptions& options,
                      const TableLookups& lookups) {
  if (port == 0) return "*";
  if (!options.numeric && lookups.service_name)
    if (std::string name = lookups.service_name(port, report.is_stream); !name.empty()) return name;
  return std::to_string(port);
}

std::string users_text(const SocketRow& row, const TableLookups& lookups) {
  std::string text;
  if (row.inode == 0 || !lookups.users) return text;
  for (const SocketUser& user : lookups.users(row.inode)) {
    text += text.empty() ? " users:(" : ",";
    text += "(\"" + user.name + "\",pid=" + std::to_string(user.pid) + ",fd=" + std::to_string(user.fd) + ")";
  }
  return text.empty() ? text : text + ")";
}

// "59sec", "1.204ms", "012ms", "2min5sec": ss drops what is small beside the rest.
std::string time_left_text(std::int64_t ms) {
  const std::int64_t minutes = ms / 60'000;
  const std::int64_t seconds = minutes > 9 ? 0 : ms / 1000 % 60;
  const std::int64_t rest = minutes != 0 || seconds > 9 ? 0 : ms % 1000;
  std::string text;
  if (minutes != 0) text += std::to_string(minutes) + "min";
  if (seconds != 0) text += std::to_string(seconds) + (rest != 0 ? "." : "sec");
  if (rest != 0) {
    const std::string digits = std::to_string(rest);
    text += std::string(3 - digits.size(), '0') + digits + "ms";
  }
  return text;
}

std::string timer_text(const SocketReport& report) {
  if (!report.tcp || report.tcp->timer[0] == '\0') return {};
  const std::string left = time_left_text(std::max<std::int64_t>(0, to_ms(report.tcp->timer_left)));
  return std::string(" timer:(") + report.tcp->timer + "," + left + "," +
         std::to_string(report.tcp->retransmits) + ")";
}

// inode, cookie, and the mark of who has one.
std::string extended_text(const SocketRow& row) {
  char text[80];
  int size = std::snprintf(text, sizeof text, " ino:%llu sk:%llx", static_cast<unsigned long long>(row.inode),
                           static_cast<unsigned long long>(row.report.cookie));
  if (row.report.mark != 0)
    size += std::snprintf(text + size, sizeof text - static_cast<std::size_t>(size), " fwmark:0x%x",
                          row.report.mark);
  return {text, static_cast<std::size_t>(size)};
}

constexpr std::size_t kColumns = 10;
using Cells = std::array<std::string, kColumns>;
enum Place : std::size_t {
  kHost,
  kNetid,
  kState,
  kRecvQ,
  kSendQ,
  kLocal,
  kLocalPort,
  kPeer,
  kPeerPort,
  kProcess
};

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

Cells cells_of(const SocketRow& row, const TableOptions& options, const TableLookups& lookups) {
  const SocketReport& report = row.report;
  Cells cells;
  cells[kHost] = row.host;
  cells[kNetid] = report.is_stream ? "tcp" : "udp";
  cells[kState] = state_word(report);
  cells[kRecvQ] = padded(std::to_string(report.receive_queue), 6);
  cells[kSendQ] = padded(std::to_string(report.send_queue), 6);
  cells[kLocal] = address_text(report, report.local.address);
  cells[kLocalPort] = port_text(report, report.local.port, options, lookups);
  cells[kPeer] = address_text(report, report.remote.address);
  cells[kPeerPort] = port_text(report, report.remote.port, options, lookups);
  if (options.processes) cells[kProcess] += users_text(row, lookups);
  if (options.timers) cells[kProcess] += timer_text(report);
  if (options.extended) cells[kProcess] += extended_text(row);
  return cells;
}

class Table {
 public:
  Table(bool with_host, bool with_netid, bool with_state, bool with_header) : with_header_(with_header) {
    shown_ = {with_host, with_netid, with_state, true, true, true, true, true, true, true};
    for (std::size_t i = 0; i < kColumns; ++i)
      if (with_header) widths_[i] = kTitles[i].size();
  }
  void add(Cells cells, std::string below) {
    for (std::size_t i = 0; i < kColumns; ++i) widths_[i] = std::max(widths_[i], cells[i].size());
    lines_.push_back({std::move(cells), std::move(below)});
  }
  std::string render() const {
    std::string text;
    if (with_header_) {
      Cells titles;
      for (std::size_t i = 0; i < kColumns; ++i) titles[i] = kTitles[i];
      text += line(titles);
    }
    for (const Line& entry : lines_) {
      text += line(entry.cells);
      if (!entry.below.empty()) text += "\t" + entry.below + "\n";
    }
    return text;
  }

 private:
  struct Line {
    Cells cells;
    std::string below;
  };
  static constexpr std::array<std::string_view, kColumns> kTitles = {
      "Host",           "Netid", "State",         "Recv-Q", "Send-Q",
      "Local Address:", "Port",  "Peer Address:", "Port",   "Process"};
  static constexpr bool delimited(std::size_t i) {
    return i != kLocalPort && i != kPeerPort && i != kProcess;
  }

  std::string line(const Cells& cells) const {
    std::string text;
    for (std::size_t i = 0; i < kColumns; ++i) {
      if (!shown_[i]) continue;
      if (!text.empty() && delimited(i)) text += ' ';
      const std::string gap(widths_[i] - cells[i].size(), ' ');
      text += i == kLocal || i == kPeer ? gap + cells[i] : cells[i] + gap;
    }
    return text + "\n";
  }

  std::array<bool, kColumns> shown_{};
  std::array<std::size_t, kColumns> widths_{};
  std::vector<Line> lines_;
  bool with_header_;
};

}  // namespace

std::string format_table(const std::vector<SocketRow>& rows, const TableOptions& options,
                         const TableLookups& lookups) {
  std::vector<SocketRow> shown;
  bool several_hosts = false;
  for (int group = 0; group < 3; ++group) {
    for (const SocketRow& row : rows) {
      if (row.host != rows.front().host) several_hosts = true;
      if (group_of(row) == group && is_shown(row, options)) shown.push_back(row);
    }
  }
  // ss leaves out the column of what the options leave no choice for.
  const bool one_kind = options.tcp != options.udp;
  const unsigned states = (options.udp && one_kind ? 0U : shown_states(options, true)) |
                          (options.tcp && one_kind ? 0U : shown_states(options, false));
  const bool several_states = (states & (states - 1)) != 0;
  Table table(several_hosts && options.host.empty(), !one_kind, several_states, !options.no_header);
  for (const SocketRow& row : shown)
    table.add(cells_of(row, options, lookups),
              options.info && row.report.tcp ? format_info(row.report) : std::string());
  return table.render();
}

}  // namespace sockeye::world
