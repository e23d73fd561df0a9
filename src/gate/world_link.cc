// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/world_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "core/assert.h"
#include "gate/agent.h"

namespace sockeye::gate {

namespace {

union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

UniqueFd take_descriptor(msghdr& message) {
  UniqueFd fd;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof(number));
    fd.reset(number);
  }
  return fd;
}

HelloAnswer exchange(int session, RequestCode code, std::string_view text, UniqueFd passed = {}) {
  WorldLink link{UniqueFd(fcntl(session, F_DUPFD_CLOEXEC, 3))};
  Request request;
  request.code = code;
  request.id = 1;
  link.send(request, {text}, std::move(passed));
  for (;;) {
    if (auto answer = link.receive()) {
      if (answer->head.notice != NoticeCode::none || answer->head.id != request.id) continue;
      return {answer->head.result, std::string(answer->payload)};
    }
    if (link.is_dead()) return {-1, "the world ended"};
    pollfd wait{session, static_cast<short>(POLLIN | (link.has_backlog() ? POLLOUT : 0)), 0};
    if (poll(&wait, 1, -1) > 0 && (wait.revents & POLLOUT)) link.flush();
  }
}

}  // namespace

HelloAnswer say_hello(int session, std::string_view text, int capture) {
  UniqueFd passed(capture < 0 ? -1 : fcntl(capture, F_DUPFD_CLOEXEC, 3));
  return exchange(session, RequestCode::hello, text, std::move(passed));
}

HelloAnswer ask_world(int session, std::string_view query) {
  return exchange(session, RequestCode::query, query);
}

WorldLink::WorldLink(UniqueFd session) : session_(std::move(session)), buffer_(sizeof(Reply) + kPayloadMax) {
  fcntl(session_.get(), F_SETFD, FD_CLOEXEC);
}

WorldLink::Sent WorldLink::try_send(std::span<const iovec> parts, int fd) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  Control control{};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(fd));
    std::memcpy(CMSG_DATA(part), &fd, sizeof(fd));
  }
  for (;;) {
    if (sendmsg(session_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::yes;
    if (errno == EINTR) continue;
    // Too many descriptors in flight passes as soon as the world has received some.
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) return Sent::full;
    dead_ = true;
    return Sent::dead;
  }
}

void WorldLink::send(Request head, std::initializer_list<std::string_view> payload, UniqueFd fd) {
  if (dead_) return;
  std::size_t bytes = 0;
  iovec parts[5] = {{&head, sizeof(head)}};
  std::size_t count = 1;
  for (std::string_view part : payload) {
    SOCKEYE_ASSERT(count < 5);
    parts[count++] = {const_cast<char*>(part.data()), part.size()};
    bytes += part.size();
  }
  SOCKEYE_ASSERT(bytes <= kPayloadMax);
  head.payload_bytes = static_cast<std::uint32_t>(bytes);
  if (backlog_.empty() && try_send({parts, count}, fd.get()) != Sent::full) return;
  Waiting waiting;
  waiting.bytes.assign(reinterpret_cast<const char*>(&head), sizeof(head));
  for (std::string_view part : payload) waiting.bytes += part;
  waiting.fd = std::move(fd);
  backlog_.push_back(std::move(waiting));
}

void WorldLink::flush() {
  while (!backlog_.empty()) {
    Waiting& first = backlog_.front();
    iovec part{first.bytes.data(), first.bytes.size()};
    if (try_send({&part, 1}, first.fd.get()) == Sent::full) return;
    backlog_.pop_front();
  }
}

std::optional<Answer> WorldLink::receive() {
  if (dead_) return std::nullopt;
  Answer answer;
  iovec part{buffer_.data(), buffer_.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  ssize_t n = recvmsg(session_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (n > 0) answer.fd = take_descriptor(message);
  if (n < static_cast<ssize_t>(sizeof(Reply))) {
    dead_ = true;
    return std::nullopt;
  }
  std::memcpy(&answer.head, buffer_.data(), sizeof(Reply));
  std::size_t rest = static_cast<std::size_t>(n) - sizeof(Reply);
  if (answer.head.payload_bytes != rest) {
    dead_ = true;
    return std::nullopt;
  }
  answer.payload = {buffer_.data() + sizeof(Reply), rest};
  return answer;
}

}  // namespace sockeye::gate
