// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/packetdrill/control.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tools/packetdrill/adapter.h"

namespace sockeye::packetdrill {
namespace {

constexpr std::size_t kRequestMax = 4096;

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, std::min(text.find(' '), text.size()));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

}  // namespace

// An abstract address: nothing to remove from the file system, whatever way the script ends.
Control::Control(Adapter& adapter) : adapter_(adapter) {
  path_ = "sockeye-packetdrill-" + std::to_string(::getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, path_.data(), path_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path_.size());
  listener_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return;
  constexpr int kBacklog = 8;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, kBacklog) != 0)
    return;
  ::setenv(kControlVariable, path_.c_str(), 1);
  thread_ = std::thread(&Control::serve, this);
}

Control::~Control() {
  if (listener_ < 0) return;
  ::shutdown(listener_, SHUT_RDWR);  // accept() in the thread ends
  if (thread_.joinable()) thread_.join();
  ::close(listener_);
}

void Control::serve() {
  for (;;) {
    const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    char request[kRequestMax];
    const ssize_t size = ::recv(peer, request, sizeof request, 0);
    if (size > 0) {
      const std::string reply = answer({request, static_cast<std::size_t>(size)});
      (void)::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
    ::close(peer);
  }
}

std::string Control::answer(std::string_view request) {
  const std::string_view verb = take_word(request);
  const std::string_view name = take_word(request);
  if (verb == "get") {
    const Result<std::string> value = adapter_.get_sysctl(name);
    return value ? "ok " + *value : "error " + std::to_string(to_int(value.error()));
  }
  if (verb == "flush") {
    adapter_.forget_peers();
    return "ok ";
  }
  if (verb == "drop") {
    adapter_.drop_all(name == "1");
    return "ok ";
  }
  if (verb == "cut") {
    adapter_.cut_all(name == "1");
    return "ok ";
  }
  if (verb == "sockets") return "ok " + adapter_.sockets(name == "6");
  if (verb == "counters") return "ok " + adapter_.counters();
  const Result<> changed = adapter_.set_sysctl(name, request);
  return changed ? "ok " : "error " + std::to_string(to_int(changed.error()));
}

}  // namespace sockeye::packetdrill
