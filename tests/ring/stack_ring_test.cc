// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The ring over a socket that does what the test says: when operations complete, with what, in which
// order, and that it is once.
#include "ring/stack_ring.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../ready/fake_socket.h"
#include "core/rng.h"

namespace sockeye {
namespace {

using test::FakeSocket;

Instant at(Duration since_start) {
  return Instant(since_start);
}

// An Op with its buffer, which counts how often it was told.
struct Call {
  Call() {
    op.done = [](Op* done) { ++static_cast<Call*>(done->user)->completions; };
    op.user = this;
  }
  void receive_from(FakeSocket& socket, std::size_t size, int flags = 0) {
    bytes.assign(size, '\0');
    in = std::as_writable_bytes(std::span(bytes.data(), bytes.size()));
    op.code = OpCode::receive;
    op.socket = SocketRef(&socket);
    op.incoming.buffers = {&in, 1};
    op.incoming.flags = flags;
  }
  void send_to(FakeSocket& socket, std::string text, bool all = true) {
    bytes = std::move(text);
    out = std::as_bytes(std::span(bytes.data(), bytes.size()));
    op.code = OpCode::send;
    op.socket = SocketRef(&socket);
    op.outgoing.buffers = {&out, 1};
    op.send_all = all;
  }
  std::string got() const { return bytes.substr(0, op.result > 0 ? static_cast<std::size_t>(op.result) : 0); }

  std::string bytes;
  MutableBytes in;
  Bytes out;
  Op op;
  int completions = 0;
};

class StackRingTest : public ::testing::Test {
 protected:
  void drive(Duration now = 0s) { ring.drive(at(now)); }
  SocketRef owner{new FakeSocket};
  FakeSocket& socket = static_cast<FakeSocket&>(*owner);
  StackRing ring;
};

TEST_F(StackRingTest, TryNowCompletesWithoutTelling) {
  Call call;
  call.receive_from(socket, 10);
  EXPECT_FALSE(ring.try_now(call.op));
  socket.deliver("abc");
  EXPECT_TRUE(ring.try_now(call.op));
  EXPECT_EQ("abc", call.got());
  EXPECT_EQ(0, call.completions);
  EXPECT_FALSE(ring.has_work());
}

TEST_F(StackRingTest, SubmitNeverTellsAndDriveDoesOnce) {
  socket.deliver("abc");
  Call call;
  call.receive_from(socket, 10);
  ring.submit(call.op);
  EXPECT_EQ(0, call.completions);
  EXPECT_TRUE(ring.has_work());
  drive();
  EXPECT_EQ(1, call.completions);
  EXPECT_EQ("abc", call.got());
  drive();
  EXPECT_EQ(1, call.completions);
  EXPECT_FALSE(call.op.in_flight());
}

TEST_F(StackRingTest, ParksUntilTheEvent) {
  Call call;
  call.receive_from(socket, 10);
  ring.submit(call.op);
  drive();
  EXPECT_FALSE(ring.has_work());
  socket.make_space(1);  // the wrong direction
  EXPECT_FALSE(ring.has_work());
  socket.deliver("x");
  EXPECT_TRUE(ring.has_work());
  drive();
  EXPECT_EQ("x", call.got());
}

TEST_F(StackRingTest, OperationsOfOneSocketKeepTheirOrder) {
  Call first, second, third;
  for (Call* call : {&first, &second, &third}) {
    call->receive_from(socket, 1);
    ring.submit(call->op);
  }
  drive();
  socket.deliver("a");
  drive();
  socket.deliver("bc");
  drive();
  EXPECT_EQ("a", first.got());
  EXPECT_EQ("b", second.got());
  EXPECT_EQ("c", third.got());
}

TEST_F(StackRingTest, SendAllGoesOnUntilEverythingWasTaken) {
  Call call;
  call.send_to(socket, "hello world");
  socket.make_space(5);
  ring.submit(call.op);
  drive();
  EXPECT_EQ(0, call.completions);
  EXPECT_EQ("hello", socket.sent);
  socket.make_space(3);
  drive();
  socket.make_space(100);
  drive();
  EXPECT_EQ(1, call.completions);
  EXPECT_EQ(11, call.op.result);
  EXPECT_EQ("hello world", socket.sent);
}

TEST_F(StackRingTest, SendWithoutAllCompletesWithAPart) {
  Call call;
  call.send_to(socket, "hello world", false);
  ring.submit(call.op);
  drive();
  EXPECT_EQ(0, call.completions);
  socket.make_space(5);
  drive();
  EXPECT_EQ(5, call.op.result);
}

TEST_F(StackRingTest, SendGathersManyBuffers) {
  std::string text(300, '\0');
  std::vector<Bytes> buffers;
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>('a' + i % 26);
    buffers.push_back(std::as_bytes(std::span(text)).subspan(i, 1));
  }
  Call call;
  call.send_to(socket, "");
  call.op.outgoing.buffers = buffers;
  ring.submit(call.op);
  for (int i = 0; i < 4; ++i) {
    socket.make_space(77);
    drive();
  }
  EXPECT_EQ(300, call.op.result);
  EXPECT_EQ(text, socket.sent);
}

TEST_F(StackRingTest, BytesWinOverTheErrorAfterThemAndTheErrorStays) {
  Call call;
  call.send_to(socket, "hello world");
  socket.make_space(5);
  ring.submit(call.op);
  drive();
  socket.fail(Errno::connreset);
  drive();
  EXPECT_EQ(5, call.op.result);
  Call next;
  next.send_to(socket, "x");
  EXPECT_TRUE(ring.try_now(next.op));
  EXPECT_EQ(-ECONNRESET, next.op.result);
}

TEST_F(StackRingTest, WaitAllWaitsForAllOrTheEnd) {
  Call all, rest;
  all.receive_from(socket, 5, MessageFlags::kWaitAll);
  rest.receive_from(socket, 5, MessageFlags::kWaitAll);
  ring.submit(all.op);
  ring.submit(rest.op);
  for (const char* piece : {"ab", "c", "defg"}) {
    socket.deliver(piece);
    drive();
  }
  EXPECT_EQ("abcde", all.got());
  EXPECT_EQ(0, rest.completions);
  socket.finish_input();
  drive();
  EXPECT_EQ("fg", rest.got());
}

TEST_F(StackRingTest, WaitAllKeepsTheErrorForTheNextCall) {
  Call call;
  call.receive_from(socket, 5, MessageFlags::kWaitAll);
  ring.submit(call.op);
  socket.deliver("ab");
  drive();
  socket.fail(Errno::connreset);
  drive();
  EXPECT_EQ("ab", call.got());
  EXPECT_TRUE(ring.try_now(call.op));
  EXPECT_EQ(-ECONNRESET, call.op.result);
}

TEST_F(StackRingTest, PeekWithWaitAllTakesNothing) {
  Call call;
  call.receive_from(socket, 4, MessageFlags::kWaitAll | MessageFlags::kPeek);
  ring.submit(call.op);
  socket.deliver("ab");
  drive();
  EXPECT_EQ(0, call.completions);
  socket.deliver("cde");
  drive();
  EXPECT_EQ("abcd", call.got());
  EXPECT_EQ(5, *socket.control(FIONREAD));
}

TEST_F(StackRingTest, LowWaterHoldsTheCompletionBack) {
  socket.low_water = 4;
  Call call;
  call.receive_from(socket, 10);
  ring.submit(call.op);
  socket.deliver("ab");
  drive();
  EXPECT_EQ(0, call.completions);
  socket.deliver("cde");
  drive();
  EXPECT_EQ("abcde", call.got());
}

TEST_F(StackRingTest, ConnectAnswersAsTheBlockingCall) {
  Call good;
  good.op.code = OpCode::connect;
  good.op.socket = owner;
  good.op.address = Endpoint{};
  ring.submit(good.op);
  drive();
  EXPECT_EQ(0, good.completions);
  socket.finish_connect(std::nullopt);
  drive();
  EXPECT_EQ(1, good.completions);
  EXPECT_EQ(0, good.op.result);
  EXPECT_TRUE(ring.try_now(good.op));
  EXPECT_EQ(-EISCONN, good.op.result);
}

TEST_F(StackRingTest, ConnectAnswersTheError) {
  Call call;
  call.op.code = OpCode::connect;
  call.op.socket = owner;
  ring.submit(call.op);
  drive();
  socket.finish_connect(Errno::connrefused);
  drive();
  EXPECT_EQ(-ECONNREFUSED, call.op.result);
}

TEST_F(StackRingTest, ConnectDeadlineSaysWhoBegan) {
  for (const int expected : {-EINPROGRESS, -EALREADY}) {
    Call call;
    call.op.code = OpCode::connect;
    call.op.socket = owner;
    call.op.deadline = at(1s);
    call.op.expired = Errno::inprogress;
    ring.submit(call.op);
    drive();
    drive(1s);
    EXPECT_EQ(1, call.completions);
    EXPECT_EQ(expected, call.op.result);
  }
}

TEST_F(StackRingTest, AcceptGivesEachConnectionToOneOperation) {
  Call first, second;
  for (Call* call : {&first, &second}) {
    call->op.code = OpCode::accept;
    call->op.socket = owner;
    ring.submit(call->op);
  }
  drive();
  SocketRef connection{new FakeSocket};
  socket.offer(connection);
  drive();
  EXPECT_EQ(1, first.completions);
  EXPECT_EQ(connection.get(), first.op.accepted.get());
  EXPECT_EQ(0, second.completions);
  ring.cancel(second.op);
  drive();
  EXPECT_EQ(-ECANCELED, second.op.result);
}

TEST_F(StackRingTest, PollAnswersTheBitsThatAreReady) {
  Call call;
  call.op.code = OpCode::poll;
  call.op.socket = owner;
  call.op.events = Readiness::in;
  ring.submit(call.op);
  socket.make_space(1);
  drive();
  EXPECT_EQ(0, call.completions);
  socket.deliver("x");
  drive();
  EXPECT_EQ(static_cast<int>(Readiness::in), call.op.result);
}

TEST_F(StackRingTest, DeadlinesFireInOrderAndTiesAsSubmitted) {
  std::vector<int> order;
  struct Timer : Op {
    std::vector<int>* order = nullptr;
    int name = 0;
  };
  Timer timers[4];
  const Duration deadlines[] = {30ms, 10ms, 20ms, 10ms};
  for (int i = 0; i < 4; ++i) {
    timers[i].name = i;
    timers[i].order = &order;
    timers[i].deadline = at(deadlines[i]);
    timers[i].done = [](Op* op) {
      EXPECT_EQ(-ETIME, op->result);
      static_cast<Timer*>(op)->order->push_back(static_cast<Timer*>(op)->name);
    };
    ring.submit(timers[i]);
  }
  EXPECT_EQ(at(10ms), ring.next_deadline());
  drive(9ms);
  EXPECT_TRUE(order.empty());
  drive(1s);
  EXPECT_EQ((std::vector<int>{1, 3, 2, 0}), order);
  EXPECT_EQ(kNever, ring.next_deadline());
}

TEST_F(StackRingTest, AnEventAtTheDeadlineWins) {
  Call call;
  call.receive_from(socket, 10);
  call.op.deadline = at(1s);
  call.op.expired = Errno::again;
  ring.submit(call.op);
  drive();
  socket.deliver("x");
  drive(1s);
  EXPECT_EQ("x", call.got());
}

TEST_F(StackRingTest, CancelGivesWhatHasMoved) {
  Call partly, nothing, finished;
  partly.send_to(socket, "hello");
  socket.make_space(2);
  ring.submit(partly.op);
  drive();
  ring.cancel(partly.op);
  nothing.receive_from(socket, 5);
  ring.submit(nothing.op);
  ring.cancel(nothing.op);
  socket.deliver("x");
  EXPECT_EQ(0, partly.completions + nothing.completions);
  drive();
  EXPECT_EQ(2, partly.op.result);
  EXPECT_EQ(-ECANCELED, nothing.op.result);
  finished.receive_from(socket, 5);
  ring.submit(finished.op);
  drive();
  ring.cancel(finished.op);  // too late: it had succeeded and was told
  drive();
  EXPECT_EQ("x", finished.got());
  EXPECT_EQ(1, finished.completions);
}

TEST_F(StackRingTest, DoneMayDestroyItsOp) {
  struct Self : Op {};
  static int told = 0;
  told = 0;
  for (int i = 0; i < 3; ++i) {
    auto* self = new Self;
    self->deadline = at(1ms);
    self->done = [](Op* op) {
      ++told;
      delete static_cast<Self*>(op);
    };
    ring.submit(*self);
  }
  drive(1ms);
  EXPECT_EQ(3, told);
}

TEST_F(StackRingTest, DoneThatSubmitsForEverDoesNotHoldTheLoop) {
  struct Again : Op {
    StackRing* ring = nullptr;
    int rounds = 0;
  } again;
  again.code = OpCode::poll;
  again.socket = owner;
  again.events = Readiness::in;
  again.ring = &ring;
  again.done = [](Op* op) {
    auto* self = static_cast<Again*>(op);
    if (++self->rounds < 100) self->ring->submit(*self);
  };
  socket.deliver("x");
  ring.submit(again);
  drive();
  EXPECT_EQ(1, again.rounds);
  while (ring.has_work()) drive();
  EXPECT_EQ(100, again.rounds);
}

}  // namespace
}  // namespace sockeye
