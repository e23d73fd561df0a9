// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A connection between a program that does anything and a peer that sends anything: it never crashes,
// never sends without end, never stays due, keeps its windows, and gives everything back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/rng.h"
#include "tcp/connection.h"
#include "tcp/resources.h"

namespace sockeye::tcp {
namespace {

class Abuse {
 public:
  explicit Abuse(std::uint64_t seed)
      : random_(seed),
        secret_(seed + 1),
        open_(seed + 2),
        resources_(config_, pool_.chunks(), secret_, open_) {
    Settings settings;
    settings.keepalive = chance(2);
    settings.nodelay = chance(2);
    settings.oob_inline = chance(4);
    if (chance(3)) settings.user_timeout = 5s;
    if (chance(3)) {
      settings.receive_buffer = static_cast<std::uint32_t>(random_.below(20'000) + 500);
      settings.receive_buffer_locked = true;
    }
    Path path;
    if (chance(2)) path.largest_packet = 65535;
    const FiveTuple tuple{{IpAddress::v4(10, 0, 0, 1), 80}, {IpAddress::v4(10, 0, 0, 2), 999}};
    connection_ = std::make_unique<Connection>(resources_, tuple, path, settings);
    if (chance(3)) {
      connection_->open_active(now_);
    } else {
      Handshake handshake;
      handshake.iss = iss_ = SeqNum(static_cast<std::uint32_t>(random_.next()));
      handshake.irs = irs_ = SeqNum(static_cast<std::uint32_t>(random_.next()));
      handshake.peer_window = static_cast<std::uint32_t>(random_.below(70'000));
      handshake.peer_mss = static_cast<std::uint16_t>(random_.below(3000));
      handshake.sack = chance(2);
      handshake.timestamps = chance(2);
      handshake.timestamp_recent = 1000;
      if (chance(2)) handshake.peer_window_scale = static_cast<std::uint8_t>(random_.below(15));
      if (handshake.peer_window_scale) handshake.our_window_scale = 7;
      connection_->open_established(now_, handshake);
    }
  }
  ~Abuse() {
    connection_.reset();
    EXPECT_EQ(resources_.active.in_use(), 0u);
    EXPECT_EQ(pool_.chunks().bytes_in_use(), 0u);
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      pump();
      (void)connection_->readiness();
      (void)connection_->info(now_);
      (void)connection_->take_events();
    }
    connection_->close(now_, false);
    pump();
    // Left alone, an orphan ends.
    for (int i = 0; i < 200 && !connection_->is_finished(); ++i) {
      const auto next = connection_->next_timer();
      if (next == kNever) break;
      now_ = std::max(now_, next);
      connection_->on_timer(now_);
      pump();
    }
    if (connection_->state() != State::syn_sent) {
      EXPECT_TRUE(connection_->is_finished()) << name_of(connection_->state());
    }
  }

 private:
  bool chance(std::uint64_t one_in) { return random_.below(one_in) == 0; }

  void step() {
    Connection& c = *connection_;
    std::byte room[5000] = {};
    switch (random_.below(12)) {
      case 0:
        (void)c.send(now_, Bytes(room, random_.below(5000)), chance(5), chance(10));
        break;
      case 1:
        (void)c.receive(now_, MutableBytes(room, random_.below(5000)), chance(5), chance(10));
        break;
      case 2:
        if (chance(30)) (void)c.shutdown(now_, chance(2), chance(2));
        break;
      case 3:
        now_ += Duration(random_.below(chance(10) ? 10'000'000'000u : 300'000'000u));
        turn_timer();
        break;
      case 4:
        c.set_external_unread(now_, static_cast<std::uint32_t>(random_.below(30'000)));
        break;
      case 5:
        if (chance(20))
          c.on_path_change(now_, {static_cast<std::uint32_t>(random_.below(3000)), 65535, false});
        break;
      case 6:
        c.on_icmp_error(now_, Errno::hostunreach, chance(2),
                        SeqNum(iss_.value() + static_cast<std::uint32_t>(random_.below(5000))));
        break;
      case 7:
        c.settings().cork = chance(3);
        c.settings().nodelay = chance(2);
        c.on_settings_changed(now_);
        break;
      default:
        inject();
        break;
    }
  }

  void turn_timer() {
    for (int i = 0; i < 100; ++i) {
      if (connection_->next_timer() > now_) return;
      connection_->on_timer(now_);
      pump();
    }
    ADD_FAILURE() << "a timer that is due stays due";
  }

  // Near what the connection expects, so that much of it is accepted.
  void inject() {
    Segment segment;
    segment.source_port = 999;
    segment.destination_port = 80;
    segment.seq = near(irs_ + 1u + received_);
    segment.ack = near(last_.seq + last_.length());
    if (chance(3)) segment.ack = last_.seq + last_.length();
    if (chance(3)) segment.seq = last_.ack;
    segment.flags.ack = !chance(20);
    segment.flags.syn = chance(60);
    segment.flags.fin = chance(60);
    segment.flags.rst = chance(200);
    segment.flags.urg = chance(20);
    segment.flags.psh = chance(2);
    segment.window = static_cast<std::uint16_t>(chance(5) ? 0 : random_.below(65536));
    segment.urgent_pointer = static_cast<std::uint16_t>(random_.below(65536) >> random_.below(16));
    if (chance(2))
      segment.options.timestamps = TcpTimestamps{1000 + static_cast<std::uint32_t>(random_.below(20)),
                                                 static_cast<std::uint32_t>(random_.next())};
    if (chance(3)) {
      segment.options.sack_count = static_cast<std::uint8_t>(random_.below(5));
      for (std::uint8_t i = 0; i < segment.options.sack_count; ++i) {
        segment.options.sack[i].begin = near(last_.seq);
        segment.options.sack[i].end = near(last_.seq);
      }
    }
    if (segment.flags.syn && chance(2)) segment.options.mss = static_cast<std::uint16_t>(random_.below(3000));
    PacketPtr packet = pool_.allocate();
    if (chance(2)) {
      std::uint32_t left = static_cast<std::uint32_t>(random_.below(chance(10) ? 40'000 : 2000));
      segment.payload_bytes = left;
      while (left > 0) {
        const std::uint32_t n = std::min<std::uint32_t>(left, 5000);
        ChunkRef chunk = pool_.chunks().allocate(n);
        chunk->commit(n);
        packet->append(Slice(std::move(chunk), 0, n));
        left -= n;
      }
    }
    (void)connection_->on_segment(now_, segment, *packet);
  }

  SeqNum near(SeqNum at) {
    switch (random_.below(6)) {
      case 0:
        return SeqNum(static_cast<std::uint32_t>(random_.next()));
      case 1:
        return at + static_cast<std::uint32_t>(random_.below(5000));
      case 2:
        return at - static_cast<std::uint32_t>(random_.below(5000));
      default:
        return at;
    }
  }

  void pump() {
    for (int count = 0; count < 5000; ++count) {
      Segment segment;
      PacketPtr packet = pool_.allocate();
      if (!connection_->poll_transmit(now_, segment, *packet)) {
        // Asked again at the same instant it says the same.
        ASSERT_FALSE(connection_->poll_transmit(now_, segment, *packet));
        ASSERT_TRUE(connection_->next_timer() > now_ || connection_->state() != State::closed);
        return;
      }
      ASSERT_EQ(segment.payload_bytes, packet->payload_size());
      if (segment.flags.syn) iss_ = segment.seq;
      if (!segment.flags.rst) last_ = segment;
      if (segment.flags.ack) received_ = distance(irs_ + 1u, segment.ack);
    }
    ADD_FAILURE() << "poll_transmit() never ends";
  }

  Config config_;
  PacketPool pool_;
  SeededRng random_;
  SeededRng secret_;
  SeededRng open_;
  Resources resources_;
  std::unique_ptr<Connection> connection_;
  Instant now_ = Instant{} + 500s;
  SeqNum iss_{};
  SeqNum irs_{};
  std::uint32_t received_ = 0;
  Segment last_{};
};

TEST(Abuse, IsSurvived) {
  const char* wish = std::getenv("ABUSE_SEEDS");
  const std::uint64_t seeds = wish == nullptr ? 300 : std::strtoull(wish, nullptr, 10);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Abuse abuse(seed);
    abuse.run(1000);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sockeye::tcp
