// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A world spoken to as an agent would, message by message: what a session answers, what it never
// believes, and what happens to its sockets when it goes.
#include "gate/session.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "carrier_bench.h"
#include "gate/carrier.h"
#include "gate/protocol.h"

namespace sockeye::gate {
namespace {

struct Got {
  Reply head{};
  std::string payload{};
  UniqueFd fd{};
};

std::string address_of(IpAddress address, std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(address.to_v4());
  return {reinterpret_cast<const char*>(&at), sizeof at};
}

// The agent's half of a connection.
class TestAgent {
 public:
  TestAgent(world::World& world, std::string_view host) : world_(world) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    connection.reset(ends[0]);
    world.add_agent(UniqueFd(ends[1]));
    if (host.empty()) return;
    world::Hello hello;
    hello.version = kProtocolVersion;
    hello.host = std::string(host);
    Request request;
    request.code = RequestCode::hello;
    EXPECT_EQ(ask(request, hello.format()).head.result, 0);
  }

  std::uint64_t tell(Request request, std::string_view payload = {}, int fd = -1) {
    request.id = ++last_id_;
    request.payload_bytes = static_cast<std::uint32_t>(payload.size());
    std::string packet(reinterpret_cast<const char*>(&request), sizeof request);
    packet += payload;
    raw(packet, fd);
    return request.id;
  }
  void raw(std::string packet, int fd = -1) const {
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    EXPECT_EQ(::sendmsg(connection.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(packet.size()));
  }
  Got ask(const Request& request, std::string_view payload = {}, int fd = -1) {
    return wait_for(tell(request, payload, fd));
  }
  Got wait_for(std::uint64_t id) {
    for (int i = 0; i < 200; ++i) {
      turn();
      for (auto at = answers.begin(); at != answers.end(); ++at) {
        if (at->head.id != id) continue;
        Got found = std::move(*at);
        answers.erase(at);
        return found;
      }
    }
    ADD_FAILURE() << "no answer to " << id;
    return {};
  }
  bool is_answered(std::uint64_t id) {
    turn();
    for (const Got& got : answers)
      if (got.head.id == id) return true;
    return false;
  }
  void turn() {
    world_.turn(world_.now());
    collect();
  }
  void collect() {
    for (;;) {
      std::string buffer(sizeof(Reply) + kPayloadMax, '\0');
      iovec part{buffer.data(), buffer.size()};
      msghdr message{};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t size = ::recvmsg(connection.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size == 0) is_over = true;
      if (size <= 0) return;
      Got got;
      std::memcpy(&got.head, buffer.data(), sizeof got.head);
      got.payload = buffer.substr(sizeof got.head, static_cast<std::size_t>(size) - sizeof got.head);
      if (const cmsghdr* rights = CMSG_FIRSTHDR(&message)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
        got.fd.reset(fd);
      }
      (got.head.notice == NoticeCode::none ? answers : notices).push_back(std::move(got));
    }
  }

  // --- what agents do
  UniqueFd stream() {
    UniqueFd fd = std::move(*make_unconnected_stream(true));
    Request request;
    request.code = RequestCode::socket;
    request.cookie = cookie_of(fd.get());
    request.arg[0] = AF_INET;
    request.arg[1] = SOCK_STREAM;
    EXPECT_EQ(ask(request).head.result, 0);
    return fd;
  }
  UniqueFd listener(std::uint16_t port) {
    UniqueFd fd = stream();
    Request request = about(fd, RequestCode::bind);
    EXPECT_EQ(ask(request, address_of(IpAddress::any_v4(), port)).head.result, 0);
    request = about(fd, RequestCode::listen);
    request.arg[0] = 16;
    EXPECT_EQ(ask(request, {}, port_.connect(fd.get())->get()).head.result, 0);
    return fd;
  }
  // A non-blocking connect.
  UniqueFd connect(const IpAddress& to, std::uint16_t port) {
    UniqueFd fd = stream();
    Request request = about(fd, RequestCode::connect);
    request.flags = Request::kNonBlocking;
    EXPECT_EQ(ask(request, address_of(to, port), port_.connect(fd.get())->get()).head.result, -EINPROGRESS);
    return fd;
  }
  static Request about(const UniqueFd& fd, RequestCode code) {
    Request request;
    request.code = code;
    request.cookie = cookie_of(fd.get());
    return request;
  }
  static Request accept_on(const UniqueFd& fd, bool nonblocking) {
    Request request = about(fd, RequestCode::accept);
    request.flags = nonblocking ? Request::kNonBlocking : std::uint16_t{0};
    return request;
  }

  UniqueFd connection;
  std::deque<Got> answers;
  std::deque<Got> notices;
  bool is_over = false;

 private:
  world::World& world_;
  CarrierPort port_;
  std::uint64_t last_id_ = 0;
};

class GateSession : public testing::Test {
 protected:
  static constexpr IpAddress kServer = IpAddress::v4(10, 0, 0, 1);

  static world::WorldOptions options() {
    world::WorldOptions options;
    options.version = kProtocolVersion;
    options.entropy = 1;
    return options;
  }

  world::World world_{options(), make_session_factory()};
};

// A message that no agent sends ends its session, whatever it is.
TEST_F(GateSession, NonsenseEndsTheSession) {
  const auto ends = [&](const std::string& packet, bool said_hello) {
    TestAgent stays(world_, "other");
    TestAgent agent(world_, said_hello ? "server" : "");
    agent.raw(packet);
    for (int i = 0; i < 10; ++i) agent.turn();
    return agent.is_over && !stays.is_over;
  };
  const auto packet = [](Request request, std::size_t extra = 0) {
    std::string bytes(reinterpret_cast<const char*>(&request), sizeof request);
    return bytes + std::string(extra, 'x');
  };
  Request request;
  request.code = RequestCode::bind;
  request.id = 7;
  EXPECT_TRUE(ends("short", true));
  EXPECT_TRUE(ends(packet(request, 3), true)) << "more payload than announced";
  request.payload_bytes = 5;
  EXPECT_TRUE(ends(packet(request, 3), true)) << "less payload than announced";
  request.payload_bytes = 0xffffffff;
  EXPECT_TRUE(ends(packet(request), true));
  request.payload_bytes = 0;
  EXPECT_TRUE(ends(packet(request), false)) << "a call before hello";
  request.id = 0;
  EXPECT_TRUE(ends(packet(request), true)) << "the id of notices";
  request.id = 7;
  request.code = static_cast<RequestCode>(0);
  EXPECT_TRUE(ends(packet(request), true));
  request.code = static_cast<RequestCode>(999);
  EXPECT_TRUE(ends(packet(request), true));
}

TEST_F(GateSession, UnknownCookieIsEbadf) {
  TestAgent agent(world_, "server");
  for (const RequestCode code :
       {RequestCode::bind, RequestCode::listen, RequestCode::connect, RequestCode::accept, RequestCode::send,
        RequestCode::receive_info, RequestCode::receive_error, RequestCode::send_urgent,
        RequestCode::shutdown, RequestCode::set_option, RequestCode::get_option, RequestCode::local_name,
        RequestCode::peer_name, RequestCode::control, RequestCode::rename, RequestCode::put_back,
        RequestCode::close, RequestCode::poisoned, RequestCode::identify}) {
    Request request;
    request.code = code;
    request.cookie = 424242;
    EXPECT_EQ(agent.ask(request).head.result, -EBADF) << static_cast<int>(code);
  }
}

TEST_F(GateSession, LengthsAreChecked) {
  TestAgent agent(world_, "server");
  UniqueFd fd = agent.stream();
  Request request = TestAgent::about(fd, RequestCode::bind);
  EXPECT_EQ(agent.ask(request, "").head.result, -EINVAL);
  EXPECT_EQ(agent.ask(request, "\2").head.result, -EINVAL);
  EXPECT_EQ(agent.ask(request, address_of(kServer, 1).substr(0, 8)).head.result, -EINVAL);
  request = TestAgent::about(fd, RequestCode::get_option);
  request.arg[0] = SOL_SOCKET;
  request.arg[1] = SO_TYPE;
  request.arg[2] = -1;
  EXPECT_EQ(agent.ask(request).head.result, -EINVAL);
  request.arg[2] = std::int64_t{1} << 60;
  EXPECT_EQ(agent.ask(request).payload.size(), 4u);
  request.arg[2] = 2;
  EXPECT_EQ(agent.ask(request).payload.size(), 2u);
  for (const auto& [address, control] : std::initializer_list<std::pair<std::int64_t, std::int64_t>>{
           {-1, 0}, {0, -1}, {100, 0}, {0, 100}, {5, 6}, {std::int64_t{1} << 62, std::int64_t{1} << 62}}) {
    request = TestAgent::about(fd, RequestCode::send);
    request.arg[1] = address;
    request.arg[2] = control;
    EXPECT_EQ(agent.ask(request, "0123456789").head.result, -EINVAL);
  }
}

// The kernel makes the data calls on the carrier: what they would have to tell, nobody would.
TEST_F(GateSession, OptionsAboutDataCallsAreRefused) {
  TestAgent agent(world_, "server");
  UniqueFd fd = agent.stream();
  constexpr int kInq = 36;  // TCP_INQ
  for (const auto& [level, option] : std::initializer_list<std::pair<int, int>>{
           {SOL_SOCKET, SO_ZEROCOPY}, {SOL_SOCKET, SO_TIMESTAMPING}, {IPPROTO_TCP, kInq}}) {
    Request request = TestAgent::about(fd, RequestCode::set_option);
    request.arg[0] = level;
    request.arg[1] = option;
    EXPECT_EQ(agent.ask(request, std::string("\1\0\0\0", 4)).head.result, -ENOPROTOOPT) << option;
    request.code = RequestCode::get_option;
    request.arg[2] = 4;
    EXPECT_EQ(agent.ask(request).head.result, -ENOPROTOOPT) << option;
  }
}

// Who may is told with each call: what the last bind() was allowed says nothing.
TEST_F(GateSession, OptionsOfAdministratorsAskForEachCaller) {
  TestAgent agent(world_, "server");
  UniqueFd fd = agent.stream();
  Request bind = TestAgent::about(fd, RequestCode::bind);
  bind.arg[0] = 1;
  ASSERT_EQ(agent.ask(bind, address_of(IpAddress::any_v4(), 80)).head.result, 0);
  for (const bool may : {false, true, false}) {
    Request request = TestAgent::about(fd, RequestCode::set_option);
    request.arg[0] = SOL_SOCKET;
    request.arg[1] = SO_MARK;
    request.arg[2] = may;
    EXPECT_EQ(agent.ask(request, std::string("\7\0\0\0", 4)).head.result, may ? 0 : -EPERM);
  }
}

// TCP-AO is read with a question, and the length is that of one key (socket/option_room.h).
TEST_F(GateSession, KeysOfTcpAoAreRead) {
  constexpr int kAddKey = 38, kGetKeys = 41;
  constexpr std::size_t kOne = 304, kCountAt = 272, kFlagsAt = 276, kSendIdAt = 278;
  TestAgent agent(world_, "server");
  UniqueFd fd = agent.stream();
  Request request = TestAgent::about(fd, RequestCode::set_option);
  request.arg[0] = IPPROTO_TCP;
  request.arg[1] = kAddKey;
  std::string key = address_of(IpAddress::v4(10, 0, 0, 9), 0);  // struct tcp_ao_add
  key.resize(288);
  key.replace(128, 10, "hmac(sha1)");
  key[202] = 32;
  key[203] = key[204] = 7;
  ASSERT_EQ(agent.ask(request, key).head.result, 0);
  std::string question(kOne, '\0');
  question[kCountAt] = 2;
  question[kFlagsAt] = 4;  // get_all
  request.code = RequestCode::get_option;
  request.arg[1] = kGetKeys;
  request.arg[2] = 2 * kOne;
  const Got answer = agent.ask(request, question);
  ASSERT_EQ(answer.head.result, 0);
  EXPECT_EQ(answer.head.arg[0], static_cast<std::int64_t>(kOne));
  ASSERT_EQ(answer.payload.size(), 2 * kOne);
  EXPECT_EQ(answer.payload[kCountAt], 1);
  EXPECT_EQ(answer.payload[kSendIdAt], 7);
}

TEST_F(GateSession, ConnectAcceptAndBytes) {
  TestAgent server(world_, "server");
  TestAgent client(world_, "client");
  UniqueFd listener = server.listener(8080);
  EXPECT_EQ(server.notices.back().head.notice, NoticeCode::listening);
  EXPECT_EQ(server.notices.back().head.arg[0], 8080);
  EXPECT_EQ(server.ask(TestAgent::accept_on(listener, true)).head.result, -EAGAIN);
  const std::uint64_t waiting = server.tell(TestAgent::accept_on(listener, false));
  EXPECT_FALSE(server.is_answered(waiting));
  UniqueFd left = client.connect(kServer, 8080);
  Got accepted = server.wait_for(waiting);
  ASSERT_EQ(accepted.head.result, 0);
  ASSERT_TRUE(accepted.fd);
  EXPECT_EQ(accepted.head.new_cookie, cookie_of(accepted.fd.get()));
  EXPECT_EQ(accepted.head.arg[0], 0) << "a parked accept needs no token";
  EXPECT_EQ(accepted.payload.size(), sizeof(sockaddr_in));
  EXPECT_EQ(polled(left.get()), "OUT");
  EXPECT_EQ(write_to(left.get(), "hello"), 5);
  server.turn();
  EXPECT_EQ(read_text(accepted.fd.get()), "hello");
  Request request = TestAgent::about(left, RequestCode::peer_name);
  EXPECT_EQ(client.ask(request).payload, address_of(kServer, 8080));
}

TEST_F(GateSession, RefusedConnectAndTheNextAttempt) {
  TestAgent server(world_, "server");
  TestAgent client(world_, "client");
  UniqueFd left = client.connect(kServer, 9);
  for (int i = 0; i < 5; ++i) client.turn();
  EXPECT_EQ(polled(left.get()), "IN OUT ERR HUP RDHUP");
  ASSERT_FALSE(client.notices.empty());
  EXPECT_EQ(client.notices.back().head.notice, NoticeCode::spent);
  Request request = TestAgent::about(left, RequestCode::get_option);
  request.arg[0] = SOL_SOCKET;
  request.arg[1] = SO_ERROR;
  request.arg[2] = 4;
  const Got error = client.ask(request);
  EXPECT_EQ(error.payload, std::string("\x6f\0\0\0", 4));  // ECONNREFUSED
  request = TestAgent::about(left, RequestCode::connect);
  request.flags = Request::kNonBlocking;
  EXPECT_EQ(client.ask(request, address_of(kServer, 9)).head.flags, Reply::kCarrierDead);
  UniqueFd renewed = std::move(*make_unconnected_stream(true));
  request = TestAgent::about(left, RequestCode::rename);
  request.arg[0] = static_cast<std::int64_t>(cookie_of(renewed.get()));
  EXPECT_EQ(client.ask(request).head.result, 0);
  EXPECT_EQ(client.ask(TestAgent::about(left, RequestCode::local_name)).head.result, -EBADF);
  EXPECT_EQ(client.ask(TestAgent::about(renewed, RequestCode::local_name)).head.result, 0);
}

TEST_F(GateSession, PutBackGoesToTheFrontAndKeepsItsBytes) {
  TestAgent server(world_, "server");
  TestAgent client(world_, "client");
  UniqueFd listener = server.listener(8080);
  UniqueFd first = client.connect(kServer, 8080);
  UniqueFd second = client.connect(kServer, 8080);
  EXPECT_EQ(polled(listener.get()), "IN");
  Got accepted = server.ask(TestAgent::accept_on(listener, true));
  ASSERT_EQ(accepted.head.result, 0);
  EXPECT_EQ(accepted.head.arg[0], 1);
  EXPECT_EQ(read_size(listener.get(), 1), 1);
  EXPECT_EQ(write_to(first.get(), "early"), 5);
  server.turn();
  Request request = TestAgent::about(listener, RequestCode::put_back);
  request.arg[0] = static_cast<std::int64_t>(accepted.head.new_cookie);
  EXPECT_EQ(server.ask(request, {}, accepted.fd.get()).head.result, 0);
  server.turn();
  Got again = server.ask(TestAgent::accept_on(listener, true));
  EXPECT_EQ(again.head.new_cookie, accepted.head.new_cookie);
  EXPECT_EQ(read_text(again.fd.get()), "early");
}

TEST_F(GateSession, PutBackServesACallThatWaits) {
  TestAgent server(world_, "server");
  TestAgent client(world_, "client");
  UniqueFd listener = server.listener(8080);
  UniqueFd first = client.connect(kServer, 8080);
  Got accepted = server.ask(TestAgent::accept_on(listener, false));
  ASSERT_EQ(accepted.head.result, 0);
  const std::uint64_t waiting = server.tell(TestAgent::accept_on(listener, false));
  EXPECT_FALSE(server.is_answered(waiting));
  Request request = TestAgent::about(listener, RequestCode::put_back);
  request.arg[0] = static_cast<std::int64_t>(accepted.head.new_cookie);
  server.tell(request, {}, accepted.fd.get());
  EXPECT_EQ(server.wait_for(waiting).head.new_cookie, accepted.head.new_cookie);
}

TEST_F(GateSession, CancelledAcceptIsAnsweredAtOnce) {
  TestAgent server(world_, "server");
  UniqueFd listener = server.listener(8080);
  const std::uint64_t waiting = server.tell(TestAgent::accept_on(listener, false));
  EXPECT_FALSE(server.is_answered(waiting));
  Request request;
  request.code = RequestCode::cancel;
  request.cookie = waiting;
  server.tell(request);
  EXPECT_EQ(server.wait_for(waiting).head.result, -ECANCELED);
  request.cookie = 987654;  // nothing waits under this id
  server.tell(request);
  server.turn();
  EXPECT_FALSE(server.is_over);
}

TEST_F(GateSession, LastCloseIsToldAndFreesThePort) {
  TestAgent server(world_, "server");
  UniqueFd listener = server.listener(8080);
  const std::uint64_t cookie = cookie_of(listener.get());
  listener.reset();
  for (int i = 0; i < 5; ++i) server.turn();
  ASSERT_FALSE(server.notices.empty());
  EXPECT_EQ(server.notices.back().head.notice, NoticeCode::closed);
  EXPECT_EQ(server.notices.back().head.new_cookie, cookie);
  (void)server.listener(8080);
}

TEST_F(GateSession, ALeavingAgentResetsItsConnections) {
  TestAgent server(world_, "server");
  UniqueFd listener = server.listener(8080);
  UniqueFd orphan;
  UniqueFd accepted;
  {
    TestAgent client(world_, "client");
    orphan = client.connect(kServer, 8080);
    accepted = std::move(server.ask(TestAgent::accept_on(listener, false)).fd);
    client.tell(TestAgent::accept_on(listener, false));  // and one that waits
    client.turn();
  }
  for (int i = 0; i < 10; ++i) server.turn();
  EXPECT_EQ(read_size(orphan.get()), -ECONNRESET);
  EXPECT_EQ(read_size(accepted.get()), -ECONNRESET);
  EXPECT_FALSE(server.is_over);
}

TEST_F(GateSession, AnAgentThatDoesNotReadLosesNothingAndBlocksNobody) {
  TestAgent lazy(world_, "server");
  TestAgent other(world_, "other");
  Request request;
  request.code = RequestCode::identify;
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < 2000; ++i) {
    request.id = 100000 + static_cast<std::uint64_t>(i);
    std::string packet(reinterpret_cast<const char*>(&request), sizeof request);
    if (::send(lazy.connection.get(), packet.data(), packet.size(), MSG_DONTWAIT) < 0) break;
    asked.push_back(request.id);
    if (i % 50 == 0) world_.turn(world_.now());
  }
  EXPECT_GT(asked.size(), 300u);
  (void)other.stream();
  for (const std::uint64_t id : asked) EXPECT_EQ(lazy.wait_for(id).head.result, -EBADF);
}

TEST_F(GateSession, ManySockets) {
  // Both ends of every carrier are here: more than an ordinary user's usual 1024.
  rlimit descriptors{};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &descriptors));
  descriptors.rlim_cur = descriptors.rlim_max;
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &descriptors));
  if (descriptors.rlim_max < 2000) GTEST_SKIP() << "at most " << descriptors.rlim_max << " descriptors";
  TestAgent server(world_, "server");
  TestAgent client(world_, "client");
  UniqueFd listener = server.listener(8080);
  constexpr int kConnections = 300;
  std::vector<UniqueFd> left;
  std::vector<UniqueFd> right;
  for (int i = 0; i < kConnections; ++i) {
    left.push_back(client.connect(kServer, 8080));
    right.push_back(std::move(server.ask(TestAgent::accept_on(listener, false)).fd));
    ASSERT_TRUE(right.back());
  }
  for (int i = 0; i < kConnections; ++i)
    ASSERT_EQ(write_to(left[static_cast<std::size_t>(i)].get(), std::to_string(i)) > 0, true);
  for (int i = 0; i < 10; ++i) server.turn();
  for (int i = 0; i < kConnections; ++i)
    ASSERT_EQ(read_text(right[static_cast<std::size_t>(i)].get()), std::to_string(i));
}

}  // namespace
}  // namespace sockeye::gate
