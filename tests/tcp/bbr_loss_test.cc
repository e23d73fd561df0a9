// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What BBR hears of losses, as traces: each packet with the moment in which it was sent, not one event for
// all that an ACK shows (draft-ietf-ccwg-bbr 5.5.10.2, 5.3.1.3). Segments of 1000 bytes.
#include <gtest/gtest.h>

#include <cstdio>

#include "recovery_steps.h"
#include "tcp/bbr.h"
#include "tcp/bbr_state.h"

namespace sockeye::tcp {
namespace {

BenchOptions with_bbr() {
  BenchOptions options = with_sack();
  std::snprintf(options.settings.congestion_control, sizeof options.settings.congestion_control, "bbr");
  return options;
}

std::string phase_of(TcpBench& t) {
  const auto model = t.info().path_model;
  return model ? model->phase : "none";
}

// Sends until the pacer has let out `count` segments, 1 ms apart at least; the peer acknowledges nothing.
void send_all(TcpBench& t, std::uint32_t count) {
  t.app.send(count * 1000);
  std::size_t sent = t.discard();
  for (int i = 0; i < 1000 && sent < count; ++i) {
    t.after(1ms);
    sent += t.discard();
  }
  EXPECT_EQ(sent, count);
}

// 5.3.1.3: more than 2 % lost at six places or more in a round ends STARTUP. Every other segment of a flight
// is missing: one ACK tells of four, the next of `more`. When the first retransmission arrives, all that was
// sent before it is lost too, which is one place; and the round is over.
std::string phase_after_holes(std::uint32_t more) {
  TcpBench t{with_bbr()};
  establish(t);
  send_all(t, 10);
  t.after(100ms);
  t.peer(ack_with(10'001, ""));
  send_all(t, 20);
  t.after(70ms);
  const auto tell = [&](std::uint32_t first, std::uint32_t count) {
    if (count == 0) return;
    std::string blocks;
    for (std::uint32_t i = first; i < first + count; ++i)
      blocks += ' ' + numbers(11'001 + 2000 * i, 12'001 + 2000 * i);
    t.peer(ack_with(10'001, "sack" + blocks));
    t.discard();
    t.after(20ms);
    t.discard();
  };
  tell(0, 4);
  tell(4, more);
  EXPECT_EQ(t.info().lost_segments, 4 + more);
  t.after(80ms);
  t.discard();
  EXPECT_EQ(phase_of(t), "startup");
  t.peer(ack_with(12'001, ""));
  t.discard();
  EXPECT_EQ(t.info().congestion_state, 3) << "still in recovery";
  return phase_of(t);
}

TEST(BbrLoss, PlacesAreCountedNotAcks) {
  EXPECT_EQ(phase_after_holes(0), "startup");
  EXPECT_NE(phase_after_holes(1), "startup") << "six places, three ACKs";
}

}  // namespace
}  // namespace sockeye::tcp
