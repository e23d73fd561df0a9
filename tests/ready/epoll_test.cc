// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// epoll over sockets that do what the test says. The same rules are compared with the kernel's own
// epoll in tests/parity; here are the corners that need exact control over events.
#include "ready/epoll.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "fake_socket.h"

namespace sockeye {
namespace {

using test::FakeSocket;

epoll_event interest(std::uint32_t events, std::uint64_t data = 0) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return event;
}

struct Watched {
  FakeSocket* socket = new FakeSocket;
  SocketPollable file{SocketRef(socket)};
};

class EpollTest : public ::testing::Test {
 protected:
  // The bits of the events that wait() brings, in order.
  std::vector<std::uint32_t> wait(std::size_t room = 16) {
    std::vector<epoll_event> events(room);
    const std::size_t count = set.wait(events);
    std::vector<std::uint32_t> bits;
    names.clear();
    for (std::size_t i = 0; i < count; ++i) {
      bits.push_back(events[i].events);
      const std::uint64_t name = events[i].data.u64;  // a packed struct: nothing may refer into it
      names.push_back(name);
    }
    return bits;
  }
  Result<> add(Watched& watched, int descriptor, std::uint32_t events) {
    return set.control(EPOLL_CTL_ADD, descriptor, watched.file,
                       interest(events, static_cast<std::uint64_t>(descriptor)));
  }
  Errno error_of(const Result<>& result) { return result ? Errno{} : result.error(); }

  using Bits = std::vector<std::uint32_t>;
  using Names = std::vector<std::uint64_t>;
  Names names;
  Epoll set;
  Watched a, b;
};

TEST_F(EpollTest, LevelReportsAsLongAsItIsTrue) {
  ASSERT_TRUE(add(a, 5, EPOLLIN));
  EXPECT_EQ(Bits{}, wait());
  a.socket->deliver("x");
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  char byte;
  MutableBytes room = std::as_writable_bytes(std::span(&byte, 1));
  Incoming in;
  in.buffers = {&room, 1};
  ASSERT_TRUE(a.socket->receive(in));
  EXPECT_EQ(Bits{}, wait());
}

TEST_F(EpollTest, EdgeReportsEveryEventOnce) {
  ASSERT_TRUE(add(a, 5, EPOLLIN | EPOLLET));
  a.socket->deliver("x");
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  EXPECT_EQ(Bits{}, wait());
  a.socket->deliver("y");  // an event, though not a transition
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  EXPECT_EQ(Bits{}, wait());
}

TEST_F(EpollTest, EdgeAddedWhileReadyAndModifiedAreEvents) {
  a.socket->deliver("x");
  ASSERT_TRUE(add(a, 5, EPOLLIN | EPOLLET));
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  EXPECT_EQ(Bits{}, wait());
  ASSERT_TRUE(set.control(EPOLL_CTL_MOD, 5, a.file, interest(EPOLLIN | EPOLLET)));
  EXPECT_EQ(Bits{EPOLLIN}, wait());
}

TEST_F(EpollTest, OneshotIsDisarmedUntilModified) {
  ASSERT_TRUE(add(a, 5, EPOLLIN | EPOLLONESHOT));
  a.socket->deliver("x");
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  a.socket->deliver("y");
  a.socket->fail(Errno::connreset);  // not even an error
  EXPECT_EQ(Bits{}, wait());
  ASSERT_TRUE(set.control(EPOLL_CTL_MOD, 5, a.file, interest(EPOLLIN | EPOLLONESHOT)));
  EXPECT_EQ(Bits{EPOLLIN | EPOLLERR}, wait());
}

TEST_F(EpollTest, ErrorsAreReportedUnasked) {
  ASSERT_TRUE(add(a, 5, 0));
  a.socket->deliver("x");
  EXPECT_EQ(Bits{}, wait());
  a.socket->fail(Errno::connreset);
  EXPECT_EQ(Bits{EPOLLERR}, wait());
}

TEST_F(EpollTest, RdhupOnlyWhenAsked) {
  ASSERT_TRUE(add(a, 5, EPOLLIN));
  ASSERT_TRUE(add(b, 6, EPOLLRDHUP));
  a.socket->finish_input();
  b.socket->finish_input();
  EXPECT_EQ((Bits{EPOLLIN, EPOLLRDHUP}), wait());
}

TEST_F(EpollTest, TheTwinsOfInAndOut) {
  ASSERT_TRUE(add(a, 5, EPOLLRDNORM | EPOLLWRNORM | EPOLLWRBAND));
  a.socket->deliver("x");
  a.socket->make_space(1);
  EXPECT_EQ(Bits{EPOLLRDNORM | EPOLLWRNORM}, wait());
}

TEST_F(EpollTest, AShortBufferServesEverybodyInTurn) {
  std::vector<std::unique_ptr<Watched>> many;
  for (int i = 0; i < 5; ++i) {
    many.push_back(std::make_unique<Watched>());
    ASSERT_TRUE(add(*many.back(), i, EPOLLIN));
    many.back()->socket->deliver("x");
  }
  Names seen;
  for (int round = 0; round < 5; ++round) {
    wait(2);
    seen.insert(seen.end(), names.begin(), names.end());
  }
  EXPECT_EQ((Names{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}), seen);
}

TEST_F(EpollTest, TheKernelsErrors) {
  ASSERT_TRUE(add(a, 5, EPOLLIN));
  EXPECT_EQ(Errno::exist, error_of(add(a, 5, EPOLLIN)));
  EXPECT_TRUE(add(a, 6, EPOLLIN));  // a duplicate descriptor is another interest
  EXPECT_EQ(Errno::noent, error_of(set.control(EPOLL_CTL_DEL, 7, a.file, interest(0))));
  EXPECT_EQ(Errno::noent, error_of(set.control(EPOLL_CTL_MOD, 5, b.file, interest(0))));
  EXPECT_EQ(Errno::inval, error_of(set.control(9, 5, a.file, interest(0))));
  EXPECT_EQ(Errno::inval, error_of(set.control(EPOLL_CTL_ADD, 9, set, interest(EPOLLIN))));
  EXPECT_EQ(Errno::inval, error_of(add(b, 7, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT)));
  EXPECT_TRUE(add(b, 7, EPOLLIN | EPOLLEXCLUSIVE));
  EXPECT_EQ(Errno::inval, error_of(set.control(EPOLL_CTL_MOD, 7, b.file, interest(EPOLLIN))));
}

TEST_F(EpollTest, AnInterestGoesWithItsFile) {
  auto gone = std::make_unique<Watched>();
  ASSERT_TRUE(add(*gone, 5, EPOLLIN));
  gone->socket->deliver("x");
  gone.reset();
  EXPECT_EQ(Bits{}, wait());
  EXPECT_EQ(0u, set.size());
}

TEST_F(EpollTest, ASetGoesBeforeItsFiles) {
  auto inner = std::make_unique<Epoll>();
  ASSERT_TRUE(inner->control(EPOLL_CTL_ADD, 5, a.file, interest(EPOLLIN)));
  ASSERT_TRUE(set.control(EPOLL_CTL_ADD, 8, *inner, interest(EPOLLIN)));
  inner.reset();
  a.socket->deliver("x");
  EXPECT_EQ(Bits{}, wait());
  EXPECT_EQ(0u, set.size());
}

TEST_F(EpollTest, NestedSetsPassEventsOn) {
  Epoll inner;
  ASSERT_TRUE(inner.control(EPOLL_CTL_ADD, 5, a.file, interest(EPOLLIN)));
  ASSERT_TRUE(set.control(EPOLL_CTL_ADD, 8, inner, interest(EPOLLIN)));
  EXPECT_EQ(Bits{}, wait());
  a.socket->deliver("x");
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  EXPECT_EQ(Bits{EPOLLIN}, wait());
  ASSERT_TRUE(inner.control(EPOLL_CTL_DEL, 5, a.file, interest(0)));
  EXPECT_EQ(Bits{}, wait());
}

TEST_F(EpollTest, NoCyclesAndNoDeepTowers) {
  Epoll tower[8];
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(tower[i].control(EPOLL_CTL_ADD, i, tower[i + 1], interest(EPOLLIN))) << i;
  EXPECT_EQ(Errno::loop, error_of(tower[4].control(EPOLL_CTL_ADD, 4, tower[5], interest(EPOLLIN))));
  EXPECT_EQ(Errno::loop, error_of(tower[6].control(EPOLL_CTL_ADD, 4, tower[0], interest(EPOLLIN))));
  EXPECT_EQ(Errno::loop, error_of(tower[3].control(EPOLL_CTL_ADD, 0, tower[0], interest(EPOLLIN))));
  EXPECT_TRUE(tower[4].control(EPOLL_CTL_ADD, 9, a.file, interest(EPOLLIN)));
}

TEST_F(EpollTest, TooManyPathsAreRefused) {
  std::vector<std::unique_ptr<Epoll>> outer;
  ASSERT_TRUE(set.control(EPOLL_CTL_ADD, 5, a.file, interest(EPOLLIN)));
  int added = 0;
  for (int i = 0; i < 600; ++i) {
    outer.push_back(std::make_unique<Epoll>());
    const Result<> result = outer.back()->control(EPOLL_CTL_ADD, 5, set, interest(EPOLLIN));
    if (!result) {
      EXPECT_EQ(Errno::inval, result.error());
    }
    added += result.has_value() ? 1 : 0;
  }
  EXPECT_EQ(500, added);
}

TEST_F(EpollTest, WakingIsProportionalToWhatIsReady) {
  std::vector<std::unique_ptr<Watched>> many;
  for (int i = 0; i < 5000; ++i) {
    many.push_back(std::make_unique<Watched>());
    ASSERT_TRUE(add(*many.back(), i, EPOLLIN | EPOLLET));
  }
  many[4321]->socket->deliver("x");
  EXPECT_EQ(1u, wait().size());
  EXPECT_EQ(Names{4321}, names);
}

}  // namespace
}  // namespace sockeye
