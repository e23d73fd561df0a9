// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What was asked for on the command line, checked: whatever is in one of these structs makes sense by
// itself. The commands (run, pair, ss, down) never see argv.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/net_spec.h"
#include "world/report.h"

namespace sockeye::tools {

// What run and pair have in common: the world to be on.
struct WorldChoice {
  std::string world{};               // --world; empty: a private one
  std::optional<std::string> net{};  // --net, as typed
  sim::NetSpec spec{};               // the same, parsed
  std::optional<std::uint64_t> seed{};
  std::string pcap{};   // empty: none
  bool report = false;  // list what was refused
};

struct RunCommand {
  WorldChoice choice{};
  std::string host{};
  bool keep = false;
  std::vector<std::string> command{};
};

struct ReadyWhen {
  int protocol = 0;  // 6 tcp, 17 udp, 0 either
  int port = 0;      // 0: any
};

struct PairCommand {
  WorldChoice choice{};
  ReadyWhen ready{};
  std::chrono::milliseconds ready_timeout{10'000};
  bool show_sockets = false;
  std::vector<std::string> server{};
  std::vector<std::string> client{};
};

struct SsCommand {
  std::string world{};  // empty: the only one there is
  world::TableOptions table{};
};

struct DownCommand {
  std::string world{};
};

// Something was printed (help, version, an error): the exit status.
struct Finished {
  int status = 0;
};

using Command = std::variant<Finished, RunCommand, PairCommand, SsCommand, DownCommand>;

Command parse_command_line(int argc, char** argv);

}  // namespace sockeye::tools
