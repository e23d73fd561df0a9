// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Carriers under a real TCP (decisions.md D16, D17): what a program sees on its descriptor while two
// stacks talk.
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "carrier_bench.h"

namespace sockeye::gate {
namespace {

class StreamCarrier : public CarrierBench {};

class StreamCarrierFar : public CarrierBench {
 protected:
  StreamCarrierFar() : CarrierBench(10ms) {}
};

int option(Socket& socket, int name) {
  int value = 0;
  EXPECT_TRUE(socket.get_option(SOL_SOCKET, name, std::as_writable_bytes(std::span(&value, 1))).has_value());
  return value;
}

// ------------------------------------------------------------------------ connecting

TEST_F(StreamCarrierFar, NotWritableBeforeTheHandshakeIsOver) {
  listener = listen();
  left = start();
  settle();
  EXPECT_EQ(polled(left.program.get()), "");
  advance(15ms);
  EXPECT_EQ(polled(left.program.get()), "");
  advance(10ms);
  EXPECT_EQ(polled(left.program.get()), "OUT");
  EXPECT_EQ(left.world->phase(), StreamEnd::Phase::open);
}

TEST_F(StreamCarrier, RefusedConnectShowsErrorAndHangUp) {
  left = start({kServer, 1});
  settle();
  EXPECT_EQ(polled(left.program.get()), "IN OUT ERR HUP RDHUP");
  EXPECT_TRUE(left.world->is_spent());
  EXPECT_EQ(option(*left.socket, SO_ERROR), ECONNREFUSED);
}

TEST_F(StreamCarrier, ConnectAgainAfterARefusalNeedsAnotherCarrier) {
  SocketRef socket = make_socket(client_);
  left = start({kServer, kPort}, socket);
  settle();
  ASSERT_TRUE(left.world->is_spent());
  EXPECT_EQ(option(*socket, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(socket->connect(Endpoint{kServer, kPort}).error(), Errno::connaborted);  // once, as Linux does
  listener = listen();
  left = start({kServer, kPort}, socket);
  settle();
  EXPECT_EQ(polled(left.program.get()), "OUT");
  right = accept(*listener);
  EXPECT_EQ(write_to(left.program.get(), "again"), 5);
  settle();
  EXPECT_EQ(read_text(right.program.get()), "again");
}

TEST_F(StreamCarrierFar, ClosingDuringTheAttemptEndsIt) {
  listener = listen();
  left = start();
  settle();
  close(left);
  EXPECT_EQ(left.world, nullptr);
  advance(1s);
  EXPECT_FALSE(listener->accept().has_value());
}

// ------------------------------------------------------------------------ bytes

TEST_F(StreamCarrier, MessagesBothWays) {
  connect();
  for (int i = 0; i < 200; ++i) {
    const std::string ping = "ping " + std::to_string(i);
    ASSERT_EQ(write_to(left.program.get(), ping), static_cast<ssize_t>(ping.size()));
    settle();
    ASSERT_EQ(read_text(right.program.get()), ping);
    ASSERT_EQ(write_to(right.program.get(), "pong"), 4);
    settle();
    ASSERT_EQ(read_text(left.program.get()), "pong");
  }
  EXPECT_EQ(polled(left.program.get()), "OUT");
}

TEST_F(StreamCarrier, OneByteWrites) {
  connect();
  std::string got;
  const std::string sent = pattern(3000);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(write_to(left.program.get(), sent.substr(i, 1)), 1);
    settle();
    if (i % 100 == 99) {
      settle();
      got += read_text(right.program.get());
    }
  }
  settle();
  got += read_text(right.program.get());
  EXPECT_EQ(got, sent);
}

TEST_F(StreamCarrierFar, BulkArrivesWholeWhateverTheSizesOfReadsAndWrites) {
  connect();
  constexpr std::size_t kAll = 5'000'000;
  const std::string sent = pattern(kAll);
  std::string got;
  std::size_t written = 0;
  for (int i = 0; got.size() < kAll && i < 20000; ++i) {
    for (const std::size_t size : {200000u, 7u, 65536u, 1u, 31337u}) {
      const ssize_t done = write_to(left.program.get(), std::string_view(sent).substr(written, size));
      if (done > 0) written += static_cast<std::size_t>(done);
    }
    advance(5ms);
    got += read_text(right.program.get(), 100000);
    settle();
    got += read_text(right.program.get(), 17);
  }
  EXPECT_EQ(got.size(), kAll);
  EXPECT_TRUE(got == sent);
}

// sendfile puts pages of the file into the carrier instead of copies.
TEST_F(StreamCarrier, SendfileGoesOnWheneverPollSaysOut) {
  connect();
  const std::string sent = pattern(3'000'000);
  UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
  off_t at = 0;
  std::string got;
  for (int i = 0; i < 10000 && got.size() < sent.size(); ++i) {
    if (polled(left.program.get()).find("OUT") != std::string::npos)
      while (::sendfile(left.program.get(), file.get(), &at, sent.size()) > 0) {
      }
    settle();
    got += read_text(right.program.get());
  }
  EXPECT_EQ(got.size(), sent.size());
  EXPECT_TRUE(got == sent);
}

// ------------------------------------------------------------------------ windows

TEST_F(StreamCarrierFar, WindowClosesWhenTheProgramDoesNotReadAndOpensWhenItDoes) {
  listener = listen();
  const int small = 32768;
  EXPECT_TRUE(listener->set_option(SOL_SOCKET, SO_RCVBUF, std::as_bytes(std::span(&small, 1))).has_value());
  SocketRef sender = make_socket(client_);
  EXPECT_TRUE(sender->set_option(SOL_SOCKET, SO_SNDBUF, std::as_bytes(std::span(&small, 1))).has_value());
  left = start({kServer, kPort}, sender);
  advance(100ms);
  right = accept(*listener);
  const std::string sent = pattern(1'000'000);
  std::size_t written = 0;
  const auto write_all = [&] {
    for (;;) {
      const ssize_t done = write_to(left.program.get(), std::string_view(sent).substr(written, 65536));
      if (done <= 0) return;
      written += static_cast<std::size_t>(done);
    }
  };
  for (int i = 0; i < 100; ++i) {
    write_all();
    advance(20ms);
  }
  // SO_RCVBUF counts double, half of it for bytes: no more than that was ever taken in.
  EXPECT_LE(right.world->unread_bytes(), 2u * 32768u);
  EXPECT_LT(written, 700'000u);
  EXPECT_EQ(polled(left.program.get()), "");
  EXPECT_LT(right.socket->report().tcp->receive_window, 4096u);

  std::string got;
  for (int i = 0; i < 2000 && got.size() < sent.size(); ++i) {
    write_all();
    got += read_text(right.program.get(), 20000);
    advance(20ms);
  }
  EXPECT_TRUE(got == sent);
}

TEST_F(StreamCarrier, SlowReaderNeverLosesTheWindow) {
  connect();
  const std::string sent = pattern(600'000);
  std::size_t written = 0;
  std::string got;
  for (int i = 0; i < 100000 && got.size() < sent.size(); ++i) {
    const ssize_t done = write_to(left.program.get(), std::string_view(sent).substr(written));
    if (done > 0) written += static_cast<std::size_t>(done);
    advance(1ms);
    got += read_text(right.program.get(), 3001);
  }
  EXPECT_TRUE(got == sent);
}

// ------------------------------------------------------------------------ the end

TEST_F(StreamCarrier, HalfCloseCarriesOnTheOtherWay) {
  connect();
  ASSERT_EQ(write_to(left.program.get(), "request"), 7);
  ASSERT_EQ(::shutdown(left.program.get(), SHUT_WR), 0);
  left.world->on_shut_writing();
  settle();
  EXPECT_EQ(read_text(right.program.get()), "request");
  EXPECT_EQ(read_size(right.program.get()), 0);
  EXPECT_EQ(polled(right.program.get()), "IN OUT RDHUP");
  const std::string answer = pattern(300'000);
  std::size_t written = 0;
  std::string got;
  while (got.size() < answer.size()) {
    const ssize_t done = write_to(right.program.get(), std::string_view(answer).substr(written));
    if (done > 0) written += static_cast<std::size_t>(done);
    settle();
    const std::string more = read_text(left.program.get());
    ASSERT_FALSE(more.empty());
    got += more;
  }
  EXPECT_TRUE(got == answer);
  close(right);
  EXPECT_EQ(right.world, nullptr);
  EXPECT_EQ(read_size(left.program.get()), 0);
  EXPECT_EQ(polled(left.program.get()), "IN OUT HUP RDHUP");
  ASSERT_NE(left.world, nullptr);
  close(left);
  EXPECT_EQ(left.world, nullptr) << "the last close was not noticed";
}

// Both directions are shut before the world hears of the second: that is no close, and what came stays
// readable.
class ShutBehindClose : public StreamCarrier, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(WorldTurnsBetween, ShutBehindClose, testing::Bool());
TEST_P(ShutBehindClose, IsNoCloseOfOurs) {
  connect();
  ASSERT_EQ(write_to(right.program.get(), "answer"), 6);
  close(right);
  left.world->expect_shut_writing();
  ASSERT_EQ(::shutdown(left.program.get(), SHUT_WR), 0);
  if (GetParam()) settle();
  ASSERT_NE(left.world, nullptr) << "taken for the program's close";
  left.world->on_shut_writing();
  settle();
  ASSERT_NE(left.world, nullptr) << "taken for the program's close";
  EXPECT_EQ(polled(left.program.get()), "IN OUT HUP RDHUP");
  EXPECT_EQ(read_text(left.program.get()), "answer");
  EXPECT_EQ(read_size(left.program.get()), 0);
  ASSERT_NE(left.world, nullptr);
  close(left);
  EXPECT_EQ(left.world, nullptr) << "the last close was not noticed";
}

TEST_F(StreamCarrier, CloseAfterThePeersCloseIsNoticed) {
  connect();
  close(right);
  EXPECT_EQ(read_size(left.program.get()), 0);
  EXPECT_EQ(polled(left.program.get()), "IN OUT RDHUP");
  close(left);
  EXPECT_EQ(left.world, nullptr);
}

TEST_F(StreamCarrier, ShutdownBothWaysThenClose) {
  connect();
  left.world->shut_reading();
  ASSERT_EQ(::shutdown(left.program.get(), SHUT_WR), 0);
  left.world->on_shut_writing();
  left.program.reset();  // before the world has turned
  settle();
  EXPECT_EQ(left.world, nullptr);
  EXPECT_EQ(read_size(right.program.get()), 0);
}

TEST_F(StreamCarrier, LastBytesBeforeCloseArriveBeforeTheEnd) {
  connect();
  const std::string sent = pattern(100'000);
  ASSERT_EQ(write_to(left.program.get(), sent), 100'000);
  close(left);
  std::string got;
  for (;;) {
    settle();
    const std::string more = read_text(right.program.get());
    if (more.empty()) break;
    got += more;
  }
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(read_size(right.program.get()), 0);
  EXPECT_EQ(left.world, nullptr);
}

TEST_F(StreamCarrier, ClosingWithUnreadDataResetsThePeer) {
  connect();
  ASSERT_EQ(write_to(right.program.get(), "never read"), 10);
  settle();
  close(left);
  EXPECT_EQ(polled(right.program.get()), "IN OUT ERR HUP RDHUP");
  EXPECT_EQ(read_size(right.program.get()), -ECONNRESET);
}

TEST_F(StreamCarrier, LingerZeroResetsThePeer) {
  connect();
  const linger now{1, 0};
  ASSERT_TRUE(left.socket->set_option(SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&now, 1))).has_value());
  close(left);
  EXPECT_EQ(read_size(right.program.get()), -ECONNRESET);
  EXPECT_EQ(right.world->take_error(), Errno::connreset);
}

TEST_F(StreamCarrier, ResetAfterShutdownOfWritingIsStillAReset) {
  connect();
  ASSERT_EQ(::shutdown(left.program.get(), SHUT_WR), 0);
  left.world->on_shut_writing();
  settle();
  const linger now{1, 0};
  ASSERT_TRUE(right.socket->set_option(SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&now, 1))).has_value());
  close(right);
  EXPECT_EQ(read_size(left.program.get()), -ECONNRESET);
}

TEST_F(StreamCarrier, DataBeforeAResetIsReadFirst) {
  connect();
  ASSERT_EQ(write_to(right.program.get(), "last words"), 10);
  settle();
  const linger now{1, 0};
  ASSERT_TRUE(right.socket->set_option(SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&now, 1))).has_value());
  close(right);
  EXPECT_EQ(read_text(left.program.get()), "last words");
  EXPECT_EQ(read_size(left.program.get()), -ECONNRESET);
}

TEST_F(StreamCarrier, WritingToAClosedPeerEndsInEpipe) {
  connect();
  close(right);
  settle();
  EXPECT_EQ(read_size(left.program.get()), 0);
  EXPECT_EQ(write_to(left.program.get(), "into the void"), 13);  // answered by a reset
  settle();
  EXPECT_EQ(write_to(left.program.get(), "more"), -EPIPE);
  EXPECT_EQ(left.world->take_error(), Errno::pipe);
  EXPECT_EQ(read_size(left.program.get()), 0);
}

TEST_F(StreamCarrier, ProgramKilledInMidTransfer) {
  connect();
  const std::string sent = pattern(1'000'000);
  std::size_t written = 0;
  for (int i = 0; i < 3; ++i) {
    const ssize_t done = write_to(left.program.get(), std::string_view(sent).substr(written));
    if (done > 0) written += static_cast<std::size_t>(done);
    settle();
  }
  right.program.reset();  // with much unread
  settle();
  EXPECT_EQ(right.world, nullptr);
  EXPECT_EQ(polled(left.program.get()), "IN OUT ERR HUP RDHUP");
  EXPECT_EQ(write_to(left.program.get(), "x"), -EPIPE);
}

TEST_F(StreamCarrierFar, SilentPeerTimesOutAndTheErrorIsExact) {
  connect();
  const int limit = 3000;  // TCP_USER_TIMEOUT
  ASSERT_TRUE(left.socket->set_option(IPPROTO_TCP, 18, std::as_bytes(std::span(&limit, 1))).has_value());
  server_is_dead_ = true;
  deadline_[1] = kNever;
  ASSERT_EQ(write_to(left.program.get(), "anybody"), 7);
  advance(2s);
  EXPECT_EQ(polled(left.program.get()), "OUT");
  advance(60s);
  EXPECT_EQ(polled(left.program.get()), "IN OUT ERR HUP RDHUP");
  EXPECT_EQ(left.world->take_error(), Errno::timedout);
}

// ------------------------------------------------------------------------ urgent data

TEST_F(StreamCarrier, UrgentByteRaisesPriAndMarksTheStream) {
  connect();
  ASSERT_EQ(write_to(left.program.get(), "abc"), 3);
  const std::byte urgent{'!'};
  ASSERT_EQ(left.world->send_urgent(Bytes(&urgent, 1)).value_or(0), 1u);
  settle();
  ASSERT_EQ(write_to(left.program.get(), "def"), 3);
  settle();
  EXPECT_EQ(polled(right.program.get()), "IN PRI OUT");
  EXPECT_EQ(read_text(right.program.get()), "abc");
  int at_mark = 0;
  ::ioctl(right.program.get(), SIOCATMARK, &at_mark);
  EXPECT_EQ(at_mark, 1);
  EXPECT_EQ(read_text(right.program.get(), 1, MSG_OOB), "!");
  EXPECT_EQ(read_text(right.program.get()), "def");
  EXPECT_EQ(polled(right.program.get()), "OUT");
}

// The program goes on as soon as the call has its answer: the world may not have turned in between.
TEST_F(StreamCarrier, UrgentByteStaysBeforeWhatIsWrittenNext) {
  connect();
  ASSERT_EQ(write_to(left.program.get(), "abc"), 3);
  const std::byte urgent{'!'};
  ASSERT_EQ(left.world->send_urgent(Bytes(&urgent, 1)).value_or(0), 1u);
  ASSERT_EQ(write_to(left.program.get(), "def"), 3);
  settle();
  EXPECT_EQ(read_text(right.program.get(), 1, MSG_OOB), "!");
  EXPECT_EQ(read_text(right.program.get()), "abc");
  EXPECT_EQ(read_text(right.program.get()), "def");
}

TEST_F(StreamCarrier, UrgentByteInLine) {
  connect();
  const int on = 1;
  ASSERT_EQ(::setsockopt(right.program.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
  const std::byte urgent{'!'};
  ASSERT_EQ(write_to(left.program.get(), "abc"), 3);
  ASSERT_EQ(left.world->send_urgent(Bytes(&urgent, 1)).value_or(0), 1u);
  settle();
  EXPECT_EQ(read_text(right.program.get()), "abc");
  EXPECT_EQ(read_text(right.program.get()), "!");
}

// ------------------------------------------------------------------------ listener

TEST_F(StreamCarrier, ListenerHasOneTokenPerWaitingConnection) {
  listener = listen();
  UniqueFd program = std::move(*make_unconnected_stream(true));
  ListenerEnd queue(carriers_, listener, std::move(*port_.connect(program.get())));
  settle();
  EXPECT_EQ(polled(program.get()), "");
  left = start();
  End second = start();
  settle();
  EXPECT_EQ(polled(program.get()), "IN");
  right = accept(*listener);
  ASSERT_TRUE(queue.take_token());
  EXPECT_EQ(read_size(program.get(), 1), 1);
  EXPECT_EQ(polled(program.get()), "IN");
  End another = accept(*listener);
  ASSERT_TRUE(queue.take_token());
  EXPECT_EQ(read_size(program.get(), 1), 1);
  EXPECT_EQ(polled(program.get()), "");
  EXPECT_FALSE(queue.take_token());
  program.reset();
  settle();
  EXPECT_TRUE(queue.is_finished());
}

}  // namespace
}  // namespace sockeye::gate
