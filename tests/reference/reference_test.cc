// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// docs/reference/ is printed from the tables in the code. A page that does not match its table fails
// here; UPDATE_GOLDEN=1 writes it anew.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "core/drop.h"
#include "core/errno.h"
#include "socket/option_table.h"
#include "stack/stack.h"
#include "stack/sysctl.h"
#include "tcp/counters.h"
#include "tcp/state.h"

namespace sockeye {
namespace {

void compare_with_page(const std::string& name, const std::string& text) {
  const std::string path = std::string(SOCKEYE_SOURCE_DIR) + "/docs/reference/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing: run with UPDATE_GOLDEN=1";
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(text, page.str()) << "if that is right, run with UPDATE_GOLDEN=1";
}

std::string heading(const std::string& title, const std::string& source) {
  return "# " + title + "\n\nGenerated from `" + source + "`; a test keeps this page equal to the table.\n\n";
}

TEST(Reference, DropReasons) {
  std::string page = heading("Why a packet was discarded", "src/core/drop.h");
  page += "| reason | what was seen | where it is decided |\n|---|---|---|\n";
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const Drop reason = static_cast<Drop>(i);
    const char* where = reason < Drop::bad_checksum    ? "IP and links"
                        : reason < Drop::listen_no_syn ? "transports and sockets"
                        : reason < Drop::loss          ? "TCP"
                                                       : "the network model";
    page +=
        "| `" + std::string(name_of(reason)) + "` | " + std::string(text_of(reason)) + " | " + where + " |\n";
  }
  compare_with_page("drop-reasons.md", page);
}

TEST(Reference, TcpCounters) {
  std::string page = heading("What TCP counts beside discarded segments", "src/tcp/counters.h");
  page += "| counter | what it counts |\n|---|---|\n";
  for (const tcp::CounterName& row : tcp::kCounterNames)
    page += "| `" + std::string(row.name) + "` | " + std::string(row.text) + " |\n";
  compare_with_page("tcp-counters.md", page);
}

std::string values_of(const OptionRow& row) {
  if (row.kind == OptionKind::boolean) return "on / off";
  if (row.kind == OptionKind::structure) return "a structure";
  return std::to_string(row.minimum) + " … " + std::to_string(row.maximum);
}

std::string sockets_of(const OptionRow& row) {
  std::string text = row.sockets == OptionRow::kStream     ? "stream"
                     : row.sockets == OptionRow::kDatagram ? "datagram"
                                                           : "both";
  return row.v6_only ? text + ", AF_INET6" : text;
}

std::string access_of(const OptionRow& row) {
  const bool sets = row.set != nullptr || row.set_bytes != nullptr;
  const bool gets = row.get != nullptr || row.get_bytes != nullptr;
  return sets && gets ? "set, get" : sets ? "set" : "get";
}

TEST(Reference, SocketOptions) {
  std::string page = heading("Socket options", "src/socket/options_*.cc");
  page +=
      "An option that is not here is refused with ENOPROTOOPT, a value outside its range with EINVAL. No "
      "option\n"
      "is accepted and ignored.\n";
  const auto print = [&](std::span<const OptionRow> rows) {
    for (const OptionRow& row : rows)
      page += "| `" + std::string(row.text) + "` | " + sockets_of(row) + " | " + access_of(row) + " | " +
              values_of(row) + " | " + std::string(row.effect) + " |\n";
  };
  const auto section = [&](const char* title, std::span<const OptionRow> rows) {
    page += "\n## " + std::string(title) +
            "\n\n| option | sockets | access | values | effect |\n|---|---|---|---|---|\n";
    print(rows);
  };
  section("SOL_SOCKET", socket_level_options());
  print(socket_report_options());
  section("IPPROTO_IP and IPPROTO_IPV6", ip_level_options());
  section("IPPROTO_TCP", tcp_level_options());
  print(tcp_report_options());
  print(tcp_signature_options());
  compare_with_page("socket-options.md", page);
}

TEST(Reference, Sysctls) {
  std::string page = heading("Tunables of a host", "src/stack/sysctl.cc");
  page +=
      "By their Linux names; `Stack::set_sysctl`. A name that is not here is refused with ENOENT, a value "
      "that "
      "Linux has\nand this stack does not with EOPNOTSUPP.\n\n| name | default | what it is "
      "|\n|---|---|---|\n";
  const StackConfig config;
  for (const SysctlRow& row : sysctl_rows()) {
    std::string value = row.get(config);
    std::replace(value.begin(), value.end(), '\t', ' ');
    page += "| `net." + std::string(row.name) + "` | " + value + " | " + std::string(row.effect) + " |\n";
  }
  compare_with_page("sysctls.md", page);
}

TEST(Reference, TcpStates) {
  std::string page = heading("The states of a TCP connection", "src/tcp/state.h");
  page +=
      "Every transition (RFC 9293 3.3.2 and 3.10). The same as a graph, for "
      "Graphviz:\n`tests/golden/tcp_states.dot`.\n\n";
  page += "| from | event | to |\n|---|---|---|\n";
  for (const tcp::Transition& t : tcp::kTransitions)
    page += "| " + std::string(tcp::name_of(t.from)) + " | `" + std::string(tcp::name_of(t.on)) + "` | " +
            std::string(tcp::name_of(t.to)) + " |\n";
  page += "\n```mermaid\nstateDiagram-v2\n";
  const auto id = [](tcp::State state) {
    std::string text(tcp::name_of(state));
    for (char& c : text) c = c == '-' ? '_' : c;
    return text;
  };
  for (const tcp::Transition& t : tcp::kTransitions)
    page += "  " + id(t.from) + " --> " + id(t.to) + " : " + std::string(tcp::name_of(t.on)) + "\n";
  compare_with_page("tcp-states.md", page + "```\n");
}

}  // namespace
}  // namespace sockeye
