// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/enter_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "gate/agent.h"
#include "tools/commands.h"
#include "tools/world_process.h"
#include "world/rendezvous.h"

namespace sockeye::tools {

namespace {

world::Welcome exchange_hello(int session, const world::Hello& hello, int capture) {
  const gate::HelloAnswer answer = gate::say_hello(session, hello.format(), capture);
  if (answer.result != 0) throw Failure(answer.text, kUsageError);
  auto parsed = world::parse_welcome(answer.text);
  if (const auto* error = std::get_if<world::HelloError>(&parsed))
    throw Failure("the world's answer: " + error->sentence, kLauncherFailed);
  return std::get<world::Welcome>(std::move(parsed));
}

}  // namespace

world::UniqueFd open_capture(const std::string& path) {
  if (path.empty()) return world::UniqueFd();
  world::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) throw Failure("--pcap: " + path + ": " + std::strerror(errno), kUsageError);
  return file;
}

std::vector<world::UniqueFd> connect_to_world(const std::string& name, std::size_t connections,
                                              bool may_start) {
  world::RendezvousOptions options;
  options.world = name;
  options.connections = connections;
  options.may_start = may_start;
  auto result = world::connect_or_start(options, world_process);
  if (const auto* error = std::get_if<world::RendezvousError>(&result))
    throw Failure(error->sentence, may_start ? kLauncherFailed : kUsageError);
  return std::get<world::Connections>(std::move(result)).fds;
}

world::Welcome say_hello(int session, const WorldChoice& choice, const HostRequest& request) {
  world::Hello hello;
  hello.version = gate::kProtocolVersion;
  hello.host = request.host;
  hello.net = choice.net;
  hello.seed = choice.seed;
  hello.pid = ::getpid();
  hello.command = request.command;
  hello.keep = request.keep;
  hello.impair_loopback = request.impair_loopback;
  world::Welcome welcome = exchange_hello(session, hello, request.capture);
  for (const std::string& note : welcome.notes)
    if (choice.report || !note.starts_with("sandbox:")) remark(note);
  return welcome;
}

void say_hello(int session) {
  world::Hello hello;
  hello.version = gate::kProtocolVersion;
  hello.host.clear();
  hello.pid = ::getpid();
  exchange_hello(session, hello, -1);
}

int Failure::tell(const char* command) const {
  fmt::print(stderr, "{}: {}\n", command, what());
  return status;
}

void remark(const std::string& sentence) {
  fmt::print(stderr, "sockeye: {}\n", sentence);
}

void remark_on_seed(const WorldChoice& choice, const world::Welcome& welcome) {
  if (welcome.seed_was_drawn && choice.spec.draws())
    remark(fmt::format("seed {} (--seed {} makes the network decide the same again)", welcome.seed,
                       welcome.seed));
}

void warn_of_hosts_file(const std::vector<std::string>& names, const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    words >> address;
    for (std::string word; words >> word;) {
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
      if (std::find(names.begin(), names.end(), word) != names.end())
        remark(fmt::format("warning: {} says that {} is {}; programs look there before they ask this world",
                           path, word, address));
    }
  }
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace sockeye::tools
