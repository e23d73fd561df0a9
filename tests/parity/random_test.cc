// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Random histories: the same calls in the same order on a handful of sockets, here and there. Nobody
// thinks of every order of shutdown, close, connect and reset; a seed does. A difference prints the
// seed and the whole history. SOCKEYE_SEED=N replays one, SOCKEYE_SEEDS=N runs more.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/rng.h"
#include "script.h"

namespace sockeye::parity {
namespace {

class History {
 public:
  History(Script& script, std::uint64_t seed) : s(script), rng_(seed) {
    listener_ = s.listener(AF_INET, 16, &name_);
    s.nonblocking(listener_);
    nobody_ = s.free_port(AF_INET);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      s.settle();
    }
    for (std::size_t i = 0; i < sockets_.size(); ++i) look(i);
  }

 private:
  void step() {
    const std::uint64_t what = rng_.below(16);
    if (sockets_.size() < 2 || (what == 0 && sockets_.size() < 6)) return open();
    const std::size_t i = rng_.below(sockets_.size());
    const int fd = sockets_[i];
    s.note("#" + std::to_string(i));
    switch (what) {
      case 0:
      case 1:
        s.connect(fd, name_);
        return;
      case 2:
        take();
        return;
      case 3:
        if (rng_.below(3) == 0) s.connect(fd, nobody_);
        return;
      case 4:
      case 5:
      case 6:
        s.send(fd, std::string(rng_.below(20) + 1, static_cast<char>('a' + rng_.below(26))));
        s.rest();  // no race between an acknowledgment and what we do next
        return;
      case 7:
      case 8:
      case 9:
        s.receive(fd, rng_.below(30) + 1, rng_.below(4) == 0 ? MSG_PEEK : 0);
        return;
      case 10:
        if (is_closed(fd)) return;  // a known difference that would go on: see Fresh in differences.cc
        s.shutdown(fd, static_cast<int>(rng_.below(3)));
        s.rest();
        return;
      case 11:
        abort_or_close(i);
        s.rest();
        return;
      case 12:
        s.option(fd, SOL_SOCKET, SO_ERROR, "SO_ERROR");
        return;
      case 13:
        s.control(fd, FIONREAD, "FIONREAD");
        return;
      default:
        look(i);
    }
  }

  void open() {
    const int fd = s.socket(AF_INET, SOCK_STREAM);
    s.nonblocking(fd);
    sockets_.push_back(fd);
    s.connect(fd, name_);
    s.settle();
    take();
  }
  void take() {
    const int fd = s.accept(listener_, SOCK_NONBLOCK);
    if (fd >= 0) sockets_.push_back(fd);
  }
  void abort_or_close(std::size_t i) {
    if (rng_.below(2) == 0) {
      const linger now = {1, 0};
      s.note("linger", s.k.setsockopt(sockets_[i], SOL_SOCKET, SO_LINGER, &now, sizeof now));
    }
    s.close(sockets_[i]);
    sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  bool is_closed(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    s.k.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_state == TCP_CLOSE;
  }
  void look(std::size_t i) {
    s.state(sockets_[i]);
    s.poll(sockets_[i]);
  }

  Script& s;
  SeededRng rng_;
  int listener_ = -1;
  Name name_;
  Name nobody_;
  std::vector<int> sockets_;
};

std::uint64_t seed = 1;
std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Parity, RandomHistories) {
  const std::uint64_t first = number("SOCKEYE_SEED", 1);
  const std::uint64_t count = std::getenv("SOCKEYE_SEED") != nullptr ? 1 : number("SOCKEYE_SEEDS", 12);
  for (seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("replay with SOCKEYE_SEED=" + std::to_string(seed));
    compare("RandomHistories", [](Script& s) { History(s, seed).run(60); });
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sockeye::parity
