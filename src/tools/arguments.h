// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Values of options, from text. A value that does not parse throws BadValue with a sentence that says
// what was expected; command_line.cc prints it behind the option's name.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command_line.h"

namespace sockeye::tools {

struct BadValue : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::uint64_t read_seed(const std::string& text);
std::chrono::milliseconds read_duration(const std::string& text);  // "10s", "500ms", "1m"
ReadyWhen read_ready(const std::string& text);                     // "tcp:8080"
sim::NetSpec read_net(const std::string& text);
std::string read_world_name(const std::string& text);
std::string read_host_name(const std::string& text);

// `run OPTIONS -- COMMAND…`: what stands before the first bare "--" and the parts behind it: up to
// `parts` of them, divided at further bare "--"; the last part keeps any that are left.
struct Split {
  std::vector<std::string> options{};
  std::vector<std::vector<std::string>> commands{};
};
Split split_at_dashes(std::span<const std::string> arguments, std::size_t parts);

}  // namespace sockeye::tools
