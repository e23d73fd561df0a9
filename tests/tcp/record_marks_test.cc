// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// MSG_EOR: no packet carries bytes of two records (Linux). The expectations were seen on Linux 6.18.
#include "tcp/record_marks.h"

#include <gtest/gtest.h>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

TEST(RecordMarks, AreEndsInOrder) {
  RecordMarks marks;
  EXPECT_EQ(100u, marks.within_record(SeqNum(1), 100));
  marks.add(SeqNum(11));
  marks.add(SeqNum(11));  // an empty record ends nothing
  marks.add(SeqNum(31));
  EXPECT_EQ(2u, marks.size());
  EXPECT_EQ(10u, marks.within_record(SeqNum(1), 100));
  EXPECT_EQ(5u, marks.within_record(SeqNum(1), 5));
  EXPECT_EQ(20u, marks.within_record(SeqNum(11), 100));
  EXPECT_EQ(100u, marks.within_record(SeqNum(31), 100)) << "behind the last mark";
  EXPECT_TRUE(marks.is_end(SeqNum(11)));
  EXPECT_FALSE(marks.is_end(SeqNum(12)));
  EXPECT_FALSE(marks.is_end(SeqNum(32)));
  marks.on_una(SeqNum(20));
  EXPECT_EQ(1u, marks.count_beyond(SeqNum(20)));
  EXPECT_EQ(11u, marks.within_record(SeqNum(20), 100));
  marks.on_una(SeqNum(31));
  EXPECT_TRUE(marks.empty());
}

TEST(RecordMarks, CrossTheWrapOfSequenceNumbers) {
  RecordMarks marks;
  marks.add(SeqNum(0xfffffff0u));
  marks.add(SeqNum(16));
  EXPECT_EQ(32u, marks.within_record(SeqNum(0xfffffff0u), 1000));
  EXPECT_TRUE(marks.is_end(SeqNum(16)));
}

// Each small record leaves by itself, at once: only what is last in the queue waits for company (Nagle).
TEST(Records, LeaveOneByOne) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(10'000);
  t.expect("P. 1:5001(5000) ack 1");
  t.expect("P. 5001:10001(5000) ack 1");
  t.app.send_record(400);
  t.app.send_record(400);
  t.app.send(2000);
  t.peer(". 1:1(0) ack 10001 win 65535");
  t.expect("P. 10001:10401(400) ack 1");
  t.expect("P. 10401:10801(400) ack 1");
  t.expect("P. 10801:12801(2000) ack 1");
}

TEST(Records, BeginInThePacketOfWhatCameBefore) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send(10'400);
  t.expect("P. 1:5001(5000) ack 1");
  t.expect("P. 5001:10001(5000) ack 1");
  t.app.send_record(400);
  t.app.send(1000);
  t.peer(". 1:1(0) ack 10001 win 65535");
  t.expect("P. 10001:10801(800) ack 1");
  t.expect("P. 10801:11801(1000) ack 1");
}

TEST(Records, StayApartWhenTheyAreSentAgain) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.set([](Settings& s) { s.nodelay = true; });
  for (int i = 0; i < 4; ++i) {
    t.app.send_record(400);
    t.discard();
  }
  t.after(200ms);  // the time-out
  t.expect("P. 1:401(400) ack 1");
  t.peer(". 1:1(0) ack 401 win 65535");
  t.expect("P. 401:801(400) ack 1");
  t.expect("P. 801:1201(400) ack 1");
  t.expect("P. 1201:1601(400) ack 1");
}

// The last record in the queue is under Nagle's rule as any short segment is.
TEST(Records, TheLastOneMayWait) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.send_record(400);
  t.expect("P. 1:401(400) ack 1");
  t.app.send_record(300);
  t.expect_nothing();
  t.app.send(10);
  t.expect("P. 401:701(300) ack 1");
  t.peer(". 1:1(0) ack 701 win 65535");
  t.expect("P. 701:711(10) ack 1");
}

TEST(Records, TheFinGoesWithTheLast) {
  TcpBench t{large_packets()};
  t.establish();
  t.app.set([](Settings& s) { s.cork = true; });
  t.app.send_record(400);
  t.app.send_record(400);
  t.expect("P. 1:401(400) ack 1");
  t.app.shutdown_write();
  t.expect("FP. 401:801(400) ack 1");
}

}  // namespace
}  // namespace sockeye::tcp
