// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Closing: RFC 9293 3.6 in every state, half close, resets, orphans.
#include <gtest/gtest.h>

#include "tcp/time_wait.h"
#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

const Readiness kBothClosed = Readiness::in | Readiness::out | Readiness::hup | Readiness::rdhup;

// RFC 9293 figure 12, our side first.
TEST(Close, FirstSide) {
  TcpBench t;
  t.establish();
  t.app.close();
  t.expect("F. 1:1(0) ack 1");
  EXPECT_EQ(t.state(), State::fin_wait_1);
  t.peer(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), State::fin_wait_2);
  EXPECT_FALSE(t.connection().is_finished());
  t.peer("F. 1:1(0) ack 2");
  t.expect(". 2:2(0) ack 2");
  EXPECT_EQ(t.state(), State::time_wait);
  EXPECT_TRUE(t.connection().is_finished());
  const TimeWait record = t.connection().make_time_wait(t.now());
  EXPECT_EQ(record.snd_nxt, t.iss() + 2u);
  EXPECT_EQ(record.rcv_nxt, SeqNum(1'000'002));
}

TEST(Close, SecondSide) {
  TcpBench t;
  t.establish();
  t.peer("F. 1:1(0) ack 1");
  t.expect(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), State::close_wait);
  EXPECT_EQ(t.connection().readiness(), Readiness::in | Readiness::out | Readiness::rdhup);
  EXPECT_TRUE(any(t.events() & Readiness::rdhup));
  EXPECT_EQ(t.app.receive(), 0);
  EXPECT_EQ(t.app.send(100), 100);  // half closed: the other direction goes on
  t.expect("P. 1:101(100) ack 2");
  t.app.close();
  t.expect("F. 101:101(0) ack 2");
  EXPECT_EQ(t.state(), State::last_ack);
  t.peer(". 2:2(0) ack 102");
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_TRUE(t.connection().is_finished());
}

// RFC 9293 figure 13.
TEST(Close, BothSidesAtOnce) {
  TcpBench t;
  t.establish();
  t.app.close();
  t.expect("F. 1:1(0) ack 1");
  t.peer("F. 1:1(0) ack 1");
  t.expect(". 2:2(0) ack 2");
  EXPECT_EQ(t.state(), State::closing);
  t.peer(". 2:2(0) ack 2");
  EXPECT_EQ(t.state(), State::time_wait);
}

TEST(Close, FinWithTheAckOfOurs) {
  TcpBench t;
  t.establish();
  t.app.close();
  t.expect("F. 1:1(0) ack 1");
  t.peer("F. 1:1(0) ack 2");
  t.expect(". 2:2(0) ack 2");
  EXPECT_EQ(t.state(), State::time_wait);
}

TEST(Close, FinFollowsTheDataInOneSegment) {
  TcpBench t;
  t.establish();
  t.peer(". 1:1(0) ack 1 win 0");
  t.app.send(100);
  t.app.close();
  t.peer(". 1:1(0) ack 1 win 1000");
  t.expect("FP. 1:101(100) ack 1");
  t.peer("F. 1:1(0) ack 102");
  t.expect(". 102:102(0) ack 2");
  EXPECT_EQ(t.state(), State::time_wait);
}

TEST(Close, FinWithDataFromThePeer) {
  TcpBench t;
  t.establish();
  t.peer("FP. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 102");
  EXPECT_EQ(t.readable(), 100u);
  EXPECT_EQ(t.app.receive(), 100);
  EXPECT_EQ(t.app.receive(), 0);
}

TEST(Close, FinThatOvertookItsDataWaits) {
  TcpBench t;
  t.establish();
  t.peer("F. 101:101(0) ack 1");
  t.expect(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), State::established);
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 102");
  EXPECT_EQ(t.state(), State::close_wait);
  EXPECT_EQ(t.app.receive(), 100);
}

TEST(Close, LostFinIsRepeated) {
  TcpBench t;
  t.establish();
  t.app.close();
  t.expect("F. 1:1(0) ack 1");
  t.after(t.info().rto);
  t.expect("F. 1:1(0) ack 1");
  t.after(t.info().rto);
  t.expect("F. 1:1(0) ack 1");
  t.peer(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), State::fin_wait_2);
}

TEST(Close, HalfCloseStillReads) {
  TcpBench t;
  t.establish();
  EXPECT_EQ(t.app.shutdown_write(), 0);
  t.expect("F. 1:1(0) ack 1");
  EXPECT_EQ(t.app.send(1), -EPIPE);
  EXPECT_EQ(t.connection().readiness(), Readiness::out);
  t.peer("P. 1:1001(1000) ack 2");
  t.expect(". 2:2(0) ack 1001");
  EXPECT_EQ(t.app.receive(), 1000);
  t.peer("F. 1001:1001(0) ack 2");
  t.expect(". 2:2(0) ack 1002");
  EXPECT_EQ(t.connection().readiness(), kBothClosed);
  EXPECT_EQ(t.app.receive(), 0);
  EXPECT_EQ(t.info().state, State::closed);  // as TCP_INFO says it
}

// RFC 9293 3.6.1 SHLD-3.
TEST(Close, UnreadDataMakesItAReset) {
  TcpBench t;
  t.establish();
  t.peer("P. 1:11(10) ack 1");
  t.expect(". 1:1(0) ack 11");
  t.app.close();
  t.expect("R. 1:1(0) ack 11");
  EXPECT_TRUE(t.connection().is_finished());
}

TEST(Close, BytesThatOnlyTheCarrierReadMakeItAReset) {
  TcpBench t;
  t.establish();
  t.peer("P. 1:11(10) ack 1");
  t.expect(". 1:1(0) ack 11");
  EXPECT_EQ(t.app.receive(), 10);
  t.connection().set_external_unread(t.now(), 10);
  t.app.close();
  t.expect("R. 1:1(0) ack 11");
}

TEST(Close, LingerZeroAborts) {
  TcpBench t;
  t.establish();
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.app.abort();
  t.expect("R. 11:11(0) ack 1");
  EXPECT_TRUE(t.connection().is_finished());
  t.after(100s);
  t.expect_nothing();
}

// Data for a program that has closed (RFC 9293 3.6.1, hostile G13).
// RFC 9293 3.6.1 SHLD-3
TEST(Close, DataForAnOrphanIsReset) {
  TcpBench t;
  t.establish();
  t.app.close();
  t.expect("F. 1:1(0) ack 1");
  t.peer("P. 1:11(10) ack 2");
  t.expect("R 2:2(0)");
  EXPECT_TRUE(t.connection().is_finished());
  EXPECT_EQ(t.drops(), "data_after_close 1");
}

TEST(Close, DataAfterShutdownOfReadingIsStillTaken) {
  TcpBench t;
  t.establish();
  EXPECT_EQ(t.app.shutdown_read(), 0);
  EXPECT_EQ(t.connection().readiness(), Readiness::in | Readiness::out | Readiness::rdhup);
  EXPECT_EQ(t.app.receive(), 0);
  t.peer("P. 1:11(10) ack 1");
  t.expect(". 1:1(0) ack 11");
  EXPECT_EQ(t.app.receive(), 10);  // as Linux
  EXPECT_EQ(t.app.receive(), 0);
}

TEST(Close, DataAfterShutdownOfBothIsReset) {
  TcpBench t;
  t.establish();
  EXPECT_EQ(t.app.shutdown_read(), 0);
  EXPECT_EQ(t.app.shutdown_write(), 0);
  t.expect("F. 1:1(0) ack 1");
  EXPECT_EQ(t.connection().readiness(), kBothClosed);
  t.peer("P. 1:4(3) ack 2");
  t.expect("R 2:2(0)");
  EXPECT_EQ(t.error(), ECONNRESET);
  EXPECT_EQ(t.app.shutdown_write(), -ENOTCONN);
}

TEST(Close, FinWait2OfAnOrphanEnds) {
  TcpBench t;
  t.establish();
  t.app.close();
  t.expect("F. 1:1(0) ack 1");
  t.peer(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), State::fin_wait_2);
  t.after(59s);
  EXPECT_FALSE(t.connection().is_finished());
  t.after(1s);
  EXPECT_TRUE(t.connection().is_finished());
  t.expect_nothing();
}

TEST(Close, FinWait2OfAProgramDoesNotEnd) {
  TcpBench t;
  t.establish();
  t.app.shutdown_write();
  t.expect("F. 1:1(0) ack 1");
  t.peer(". 1:1(0) ack 2");
  t.after(3600s);
  EXPECT_EQ(t.state(), State::fin_wait_2);
  t.app.close();  // from here it is an orphan
  t.after(60s);
  EXPECT_TRUE(t.connection().is_finished());
}

TEST(Close, NegativeLinger2ResetsInFinWait2) {
  TcpBench t;
  t.establish();
  t.app.set([](Settings& s) { s.linger2 = -1s; });
  t.app.shutdown_write();
  t.expect("F. 1:1(0) ack 1");
  t.peer(". 1:1(0) ack 2");
  t.app.close();
  t.expect("R. 2:2(0) ack 1");
}

TEST(Close, AnOrphanDeliversWhatWasWritten) {
  TcpBench t;
  t.config().tail_loss_probe = false;
  t.establish();
  t.app.send(3000);
  t.expect(". 1:1461(1460) ack 1");
  t.expect(". 1461:2921(1460) ack 1");
  t.expect("P. 2921:3001(80) ack 1");
  t.app.close();
  t.expect("F. 3001:3001(0) ack 1");
  t.after(t.info().rto);  // everything was lost
  t.expect(". 1:1461(1460) ack 1");
  t.peer(". 1:1(0) ack 1461");
  t.expect(". 1461:2921(1460) ack 1");
  t.expect("FP. 2921:3001(80) ack 1");
  t.peer("F. 1:1(0) ack 3002");
  t.expect(". 3002:3002(0) ack 2");
  EXPECT_EQ(t.state(), State::time_wait);
}

TEST(Close, AnOrphanNobodyAnswersIsForgotten) {
  TcpBench t;
  t.config().tail_loss_probe = false;
  t.establish();
  t.app.send(10);
  t.expect("P. 1:11(10) ack 1");
  t.app.close();
  t.expect("F. 11:11(0) ack 1");
  t.after(3600s);
  EXPECT_EQ(t.discard(), 9u);
  EXPECT_TRUE(t.connection().is_finished());
}

TEST(Close, ResetInEstablished) {
  TcpBench t;
  t.establish();
  t.peer("P. 1:6(5) ack 1");
  t.expect(". 1:1(0) ack 6");
  t.peer("R 6:6(0)");
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.connection().readiness(), kBothClosed | Readiness::err);
  EXPECT_EQ(t.app.receive(), 5);  // Linux: what was queued before can still be read
  EXPECT_EQ(t.app.receive(), -ECONNRESET);
  EXPECT_EQ(t.app.receive(), 0);
  EXPECT_EQ(t.app.send(1), -EPIPE);
}

TEST(Close, SendAfterAResetTellsItOnce) {
  TcpBench t;
  t.establish();
  t.peer("R 1:1(0)");
  EXPECT_EQ(t.app.send(1), -ECONNRESET);
  EXPECT_EQ(t.app.send(1), -EPIPE);
}

TEST(Close, ResetInCloseWaitIsABrokenPipe) {
  TcpBench t;
  t.establish();
  t.peer("F. 1:1(0) ack 1");
  t.expect(". 1:1(0) ack 2");
  t.peer("R 2:2(0)");
  EXPECT_EQ(t.connection().readiness(), kBothClosed | Readiness::err);
  EXPECT_EQ(t.app.receive(), 0);
  EXPECT_EQ(t.error(), EPIPE);
}

TEST(Close, FinIsNotTakenTwice) {
  TcpBench t;
  t.establish();
  t.peer("F. 1:1(0) ack 1");
  t.expect(". 1:1(0) ack 2");
  t.peer("F. 1:1(0) ack 1");
  t.expect(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), State::close_wait);
  t.peer("P. 2:12(10) ack 1");  // after the end there is nothing
  EXPECT_EQ(t.readable(), 0u);
}

}  // namespace
}  // namespace sockeye::tcp
