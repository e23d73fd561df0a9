// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Arrival of calls and replies. Waiting and signals are in gate_wait.cc.
#include "gate/gate.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <utility>

#include "core/assert.h"
#include "gate/calls.h"

namespace sockeye::gate {

namespace {

constexpr int kCallsPerTurn = 64;  // then the world's replies have their turn

int socket_domain(int fd) {
  int domain = AF_UNSPEC;
  socklen_t length = sizeof(domain);
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  return domain;
}

}  // namespace

struct Gate::Source final : world::EventHandler {
  Gate* gate = nullptr;
  void (Gate::*member)(std::uint32_t) = nullptr;
  void on_events(std::uint32_t events) override { (gate->*member)(events); }
};

Gate::Gate(world::EventLoop& loop, UniqueFd listener, UniqueFd session, const AgentOptions& options)
    : notifier(std::move(listener)),
      tasks(loop, [this](pid_t tid) { on_task_gone(tid); }),
      world(std::move(session)),
      loop_(loop),
      on_notice_(options.on_notice) {
  auto watch = [this](int fd, void (Gate::*member)(std::uint32_t)) {
    auto source = std::make_unique<Source>();
    source->gate = this;
    source->member = member;
    watches_.emplace_back();
    bool opened = watches_.back().open(loop_, fd, EPOLLIN, *source).has_value();
    SOCKEYE_ASSERT(opened);
    sources_.push_back(std::move(source));
  };
  watch(notifier.fd(), &Gate::on_listener);
  watch(world.fd(), &Gate::on_world);
}

Gate::~Gate() = default;

void Gate::on_listener(std::uint32_t events) {
  if (events & EPOLLIN) {
    // One for each time we were told: more of them are told again, and receive() would sleep.
    if (auto trapped = notifier.receive()) start(*trapped);
    return;
  }
  if (events & (EPOLLHUP | EPOLLERR)) {
    ended_ = true;  // no task is under the filter any more
    watches_[0].close();
  }
}

void Gate::start(Trapped trapped) {
  auto call = std::make_unique<Call>();
  call->gate = this;
  call->key = next_key_++;
  call->trapped = trapped;
  if (trapped.number == __NR_socket) return on_socket(*this, std::move(call));
  auto fd = tasks.descriptor(trapped.tid, call->int_argument(0));
  if (!fd) {
    // EBADF: the kernel says so itself. EPERM: a program that may not be traced; what it can do to its own
    // carriers is its own business, and the host's network it cannot reach.
    if (fd.error() == Errno::perm)
      report.note("calls of a program that may not be traced went to the kernel");
    return let_kernel_do(std::move(call));
  }
  call->fd = std::move(*fd);
  locate(std::move(call));
}

void Gate::locate(CallPtr call) {
  std::uint64_t cookie = cookie_of(call->fd.get());
  if (cookie == 0) return let_kernel_do(std::move(call));  // ENOTSOCK, or an ioctl of something else
  if (Socket* socket = sockets.find(cookie)) {
    call->cookie = socket->cookie;
    socket->holder = call->trapped.tid;
    socket->number = call->int_argument(0);
    if (socket->unwatched) watch_spent(*socket, call->fd.get());
    return on_ours(*this, std::move(call));
  }
  if (sockets.is_foreign(cookie)) return on_foreign(*this, std::move(call));
  if (socket_domain(call->fd.get()) != AF_UNIX) return on_foreign(*this, std::move(call));
  call->cookie = cookie;
  identify(std::move(call));
}

// An AF_UNIX socket seen for the first time: the program's own, or one that another run of this world passed.
void Gate::identify(CallPtr call) {
  Request request;
  request.code = RequestCode::identify;
  request.cookie = call->cookie;
  ask(std::move(call), request, {}, [](Gate& gate, CallPtr asked, Answer& answer) {
    std::uint64_t cookie = asked->cookie;
    if (answer.head.result < 0) {
      gate.sockets.set_foreign(cookie);
      return on_foreign(gate, std::move(asked));
    }
    Socket& socket = gate.sockets.add(cookie, answer.head.arg[1] == SOCK_STREAM);
    socket.carried = !socket.stream || (answer.head.arg[2] & Identity::kCarried) != 0;
    socket.listening = (answer.head.arg[2] & Identity::kListening) != 0;
    on_ours(gate, std::move(asked));
  });
}

void Gate::answer(CallPtr call, std::int64_t result) {
  notifier.answer(call->trapped.id, result);
}

void Gate::let_kernel_do(CallPtr call) {
  notifier.let_kernel_do(call->trapped.id);
}

void Gate::ask(CallPtr call, Request request, std::initializer_list<std::string_view> payload, Then then,
               UniqueFd fd) {
  if (world.is_dead()) {
    Answer nothing;
    nothing.head.result = -ENETDOWN;
    return then(*this, std::move(call), nothing);
  }
  request.id = call->key;
  call->then = std::move(then);
  call->asking = true;
  if (call->parked) park(*call, loop_.now());
  calls_[call->key] = std::move(call);
  world.send(request, payload, std::move(fd));
  if (world.has_backlog()) (void)watches_[1].set_events(EPOLLIN | EPOLLOUT);
}

void Gate::tell(Request request, UniqueFd fd) {
  request.id = next_key_++;  // no call waits under it
  world.send(request, {}, std::move(fd));
}

void Gate::on_world(std::uint32_t events) {
  if (events & EPOLLOUT) {
    world.flush();
    if (!world.has_backlog()) (void)watches_[1].set_events(EPOLLIN);
  }
  for (int i = 0; i < kCallsPerTurn; ++i) {
    auto answer = world.receive();
    if (!answer) break;
    if (answer->head.notice != NoticeCode::none)
      notice(*answer);
    else
      settle(*answer);
  }
  if (world.is_dead()) lose_world();
}

void Gate::settle(Answer& answer) {
  CallPtr call = take(answer.head.id);
  if (!call) return;
  SOCKEYE_ASSERT(call->asking);
  call->asking = false;
  Then then = std::move(call->then);
  if (answer.head.result == -ECANCELED && call->interruption != 0) {
    std::int64_t result = call->interruption;
    return this->answer(std::move(call), result);
  }
  then(*this, std::move(call), answer);
}

void Gate::notice(const Answer& answer) {
  if (answer.head.notice == NoticeCode::closed) return sockets.forget(answer.head.new_cookie);
  if (answer.head.notice == NoticeCode::spent) return note_spent(answer.head.new_cookie);
  if (answer.head.notice == NoticeCode::poison) return write_pill(answer.head.new_cookie);
  Notice notice;
  notice.code = answer.head.notice;
  for (int i = 0; i < 3; ++i) notice.arg[i] = answer.head.arg[i];
  notice.text = answer.payload;
  if (notice.code == NoticeCode::refused) report.note(notice.text);
  if (on_notice_) on_notice_(notice);
}

// A connection was reset: the world closes its end, which is ECONNRESET for the program only if
// something that the program wrote is unread then.
void Gate::write_pill(std::uint64_t cookie) {
  const Socket* socket = sockets.find(cookie);
  if (socket != nullptr && socket->stream && socket->number >= 0) {
    auto fd = tasks.descriptor(socket->holder, socket->number);
    if (fd && cookie_of(fd->get()) == cookie) send(fd->get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  Request request;
  request.code = RequestCode::poisoned;
  request.cookie = cookie;
  tell(request);
}

// The world has hung up: nobody sees the last close of this stream any more, unless we find a descriptor of
// it where we last saw one. If it has moved, the next call on it tells us.
void Gate::note_spent(std::uint64_t cookie) {
  Socket* socket = sockets.find(cookie);
  if (socket == nullptr || !socket->stream) return;
  socket->unwatched = true;
  if (socket->number < 0) return;
  auto fd = tasks.descriptor(socket->holder, socket->number);
  if (fd && cookie_of(fd->get()) == cookie) watch_spent(*socket, fd->get());
}

void Gate::watch_spent(Socket& socket, int fd) {
  socket.unwatched = false;
  loose.add(fd, socket.cookie);
}

// Nobody may wait for a world that is gone: what was asked fails, and so does everything later (ask()).
void Gate::lose_world() {
  watches_[1].close();
  std::vector<std::uint64_t> keys;
  for (const auto& entry : calls_)
    if (entry.second->asking) keys.push_back(entry.first);
  for (std::uint64_t key : keys) {
    Answer lost;
    lost.head.id = key;
    lost.head.result = -ENETDOWN;
    auto found = calls_.find(key);
    if (found != calls_.end() && found->second->trapped.number == __NR_connect)
      lost.head.result = -ECONNRESET;
    settle(lost);
  }
  if (on_notice_) on_notice_({NoticeCode::ended, {}, "the world ended"});
}

bool Gate::is_nonblocking(const Call& call, int message_flags) const {
  return call.last_try || (message_flags & MSG_DONTWAIT) != 0 ||
         (fcntl(call.fd.get(), F_GETFL) & O_NONBLOCK) != 0;
}

bool Gate::read(const Call& call, std::uint64_t address, void* to, std::size_t count) const {
  return Tasks::read(call.trapped.tid, address, to, count) && notifier.is_valid(call.trapped.id);
}

bool Gate::write(const Call& call, std::uint64_t address, const void* from, std::size_t count) const {
  return notifier.is_valid(call.trapped.id) && Tasks::write(call.trapped.tid, address, from, count);
}

bool Gate::replace_carrier(Call& call, Socket& socket) {
  int number = call.int_argument(0);
  auto stream = make_unconnected_stream(is_nonblocking(call));
  if (!stream) return false;
  if (socket.has_native_options) copy_native_options(call.fd.get(), stream->get());
  bool close_on_exec = tasks.is_close_on_exec(call.trapped.tid, number);
  if (notifier.replace_descriptor(call.trapped.id, stream->get(), number, close_on_exec) != 0) return false;
  std::uint64_t old_cookie = socket.cookie;
  loose.forget(old_cookie);  // it lives on under its new name
  std::uint64_t new_cookie = cookie_of(stream->get());
  Request request;
  request.code = RequestCode::rename;
  request.cookie = old_cookie;
  request.arg[0] = static_cast<std::int64_t>(new_cookie);
  request.inode = inode_of(stream->get());
  tell(request);
  sockets.replace(old_cookie, new_cookie);
  call.fd = std::move(*stream);
  call.cookie = new_cookie;
  Socket* renewed = sockets.find(new_cookie);
  renewed->carried = renewed->spent = renewed->listening = false;
  renewed->unwatched = false;
  loose.add(call.fd.get(), new_cookie);
  return true;
}

bool Gate::release_closed() {
  auto gone = loose.sweep();
  for (std::uint64_t cookie : gone) {
    Request request;
    request.code = RequestCode::close;
    request.cookie = cookie;
    tell(request);
    sockets.forget(cookie);
  }
  return !gone.empty();
}

}  // namespace sockeye::gate
