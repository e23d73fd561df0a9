// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What libsockeye_packetdrill.so shows: the table of calls (interface.h), and getsockopt, sendfile and
// close in libc's place, which packetdrill calls directly (for the TCP_INFO of its code blocks, and at
// the end of a script): preload the same file to have them answered.
//
//   LD_PRELOAD=libsockeye_packetdrill.so packetdrill --so_filename=libsockeye_packetdrill.so script.pkt
#include <dlfcn.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "tools/packetdrill/adapter.h"
#include "tools/packetdrill/control.h"
#include "tools/packetdrill/interface.h"

namespace sockeye::packetdrill {
namespace {

struct Instance {
  explicit Instance(const Flags& flags) : adapter(flags), control(adapter) {}
  Adapter adapter;
  Control control;
};

// The one that the interposed functions speak for. packetdrill makes one.
Instance* present = nullptr;

Adapter& of(void* user) {
  return static_cast<Instance*>(user)->adapter;
}
using posix::Process;

void release(void* user) {
  present = nullptr;
  delete static_cast<Instance*>(user);
}

template <class Body>
int int_call(void* user, Body body) {
  return static_cast<int>(of(user).call(body));
}
// A call that answers a new descriptor.
template <class Body>
int open_call(void* user, Body body) {
  const long fd = of(user).call(body);
  return fd < 0 ? -1 : Adapter::outer(fd);
}
int in(int fd) {
  return Adapter::inner(fd);
}

int socket(void* user, int domain, int type, int protocol) {
  return open_call(user, [&](Process& p) { return p.socket(domain, type, protocol); });
}
int bind(void* user, int fd, const sockaddr* address, socklen_t size) {
  return int_call(user, [&](Process& p) { return p.bind(in(fd), address, size); });
}
int listen(void* user, int fd, int backlog) {
  return int_call(user, [&](Process& p) { return p.listen(in(fd), backlog); });
}
int accept(void* user, int fd, sockaddr* address, socklen_t* size) {
  return open_call(user, [&](Process& p) { return p.accept(in(fd), address, size, 0); });
}
int connect(void* user, int fd, const sockaddr* address, socklen_t size) {
  return int_call(user, [&](Process& p) { return p.connect(in(fd), address, size); });
}

ssize_t read(void* user, int fd, void* data, std::size_t size) {
  if (of(user).is_pipe(fd))
    return of(user).pipe_call([&](Pipes& pipes) {
      return pipes.read(fd, {static_cast<std::byte*>(data), size});
    });
  return of(user).call([&](Process& p) { return p.read(in(fd), data, size); });
}
ssize_t readv(void* user, int fd, const iovec* parts, int count) {
  return of(user).call([&](Process& p) { return p.readv(in(fd), parts, count); });
}
ssize_t recv(void* user, int fd, void* data, std::size_t size, int flags) {
  return of(user).call(
      [&](Process& p) { return p.receive_from(in(fd), data, size, flags, nullptr, nullptr); });
}
ssize_t recvfrom(void* user, int fd, void* data, std::size_t size, int flags, sockaddr* address,
                 socklen_t* address_size) {
  return of(user).call(
      [&](Process& p) { return p.receive_from(in(fd), data, size, flags, address, address_size); });
}
ssize_t recvmsg(void* user, int fd, msghdr* message, int flags) {
  return of(user).call([&](Process& p) { return p.receive_message(in(fd), message, flags); });
}
ssize_t write(void* user, int fd, const void* data, std::size_t size) {
  if (of(user).is_pipe(fd))
    return of(user).pipe_call([&](Pipes& pipes) {
      return pipes.write(fd, {static_cast<const std::byte*>(data), size});
    });
  return of(user).call([&](Process& p) { return p.write(in(fd), data, size); });
}
ssize_t writev(void* user, int fd, const iovec* parts, int count) {
  return of(user).call([&](Process& p) { return p.writev(in(fd), parts, count); });
}
ssize_t send(void* user, int fd, const void* data, std::size_t size, int flags) {
  return of(user).call([&](Process& p) { return p.send_to(in(fd), data, size, flags, nullptr, 0); });
}
ssize_t sendto(void* user, int fd, const void* data, std::size_t size, int flags, const sockaddr* address,
               socklen_t address_size) {
  return of(user).call(
      [&](Process& p) { return p.send_to(in(fd), data, size, flags, address, address_size); });
}
ssize_t sendmsg(void* user, int fd, const msghdr* message, int flags) {
  return of(user).call([&](Process& p) { return p.send_message(in(fd), message, flags); });
}

int fcntl(void* user, int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  const long argument = va_arg(more, long);
  va_end(more);
  return int_call(user, [&](Process& p) { return p.fcntl(in(fd), command, argument); });
}
int ioctl(void* user, int fd, unsigned long request, ...) {
  va_list more;
  va_start(more, request);
  void* argument = va_arg(more, void*);
  va_end(more);
  return int_call(user, [&](Process& p) { return p.ioctl(in(fd), request, argument); });
}
int close(void* user, int fd) {
  if (of(user).is_pipe(fd))
    return static_cast<int>(of(user).pipe_call([&](Pipes& pipes) { return pipes.close(fd); }));
  return int_call(user, [&](Process& p) { return p.close(in(fd)); });
}
int shutdown(void* user, int fd, int how) {
  return int_call(user, [&](Process& p) { return p.shutdown(in(fd), how); });
}
int getsockopt(void* user, int fd, int level, int name, void* value, socklen_t* size) {
  return int_call(user, [&](Process& p) { return p.get_option(in(fd), level, name, value, size); });
}
int setsockopt(void* user, int fd, int level, int name, const void* value, socklen_t size) {
  return int_call(user, [&](Process& p) { return p.set_option(in(fd), level, name, value, size); });
}

int poll(void* user, pollfd* fds, nfds_t count, int timeout_ms) {
  return int_call(user, [&](Process& p) {
    std::vector<pollfd> ours(fds, fds + count);
    for (pollfd& entry : ours)
      if (entry.fd >= 0) entry.fd = std::max(in(entry.fd), 0);  // 0 is never open: POLLNVAL
    const long ready = p.poll(ours.data(), count, p.after_ms(timeout_ms));
    for (nfds_t i = 0; i < count; ++i) fds[i].revents = ours[i].revents;
    return ready;
  });
}
int epoll_create(void* user, int size) {
  return open_call(user, [&](Process& p) { return size <= 0 ? -EINVAL : p.epoll_create(0); });
}
int epoll_ctl(void* user, int set, int operation, int fd, epoll_event* event) {
  return int_call(user, [&](Process& p) { return p.epoll_control(in(set), operation, in(fd), event); });
}
int epoll_wait(void* user, int set, epoll_event* events, int room, int timeout_ms) {
  return int_call(user,
                  [&](Process& p) { return p.epoll_wait(in(set), events, room, p.after_ms(timeout_ms)); });
}

int netdev_send(void* user, const void* packet, std::size_t size) {
  return of(user).send({static_cast<const std::byte*>(packet), size});
}
int netdev_receive(void* user, void* packet, std::size_t* size, long long* time_usecs) {
  *size = of(user).receive({static_cast<std::byte*>(packet), *size}, *time_usecs);
  return 0;
}
int usleep(void* user, useconds_t microseconds) {
  of(user).sleep(std::chrono::microseconds(microseconds));
  return 0;
}
int gettimeofday(void* user, timeval* time, struct timezone*) {
  constexpr std::int64_t kMicro = 1'000'000;
  const std::int64_t now = of(user).read_clock();
  *time = {.tv_sec = now / kMicro, .tv_usec = now % kMicro};
  return 0;
}

int pipe(void* user, int fds[2]) {
  return static_cast<int>(of(user).pipe_call([&](Pipes& pipes) {
    pipes.open(fds);
    return 0L;
  }));
}
// Linux's splice() does not wait for what is behind an urgent byte.
bool is_at_urgent_mark(void* user, int fd) {
  int at_mark = 0;
  int unread = 0;
  return ioctl(user, fd, SIOCATMARK, &at_mark) == 0 && at_mark != 0 &&
         ioctl(user, fd, FIONREAD, &unread) == 0 && unread == 0;
}

// Between a socket and a pipe; the offsets of a script say nothing there.
int splice(void* user, int fd_in, loff_t*, int fd_out, loff_t*, std::size_t size, unsigned) {
  const bool from_pipe = of(user).is_pipe(fd_in);
  if (!from_pipe && !of(user).is_pipe(fd_out)) {
    errno = EINVAL;
    return -1;
  }
  if (from_pipe)
    size = std::min(size, static_cast<std::size_t>(
                              of(user).pipe_call([&](Pipes& pipes) { return pipes.waiting(fd_in); })));
  if (!from_pipe && is_at_urgent_mark(user, fd_in)) return 0;
  std::vector<std::byte> bytes(size);
  const ssize_t got = read(user, fd_in, bytes.data(), size);
  if (got <= 0) return static_cast<int>(got);
  return static_cast<int>(write(user, fd_out, bytes.data(), static_cast<std::size_t>(got)));
}

packetdrill_interface table(void* user) {
  packetdrill_interface calls{};
  calls.userdata = user;
  calls.free = release;
  calls.socket = socket;
  calls.bind = bind;
  calls.listen = listen;
  calls.accept = accept;
  calls.connect = connect;
  calls.read = read;
  calls.readv = readv;
  calls.recv = recv;
  calls.recvfrom = recvfrom;
  calls.recvmsg = recvmsg;
  calls.write = write;
  calls.writev = writev;
  calls.send = send;
  calls.sendto = sendto;
  calls.sendmsg = sendmsg;
  calls.fcntl = fcntl;
  calls.ioctl = ioctl;
  calls.close = close;
  calls.shutdown = shutdown;
  calls.getsockopt = getsockopt;
  calls.setsockopt = setsockopt;
  calls.poll = poll;
  calls.netdev_send = netdev_send;
  calls.netdev_receive = netdev_receive;
  calls.usleep = usleep;
  calls.gettimeofday = gettimeofday;
  calls.epoll_create = epoll_create;
  calls.epoll_ctl = epoll_ctl;
  calls.epoll_wait = epoll_wait;
  calls.pipe = pipe;
  calls.splice = splice;
  return calls;
}

// The next definition of a function that this object shows in libc's place.
template <class Function>
Function libc(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// packetdrill knows the TCP_INFO of the newest kernels: what ours is short of reads as zero.
void pad_info(int level, int name, void* value, socklen_t wanted, socklen_t& given) {
  if (level != IPPROTO_TCP || name != TCP_INFO || given >= wanted) return;
  std::fill_n(static_cast<std::byte*>(value) + given, wanted - given, std::byte{});
  given = wanted;
}

// What a code block asks for beside TCP_INFO must not fail; nothing is a valid answer.
bool may_be_empty(int level, int name) {
  return (level == IPPROTO_TCP && name == TCP_CC_INFO) || (level == SOL_SOCKET && name == SO_MEMINFO);
}

}  // namespace
}  // namespace sockeye::packetdrill

extern "C" {

void packetdrill_interface_init(const char* flags, packetdrill_interface* interface) {
  using namespace sockeye::packetdrill;
  const std::optional<Flags> parsed = parse_flags(flags == nullptr ? "" : flags);
  if (!parsed) {
    std::fprintf(stderr, "sockeye: --so_flags=%s: ip=, mtu=, tso=, seed= separated by commas\n", flags);
    std::exit(2);
  }
  ::unsetenv("LD_PRELOAD");  // the shell commands of a script are the system's
  present = new Instance(*parsed);
  *interface = table(present);
}

__attribute__((visibility("default"))) int getsockopt(int fd, int level, int name, void* value,
                                                      socklen_t* size) noexcept {
  using namespace sockeye::packetdrill;
  if (present == nullptr || !Adapter::owns(fd))
    return libc<decltype(&::getsockopt)>("getsockopt")(fd, level, name, value, size);
  const socklen_t wanted = *size;
  const int answer = sockeye::packetdrill::getsockopt(present, fd, level, name, value, size);
  if (answer == 0) pad_info(level, name, value, wanted, *size);
  if (answer == 0 || !may_be_empty(level, name)) return answer;
  if (level == SOL_SOCKET)
    std::fill_n(static_cast<std::byte*>(value), wanted, std::byte{});  // its length is checked
  else
    *size = 0;
  return 0;
}

__attribute__((visibility("default"))) int close(int fd) {
  using namespace sockeye::packetdrill;
  if (present == nullptr || !Adapter::owns(fd)) return libc<decltype(&::close)>("close")(fd);
  return sockeye::packetdrill::close(present, fd);
}

__attribute__((visibility("default"))) ssize_t sendfile(int out, int in, off_t* offset,
                                                        std::size_t count) noexcept {
  using namespace sockeye::packetdrill;
  if (present == nullptr || !Adapter::owns(out))
    return libc<decltype(&::sendfile)>("sendfile")(out, in, offset, count);
  std::vector<std::byte> bytes(count);
  const ssize_t got =
      offset == nullptr ? ::read(in, bytes.data(), count) : ::pread(in, bytes.data(), count, *offset);
  if (got <= 0) return got;
  const ssize_t sent = sockeye::packetdrill::write(present, out, bytes.data(), static_cast<std::size_t>(got));
  if (sent > 0 && offset != nullptr) *offset += sent;
  return sent;
}

}  // extern "C"
