// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where Linux departs from an RFC: what each of the two profiles does (tcp/profile.cc).
#include <gtest/gtest.h>

#include "recovery_steps.h"
#include "tcp/time_wait.h"
#include "tcp_bench.h"

namespace sockeye::tcp {
namespace {

BenchOptions linux_profile(std::string peer_options = "mss 1460,sackOK") {
  BenchOptions options{.peer_options = std::move(peer_options)};
  options.settings = Settings::of(options.config);
  return options;
}
BenchOptions rfc_profile(std::string peer_options = "mss 1460,sackOK") {
  BenchOptions options{.config = Config::rfc(), .peer_options = std::move(peer_options)};
  options.settings = Settings::of(options.config);
  return options;
}

// How long a SYN, or a SYN-ACK, that nobody answers is tried.
Duration patience_of_a_syn(const BenchOptions& options) {
  TcpBench t{options};
  t.open_active();
  const Instant begin = t.now();
  for (t.discard(); t.state() == State::syn_sent; t.discard()) t.after(1s);
  EXPECT_EQ(t.error(), ETIMEDOUT);
  return t.now() - begin;
}
Duration patience_of_a_syn_ack(const BenchOptions& options) {
  TcpBench t{options};
  t.listen();
  t.peer("S 0:0(0) win 65535 <mss 1460>");
  const Instant begin = t.now();
  for (t.discard(); t.syn_queue().size() > 0; t.discard()) t.after(1s);
  return t.now() - begin;
}

// RFC 9293 3.8.3 MUST-23 (linux profile)
TEST(Profile, LinuxTriesASynForTwoMinutes) {
  EXPECT_EQ(patience_of_a_syn(linux_profile()), 127s);
  EXPECT_EQ(patience_of_a_syn_ack(linux_profile()), 63s);
}
// RFC 9293 3.8.3 MUST-23 (rfc profile)
TEST(Profile, RfcTriesASynForThreeMinutes) {
  EXPECT_GE(patience_of_a_syn(rfc_profile()), 180s);
  EXPECT_GE(patience_of_a_syn_ack(rfc_profile()), 180s);
}

// The error that a program finds after so many time-outs of one segment.
int error_after(const BenchOptions& options, unsigned timeouts) {
  TcpBench t{options};
  t.establish();
  t.app.send(100);
  t.discard();
  for (unsigned i = 0; i < timeouts; ++i) {
    t.after(t.connection().next_timer() - t.now());
    t.discard();
  }
  EXPECT_EQ(t.info().retransmits, timeouts);
  const int error = t.error();
  EXPECT_EQ(t.error(), 0);
  EXPECT_EQ(t.state(), State::established);
  return error;
}

BenchOptions without_probes(BenchOptions options) {
  options.config.tail_loss_probe = false;
  return options;
}

// RFC 9293 3.8.3 SHLD-9 (linux profile)
TEST(Profile, LinuxTellsNobodyOfR1) {
  EXPECT_EQ(error_after(without_probes(linux_profile()), 6), 0);
}
// RFC 9293 3.8.3 SHLD-9 (rfc profile); RFC 9293 3.8.3 SHLD-10
TEST(Profile, RfcTellsOfR1AfterThreeRetransmissions) {
  EXPECT_EQ(error_after(without_probes(rfc_profile()), 3), 0);
  EXPECT_EQ(error_after(without_probes(rfc_profile()), 4), ETIMEDOUT);
}

// SRTT after a round trip whose eight segments all took twice as long as usual.
Duration srtt_after_a_slow_round(const BenchOptions& options) {
  TcpBench t{options};
  establish(t, "mss 1000");
  t.app.send(100);
  t.discard();
  t.after(100ms);
  t.peer(". 1:1(0) ack 101 win 65535");
  for (std::uint32_t at = 101; at < 20'000; at += 4000) {  // the window opens
    t.app.send(4000);
    t.discard();
    t.after(100ms);
    t.peer(". 1:1(0) ack " + std::to_string(at + 4000) + " win 65535");
  }
  EXPECT_EQ(t.info().srtt, 100ms);
  t.app.send(8000);
  EXPECT_EQ(t.discard(), 8u);
  t.after(200ms);
  for (std::uint32_t at = 21'101; at <= 28'101; at += 1000)
    t.peer(". 1:1(0) ack " + std::to_string(at) + " win 65535");
  return t.info().srtt;
}

// RFC 7323 4.2 SHLD-3 (linux profile)
TEST(Profile, LinuxCountsEverySample) {
  EXPECT_GT(srtt_after_a_slow_round(linux_profile("mss 1000")), 160ms);
}
// RFC 7323 4.2 SHLD-3 (rfc profile)
TEST(Profile, RfcWeighsSamplesByRoundTrip) {
  EXPECT_LT(srtt_after_a_slow_round(rfc_profile("mss 1000")), 145ms);
}

Duration time_in_time_wait(const Config& config) {
  ChunkPool chunks;
  SeededRng secret(1);
  SeededRng open(2);
  Resources resources(config, chunks, secret, open);
  TimeWaitTable table(resources);
  TimeWait record;
  record.tuple = {{IpAddress::v4(10, 0, 0, 1), 1}, {IpAddress::v4(10, 0, 0, 2), 2}};
  const Instant now = Instant{} + 1000s;
  EXPECT_TRUE(table.add(now, record));
  EXPECT_TRUE(table.next_timer());
  return table.next_timer().value_or(now) - now;
}

// RFC 9293 3.6.1 MUST-13 (linux profile)
TEST(Profile, LinuxWaitsOneMinuteAfterAnActiveClose) {
  EXPECT_EQ(time_in_time_wait(Config{}), 60s);
}
// RFC 9293 3.6.1 MUST-13 (rfc profile)
TEST(Profile, RfcWaitsTwiceTwoMinutesAfterAnActiveClose) {
  EXPECT_EQ(time_in_time_wait(Config::rfc()), 240s);
}

// RFC 9293 3.9.2.2 SHLD-26 (linux profile)
TEST(Profile, LinuxKeepsAnOpenConnectionThroughAHardError) {
  TcpBench t{linux_profile()};
  t.establish();
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
  t.connection().on_icmp_error(t.now(), Errno::connrefused, true, t.iss() + 1u);
  EXPECT_EQ(t.state(), State::established);
  t.peer(". 1:1(0) ack 101");
  EXPECT_EQ(t.error(), 0);
}
// RFC 9293 3.9.2.2 SHLD-26 (rfc profile)
TEST(Profile, RfcAbortsOnAHardErrorThatQuotesTheWindow) {
  TcpBench t{rfc_profile()};
  t.establish();
  t.app.send(100);
  t.expect("P. 1:101(100) ack 1");
  t.connection().on_icmp_error(t.now(), Errno::connrefused, true, t.iss() + 5000u);  // RFC 5927
  EXPECT_EQ(t.state(), State::established);
  t.connection().on_icmp_error(t.now(), Errno::hostunreach, false, t.iss() + 1u);  // soft
  EXPECT_EQ(t.state(), State::established);
  t.connection().on_icmp_error(t.now(), Errno::connrefused, true, t.iss() + 1u);
  EXPECT_EQ(t.state(), State::closed);
  EXPECT_EQ(t.error(), ECONNREFUSED);
}

Duration rto_after_a_fast_exchange(const BenchOptions& options) {
  TcpBench t{options};
  t.establish();
  t.app.send(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.after(10ms);
  t.peer(". 1:1(0) ack 1001");
  return t.info().rto;
}

// RFC 6298 2.4 SHLD-3 (linux profile)
TEST(Profile, LinuxAddsItsFloorToTheRoundTrip) {
  EXPECT_GE(rto_after_a_fast_exchange(linux_profile()), 200ms);
  EXPECT_LE(rto_after_a_fast_exchange(linux_profile()), 210ms);
}
// RFC 6298 2.4 SHLD-3 (rfc profile)
TEST(Profile, RfcWaitsAtLeastASecond) {
  EXPECT_EQ(rto_after_a_fast_exchange(rfc_profile()), 1s);
}

std::size_t segments_of_the_first_flight(BenchOptions options, std::uint32_t mtu) {
  options.path.mtu = mtu;
  options.path.largest_packet = 1;  // one segment in a packet
  TcpBench t{options};
  t.establish();
  t.app.send(60'000);
  return t.discard();
}

// RFC 5681 3.1 MUST-2 (linux profile)
TEST(Profile, LinuxBeginsWithTenSegments) {
  EXPECT_EQ(segments_of_the_first_flight(linux_profile(), 1500), 10u);
}
// RFC 5681 3.1 MUST-2 (rfc profile)
TEST(Profile, RfcBeginsWithTwoToFourSegments) {
  EXPECT_EQ(segments_of_the_first_flight(rfc_profile("mss 1095"), 1500), 4u);
  EXPECT_EQ(segments_of_the_first_flight(rfc_profile("mss 1096"), 1500), 3u);
  EXPECT_EQ(segments_of_the_first_flight(rfc_profile("mss 2190"), 9000), 3u);
  EXPECT_EQ(segments_of_the_first_flight(rfc_profile("mss 2191"), 9000), 2u);
}

// RFC 7323 3.2 SHLD-2 (linux profile)
TEST(Profile, LinuxTakesASegmentThatLacksItsTimestamp) {
  TcpBench t{linux_profile("mss 1460,TS val 700 ecr 0")};
  t.establish();
  t.peer("P. 1:101(100) ack 1");
  t.expect(". 1:1(0) ack 101");
  EXPECT_EQ(t.readable(), 100u);
}
// RFC 7323 3.2 SHLD-2, MUST-11 (rfc profile)
TEST(Profile, RfcDropsASegmentThatLacksItsTimestamp) {
  TcpBench t{rfc_profile("mss 1460,TS val 700 ecr 0")};
  t.establish();
  t.peer("P. 1:101(100) ack 1");
  t.expect_nothing();
  EXPECT_EQ(t.readable(), 0u);
  EXPECT_EQ(t.drops(), "no_timestamp 1");
  t.peer("P. 1:101(100) ack 1 <nop,nop,TS val 701 ecr 0>");
  t.expect(". 1:1(0) ack 101");
  t.peer("R 101:101(0)");  // a RST needs none
  EXPECT_EQ(t.error(), ECONNRESET);
}

TEST(Profile, NewSocketsBeginWithTheirProfilesSettings) {
  EXPECT_EQ(Settings::of(Config{}), Settings{});
  EXPECT_EQ(Settings::of(Config::rfc()), Settings{});  // the rest is asked of the host
}

}  // namespace
}  // namespace sockeye::tcp
