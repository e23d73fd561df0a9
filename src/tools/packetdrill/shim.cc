// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The commands that scripts run in a shell, for a stack that is not the kernel's: one program under the
// names sysctl, ip, nstat, tc, ethtool, grep and set_sysctls.py, in a directory that stands first in PATH.
//   sysctl          asks the stack (control.h); refuses what the stack refuses
//   set_sysctls.py  the same, and writes the shell script that puts the old values back
//   nstat           the stack's counters
//   ip              tcp_metrics flush
//   tc              a pfifo, which is what the link is; with `limit 0` it drops all that is sent
//   ethtool         -K DEV tso on|off: the link takes packets of many segments or not. gso is not asked for:
//   what
//                   a device does not cut the kernel cuts in any case
//   grep            the system's, where /proc/net/tcp and /proc/net/tcp6 list the stack's sockets
// Everything else is refused, so that a script fails where it asks for what is not there.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tools/packetdrill/control.h"

namespace sockeye::packetdrill {
namespace {

constexpr std::size_t kReplyMax = 4096;

// The answer's text; the errno in `error`.
std::string ask(const std::string& request, int& error) {
  error = ECONNREFUSED;
  const char* name = std::getenv(kControlVariable);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name == nullptr || std::strlen(name) + 1 > sizeof address.sun_path) return {};
  std::memcpy(address.sun_path + 1, name, std::strlen(name));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(name));
  const int stack = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (stack < 0 || ::connect(stack, reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  if (::send(stack, request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  char reply[kReplyMax];
  const ssize_t got = ::recv(stack, reply, sizeof reply, 0);
  ::close(stack);
  if (got <= 0) return {};
  const std::string_view text(reply, static_cast<std::size_t>(got));
  constexpr std::string_view kOk = "ok ", kError = "error ";
  if (text.starts_with(kOk)) {
    error = 0;
    return std::string(text.substr(kOk.size()));
  }
  if (text.starts_with(kError)) error = std::atoi(std::string(text.substr(kError.size())).c_str());
  return {};
}

int complain(const std::string& what, int error) {
  std::fprintf(stderr, "sysctl: %s: %s\n", what.c_str(), std::strerror(error));
  return 1;
}

int set(const std::string& name, const std::string& value) {
  int error = 0;
  ask("set " + name + ' ' + value, error);
  return error == 0 ? 0 : complain(name + "=" + value, error);
}

// sysctl [-q] [-w] [-n] [-e] NAME[=VALUE]...
int sysctl(const std::vector<std::string>& arguments) {
  int status = 0;
  bool only_values = false;
  for (const std::string& argument : arguments) {
    if (argument == "-n") only_values = true;
    if (argument.starts_with('-')) continue;
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (equals != std::string::npos) {
      status |= set(name, argument.substr(equals + 1));
      continue;
    }
    int error = 0;
    const std::string value = ask("get " + name, error);
    if (error != 0)
      status |= complain(name, error);
    else
      std::printf("%s%s%s\n", only_values ? "" : name.c_str(), only_values ? "" : " = ", value.c_str());
  }
  return status;
}

// set_sysctls.py PATH=VALUE...: packetdrill tells its process id, and the script's last command is the
// file with that number.
int set_with_restore(const std::vector<std::string>& arguments) {
  const char* owner = std::getenv("PACKETDRILL_PID");
  const std::string path = "/tmp/sysctl_restore_" + std::string(owner == nullptr ? "0" : owner) + ".sh";
  std::ofstream restore(path);
  restore << "#!/bin/sh\n";
  int status = 0;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = argument.substr(0, equals);
    int error = 0;
    const std::string before = ask("get " + name, error);
    if (error != 0) {
      status |= complain(name, error);
      continue;
    }
    restore << "sysctl -q '" << name << '=' << before << "'\n";
    status |= set(name, argument.substr(equals + 1));
  }
  restore << "rm -f " << path << '\n';
  restore.close();
  ::chmod(path.c_str(), 0700);
  return status;
}

// The counters as they stand; a real nstat tells what has changed since it was last asked.
int print_counters() {
  int error = 0;
  const std::string text = ask("counters", error);
  std::printf("#kernel\n%s", text.c_str());
  return error == 0 ? 0 : 1;
}

int refuse(std::string_view program, const std::vector<std::string>& arguments) {
  std::string line(program);
  for (const std::string& argument : arguments) line += ' ' + argument;
  std::fprintf(stderr, "%s: refused, the stack has one link and one route, without settings\n", line.c_str());
  return 2;
}

bool tell(const std::string& request) {
  int error = 0;
  ask(request, error);
  return error == 0;
}

// tc qdisc add|replace|change dev DEV root pfifo [limit N]; tc qdisc delete dev DEV root
int set_queue(const std::vector<std::string>& arguments) {
  if (arguments.size() < 5 || arguments[0] != "qdisc" || arguments[4] != "root")
    return refuse("tc", arguments);
  const std::string& verb = arguments[1];
  if (verb == "delete" || verb == "del") return tell("drop 0") ? 0 : 1;
  const bool sets = verb == "add" || verb == "replace" || verb == "change";
  const bool has_limit = arguments.size() == 8 && arguments[6] == "limit";
  if (!sets || arguments.size() < 6 || arguments[5] != "pfifo" || !(arguments.size() == 6 || has_limit))
    return refuse("tc", arguments);
  return tell(has_limit && arguments[7] == "0" ? "drop 1" : "drop 0") ? 0 : 1;
}

// ethtool -K DEV (tso|gso) (on|off)...
int set_offload(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4 || arguments.size() % 2 != 0 || arguments[0] != "-K")
    return refuse("ethtool", arguments);
  for (std::size_t i = 2; i < arguments.size(); i += 2) {
    const std::string& feature = arguments[i];
    const std::string& value = arguments[i + 1];
    if ((feature != "tso" && feature != "gso") || (value != "on" && value != "off"))
      return refuse("ethtool", arguments);
    if (feature == "tso" && !tell(value == "off" ? "cut 1" : "cut 0")) return 1;
  }
  return 0;
}

// The stack's sockets take the place of the file; its name in what grep prints is another one's then.
std::string with_ours(const std::string& argument) {
  const bool v6 = argument == "/proc/net/tcp6";
  if (!v6 && argument != "/proc/net/tcp") return argument;
  int error = 0;
  const std::string text = ask(v6 ? "sockets 6" : "sockets 4", error);
  const int file = ::memfd_create("tcp", 0);  // stays open for grep
  if (error != 0 || file < 0 || ::write(file, text.data(), text.size()) < 0) return argument;
  return "/proc/self/fd/" + std::to_string(file);
}

int grep(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"grep"};
  for (const std::string& argument : arguments) words.push_back(with_ours(argument));
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  for (const char* path : {"/bin/grep", "/usr/bin/grep"}) ::execv(path, pointers.data());
  return 127;
}

int run(std::string_view program, const std::vector<std::string>& arguments) {
  program.remove_prefix(program.rfind('/') + 1);  // npos + 1 is 0
  if (program == "sysctl") return sysctl(arguments);
  if (program == "set_sysctls.py") return set_with_restore(arguments);
  if (program == "nstat") return print_counters();
  if (program == "tc") return set_queue(arguments);
  if (program == "ethtool") return set_offload(arguments);
  if (program == "grep") return grep(arguments);
  if (program == "ip" && arguments.size() > 1 && arguments[0] == "tcp_metrics" && arguments[1] == "flush")
    return tell("flush") ? 0 : 1;
  return refuse(program, arguments);
}

}  // namespace
}  // namespace sockeye::packetdrill

int main(int count, char** words) {
  return sockeye::packetdrill::run(words[0], {words + 1, words + count});
}
