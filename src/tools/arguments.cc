// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/arguments.h"

#include <charconv>

#include "world/hello.h"

namespace sockeye::tools {

namespace {

std::string quoted(const std::string& text) {
  return "'" + text + "'";
}

}  // namespace

std::uint64_t read_seed(const std::string& text) {
  if (const auto seed = world::parse_seed(text)) return *seed;
  throw BadValue(quoted(text) + ": expected a number from 0 to 2^64-1, decimal or 0x hexadecimal");
}

std::chrono::milliseconds read_duration(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  constexpr std::int64_t kMost = 24 * 3600;
  const std::int64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  if (error != std::errc() || scale == 0 || number <= 0 || number > kMost * 1000 / scale)
    throw BadValue(quoted(text) + ": expected a time with its unit, as in 500ms, 10s or 1m");
  return std::chrono::milliseconds(number * scale);
}

ReadyWhen read_ready(const std::string& text) {
  ReadyWhen ready;
  const std::string_view view = text;
  if (view.starts_with("tcp:")) ready.protocol = 6;
  if (view.starts_with("udp:")) ready.protocol = 17;
  if (ready.protocol != 0) {
    const auto [rest, error] = std::from_chars(text.data() + 4, text.data() + text.size(), ready.port);
    if (error == std::errc() && rest == text.data() + text.size() && ready.port > 0 && ready.port < 65536)
      return ready;
  }
  throw BadValue(quoted(text) + ": expected tcp:PORT or udp:PORT with a port from 1 to 65535");
}

sim::NetSpec read_net(const std::string& text) {
  sim::NetSpecResult result = sim::parse_net_spec(text);
  if (!result.spec) throw BadValue(result.error);
  return *result.spec;
}

std::string read_world_name(const std::string& text) {
  if (const std::string problem = world::check_world_name(text); !problem.empty())
    throw BadValue(quoted(text) + ": " + problem);
  return text;
}

std::string read_host_name(const std::string& text) {
  if (const std::string problem = world::check_host_name(text); !problem.empty())
    throw BadValue(quoted(text) + ": " + problem);
  return text;
}

Split split_at_dashes(std::span<const std::string> arguments, std::size_t parts) {
  Split split;
  for (const std::string& argument : arguments) {
    if (argument == "--" && split.commands.size() < parts) {
      split.commands.emplace_back();
    } else if (split.commands.empty()) {
      split.options.push_back(argument);
    } else {
      split.commands.back().push_back(argument);
    }
  }
  return split;
}

}  // namespace sockeye::tools
