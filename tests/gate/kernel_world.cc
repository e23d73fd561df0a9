// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/kernel_world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sockeye::gate {

using world::UniqueFd;

struct KernelWorld::Held {
  std::uint64_t cookie = 0;
  UniqueFd kernel;   // the socket itself
  UniqueFd carrier;  // our end
  bool stream = false;
  bool listening = false;
  bool open = false;  // the junk is read, bytes flow
  bool connecting = false;
  bool out_ended = false;
  bool shutting = false;  // by the program: HUP need not be its close
  bool in_ended = false;
  bool spent = false;
  int error = 0;  // of a reset, until it is asked for
  int pill = 0;   // forwarded bytes that we have not read
  int tokens = 0;
  bool token_known = false;                                    // the head of the accept queue is announced
  std::vector<std::pair<std::uint64_t, UniqueFd>> put_back{};  // accepted, could not be handed over
  std::string waiting_in{};  // read from the kernel's socket, not taken by the carrier yet
  sockaddr_storage from{};
  socklen_t from_length = 0;
};

struct KernelWorld::Asked {
  int session = -1;
  Request head{};
  std::string payload{};
  int fd = -1;
  std::int64_t give_up_ns = 0;  // SO_RCVTIMEO of an accept
};

namespace {

std::string_view bytes_of(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

int unread(int fd) {
  int count = 0;
  ioctl(fd, FIONREAD, &count);
  return count;
}

std::int64_t now_ns() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

short events_of(int fd, short wanted) {
  pollfd entry{fd, wanted, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

void send_packet(int session, const Reply& head, std::string_view payload, int fd) {
  iovec parts[2] = {{const_cast<Reply*>(&head), sizeof(head)},
                    {const_cast<char*>(payload.data()), payload.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(fd));
    std::memcpy(CMSG_DATA(part), &fd, sizeof(fd));
  }
  sendmsg(session, &message, MSG_NOSIGNAL);
}

}  // namespace

KernelWorld::KernelWorld() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  wake_read_.reset(ends[0]);
  wake_write_.reset(ends[1]);
  thread_ = std::thread([this] { run(); });
}

KernelWorld::~KernelWorld() {
  if (thread_.joinable()) die();
}

void KernelWorld::die() {
  dying_ = true;
  (void)!write(wake_write_.get(), "x", 1);
  thread_.join();
}

int KernelWorld::connect() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  std::lock_guard lock(mutex_);
  fresh_.push_back(ends[0]);
  (void)!write(wake_write_.get(), "x", 1);
  return ends[1];
}

int KernelWorld::count(RequestCode code) const {
  std::lock_guard lock(mutex_);
  auto found = counts_.find(code);
  return found == counts_.end() ? 0 : found->second;
}

void KernelWorld::run() {
  while (!dying_) {
    std::vector<pollfd> wait{{wake_read_.get(), POLLIN, 0}};
    for (const UniqueFd& session : sessions_) wait.push_back({session.get(), POLLIN, 0});
    std::size_t carriers = wait.size();
    for (auto& [cookie, held] : held_) {
      if (held.carrier) wait.push_back({held.carrier.get(), POLLRDHUP, 0});
      short wanted = held.connecting ? POLLOUT : POLLIN;
      if (!held.in_ended && held.waiting_in.empty()) wait.push_back({held.kernel.get(), wanted, 0});
    }
    // Carriers keep a byte unread, so their level says nothing; a short nap instead of a design.
    poll(wait.data(), wait.size(), carriers == wait.size() && parked_.empty() ? -1 : 1);
    char drained[64];
    (void)!read(wake_read_.get(), drained, sizeof(drained));
    for (auto entry = held_.begin(); entry != held_.end();) {
      bool alive = pump(entry->second);
      entry = alive ? std::next(entry) : held_.erase(entry);
    }
    {
      std::lock_guard lock(mutex_);
      for (int fd : fresh_) sessions_.emplace_back(fd);
      fresh_.clear();
    }
    for (std::size_t i = 0; i < sessions_.size(); ++i) take(sessions_[i].get());
    std::erase_if(sessions_, [](const UniqueFd& fd) { return (events_of(fd.get(), 0) & POLLHUP) != 0; });
    std::erase_if(parked_, [this](Asked& asked) { return try_parked(asked); });
  }
  held_.clear();
  sessions_.clear();
  std::lock_guard lock(mutex_);
  for (int fd : fresh_) close(fd);
  fresh_.clear();
}

void KernelWorld::take(int session) {
  for (;;) {
    static thread_local char buffer[sizeof(Request) + kPayloadMax];
    iovec part{buffer, sizeof(buffer)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t n = recvmsg(session, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < static_cast<ssize_t>(sizeof(Request))) return;
    Asked asked;
    asked.session = session;
    std::memcpy(&asked.head, buffer, sizeof(Request));
    asked.payload.assign(buffer + sizeof(Request), static_cast<std::size_t>(n) - sizeof(Request));
    if (cmsghdr* header = CMSG_FIRSTHDR(&message)) std::memcpy(&asked.fd, CMSG_DATA(header), sizeof(int));
    {
      std::lock_guard lock(mutex_);
      ++counts_[asked.head.code];
    }
    serve(session, asked);
  }
}

void KernelWorld::reply(const Asked& asked, std::int64_t result, std::string_view payload) {
  Reply head;
  head.id = asked.head.id;
  head.result = result;
  head.payload_bytes = static_cast<std::uint32_t>(payload.size());
  send_packet(asked.session, head, payload, -1);
}

void KernelWorld::serve(int, Asked& asked) {
  const Request& head = asked.head;
  UniqueFd fd(asked.fd);
  const auto* address = reinterpret_cast<const sockaddr*>(asked.payload.data());
  auto address_length = static_cast<socklen_t>(asked.payload.size());
  auto outcome = [&](int result) { reply(asked, result < 0 ? -errno : result); };
  if (head.code == RequestCode::hello) return reply(asked, 0, "host=test\n");
  if (head.code == RequestCode::socket) {
    int type = static_cast<int>(head.arg[1]);
    UniqueFd kernel(socket(static_cast<int>(head.arg[0]), type | SOCK_CLOEXEC | SOCK_NONBLOCK,
                           static_cast<int>(head.arg[2])));
    if (!kernel) return outcome(-1);
    Held& held = held_[head.cookie];
    held.cookie = head.cookie;
    held.stream = type == SOCK_STREAM;
    held.kernel = std::move(kernel);
    held.carrier = std::move(fd);
    held.open = !held.stream;
    return reply(asked, 0);
  }
  if (head.code == RequestCode::cancel) {
    for (Asked& other : parked_)
      if (other.head.id == head.cookie) reply(other, -ECANCELED);
    std::erase_if(parked_, [&](const Asked& other) { return other.head.id == head.cookie; });
    return;
  }
  // What was closed before this was asked must be gone before it is done.
  for (auto entry = held_.begin(); entry != held_.end();)
    entry = pump(entry->second) ? std::next(entry) : held_.erase(entry);
  auto found = held_.find(head.cookie);
  if (found == held_.end()) return reply(asked, -EBADF);
  Held& held = found->second;
  int kernel = held.kernel.get();
  char value[512] = {};
  socklen_t length = sizeof(value);
  switch (head.code) {
    case RequestCode::bind:
      return outcome(::bind(kernel, address, address_length));
    case RequestCode::listen: {
      int result = ::listen(kernel, static_cast<int>(head.arg[0]));
      if (result == 0 && fd) held.carrier = std::move(fd);
      held.listening = held.listening || result == 0;
      return outcome(result);
    }
    case RequestCode::connect: {
      if (held.spent) {
        Reply dead;
        dead.id = head.id;
        dead.flags = Reply::kCarrierDead;
        return send_packet(asked.session, dead, {}, -1);
      }
      int result = ::connect(kernel, address, address_length);
      bool begun = held.stream && (result == 0 || errno == EINPROGRESS);
      if (begun && fd) {
        held.carrier = std::move(fd);
        held.connecting = true;
      }
      if (begun && held.connecting && (head.flags & Request::kNonBlocking) == 0) {
        parked_.push_back(std::move(asked));
        return;
      }
      if (result < 0 && errno == EALREADY && (head.flags & Request::kNonBlocking) == 0) {
        parked_.push_back(std::move(asked));
        return;
      }
      Reply done;
      done.id = head.id;
      done.result = result < 0 ? -errno : 0;
      if (fd) done.flags = Reply::kCarrierUnused;
      return send_packet(asked.session, done, {}, -1);
    }
    case RequestCode::accept:
      if (!try_parked(asked)) parked_.push_back(std::move(asked));
      return;
    case RequestCode::send: {
      auto name = static_cast<std::size_t>(head.arg[1]);
      auto control = static_cast<std::size_t>(head.arg[2]);
      iovec part{asked.payload.data() + name + control, asked.payload.size() - name - control};
      msghdr message{};
      message.msg_name = name > 0 ? asked.payload.data() : nullptr;
      message.msg_namelen = static_cast<socklen_t>(name);
      message.msg_control = control > 0 ? asked.payload.data() + name : nullptr;
      message.msg_controllen = control;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      return outcome(
          static_cast<int>(sendmsg(kernel, &message, static_cast<int>(head.arg[0]) | MSG_NOSIGNAL)));
    }
    case RequestCode::receive_info: {
      Reply info;
      info.id = head.id;
      info.arg[0] = held.from_length;
      info.payload_bytes = held.from_length;
      return send_packet(asked.session, info, bytes_of(&held.from, held.from_length), -1);
    }
    case RequestCode::send_urgent:
      pump_out(held);
      return outcome(static_cast<int>(
          ::send(kernel, asked.payload.data(), asked.payload.size(), MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL)));
    case RequestCode::shutdown:
      if (head.arg[1] == 1) return reply(asked, 0);
      held.shutting = held.shutting || head.arg[0] != SHUT_RD;
      if (held.open && held.stream) return reply(asked, events_of(kernel, 0) & POLLHUP ? -ENOTCONN : 0);
      return outcome(::shutdown(kernel, static_cast<int>(head.arg[0])));
    case RequestCode::set_option:
      return outcome(setsockopt(kernel, static_cast<int>(head.arg[0]), static_cast<int>(head.arg[1]),
                                asked.payload.data(), address_length));
    case RequestCode::get_option: {
      if (head.arg[0] == SOL_SOCKET && head.arg[1] == SO_ERROR && held.error != 0) {
        int error = std::exchange(held.error, 0);
        return reply(asked, 0, bytes_of(&error, sizeof(error)));
      }
      length = static_cast<socklen_t>(std::min<std::int64_t>(head.arg[2], sizeof(value)));
      int result =
          getsockopt(kernel, static_cast<int>(head.arg[0]), static_cast<int>(head.arg[1]), value, &length);
      return result < 0 ? outcome(result) : reply(asked, 0, bytes_of(value, length));
    }
    case RequestCode::local_name:
    case RequestCode::peer_name: {
      auto* name = reinterpret_cast<sockaddr*>(value);
      int result = head.code == RequestCode::local_name ? getsockname(kernel, name, &length)
                                                        : getpeername(kernel, name, &length);
      return result < 0 ? outcome(result) : reply(asked, 0, bytes_of(value, length));
    }
    case RequestCode::close:
      held_.erase(found);
      return reply(asked, 0);
    case RequestCode::put_back:
      held.put_back.emplace_back(static_cast<std::uint64_t>(head.arg[0]), std::move(fd));
      return reply(asked, 0);
    case RequestCode::rename: {
      auto node = held_.extract(found);
      node.key() = node.mapped().cookie = static_cast<std::uint64_t>(head.arg[0]);
      node.mapped().carrier.reset();
      node.mapped().spent = node.mapped().open = node.mapped().in_ended = node.mapped().out_ended = false;
      node.mapped().pill = 0;
      held_.insert(std::move(node));
      return reply(asked, 0);
    }
    case RequestCode::identify: {
      Reply known;
      known.id = head.id;
      known.arg[1] = held.stream ? SOCK_STREAM : SOCK_DGRAM;
      known.arg[2] = (held.carrier ? Identity::kCarried : 0) | (held.listening ? Identity::kListening : 0);
      return send_packet(asked.session, known, {}, -1);
    }
    case RequestCode::control: {
      Reply number;
      number.id = head.id;
      int count = 0;
      if (held.stream && ioctl(kernel, static_cast<unsigned long>(head.arg[0]), &count) != 0)
        return outcome(-1);
      number.arg[0] = count;
      return send_packet(asked.session, number, {}, -1);
    }
    default:
      return reply(asked, -ENOSYS);
  }
}

// A connect or accept that can be answered now.
bool KernelWorld::try_parked(Asked& asked) {
  auto found = held_.find(asked.head.cookie);
  if (found == held_.end()) {
    reply(asked, -EBADF);
    return true;
  }
  Held& held = found->second;
  int kernel = held.kernel.get();
  if (asked.head.code == RequestCode::connect) {
    if (held.connecting) return false;
    int result = 0;
    // Asking again fetches the outcome, and makes the kernel ready for the next attempt.
    if (held.spent && ::connect(kernel, reinterpret_cast<const sockaddr*>(asked.payload.data()),
                                static_cast<socklen_t>(asked.payload.size())) != 0)
      result = -errno;
    reply(asked, result);
    return true;
  }
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (!held.put_back.empty()) {
    Reply again;
    again.id = asked.head.id;
    again.arg[0] = std::exchange(held.tokens, 0);
    again.new_cookie = held.put_back[0].first;
    getpeername(held_[again.new_cookie].kernel.get(), reinterpret_cast<sockaddr*>(&peer), &length);
    again.payload_bytes = length;
    send_packet(asked.session, again, bytes_of(&peer, length), held.put_back[0].second.get());
    held.put_back.erase(held.put_back.begin());
    return true;
  }
  UniqueFd connection(
      accept4(kernel, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  bool waits = !connection && errno == EAGAIN && (asked.head.flags & Request::kNonBlocking) == 0;
  if (waits && asked.give_up_ns == 0) {
    timeval limit{};
    socklen_t size = sizeof(limit);
    getsockopt(kernel, SOL_SOCKET, SO_RCVTIMEO, &limit, &size);
    std::int64_t patience = limit.tv_sec * 1'000'000'000 + limit.tv_usec * 1000;
    asked.give_up_ns = patience == 0 ? -1 : now_ns() + patience;
  }
  if (waits && (asked.give_up_ns < 0 || now_ns() < asked.give_up_ns)) return false;
  if (!connection) {
    reply(asked, -errno);
    return true;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  UniqueFd program(ends[1]);
  Reply head;
  socklen_t size = sizeof(head.new_cookie);
  getsockopt(program.get(), SOL_SOCKET, SO_COOKIE, &head.new_cookie, &size);
  Held& fresh = held_[head.new_cookie];
  fresh.cookie = head.new_cookie;
  fresh.stream = fresh.open = true;
  fresh.kernel = std::move(connection);
  fresh.carrier.reset(ends[0]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  (void)!write(program.get(), "p", 1);
  fresh.pill = 1;
  if (Held& listener = held_[asked.head.cookie]; listener.tokens > 0) {
    head.arg[0] = 1;
    listener.tokens = 0;
  }
  head.id = asked.head.id;
  head.payload_bytes = length;
  send_packet(asked.session, head, bytes_of(&peer, length), program.get());
  return true;
}

void KernelWorld::hang_up(Held& held, bool reset) {
  char byte;
  if (!reset) (void)!recv(held.carrier.get(), &byte, 1, MSG_DONTWAIT);
  held.carrier.reset();
  held.spent = true;
}

void KernelWorld::pump_out(Held& held) {
  static thread_local char buffer[65536];
  for (;;) {
    if (!held.stream) {
      ssize_t n = recv(held.carrier.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n < 0 || (n == 0 && (events_of(held.carrier.get(), POLLRDHUP) & (POLLHUP | POLLRDHUP)))) return;
      (void)!::send(held.kernel.get(), buffer, static_cast<std::size_t>(n), MSG_NOSIGNAL);
      continue;
    }
    // The pill and all but the last new byte are read, the last new byte becomes the pill.
    ssize_t n = recv(held.carrier.get(), buffer, sizeof(buffer), MSG_DONTWAIT | MSG_PEEK);
    if (n <= held.pill) return;
    ssize_t sent = ::send(held.kernel.get(), buffer + held.pill, static_cast<std::size_t>(n - held.pill),
                          MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) return;
    std::size_t done = static_cast<std::size_t>(sent + held.pill - 1);
    if (done > 0) (void)!recv(held.carrier.get(), buffer, done, MSG_DONTWAIT);
    held.pill = 1;
  }
}

void KernelWorld::pump_in(Held& held) {
  static thread_local char buffer[65536];
  for (;;) {
    if (!held.waiting_in.empty()) {
      ssize_t n = ::send(held.carrier.get(), held.waiting_in.data(), held.waiting_in.size(),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n <= 0) return;
      held.waiting_in.erase(0, static_cast<std::size_t>(n));
      continue;
    }
    ssize_t n = recv(held.kernel.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n > 0) {
      held.waiting_in.assign(buffer, static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EAGAIN) return;
    held.in_ended = true;
    if (n < 0) held.error = errno;
    if (n == 0) return void(::shutdown(held.carrier.get(), SHUT_WR));
    return hang_up(held, true);
  }
}

// False: the program's last descriptor is gone, and the socket with it.
bool KernelWorld::pump(Held& held) {
  if (!held.carrier) return true;
  int kernel = held.kernel.get();
  int carrier = held.carrier.get();
  if (held.connecting) {
    short events = events_of(kernel, POLLOUT);
    if (events == 0) return (events_of(carrier, 0) & POLLHUP) == 0;
    held.connecting = false;
    if (events & (POLLERR | POLLHUP)) {
      hang_up(held, true);
      return true;
    }
    static thread_local char junk[kJunkBytes];
    for (int left = kJunkBytes - 1; left > 0;)
      left -= static_cast<int>(recv(carrier, junk, static_cast<std::size_t>(left), MSG_DONTWAIT));
    held.pill = 1;
    held.open = true;
  }
  if (held.listening) {
    if (held.tokens == 0 && (!held.put_back.empty() || (events_of(kernel, POLLIN) & POLLIN)))
      held.tokens = ::send(carrier, "t", 1, MSG_NOSIGNAL) == 1;
    return (events_of(carrier, 0) & POLLHUP) == 0;
  }
  if (!held.open) return true;
  short events = events_of(carrier, POLLRDHUP);
  bool reset = (events & POLLERR) != 0;
  pump_out(held);
  if ((events & POLLHUP) && held.stream && held.in_ended && held.shutting) {
    // Both directions are shut, by us and by the program. Its close is not seen any more: this world
    // then keeps the kernel's socket to its own end.
    ::shutdown(kernel, SHUT_WR);
    hang_up(held, reset);
    return true;
  }
  if (events & POLLHUP) {
    if (reset && held.stream) {
      linger now{1, 0};
      setsockopt(kernel, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    return false;
  }
  if (!held.stream) {
    // A mailbox of one.
    static thread_local char buffer[65536];
    int queued = 0;
    ioctl(carrier, TIOCOUTQ, &queued);
    if (queued > 0) return true;
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    ssize_t n =
        recvfrom(kernel, buffer, sizeof(buffer), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
    if (n < 0) return true;
    held.from = from;
    held.from_length = length;
    (void)!::send(carrier, buffer, static_cast<std::size_t>(n), MSG_DONTWAIT | MSG_NOSIGNAL);
    return true;
  }
  if ((events & POLLRDHUP) && !held.out_ended && unread(carrier) <= 1) {
    held.out_ended = true;
    ::shutdown(kernel, SHUT_WR);
  }
  if (!held.in_ended) pump_in(held);
  if (held.in_ended && held.carrier && (events_of(kernel, 0) & POLLERR)) hang_up(held, true);
  return true;
}

}  // namespace sockeye::gate
