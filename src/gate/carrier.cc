// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// See carrier.h. The kernel's side of what is used here is held by tests/gate/kernel_carrier_test.cc.
#include "gate/carrier.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "gate/protocol.h"

namespace sockeye::gate {

namespace {

Errno last_error() {
  return static_cast<Errno>(errno);
}

[[noreturn]] void throw_last(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// One name, in a directory that only we may enter, for as long as it takes to open it.
bool bind_private(int listener, UniqueFd& name, std::string& path) {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const char* temporary = std::getenv("TMPDIR");
  for (const char* parent : {runtime, temporary, "/tmp", "/dev/shm"}) {
    if (parent == nullptr || parent[0] != '/') continue;
    std::string directory = std::string(parent) + "/sockeye-XXXXXX";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (directory.size() + 3 > sizeof(address.sun_path)) continue;
    if (mkdtemp(directory.data()) == nullptr) continue;
    std::string file = directory + "/c";
    std::memcpy(address.sun_path, file.c_str(), file.size() + 1);
    bool bound = bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    if (bound) name.reset(open(file.c_str(), O_PATH | O_CLOEXEC));
    unlink(file.c_str());
    rmdir(directory.c_str());
    if (bound && name) {
      path = "/proc/self/fd/" + std::to_string(name.get());
      return true;
    }
    if (bound) return false;  // it cannot be bound again
  }
  return false;
}

// The kernel picks an abstract name. Others in the network namespace could connect: connect() checks who did.
void bind_abstract(int listener, std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) != 0)
    throw_last("bind");
  socklen_t length = sizeof(address);
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) throw_last("getsockname");
  path.assign(address.sun_path, length - offsetof(sockaddr_un, sun_path));
}

bool made_by_us(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == getpid();
}

bool write_junk(int program) {
  static const std::array<char, kJunkBytes> kJunk{};
  std::size_t wanted = kJunk.size() - 1;
  return send(program, kJunk.data(), wanted, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(wanted) &&
         send(program, kJunk.data(), 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

void set_buffer(int fd) {
  int bytes = kCarrierSndbuf;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

}  // namespace

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

std::uint64_t inode_of(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

Result<UniqueFd> make_unconnected_stream(bool nonblocking) {
  int flags = SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
  UniqueFd fd(::socket(AF_UNIX, flags, 0));
  if (!fd) return last_error();
  set_buffer(fd.get());
  return fd;
}

Result<DatagramCarrier> make_datagram_carrier(bool nonblocking) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return last_error();
  DatagramCarrier carrier{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (nonblocking) fcntl(carrier.program.get(), F_SETFL, O_NONBLOCK);
  fcntl(carrier.world.get(), F_SETFL, O_NONBLOCK);
  return carrier;
}

CarrierPort::CarrierPort() : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!listener_) throw_last("socket");
  if (!bind_private(listener_.get(), name_, path_)) {
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    name_.reset();
    bind_abstract(listener_.get(), path_);
  }
  if (listen(listener_.get(), 16) != 0) throw_last("listen");
}

Result<UniqueFd> CarrierPort::connect(int program) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  bool abstract = path_[0] == '\0';
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size() + (abstract ? 0 : 1));
  if (::connect(program, reinterpret_cast<const sockaddr*>(&address), length) != 0) return last_error();
  for (;;) {
    UniqueFd end(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!end) return last_error();
    if (!made_by_us(end.get())) continue;
    if (!write_junk(program)) return Errno::nobufs;
    return end;
  }
}

void copy_native_options(int from, int to) {
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO, SO_OOBINLINE, SO_RCVLOWAT}) {
    char value[sizeof(timeval)];
    socklen_t length = sizeof(value);
    if (getsockopt(from, SOL_SOCKET, option, value, &length) == 0)
      setsockopt(to, SOL_SOCKET, option, value, length);
  }
}

}  // namespace sockeye::gate
