// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "launcher.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace sockeye::bench {
namespace {

// What the command printed, read as a number; negative when it failed.
double number_from(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return -1;
  double value = -1;
  char line[256];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    char* end = nullptr;
    const double number = std::strtod(line, &end);
    if (end != line) value = number;
  }
  return pclose(pipe) == 0 ? value : -1;
}

std::string client_words(const std::string& host, int port, const std::string& mode, double seconds) {
  return "client " + host + " " + std::to_string(port) + " " + mode + " " + std::to_string(seconds);
}

}  // namespace

double peer_on_kernel(const std::string& directory, const std::string& mode, double seconds) {
  static int port = 21000 + getpid() % 10000;
  ++port;
  const std::string peer = directory + "/peer";
  const std::string number = std::to_string(port);
  const pid_t server = fork();
  if (server == 0) {
    execl(peer.c_str(), "peer", "server", number.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  const double value = number_from(peer + " " + client_words("127.0.0.1", port, mode, seconds));
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  return value;
}

double peer_on_sockeye(const std::string& directory, const std::string& mode, double seconds) {
  const std::string peer = directory + "/peer";
  return number_from(directory + "/sockeye pair -- " + peer + " server 9000 -- " + peer + " " +
                     client_words("server", 9000, mode, seconds));
}

}  // namespace sockeye::bench
