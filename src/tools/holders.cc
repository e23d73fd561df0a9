// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/holders.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace sockeye::tools {

namespace {

namespace fs = std::filesystem;

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Of "socket:[4711]".
std::optional<std::uint64_t> socket_inode(const fs::path& link) {
  constexpr std::string_view kBefore = "socket:[";
  std::error_code error;
  const std::string target = fs::read_symlink(link, error).native();
  if (error || !target.starts_with(kBefore) || !target.ends_with(']')) return std::nullopt;
  return whole_number<std::uint64_t>(
      std::string_view(target).substr(kBefore.size(), target.size() - kBefore.size() - 1));
}

void look_into(const fs::path& process, std::int32_t pid, Holders& holders) {
  std::string name;
  std::ifstream comm(process / "comm");
  std::getline(comm, name);
  if (name == "sockeye") return;  // an agent, on its way of handing a descriptor over
  std::error_code error;
  for (fs::directory_iterator fds(process / "fd", error), end; !error && fds != end; fds.increment(error)) {
    const auto inode = socket_inode(fds->path());
    const auto fd = whole_number<std::int32_t>(fds->path().filename().native());
    if (inode && fd) holders[*inode].push_back({name, pid, *fd});
  }
}

}  // namespace

Holders find_holders() {
  Holders holders;
  std::error_code error;
  for (fs::directory_iterator processes("/proc", error), end; !error && processes != end;
       processes.increment(error)) {
    const auto pid = whole_number<std::int32_t>(processes->path().filename().native());
    if (pid) look_into(processes->path(), *pid, holders);
  }
  for (auto& [inode, users] : holders)
    std::sort(users.begin(), users.end(), [](const world::SocketUser& a, const world::SocketUser& b) {
      return std::pair(a.pid, a.fd) < std::pair(b.pid, b.fd);
    });
  return holders;
}

}  // namespace sockeye::tools
