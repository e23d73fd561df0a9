// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// RFC 5681 as the wire shows it: how much is in flight, and when it becomes less.
#include <gtest/gtest.h>

#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

BenchOptions reno() {
  BenchOptions options{.peer_options = "mss 1000", .peer_window = 65'535};
  std::string_view("reno").copy(options.settings.congestion_control, 5);
  options.settings.congestion_control[4] = '\0';
  options.config.congestion_control = "reno";
  return options;
}

// RFC 5681 3.1 MUST-1: each ACK of one segment lets two go, and then one in a round trip more.
TEST(Rfc5681, TheWindowBoundsWhatIsInFlight) {
  TcpBench t{reno()};
  t.establish();
  t.app.send(60'000);
  EXPECT_EQ(t.discard(), 10u);
  t.after(10ms);
  std::uint32_t acked = 1;
  for (int i = 0; i < 10; ++i) {
    acked += 1000;
    t.peer(". 1:1(0) ack " + std::to_string(acked));
    EXPECT_EQ(t.discard(), 2u);
  }
  EXPECT_EQ(t.info().cwnd_segments, 20u);
}

std::uint32_t first_window_after(const BenchOptions& options, int lost) {
  TcpBench t{options};
  t.open_active();
  t.expect("S 0:0(0)");
  for (int i = 0; i < lost; ++i) {
    t.after(1s * (1 << i));
    t.expect("S 0:0(0)");
  }
  t.peer("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect(". 1:1(0) ack 1");
  return t.info().cwnd_segments;
}

// RFC 5681 3.1 MUST-3 (linux profile)
TEST(Rfc5681, LinuxForgivesOneLostSyn) {
  EXPECT_EQ(first_window_after(BenchOptions{}, 0), 10u);
  EXPECT_EQ(first_window_after(BenchOptions{}, 1), 10u);
  EXPECT_EQ(first_window_after(BenchOptions{}, 2), 1u);
}
// RFC 5681 3.1 MUST-3 (rfc profile)
TEST(Rfc5681, RfcForgivesNone) {
  const BenchOptions options{.config = Config::rfc()};
  EXPECT_EQ(first_window_after(options, 0), 4u);
  EXPECT_EQ(first_window_after(options, 1), 1u);
}

// RFC 5681 3.2 SHLD-6, MUST-7
TEST(Rfc5681, TwoDuplicatesChangeNoWindow) {
  TcpBench t{reno()};
  t.establish();
  t.app.send(30'000);
  EXPECT_EQ(t.discard(), 10u);
  for (const char* next : {". 10001:11001(1000) ack 1", ". 11001:12001(1000) ack 1"}) {
    t.peer(". 1:1(0) ack 1");
    t.expect(next);
    EXPECT_EQ(t.info().cwnd_segments, 10u);
  }
}

// RFC 5681 4.3 SHLD-10, MUST-14
TEST(Rfc5681, LossesInTwoWindowsAreTwoIndications) {
  TcpBench t{reno()};
  t.establish();
  t.app.send(60'000);
  t.discard();
  t.after(10ms);
  for (int i = 0; i < 4; ++i) t.peer(". 1:1(0) ack 1001"), t.discard();
  const std::uint32_t once = t.info().ssthresh_bytes;
  EXPECT_LE(once, 7000u);
  t.peer(". 1:1(0) ack 14001");  // all of that window has arrived,
  t.discard();
  t.peer(". 1:1(0) ack 15001");  // and something beyond it
  t.discard();
  EXPECT_EQ(t.info().congestion_state, 0);
  t.after(10ms);
  for (int i = 0; i < 3; ++i) t.peer(". 1:1(0) ack 15001"), t.discard();
  EXPECT_LT(t.info().ssthresh_bytes, once);
}

}  // namespace
}  // namespace sockeye::tcp
