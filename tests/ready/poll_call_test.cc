// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "ready/poll_call.h"

#include <gtest/gtest.h>

#include "fake_socket.h"
#include "ready/epoll.h"

namespace sockeye {
namespace {

using test::FakeSocket;

class PollTest : public ::testing::Test {
 protected:
  FakeSocket* a = new FakeSocket;
  FakeSocket* b = new FakeSocket(Socket::Kind::datagram);
  SocketPollable file_a{SocketRef(a)};
  SocketPollable file_b{SocketRef(b)};
};

TEST_F(PollTest, ScanFillsInWhatIsReady) {
  PollEntry entries[] = {{&file_a, POLLIN}, {nullptr, POLLIN}, {&file_b, POLLIN | POLLOUT | POLLWRBAND}};
  PollCall call(entries);
  EXPECT_EQ(0u, call.scan());
  b->make_space(1);
  EXPECT_EQ(1u, call.scan());
  EXPECT_EQ(0u, entries[0].ready);
  EXPECT_EQ(0u, entries[1].ready);
  EXPECT_EQ(std::uint32_t{POLLOUT | POLLWRBAND}, entries[2].ready);
}

TEST_F(PollTest, OnlyEventsOfInterestWake) {
  PollEntry entries[] = {{&file_a, POLLIN}, {&file_b, POLLOUT}};
  PollCall call(entries);
  call.arm();
  EXPECT_EQ(0u, call.scan());
  a->make_space(1);
  b->deliver("x");
  EXPECT_FALSE(call.woken());
  a->deliver("x");
  EXPECT_TRUE(call.woken());
  EXPECT_EQ(1u, call.scan());
  EXPECT_FALSE(call.woken());
  b->fail(Errno::connrefused);
  EXPECT_TRUE(call.woken());
}

TEST_F(PollTest, ASetCanBePolled) {
  Epoll set;
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_TRUE(set.control(EPOLL_CTL_ADD, 3, file_a, event));
  PollEntry entries[] = {{&set, POLLIN}};
  PollCall call(entries);
  call.arm();
  EXPECT_EQ(0u, call.scan());
  a->deliver("x");
  EXPECT_TRUE(call.woken());
  EXPECT_EQ(1u, call.scan());
}

}  // namespace
}  // namespace sockeye
