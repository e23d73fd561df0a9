// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The connection and the life of a session.
#include "gate/session.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "gate/session_parked.h"

namespace sockeye::gate {

namespace {

constexpr int kMessagesPerEvent = 64;
constexpr Duration kLinger = 10s;

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The descriptor that came along; more than one cannot fit and are closed by the kernel.
world::UniqueFd take_descriptor(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    if (part->cmsg_len == CMSG_LEN(sizeof fd)) std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    return world::UniqueFd(fd);
  }
  return {};
}

}  // namespace

AgentSession::AgentSession(world::World& world, std::shared_ptr<HeldSockets> sockets,
                           world::UniqueFd connection)
    : world_(world),
      sockets_(std::move(sockets)),
      connection_(std::move(connection)),
      carriers_(world.loop(), *this),
      buffer_(sizeof(Request) + kPayloadMax) {
  if (!watch_.open(world_.loop(), connection_.get(), EPOLLIN, *this)) hang_up();
}

AgentSession::~AgentSession() {
  hang_up();
  for (HeldSocket* held : sockets_->of(*this)) close(*held, true);
}

bool AgentSession::has_ended() const {
  return ended_ && sockets_->of(*this).empty();
}

bool AgentSession::drive(Instant now) {
  if (now >= give_up_at_) {
    give_up_at_ = kNever;
    for (HeldSocket* held : sockets_->of(*this)) close(*held, true);
  }
  return carriers_.drive(now);
}

void AgentSession::end() {
  notice(NoticeCode::ended, 0, 0, 0);
}

std::uint64_t AgentSession::inode_of(const world::Host& host, std::uint64_t cookie) const {
  const HeldSocket* held = sockets_->find(host, cookie);
  return held != nullptr && held->owner == this ? held->inode : 0;
}

// ---------------------------------------------------------------------------- requests

void AgentSession::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush_unsent();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  for (int i = 0; i < kMessagesPerEvent && !ended_; ++i) {
    if (!unsent_.empty()) return;  // an agent that does not take replies is not given more of them
    const Progress progress = read_message();
    if (progress == Progress::none) return;
    if (progress == Progress::broken) hang_up();
  }
}

AgentSession::Progress AgentSession::read_message() {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  iovec part{buffer_.data(), buffer_.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(connection_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return later ? Progress::none : Progress::broken;
  }
  Message message;
  message.fd = take_descriptor(header);
  const auto got = static_cast<std::size_t>(size);
  if (got < sizeof(Request) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Progress::broken;
  std::memcpy(&message.request, buffer_.data(), sizeof(Request));
  if (message.request.payload_bytes != got - sizeof(Request)) return Progress::broken;
  message.payload = Bytes(buffer_).subspan(sizeof(Request), message.request.payload_bytes);
  return handle(message) ? Progress::again : Progress::broken;
}

// False: not something that an agent says.
bool AgentSession::handle(Message& message) {
  const Request& request = message.request;
  if (request.id == 0 || parked_.contains(request.id)) return false;
  switch (request.code) {
    case RequestCode::hello:
      if (host_ != nullptr) return false;
      reply(request.id, hello(message));
      return true;
    case RequestCode::query: {
      Answer answer;
      const std::string text = world_.query(text_of(message.payload));
      answer.payload.assign(bytes_of(text).begin(), bytes_of(text).end());
      reply(request.id, std::move(answer));
      return true;
    }
    default:
      break;
  }
  if (host_ == nullptr) return false;
  host_->set_now(world_.now());
  switch (request.code) {
    case RequestCode::cancel:
      cancel(request.cookie);
      return true;
    case RequestCode::socket:
      reply(request.id, make_socket(message));
      return true;
    case RequestCode::identify:
      reply(request.id, identify(message));
      return true;
    default:
      break;
  }
  if (request.code < RequestCode::bind || request.code > RequestCode::identify) return false;
  HeldSocket* held = sockets_->find(request.cookie);
  if (held == nullptr) {
    reply(request.id, Errno::badf);
    return true;
  }
  if (auto answer = dispatch(message, *held)) reply(request.id, std::move(*answer));
  return true;
}

std::optional<AgentSession::Answer> AgentSession::dispatch(Message& message, HeldSocket& held) {
  switch (message.request.code) {
    case RequestCode::bind:
      return bind(message, held);
    case RequestCode::listen:
      return listen(message, held);
    case RequestCode::connect:
      return connect(message, held);
    case RequestCode::accept:
      return accept(message, held);
    case RequestCode::send:
      return send(message, held);
    case RequestCode::receive_info:
      return receive_info(message, held);
    case RequestCode::receive_error:
      return receive_error(message, held);
    case RequestCode::send_urgent:
      return send_urgent(message, held);
    case RequestCode::shutdown:
      return shutdown(message, held);
    case RequestCode::set_option:
      return set_option(message, held);
    case RequestCode::get_option:
      return get_option(message, held);
    case RequestCode::local_name:
      return name(held, false);
    case RequestCode::peer_name:
      return name(held, true);
    case RequestCode::control:
      return control(message, held);
    case RequestCode::rename:
      return rename(message, held);
    case RequestCode::put_back:
      return put_back(message, held);
    case RequestCode::poisoned:
      if (held.stream) held.stream->on_pill_tried();
      return Answer();
    case RequestCode::close:
      close(held, false);
      return Answer();
    default:
      return Answer(Errno::nosys);
  }
}

AgentSession::Answer AgentSession::hello(Message& message) {
  Answer answer;
  std::string text;
  auto parsed = world::parse_hello(text_of(message.payload));
  if (const auto* error = std::get_if<world::HelloError>(&parsed)) {
    answer.result = -1;
    text = error->sentence;
  } else {
    auto joined = world_.join(std::get<world::Hello>(parsed), std::move(message.fd));
    if (const auto* refusal = std::get_if<world::HelloError>(&joined)) {
      answer.result = -1;
      text = refusal->sentence;
    } else {
      const auto& done = std::get<world::World::Joined>(joined);
      host_ = done.host;
      text = done.welcome.format();
    }
  }
  answer.payload.assign(bytes_of(text).begin(), bytes_of(text).end());
  return answer;
}

AgentSession::Answer AgentSession::make_socket(Message& message) {
  const Request& request = message.request;
  if (request.cookie == 0 || sockets_->find(request.cookie) != nullptr) return Errno::exist;
  auto made = host_->stack().socket(static_cast<int>(request.arg[0]), static_cast<int>(request.arg[1]),
                                    static_cast<int>(request.arg[2]));
  if (!made) return made.error();
  const bool datagram = (*made)->kind() == Socket::Kind::datagram;
  if (datagram && !message.fd) {
    (*made)->close();
    return Errno::badf;
  }
  HeldSocket& held = sockets_->add(request.cookie, std::move(*made), *host_, *this);
  held.inode = request.inode;
  if (datagram) {
    held.datagram = std::make_unique<DatagramEnd>(carriers_, held.socket, std::move(message.fd));
    sockets_->bind(held, *held.datagram);
  }
  return Answer();
}

AgentSession::Answer AgentSession::identify(const Message& message) {
  const HeldSocket* held = sockets_->find(message.request.cookie);
  if (held == nullptr) return Errno::badf;
  Answer answer;
  answer.arg[0] = held->socket->is_v6() ? AF_INET6 : AF_INET;
  answer.arg[1] = held->is_stream() ? SOCK_STREAM : SOCK_DGRAM;
  const CarrierEnd* carrier = held->carrier();
  if (carrier != nullptr && !carrier->is_spent()) answer.arg[2] |= Identity::kCarried;
  if (held->listener) answer.arg[2] |= Identity::kListening;
  return answer;
}

// ---------------------------------------------------------------------------- replies

void AgentSession::reply(std::uint64_t id, Answer&& answer) {
  Reply header;
  header.flags = answer.flags;
  header.id = id;
  header.result = answer.result;
  header.new_cookie = answer.new_cookie;
  std::copy(std::begin(answer.arg), std::end(answer.arg), std::begin(header.arg));
  send_packet(header, answer.payload, std::move(answer.fd));
}

void AgentSession::notice(NoticeCode code, std::int64_t first, std::int64_t second, std::uint64_t cookie,
                          std::string_view text) {
  Reply header;
  header.notice = code;
  header.arg[0] = first;
  header.arg[1] = second;
  header.new_cookie = cookie;
  send_packet(header, bytes_of(text), {});
}

void AgentSession::send_packet(const Reply& unsized, Bytes payload, world::UniqueFd fd) {
  if (ended_) return;
  Reply header = unsized;
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  std::vector<std::byte> packet(sizeof header + payload.size());
  std::memcpy(packet.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(packet.data() + sizeof header, payload.data(), payload.size());
  bool again = !unsent_.empty();
  if (!again && transmit(packet, fd.get(), again)) return;
  if (!again) return;  // the agent is gone: reading finds out
  unsent_.push_back({std::move(packet), std::move(fd)});
  if (unsent_.size() == 1) (void)watch_.set_events(EPOLLOUT);
}

bool AgentSession::transmit(Bytes packet, int fd, bool& again) {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(connection_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // ETOOMANYREFS: too many descriptors are under way; the agent will take some.
  again = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS);
  return sent >= 0;
}

void AgentSession::flush_unsent() {
  while (!unsent_.empty()) {
    bool again = false;
    if (!transmit(unsent_.front().bytes, unsent_.front().fd.get(), again) && again) return;
    unsent_.pop_front();
  }
  (void)watch_.set_events(EPOLLIN);
}

// ---------------------------------------------------------------------------- the end

void AgentSession::on_worked(CarrierEnd& carrier) {
  HeldSocket* held = sockets_->find(carrier);
  if (held == nullptr) return;
  if (carrier.is_finished()) {
    notice(NoticeCode::closed, 0, 0, held->cookie);
    close(*held, false);
    return;
  }
  if (carrier.is_spent() && !held->told_spent) {
    held->told_spent = true;
    notice(NoticeCode::spent, 0, 0, held->cookie);
  }
}

void AgentSession::on_pill_wanted(CarrierEnd& carrier) {
  if (const HeldSocket* held = sockets_->find(carrier)) notice(NoticeCode::poison, 0, 0, held->cookie);
}

void AgentSession::close(HeldSocket& held, bool abort) {
  const SocketRef socket = held.socket;
  if (abort && held.is_stream()) {
    if (held.stream) held.stream->reset();
    const linger now{1, 0};
    (void)socket->set_option(SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&now, 1)));
  }
  sockets_->remove(held);
  socket->close();
}

void AgentSession::hang_up() {
  if (ended_) return;
  ended_ = true;
  watch_.close();
  connection_.reset();
  unsent_.clear();
  abandon_parked();
  // What a program wrote before it closed and ended is still sent, as far as the peer takes it soon: a
  // world does not outlive its programs for a peer that no longer reads. What nobody closed is reset.
  give_up_at_ = world_.now() + kLinger;
  for (HeldSocket* held : sockets_->of(*this)) {
    CarrierEnd* carrier = held->carrier();
    if (carrier != nullptr && carrier->is_closed_by_program())
      carrier->note();
    else
      close(*held, true);
  }
}

world::SessionFactory make_session_factory() {
  return [sockets = std::make_shared<HeldSockets>()](world::World& world, world::UniqueFd connection) {
    return std::make_unique<AgentSession>(world, sockets, std::move(connection));
  };
}

}  // namespace sockeye::gate
