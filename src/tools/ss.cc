// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <charconv>
#include <cstdio>

#include "gate/agent.h"
#include "tools/commands.h"
#include "tools/enter_world.h"
#include "tools/holders.h"
#include "tools/socket_table.h"
#include "world/rendezvous.h"

namespace sockeye::tools {

namespace {

std::string service_name(std::uint16_t port, bool stream) {
  const servent* service = ::getservbyport(htons(port), stream ? "tcp" : "udp");
  return service != nullptr ? service->s_name : std::string();
}

// Rows of one answer; the number to go on from, or 0.
std::size_t read_answer(std::string_view text, std::vector<world::SocketRow>& rows) {
  constexpr std::string_view kNext = "next ";
  std::size_t next = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    world::SocketRow row;
    if (line.starts_with(kNext)) {
      std::from_chars(line.data() + kNext.size(), line.data() + line.size(), next);
    } else if (world::read_row(line, row)) {
      rows.push_back(std::move(row));
    } else {
      throw Failure("the world's answer is not a socket: " + std::string(line), kLauncherFailed);
    }
  }
  return next;
}

std::string only_world() {
  auto found = world::list_worlds();
  if (const auto* error = std::get_if<world::RendezvousError>(&found))
    throw Failure(error->sentence, kLauncherFailed);
  const auto& names = std::get<std::vector<std::string>>(found);
  if (names.size() == 1) return names[0];
  if (names.empty())
    throw Failure("there is no world with a name: sockeye run --world NAME makes one", kUsageError);
  throw Failure("expected --world and one of: " + joined(names), kUsageError);
}

}  // namespace

std::vector<world::SocketRow> fetch_sockets(int session) {
  std::vector<world::SocketRow> rows;
  std::size_t next = 0;
  do {
    const gate::HelloAnswer answer = gate::ask_world(session, fmt::format("sockets {}", next));
    if (answer.result < 0) throw Failure(answer.text, kLauncherFailed);
    next = read_answer(answer.text, rows);
  } while (next != 0);
  return rows;
}

std::string socket_table(const std::vector<world::SocketRow>& rows, const world::TableOptions& options) {
  const Holders holders = options.processes ? find_holders() : Holders();
  const auto users = [&](std::uint64_t inode) {
    const auto found = holders.find(inode);
    return found == holders.end() ? std::vector<world::SocketUser>() : found->second;
  };
  return world::format_table(rows, options, {users, service_name});
}

int ss(const SsCommand& command) try {
  const std::string name = command.world.empty() ? only_world() : command.world;
  const std::vector<world::UniqueFd> connection = connect_to_world(name, 1, false);
  say_hello(connection[0].get());
  const std::string table = socket_table(fetch_sockets(connection[0].get()), command.table);
  std::fwrite(table.data(), 1, table.size(), stdout);
  return 0;
} catch (const Failure& failure) {
  return failure.tell("sockeye ss");
}

}  // namespace sockeye::tools
