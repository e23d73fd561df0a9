// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Was it a loss? F-RTO (RFC 5682), Eifel detection and response (RFC 3522, 4015), duplicate reports
// (RFC 2883, 3708), as traces. Round trips take 100 ms.
#include <gtest/gtest.h>

#include "recovery_steps.h"
#include "tcp/frto.h"

namespace sockeye::tcp {
namespace {

std::string ack(std::uint32_t number, const std::string& options = "") {
  return ack_with(number, options);
}
std::string echo(std::uint32_t value) {
  return "TS val 2 ecr " + std::to_string(value);
}

// Five segments (and two more to come), and the timer expires.
void time_out(TcpBench& t, const char* options = "mss 1000,sackOK") {
  t.config().tail_loss_probe = false;
  establish(t, options);
  measure(t);
  send_segments(t, 1001, 5);
  t.after(t.info().rto);
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().congestion_state, 4);
}

// --- F-RTO

// RFC 5682 2.1 (1)-(3b): two new segments, and the next ACK is for what was sent only once.
TEST(Frto, ASpuriousTimeoutWithoutSack) {
  TcpBench t;
  time_out(t, "mss 1000");
  t.app.send(5000);
  t.expect_nothing();
  t.peer(ack(2001));
  t.expect(data(6001, 7001));  // 2b: not 2001 again
  t.expect(data(7001, 8001));
  t.peer(ack(3001));  // 3b: the original
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().ssthresh_bytes, 0xffffffffu);
  EXPECT_EQ(t.info().lost_segments, 0u);
  t.discard();
}

TEST(Frto, ASpuriousTimeoutWithSack) {
  TcpBench t{with_sack()};
  t.config().congestion_control = "cubic";
  t.config().tail_loss_probe = false;
  establish(t);
  measure(t);
  send_segments(t, 1001, 5);
  const auto cwnd = t.info().cwnd_bytes;
  t.after(t.info().rto);
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().cwnd_bytes, 1000u);
  t.app.send(5000);
  t.peer(ack(2001));
  t.expect(data(6001, 7001));
  t.expect(data(7001, 8001));
  t.peer(ack(3001));  // 3.b
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_GE(t.info().cwnd_bytes, cwnd);
  EXPECT_EQ(t.info().lost_segments, 0u);
  t.discard();
  EXPECT_EQ(t.info().total_retransmits, 1u);
}

// 3.a: a duplicate ACK after the new data: the loss was real.
TEST(Frto, ARealTimeoutWithSack) {
  TcpBench t{with_sack()};
  time_out(t);
  t.app.send(5000);
  t.peer(ack(2001));
  t.expect(data(6001, 7001));
  t.expect(data(7001, 8001));
  t.after(100ms);
  t.peer(ack(2001, "sack 6001:7001"));
  t.expect(data(2001, 3001));
  EXPECT_EQ(t.info().congestion_state, 4);
  t.discard();
}

// 2.b needs new data: without it the retransmissions go on.
TEST(Frto, NothingNewToSend) {
  TcpBench t{with_sack()};
  time_out(t);
  t.peer(ack(2001));
  t.expect(data(2001, 3001));
  t.expect(data(3001, 4001));
  t.peer(ack(6001));
  EXPECT_EQ(t.info().congestion_state, 0);
}

// The first ACK covers segments that were sent only once: they had arrived (Linux decides so in any step).
TEST(Frto, TheFirstAckCoversOriginals) {
  TcpBench t;
  time_out(t);
  t.peer(ack(6001));
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_EQ(t.info().cwnd_bytes, 10'000u);
}

// 2.a: a retransmission that fills the only hole tells nothing.
TEST(Frto, TheFirstAckCoversTheRetransmission) {
  TcpBench t{with_sack()};
  t.config().tail_loss_probe = false;
  establish(t);
  measure(t);
  send_segments(t, 1001, 1);
  t.after(t.info().rto);
  t.expect(data(1001, 2001, true));
  t.after(100ms);
  t.peer(ack(2001));
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_LE(t.info().cwnd_bytes, 2000u);
}

TEST(Frto, CanBeSwitchedOff) {
  TcpBench t{with_sack()};
  t.config().frto = false;
  time_out(t);
  t.app.send(5000);
  t.peer(ack(2001));
  t.expect(data(2001, 3001));
  t.discard();
}

// --- Eifel

// RFC 3522: the echo is older than the retransmission.
TEST(Eifel, AFastRetransmitForNothing) {
  TcpBench t;
  establish(t, "mss 1012,sackOK,TS val 1 ecr 0");
  t.app.send(1000);
  t.expect(data(1, 1001, true));
  t.after(100ms);
  t.peer(ack(1001, echo(t.last_timestamp())));
  send_segments(t, 1001, 8);
  const std::uint32_t original = t.last_timestamp();
  const auto cwnd = t.info().cwnd_bytes;
  t.after(100ms);
  t.peer(ack(1001, echo(original) + ",sack 2001:5001"));
  t.expect(data(1001, 2001));
  EXPECT_EQ(t.info().congestion_state, 3);
  EXPECT_LT(t.info().ssthresh_bytes, cwnd);
  t.after(10ms);
  t.peer(ack(9001, echo(original)));
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_GE(t.info().cwnd_bytes, cwnd);
  EXPECT_EQ(t.info().ssthresh_bytes, 0xffffffffu);
}

TEST(Eifel, ATimeoutForNothing) {
  TcpBench t;
  t.config().tail_loss_probe = false;
  establish(t, "mss 1012,sackOK,TS val 1 ecr 0");
  t.app.send(1000);
  t.expect(data(1, 1001, true));
  t.after(100ms);
  t.peer(ack(1001, echo(t.last_timestamp())));
  send_segments(t, 1001, 4);
  const std::uint32_t original = t.last_timestamp();
  const auto cwnd = t.info().cwnd_bytes;
  t.after(t.info().rto);
  t.expect(data(1001, 2001));
  t.peer(ack(2001, echo(original)));
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_GE(t.info().cwnd_bytes, cwnd);
  t.expect_nothing();
  t.peer(ack(5001, echo(original)));
  EXPECT_EQ(t.info().total_retransmits, 1u);
}

// The echo of the retransmission proves the loss.
TEST(Eifel, ARealLossIsNotUndone) {
  TcpBench t;
  establish(t, "mss 1012,sackOK,TS val 1 ecr 0");
  t.app.send(1000);
  t.expect(data(1, 1001, true));
  t.after(100ms);
  t.peer(ack(1001, echo(t.last_timestamp())));
  send_segments(t, 1001, 8);
  const std::uint32_t original = t.last_timestamp();
  const auto cwnd = t.info().cwnd_bytes;
  t.after(100ms);
  t.peer(ack(1001, echo(original) + ",sack 2001:5001"));
  t.expect(data(1001, 2001));
  t.after(100ms);
  t.peer(ack(9001, echo(t.last_timestamp())));
  EXPECT_EQ(t.info().congestion_state, 0);
  EXPECT_LT(t.info().cwnd_bytes, cwnd);
}

// --- duplicate reports

TEST(DuplicateUndo, EveryRetransmissionWasNeedless) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 8);
  const auto cwnd = t.info().cwnd_bytes;
  t.after(100ms);
  t.peer(ack(1001, "sack 2001:5001"));
  t.expect(data(1001, 2001));
  t.peer(ack(9001));
  EXPECT_LT(t.info().cwnd_bytes, cwnd);
  t.after(50ms);
  t.peer(ack(9001, "sack 1001:2001"));  // all is acknowledged, and yet this is heard
  EXPECT_GE(t.info().cwnd_bytes, cwnd);
  EXPECT_EQ(t.info().duplicates_reported, 1u);
}

TEST(DuplicateUndo, OneOfTwoIsNotEnough) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 10);
  const auto cwnd = t.info().cwnd_bytes;
  t.after(100ms);
  t.peer(ack(1001, "sack 3001:6001"));
  t.expect(data(1001, 2001));
  t.expect(data(2001, 3001));
  t.peer(ack(1001, "sack 3001:8001"));
  t.after(100ms);
  t.peer(ack(11'001));
  t.peer(ack(11'001, "sack 1001:2001"));
  EXPECT_LT(t.info().cwnd_bytes, cwnd);
  t.peer(ack(11'001, "sack 2001:3001"));
  EXPECT_GE(t.info().cwnd_bytes, cwnd);
}

// The wait for reports ends, and with it the memory that it holds.
TEST(DuplicateUndo, TheWaitEnds) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 8);
  const auto cwnd = t.info().cwnd_bytes;
  t.after(100ms);
  t.peer(ack(1001, "sack 2001:5001"));
  t.expect(data(1001, 2001));
  t.peer(ack(9001));
  EXPECT_NE(t.connection().next_timer(), kNever);
  t.after(10s);
  EXPECT_EQ(t.connection().next_timer(), kNever);
  t.peer(ack(9001, "sack 1001:2001"));
  EXPECT_LT(t.info().cwnd_bytes, cwnd);
}

// A liar reports duplicates of what was never sent twice.
TEST(DuplicateUndo, MoreReportsThanRetransmissionsAreNotBelieved) {
  TcpBench t{with_sack()};
  establish(t);
  measure(t);
  send_segments(t, 1001, 8);
  for (int i = 0; i < 5; ++i) t.peer(ack(1001, "sack 1:1001"));
  EXPECT_EQ(t.info().duplicates_reported, 5u);
  t.after(100ms);
  const auto cwnd = t.info().cwnd_bytes;
  t.peer(ack(1001, "sack 2001:5001"));
  t.expect(data(1001, 2001));
  t.peer(ack(9001, "sack 1001:2001"));
  EXPECT_LT(t.info().cwnd_bytes, cwnd);
}

}  // namespace
}  // namespace sockeye::tcp
