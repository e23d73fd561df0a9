// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/rendezvous.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "world/hello.h"

namespace sockeye::world {

namespace {

constexpr std::string_view kSuffix = ".sock";

RendezvousError failure(const std::string& what) {
  return {what + ": " + std::strerror(errno)};
}

std::optional<RendezvousError> check_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failure(path);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return failure(path);
  if (!S_ISDIR(status.st_mode)) return RendezvousError{path + " is not a directory"};
  if (status.st_uid != ::geteuid()) return RendezvousError{path + " belongs to another user"};
  if ((status.st_mode & 077) != 0)
    return RendezvousError{path + " is open to other users: expected mode 0700"};
  return std::nullopt;
}

bool is_own_directory(const char* path) {
  struct stat status {};
  return path != nullptr && path[0] == '/' && ::stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid();
}

// A lock on DIR/lock for as long as the object lives. Empty when it cannot be had.
UniqueFd lock_directory(const std::string& directory) {
  UniqueFd lock(::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return lock;
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return UniqueFd();
  return lock;
}

std::optional<sockaddr_un> socket_address(const std::string& directory, const std::string& name) {
  const std::string path = directory + "/" + name + std::string(kSuffix);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

// Connected; or empty with errno set (ENOENT, ECONNREFUSED: no world there).
UniqueFd try_connect(const sockaddr_un& address) {
  UniqueFd socket = new_socket();
  while (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    if (errno != EINTR) socket.reset();
  return socket;
}

bool is_absent(int error) {
  return error == ENOENT || error == ECONNREFUSED;
}

std::vector<std::string> socket_names(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory.c_str()), ::closedir);
  if (!handle) return names;
  while (const dirent* entry = ::readdir(handle.get())) {
    std::string name = entry->d_name;
    if (name.size() <= kSuffix.size() || !std::string_view(name).ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    if (check_world_name(name).empty()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string log_path(const std::string& directory, const std::string& name) {
  return directory + "/" + name + ".log";
}

void remove_if_empty(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && status.st_size == 0) ::unlink(path.c_str());
}

// Removes the sockets of worlds that are gone; the directory is locked.
std::vector<std::string> sweep(const std::string& directory) {
  std::vector<std::string> alive;
  for (std::string& name : socket_names(directory)) {
    const auto address = socket_address(directory, name);
    if (!address) continue;
    if (try_connect(*address)) {
      alive.push_back(std::move(name));
    } else if (errno == ECONNREFUSED) {
      ::unlink(address->sun_path);
      remove_if_empty(log_path(directory, name));
    }
  }
  return alive;
}

// A private world ends with its run, so what it says in an emergency may go where the run's messages
// go. A named one may outlive the first run's pipes and must not keep them open.
void point_standard_descriptors_away(const UniqueFd& log) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  ::dup2(null.get(), 0);
  ::dup2(null.get(), 1);
  if (log) ::dup2(log.get(), 2);
}

void restore_signals() {
  for (int number = 1; number < NSIG; ++number)
    if (number != SIGKILL && number != SIGSTOP) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Runs in the first child: never returns.
[[noreturn]] void become_world(WorldStart start, bool sandbox,
                               const std::function<int(WorldStart)>& world_main) {
  ::setsid();
  restore_signals();
  if (sandbox) enter_namespaces(start.notes);
  const pid_t world = ::fork();
  if (world != 0) ::_exit(world < 0 ? 1 : 0);
  point_standard_descriptors_away(start.log);
  std::vector<int> keep{start.listener.get(), start.lock.get()};
  for (const UniqueFd& agent : start.agents) keep.push_back(agent.get());
  if (sandbox) {
    shed_rights(keep, start.notes);
  } else {
    close_other_descriptors(keep);
  }
  ::_exit(world_main(std::move(start)));
}

std::optional<RendezvousError> start_world(WorldStart start, bool sandbox,
                                           const std::function<int(WorldStart)>& world_main) {
  const pid_t child = ::fork();
  if (child < 0) return failure("the world process");
  if (child == 0) become_world(std::move(start), sandbox, world_main);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return RendezvousError{"the world process did not start"};
  return std::nullopt;
}

std::variant<Connections, RendezvousError> start_private(const RendezvousOptions& options,
                                                         const std::function<int(WorldStart)>& world_main) {
  WorldStart start;
  Connections connections{{}, true};
  for (std::size_t i = 0; i < options.connections; ++i) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return failure("socketpair");
    connections.fds.emplace_back(pair[0]);
    start.agents.emplace_back(pair[1]);
  }
  if (auto error = start_world(std::move(start), options.sandbox, world_main)) return *error;
  return connections;
}

// Under the lock, from a world that is there. Fewer than wanted: errno says why.
bool connect_all(const RendezvousOptions& options, const sockaddr_un& address, Connections& connections) {
  while (connections.fds.size() < options.connections) {
    UniqueFd socket = try_connect(address);
    if (!socket) return false;
    connections.fds.push_back(std::move(socket));
  }
  return true;
}

std::variant<Connections, RendezvousError> start_named(const RendezvousOptions& options,
                                                       const std::string& directory,
                                                       const sockaddr_un& address,
                                                       const std::function<int(WorldStart)>& world_main) {
  WorldStart start;
  start.name = options.world;
  start.listener = new_socket();
  // A description of its own: a lock taken through it is not the starter's.
  start.lock.reset(::open((directory + "/lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  start.log.reset(::open(log_path(directory, options.world).c_str(),
                         O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!start.listener || !start.lock || !start.log ||
      ::bind(start.listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(start.listener.get(), 128) != 0)
    return failure(address.sun_path);
  if (auto error = start_world(std::move(start), options.sandbox, world_main)) {
    ::unlink(address.sun_path);
    return *error;
  }
  Connections connections{{}, true};
  if (!connect_all(options, address, connections)) return failure(address.sun_path);
  return connections;
}

}  // namespace

bool peer_is(int socket, unsigned uid) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == uid;
}

std::variant<std::string, RendezvousError> rendezvous_directory() {
  std::string path;
  // sudo may leave the user's variable to root: a directory of someone else is not for us.
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); is_own_directory(runtime)) {
    path = std::string(runtime) + "/sockeye";
  } else {
    const char* temporary = std::getenv("TMPDIR");
    path = std::string(temporary != nullptr && temporary[0] == '/' ? temporary : "/tmp") + "/sockeye-" +
           std::to_string(::geteuid());
  }
  if (auto error = check_directory(path)) return *error;
  return path;
}

std::variant<Connections, RendezvousError> connect_or_start(
    const RendezvousOptions& options, const std::function<int(WorldStart)>& world_main) {
  if (options.world.empty()) return start_private(options, world_main);
  if (auto problem = check_world_name(options.world); !problem.empty()) return RendezvousError{problem};
  std::string directory = options.directory;
  if (directory.empty()) {
    auto found = rendezvous_directory();
    if (auto* error = std::get_if<RendezvousError>(&found)) return *error;
    directory = std::get<std::string>(found);
  } else if (auto error = check_directory(directory)) {
    return *error;
  }
  const auto address = socket_address(directory, options.world);
  if (!address) return RendezvousError{directory + ": the path is too long for a socket's name"};
  const UniqueFd lock = lock_directory(directory);
  if (!lock) return failure(directory + "/lock");
  Connections connections;
  if (connect_all(options, *address, connections)) {
    if (!peer_is(connections.fds.front().get(), ::geteuid()))
      return RendezvousError{"world " + options.world + " belongs to another user"};
    return connections;
  }
  if (!is_absent(errno)) return failure(address->sun_path);
  sweep(directory);
  if (!options.may_start) return RendezvousError{"there is no world named " + options.world};
  return start_named(options, directory, *address, world_main);
}

std::variant<std::vector<std::string>, RendezvousError> list_worlds(const std::string& directory) {
  std::string path = directory;
  if (path.empty()) {
    auto found = rendezvous_directory();
    if (auto* error = std::get_if<RendezvousError>(&found)) return *error;
    path = std::get<std::string>(found);
  }
  const UniqueFd lock = lock_directory(path);
  if (!lock) return failure(path + "/lock");
  return sweep(path);
}

}  // namespace sockeye::world
