// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// When sends report (MSG_ZEROCOPY, SO_TIMESTAMPING). The expectations were seen on Linux 6.18.
#include "tcp/send_notices.h"

#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

using Kind = SendNotice::Kind;
constexpr std::uint8_t kStamps = SendNotices::kScheduled | SendNotices::kSent | SendNotices::kAcked;

TEST(SendNotices, AreDueWhenTheLastByteIsAcknowledged) {
  SendNotices notices;
  EXPECT_TRUE(notices.add(SeqNum(101), SendNotices::kZeroCopy, 7));
  EXPECT_FALSE(notices.on_una(SeqNum(100), Instant(1ms)));
  EXPECT_TRUE(notices.on_una(SeqNum(101), Instant(2ms)));
  const auto notice = notices.take();
  ASSERT_TRUE(notice);
  EXPECT_EQ(Kind::zero_copy, notice->kind);
  EXPECT_EQ(7u, notice->number);
  EXPECT_FALSE(notices.take());
  EXPECT_TRUE(notices.empty());
}

TEST(SendNotices, TheLastSendOfAPacketIsStamped) {
  SendNotices notices;
  notices.add(SeqNum(101), kStamps, 0);
  notices.add(SeqNum(201), kStamps, 0);
  EXPECT_FALSE(notices.on_sent(SeqNum(1), SeqNum(51), Instant(1ms))) << "no send ends there";
  EXPECT_TRUE(notices.on_sent(SeqNum(51), SeqNum(201), Instant(1ms)));
  const auto scheduled = notices.take();
  const auto sent = notices.take();
  ASSERT_TRUE(scheduled && sent);
  EXPECT_EQ(Kind::scheduled, scheduled->kind);
  EXPECT_EQ(Kind::sent, sent->kind);
  EXPECT_EQ(200u, sent->number) << "the sequence number of the last byte";
  EXPECT_EQ(150u, sent->packet_bytes);
  EXPECT_FALSE(notices.take());
  EXPECT_TRUE(notices.on_una(SeqNum(300), Instant(2ms)));
  EXPECT_EQ(200u, notices.take()->number);
  EXPECT_TRUE(notices.empty());
}

TEST(SendNotices, AreBounded) {
  SendNotices notices;
  for (std::uint32_t i = 0; i < SendNotices::kMax; ++i)
    EXPECT_TRUE(notices.add(SeqNum(i + 1), SendNotices::kZeroCopy, i));
  EXPECT_FALSE(notices.add(SeqNum(1000), SendNotices::kZeroCopy, 1000));
}

// A connection that ends gives everything back, and stamps nothing.
TEST(SendNotices, GiveUp) {
  SendNotices notices;
  notices.add(SeqNum(101), SendNotices::kZeroCopy | kStamps, 0);
  notices.add(SeqNum(201), kStamps, 0);
  EXPECT_TRUE(notices.give_up());
  EXPECT_EQ(Kind::zero_copy, notices.take()->kind);
  EXPECT_TRUE(notices.empty());
}

TEST(SendNotices, FollowTheConnection) {
  TcpBench t;
  t.establish();
  t.app.send(100);
  ASSERT_TRUE(t.connection().want_notice(SendNotices::kZeroCopy | SendNotices::kAcked, 0));
  t.expect("P. 1:101(100) ack 1");
  t.after(30ms);
  EXPECT_FALSE(t.connection().has_notices());
  t.peer(". 1:1(0) ack 101 win 65535");
  ASSERT_TRUE(t.connection().has_notices()) << "the connection stays busy until they are taken";
  const auto acked = t.connection().take_notice();
  ASSERT_TRUE(acked);
  EXPECT_EQ(Kind::acked, acked->kind);
  EXPECT_EQ(t.now(), acked->at);
  EXPECT_EQ(Kind::zero_copy, t.connection().take_notice()->kind);
  EXPECT_FALSE(t.connection().take_notice());
  EXPECT_EQ(0u, t.connection().notice_count());
}

TEST(SendNotices, AResetGivesTheBytesBack) {
  TcpBench t;
  t.establish();
  t.app.send(100);
  ASSERT_TRUE(t.connection().want_notice(SendNotices::kZeroCopy, 3));
  t.expect("P. 1:101(100) ack 1");
  t.peer("R. 1:1(0) ack 1");
  ASSERT_TRUE(t.connection().has_notices());
  EXPECT_EQ(3u, t.connection().take_notice()->number);
}

}  // namespace
}  // namespace sockeye::tcp
