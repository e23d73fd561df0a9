// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Descriptors: numbers, flags, duplicates; and what waits on them: select and epoll.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "script.h"

namespace sockeye::parity {
namespace {

PARITY(LowestFreeNumber) {
  int fds[4];
  for (int& fd : fds) fd = s.socket(AF_INET, SOCK_DGRAM);
  for (int i = 1; i < 4; ++i) s.note("next", fds[i] - fds[i - 1]);
  s.close(fds[1]);
  const int again = s.socket(AF_INET, SOCK_DGRAM);
  s.note("reused", again - fds[1]);
  const long copy = s.k.dup(fds[0]);
  s.note("dup", copy - fds[3]);
  s.note("dup2", s.k.dup2(fds[0], static_cast<int>(copy)) - copy);
  s.note("close", s.k.close(static_cast<int>(copy)));
}

PARITY(Duplicates) {
  const Pair pair = s.pair();
  const auto copy = static_cast<int>(s.k.dup(pair.client));
  s.note("F_SETFL", s.k.fcntl(copy, F_SETFL, O_NONBLOCK));
  s.note("F_GETFL", s.k.fcntl(pair.client, F_GETFL, 0));
  s.note("F_SETFD", s.k.fcntl(copy, F_SETFD, FD_CLOEXEC));
  s.note("F_GETFD", s.k.fcntl(pair.client, F_GETFD, 0));
  s.note("F_GETFD", s.k.fcntl(copy, F_GETFD, 0));
  s.close(pair.client);
  s.settle();
  s.poll(pair.server);  // the other descriptor still holds it
  s.note("close", s.k.close(copy));
  s.settle();
  s.poll(pair.server);
}

PARITY(DuplicateErrors) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  s.note("dup2 itself", s.k.dup2(fd, fd) - fd);
  s.note("dup3 itself", s.k.dup3(fd, fd, 0));
  s.note("dup3 flags", s.k.dup3(fd, 500, 1));
  s.note("dup2 to -1", s.k.dup2(fd, -1));
  s.note("dup2 far", s.k.dup2(fd, 1 << 30));
  s.note("dup2 from none", s.k.dup2(900, fd));
  s.note("dup2 none itself", s.k.dup2(900, 900));
  s.note("F_DUPFD -1", s.k.fcntl(fd, F_DUPFD, -1));
  s.note("F_DUPFD far", s.k.fcntl(fd, F_DUPFD, 1 << 30));
  const long high = s.k.fcntl(fd, F_DUPFD_CLOEXEC, 600);
  s.note("F_DUPFD", high);
  s.note("F_GETFD", s.k.fcntl(static_cast<int>(high), F_GETFD, 0));
  s.note("close", s.k.close(static_cast<int>(high)));
  s.note("unknown", s.k.fcntl(fd, 9999, 0));
}

PARITY(Flags) {
  const int fd = s.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  s.note("F_GETFL", s.k.fcntl(fd, F_GETFL, 0));
  s.note("F_GETFD", s.k.fcntl(fd, F_GETFD, 0));
  int value = 0;
  s.note("FIONBIO", s.k.ioctl(fd, FIONBIO, &value));
  s.note("F_GETFL", s.k.fcntl(fd, F_GETFL, 0));
  value = 1;
  s.note("FIONBIO", s.k.ioctl(fd, FIONBIO, &value));
  s.note("F_GETFL", s.k.fcntl(fd, F_GETFL, 0));
  s.note("FIONBIO of null", s.k.ioctl(fd, FIONBIO, nullptr));
  s.note("FIONCLEX", s.k.ioctl(fd, FIONCLEX, nullptr));
  s.note("F_GETFD", s.k.fcntl(fd, F_GETFD, 0));
  s.note("F_SETFL", s.k.fcntl(fd, F_SETFL, O_APPEND | O_CREAT | O_RDONLY));
  s.note("F_GETFL", s.k.fcntl(fd, F_GETFL, 0));
  s.note("unknown", s.k.ioctl(fd, 0x1234, &value));
  s.note("TCGETS", s.k.ioctl(fd, 0x5401, &value));
}

PARITY(SelectSets) {
  const Pair pair = s.pair();
  const int top = std::max(pair.client, pair.server) + 1;
  const auto select_on = [&](const char* label, bool data) {
    fd_set in, out, except;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    for (fd_set* set : {&in, &out, &except}) FD_SET(pair.server, set);
    timeval zero{};
    s.note(label, s.k.select(top, &in, data ? nullptr : &out, &except, &zero));
    s.note(std::string("  ") + (FD_ISSET(pair.server, &in) ? "in " : "") +
           (FD_ISSET(pair.server, &out) ? "out " : "") + (FD_ISSET(pair.server, &except) ? "except" : ""));
  };
  select_on("idle", false);
  select_on("idle, in only", true);
  s.send(pair.client, "x");
  s.settle();
  select_on("data", true);
  s.send(pair.client, "u", MSG_OOB);
  s.settle();
  select_on("urgent", true);
  s.close(pair.client);
  s.settle();
  select_on("finished", false);
  fd_set none;  // a number that was in use: the kernel looks no further than its table reaches
  FD_ZERO(&none);
  FD_SET(pair.client, &none);
  timeval zero{};
  s.note("no such descriptor", s.k.select(pair.client + 1, &none, nullptr, nullptr, &zero));
  s.note("negative", s.k.select(-1, &none, nullptr, nullptr, &zero));
  timeval negative = {-1, 0};
  s.note("negative time", s.k.select(1, nullptr, nullptr, nullptr, &negative));
  // A connection that hung up is no exception: only the time limit ends this.
  const int fresh = s.socket(AF_INET, SOCK_STREAM);
  FD_ZERO(&none);
  FD_SET(fresh, &none);
  timeval short_time = {0, 20000};
  s.note("hung up, except only", s.k.select(fresh + 1, nullptr, nullptr, &none, &short_time));
}

PARITY(PollArguments) {
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  pollfd entries[3] = {{-1, POLLIN, 77}, {fd, 0, 77}, {800, POLLIN, 77}};
  s.note("poll", s.k.poll(entries, 3, -1));
  for (const pollfd& entry : entries) s.note("  bits", entry.revents);
  const double before = s.k.now();
  entries[0].fd = -1;
  s.note("poll of nothing", s.k.poll(entries, 1, 30));
  s.note(s.k.now() - before > 0.025 ? "waited" : "did not wait");
  s.note("poll of null", s.k.poll(nullptr, 1, 0));
  s.note("poll of none", s.k.poll(nullptr, 0, 0));
}

// What epoll_wait brings, with the datum that says for whom.
void wait(Script& s, int set, int room = 8) {
  epoll_event events[8];
  const long count = s.k.epoll_wait(set, events, room, 0);
  std::string text = "epoll_wait = " + (count < 0 ? error_name(count) : std::to_string(count));
  for (long i = 0; i < count; ++i)
    text += " " + std::to_string(events[i].data.u64) + ":" + bits_of(events[i].events);
  s.note(text);
}
long control(Script& s, int set, int operation, int fd, unsigned bits, std::uint64_t datum = 0) {
  epoll_event event{};
  event.events = bits;
  event.data.u64 = datum;
  return s.note("epoll_ctl", s.k.epoll_ctl(set, operation, fd, &event));
}
constexpr unsigned kEverything =
    EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLRDNORM | EPOLLWRNORM | EPOLLWRBAND;

PARITY(EpollLevelAndEdge) {
  const auto set = static_cast<int>(s.k.epoll_create(0));
  for (const unsigned edge : {0u, unsigned{EPOLLET}}) {
    const Pair pair = s.pair();
    control(s, set, EPOLL_CTL_ADD, pair.server, kEverything | edge, 1);
    wait(s, set);
    wait(s, set);
    s.send(pair.client, "one");
    s.settle();
    wait(s, set);
    wait(s, set);
    s.send(pair.client, "two");
    s.settle();
    wait(s, set);
    s.receive(pair.server, 1);
    wait(s, set);
    s.receive(pair.server, 10);
    wait(s, set);
    s.shutdown(pair.client, SHUT_WR);
    s.settle();
    wait(s, set);
    wait(s, set);
    s.shutdown(pair.server, SHUT_WR);
    s.settle();
    wait(s, set);
    wait(s, set);
    control(s, set, EPOLL_CTL_DEL, pair.server, 0);
  }
  s.k.close(set);
}

PARITY(EpollOneshotAndModify) {
  const auto set = static_cast<int>(s.k.epoll_create(0));
  const Pair pair = s.pair();
  control(s, set, EPOLL_CTL_ADD, pair.server, EPOLLIN | EPOLLONESHOT, 7);
  s.send(pair.client, "x");
  s.settle();
  wait(s, set);
  wait(s, set);
  s.close(pair.client);
  s.settle();
  wait(s, set);
  control(s, set, EPOLL_CTL_MOD, pair.server, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, 8);
  wait(s, set);
  control(s, set, EPOLL_CTL_MOD, pair.server, EPOLLOUT, 9);
  wait(s, set);
  control(s, set, EPOLL_CTL_MOD, pair.server, 0, 10);
  wait(s, set);
  s.k.close(set);
}

PARITY(EpollListenerAndConnect) {
  const auto set = static_cast<int>(s.k.epoll_create(0));
  Name name;
  const int listening = s.listener(AF_INET, 8, &name);
  control(s, set, EPOLL_CTL_ADD, listening, kEverything | EPOLLET, 1);
  wait(s, set);
  int clients[2];
  for (int& client : clients) {
    client = s.socket(AF_INET, SOCK_STREAM);
    s.nonblocking(client);
    control(s, set, EPOLL_CTL_ADD, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 2);
    wait(s, set);
    s.connect(client, name);
    s.settle();
    wait(s, set);
  }
  wait(s, set);
  const int refused = s.socket(AF_INET, SOCK_STREAM);
  s.nonblocking(refused);
  s.connect(refused, s.free_port(AF_INET));
  control(s, set, EPOLL_CTL_ADD, refused, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 3);
  s.settle();
  wait(s, set);
  s.k.close(set);
}

PARITY(EpollErrors) {
  const auto set = static_cast<int>(s.k.epoll_create(0));
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  control(s, set, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
  control(s, set, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
  const auto copy = static_cast<int>(s.k.dup(fd));
  control(s, set, EPOLL_CTL_ADD, copy, EPOLLIN, 2);
  wait(s, set);
  s.note("close", s.k.close(copy));
  wait(s, set);  // the interest belongs to the open file, which is still open
  control(s, set, EPOLL_CTL_DEL, copy, 0);
  control(s, set, EPOLL_CTL_MOD, 900, EPOLLIN);
  control(s, set, EPOLL_CTL_ADD, set, EPOLLIN);
  control(s, set, 9, fd, EPOLLIN);
  control(s, fd, EPOLL_CTL_ADD, fd, EPOLLIN);
  control(s, -1, EPOLL_CTL_ADD, fd, EPOLLIN);
  s.note("null event", s.k.epoll_ctl(set, EPOLL_CTL_MOD, fd, nullptr));
  s.note("delete", s.k.epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr));
  control(s, set, EPOLL_CTL_MOD, fd, EPOLLIN);
  control(s, set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT);
  control(s, set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP);
  control(s, set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
  control(s, set, EPOLL_CTL_MOD, fd, EPOLLIN);
  wait(s, set, 0);
  wait(s, set, -1);
  wait(s, fd);
  wait(s, -1);
  s.note("create flags", s.k.epoll_create(1));
  s.k.close(set);
}

PARITY(EpollOfEpoll) {
  int sets[7];
  for (int& set : sets) set = static_cast<int>(s.k.epoll_create(0));
  for (int i = 0; i < 6; ++i) control(s, sets[i], EPOLL_CTL_ADD, sets[i + 1], EPOLLIN, 5);
  control(s, sets[3], EPOLL_CTL_ADD, sets[0], EPOLLIN);
  const Pair pair = s.pair();
  control(s, sets[2], EPOLL_CTL_ADD, pair.server, EPOLLIN, 6);
  wait(s, sets[0]);
  s.poll(sets[0]);
  s.send(pair.client, "x");
  s.settle();
  s.poll(sets[0]);
  wait(s, sets[0]);
  wait(s, sets[2]);
  s.receive(pair.server, 1);
  wait(s, sets[0]);
  wait(s, sets[2]);
  for (const int set : sets) s.k.close(set);
}

PARITY(EpollRotates) {
  const auto set = static_cast<int>(s.k.epoll_create(0));
  for (std::uint64_t i = 0; i < 5; ++i)
    control(s, set, EPOLL_CTL_ADD, s.socket(AF_INET, SOCK_DGRAM), EPOLLOUT, i);
  for (int i = 0; i < 6; ++i) wait(s, set, 2);
  s.k.close(set);
}

PARITY(EpollForgetsWhatIsClosed) {
  const auto set = static_cast<int>(s.k.epoll_create(0));
  const int fd = s.socket(AF_INET, SOCK_STREAM);
  control(s, set, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
  wait(s, set);
  s.close(fd);
  wait(s, set);
  const int again = s.socket(AF_INET, SOCK_STREAM);
  s.note("same number", again - fd);
  control(s, set, EPOLL_CTL_MOD, again, EPOLLIN);
  control(s, set, EPOLL_CTL_ADD, again, EPOLLIN);
  s.k.close(set);
}

}  // namespace
}  // namespace sockeye::parity
