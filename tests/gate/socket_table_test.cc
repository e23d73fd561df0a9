// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/socket_table.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "gate/carrier.h"

namespace sockeye::gate {
namespace {

TEST(LooseStreams, ReportsAStreamWhenItsLastDescriptorIsClosed) {
  LooseStreams loose;
  UniqueFd first = std::move(*make_unconnected_stream(false));
  UniqueFd second = std::move(*make_unconnected_stream(false));
  std::uint64_t cookies[] = {cookie_of(first.get()), cookie_of(second.get())};
  loose.add(first.get(), cookies[0]);
  loose.add(second.get(), cookies[1]);
  UniqueFd copy(dup(second.get()));
  first.reset();
  second.reset();
  EXPECT_EQ(loose.sweep(), std::vector{cookies[0]});
  EXPECT_TRUE(loose.sweep().empty());
  copy.reset();
  EXPECT_EQ(loose.sweep(), std::vector{cookies[1]});
  EXPECT_TRUE(loose.empty());
}

TEST(LooseStreams, OneThatWasRemovedThroughAnotherDescriptorIsNotReported) {
  LooseStreams loose;
  UniqueFd stream = std::move(*make_unconnected_stream(false));
  std::uint64_t cookie = cookie_of(stream.get());
  loose.add(stream.get(), cookie);
  UniqueFd copy(dup(stream.get()));
  loose.remove(copy.get(), cookie);
  stream.reset();
  copy.reset();
  EXPECT_TRUE(loose.sweep().empty());
}

TEST(LooseStreams, ADescriptorInFlightKeepsItsStream) {
  LooseStreams loose;
  UniqueFd stream = std::move(*make_unconnected_stream(false));
  std::uint64_t cookie = cookie_of(stream.get());
  loose.add(stream.get(), cookie);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  char byte = 'x';
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  int number = stream.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof(int));
  ASSERT_EQ(sendmsg(ends[0], &message, 0), 1);
  stream.reset();
  EXPECT_TRUE(loose.sweep().empty());
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(loose.sweep(), std::vector{cookie});
}

TEST(SocketTable, ACallOnAReplacedCookieMeansTheNewOne) {
  SocketTable table;
  table.add(10, true).listening = true;
  table.replace(10, 20);
  table.replace(20, 30);
  for (std::uint64_t cookie : {10u, 20u, 30u}) {
    Socket* socket = table.find(cookie);
    ASSERT_NE(socket, nullptr);
    EXPECT_EQ(socket->cookie, 30u);
    EXPECT_TRUE(socket->listening);
  }
  table.forget(30);
  for (std::uint64_t cookie : {10u, 20u, 30u}) EXPECT_EQ(table.find(cookie), nullptr);
}

}  // namespace
}  // namespace sockeye::gate
