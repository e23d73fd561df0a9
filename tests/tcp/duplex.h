// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Two connections, one a client and one the child of a listener, exchange segments over an invented
// network with delay, jitter (which reorders), loss and duplicates, in virtual time and from a seed.
// Each end writes a stream that is a function of the position and checks what it reads byte by byte.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/rng.h"
#include "packet/packet.h"
#include "tcp/connection.h"
#include "tcp/resources.h"
#include "tcp/snapshot.h"
#include "tcp/syn_queue.h"

namespace sockeye::tcp {

struct DuplexOptions {
  std::uint64_t seed = 1;
  unsigned loss_permille = 0;
  unsigned duplicate_permille = 0;
  Duration delay = 10ms;
  Duration jitter = 0ms;
  std::uint64_t forward_bytes = 1u << 20;  // client to server
  std::uint64_t backward_bytes = 0;
  unsigned move_permille = 0;         // chance that an end goes on in another connection, as bytes
  unsigned mark_permille = 0;         // chance of a mark (ECN) instead of nothing
  unsigned slow_reader_permille = 0;  // chance that a reader does not read at an event
  bool cut = true;                    // GSO packets become segments on the way
  std::size_t write_max = 20'000;
  std::size_t read_max = 20'000;
  Config config{};
  Settings client{};
  Settings server{};
  Path path{};
  Duration limit = 3600s;
};

class Duplex {
 public:
  explicit Duplex(const DuplexOptions& options)
      : options_(options),
        random_(options.seed),
        secret_(options.seed ^ 0x5eed),
        open_(options.seed ^ 0x0be7),
        resources_(options_.config, pool_.chunks(), secret_, open_) {
    client_.name = "client";
    server_.name = "server";
    client_.to_send = options.forward_bytes;
    server_.to_send = options.backward_bytes;
    client_.to_receive = options.backward_bytes;
    server_.to_receive = options.forward_bytes;
    tuple_.local = {IpAddress::v4(10, 0, 0, 1), 40000};
    tuple_.remote = {IpAddress::v4(10, 0, 0, 2), 80};
    listener_ = std::make_unique<SynQueue>(resources_, 16);
    client_.connection = std::make_unique<Connection>(resources_, tuple_, options_.path, options_.client);
    client_.connection->open_active(now_);
  }
  ~Duplex() {
    wire_.clear();
    client_.connection.reset();
    server_.connection.reset();
  }

  // Until both have everything and both connections are finished. False: out of time, with a failure.
  bool run() {
    const Instant end = now_ + options_.limit;
    std::uint64_t turns_here = 0;
    while (!is_done()) {
      turn();
      if (testing::Test::HasFailure()) return false;
      if (is_done()) break;
      const Instant next = next_event();
      if (next == kNever || next > end) {
        ADD_FAILURE() << "seed " << options_.seed << ": stuck at " << to_ms(now_ - Instant{}) << " ms; "
                      << describe(client_) << "; " << describe(server_);
        return false;
      }
      turns_here = next > now_ ? 0 : turns_here + 1;
      if (turns_here > 10'000) {
        ADD_FAILURE() << "seed " << options_.seed << ": no progress; " << describe(client_) << "; "
                      << describe(server_);
        return false;
      }
      now_ = std::max(now_, next);
    }
    return true;
  }

  Duration elapsed() const { return now_ - Instant{} - 1000s; }
  std::uint64_t segments() const { return segments_; }
  std::uint64_t moves() const { return moves_; }
  // Of every segment that was sent, its time, and where its sender stood: two runs that differ in anything
  // have different ones.
  std::uint64_t digest() const { return digest_; }
  Connection& client() { return *client_.connection; }
  Connection& server() { return *server_.connection; }
  PacketPool& pool() { return pool_; }
  Resources& resources() { return resources_; }

 private:
  struct Side {
    const char* name = "";
    std::unique_ptr<Connection> connection;
    std::uint64_t to_send = 0;
    std::uint64_t to_receive = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool has_shut = false;
    bool at_end = false;
    bool has_closed = false;
  };
  struct InFlight {
    Segment segment;
    PacketPtr packet;
    bool to_server = false;
  };

  static std::byte pattern(std::uint64_t position, bool forward) {
    return static_cast<std::byte>((position * 131 + (position >> 8) * 7 + (position >> 16) * 3) ^
                                  (forward ? 0 : 0x55));
  }

  static std::string describe(const Side& side) {
    std::string text = side.name;
    if (!side.connection) return text + ": none";
    const auto& c = *side.connection;
    const Info info = c.info(Instant{} + 1000s);
    text += ": " + std::string(name_of(c.state())) + " sent " + std::to_string(side.sent) + " received " +
            std::to_string(side.received) + " unacked " + std::to_string(c.unacknowledged_bytes()) +
            " unsent " + std::to_string(c.unsent_bytes()) + " wnd " + std::to_string(info.send_window) +
            " rwnd " + std::to_string(info.receive_window) + " cwnd " + std::to_string(info.cwnd_bytes) +
            " ca " + std::to_string(info.congestion_state) + " timer " + info.timer;
    if (const auto error = c.error()) text += " error " + std::string(name_of(*error));
    return text;
  }

  bool is_done() const {
    return client_.has_closed && server_.has_closed && client_.connection->is_finished() &&
           server_.connection->is_finished() && wire_.empty();
  }

  Instant next_event() const {
    Instant next = wire_.empty() ? kNever : wire_.begin()->first.first;
    for (const Side* side : {&client_, &server_}) {
      if (!side->connection) continue;
      next = std::min({next, side->connection->next_timer(), side->connection->next_release()});
    }
    if (const auto at = listener_->next_timer()) next = std::min(next, *at);
    if (poke_ && *poke_ < next) next = *poke_;
    return next;
  }

  void turn() {
    while (!wire_.empty() && wire_.begin()->first.first <= now_) {
      InFlight arrived = std::move(wire_.begin()->second);
      wire_.erase(wire_.begin());
      deliver(std::move(arrived));
    }
    while (const auto due = listener_->next_due(now_)) {
      PacketPtr empty = pool_.allocate();
      transmit(due->segment, std::move(empty), false);
    }
    if (poke_ && *poke_ <= now_) poke_.reset();
    for (Side* side : {&client_, &server_}) {
      if (!side->connection) continue;
      if (side->connection->next_timer() <= now_) side->connection->on_timer(now_);
      use(*side);
      pump(*side);
      if (options_.move_permille > 0 && random_.below(1000) < options_.move_permille) move(*side);
    }
  }

  // What take_connection() and put_connection() of a stack do, in the middle of everything.
  void move(Side& side) {
    const auto snapshot = side.connection->snapshot(now_);
    if (!snapshot) return;
    const auto read = snapshot_from_bytes(to_bytes(*snapshot));
    ASSERT_TRUE(read) << "seed " << options_.seed << " " << describe(side);
    side.connection = std::make_unique<Connection>(resources_, read->tuple, options_.path, read->settings);
    ASSERT_TRUE(side.connection->restore(now_, *read));
    ++moves_;
    pump(side);
  }

  void deliver(InFlight arrived) {
    Side& side = arrived.to_server ? server_ : client_;
    if (arrived.to_server && !server_.connection) {
      const FiveTuple tuple{tuple_.remote, tuple_.local};
      const auto verdict =
          listener_->on_segment(now_, tuple, arrived.segment, options_.server, options_.path, false);
      if (verdict.reply) transmit(*verdict.reply, pool_.allocate(), false);
      if (!verdict.handshake) return;
      server_.connection = std::make_unique<Connection>(resources_, tuple, options_.path, options_.server);
      server_.connection->open_established(now_, *verdict.handshake);
    }
    const bool is_gone = side.connection->state() == State::closed;
    if (is_gone) return;
    (void)side.connection->on_segment(now_, arrived.segment, *arrived.packet);
  }

  // The program of one end: writes what it can, reads what there is.
  void use(Side& side) {
    Connection& c = *side.connection;
    const bool forward = &side == &client_;
    const State state = c.state();
    if (side.sent < side.to_send && can_send(state)) {
      std::vector<std::byte> block;
      for (;;) {
        const std::size_t n =
            std::min<std::uint64_t>(random_.below(options_.write_max) + 1, side.to_send - side.sent);
        block.resize(n);
        for (std::size_t i = 0; i < n; ++i) block[i] = pattern(side.sent + i, forward);
        const auto taken = c.send(now_, block, false, false);
        if (!taken) {
          EXPECT_EQ(taken.error(), Errno::again) << "seed " << options_.seed << " " << describe(side);
          break;
        }
        side.sent += *taken;
        if (side.sent == side.to_send || *taken < n) break;
      }
    }
    if (side.sent == side.to_send && !side.has_shut && can_send(state)) {
      side.has_shut = true;
      EXPECT_TRUE(c.shutdown(now_, false, true).has_value());
    }
    if (random_.below(1000) < options_.slow_reader_permille) {
      if (!poke_) poke_ = now_ + Duration(random_.below(300'000'000));
      return;
    }
    read(side, forward);
    if (side.at_end && side.has_shut && !side.has_closed) {
      side.has_closed = true;
      c.close(now_, false);
    }
  }

  void read(Side& side, bool forward) {
    std::vector<std::byte> block;
    while (!side.at_end) {
      block.resize(random_.below(options_.read_max) + 1);
      const auto got = side.connection->receive(now_, block, false, false);
      if (!got) {
        if (got.error() != Errno::again)
          ADD_FAILURE() << "seed " << options_.seed << " " << name_of(got.error()) << " " << describe(side);
        break;
      }
      if (*got == 0) {
        side.at_end = true;
        EXPECT_EQ(side.received, side.to_receive) << "seed " << options_.seed << " " << side.name;
        break;
      }
      for (std::size_t i = 0; i < *got; ++i) {
        if (block[i] == pattern(side.received + i, !forward)) continue;
        ADD_FAILURE() << "seed " << options_.seed << " " << side.name << ": wrong byte at "
                      << side.received + i;
        return;
      }
      side.received += *got;
    }
  }

  void pump(Side& side) {
    const bool to_server = &side == &client_;
    for (int count = 0;; ++count) {
      ASSERT_LT(count, 100'000) << "endless transmission, seed " << options_.seed;
      PacketPtr packet = pool_.allocate();
      Segment segment;
      if (!side.connection->poll_transmit(now_, segment, *packet)) break;
      ASSERT_EQ(segment.payload_bytes, packet->payload_size());
      if (options_.cut && packet->segment_size != 0) {
        cut(segment, *packet, to_server);
      } else {
        transmit(segment, std::move(packet), to_server);
      }
    }
    PacketPtr packet = pool_.allocate();
    Segment segment;
    ASSERT_FALSE(side.connection->poll_transmit(now_, segment, *packet)) << "spins, seed " << options_.seed;
  }

  void cut(const Segment& whole, Packet& packet, bool to_server) {
    std::uint32_t done = 0;
    while (done < whole.payload_bytes) {
      Segment part = whole;
      part.payload_bytes = std::min<std::uint32_t>(packet.segment_size, whole.payload_bytes - done);
      part.seq = whole.seq + done;
      const bool is_last = done + part.payload_bytes == whole.payload_bytes;
      part.flags.fin = whole.flags.fin && is_last;
      part.flags.psh = whole.flags.psh && is_last;
      PacketPtr piece = packet.clone();
      piece->consume(done);
      piece->truncate(part.payload_bytes);
      piece->segment_size = 0;
      transmit(part, std::move(piece), to_server);
      done += part.payload_bytes;
    }
  }

  void transmit(const Segment& segment, PacketPtr packet, bool to_server) {
    ++segments_;
    note(segment, to_server ? client_ : server_);
    const unsigned copies = random_.below(1000) < options_.duplicate_permille ? 2 : 1;
    for (unsigned i = 0; i < copies; ++i) {
      if (random_.below(1000) < options_.loss_permille) continue;
      Duration delay = options_.delay;
      if (options_.jitter > Duration::zero())
        delay += Duration(random_.below(static_cast<std::uint64_t>(options_.jitter.count())));
      PacketPtr copy = packet->clone();
      Segment marked = segment;
      const bool is_capable = segment.ip_ecn == kEct0 || segment.ip_ecn == kEct1;
      if (is_capable && options_.mark_permille > 0 && random_.below(1000) < options_.mark_permille)
        marked.ip_ecn = kCongestionExperienced;
      wire_[{now_ + delay, order_++}] = InFlight{marked, std::move(copy), to_server};
    }
  }

  void note(const Segment& segment, const Side& sender) {
    const auto add = [this](std::uint64_t value) { digest_ = mix64(digest_ ^ value); };
    std::array<std::byte, kTcpHeaderMax> header{};
    const std::uint32_t bytes = tcp_emit_size(segment);
    emit_tcp(segment, MutableBytes(header).first(bytes));
    for (std::uint32_t at = 0; at < bytes; at += 4) add(load32(header.data() + at));
    add(static_cast<std::uint64_t>(to_ns(now_ - Instant{})));
    add(segment.payload_bytes);
    if (!sender.connection) return;  // a SYN-ACK
    const Info info = sender.connection->info(now_);
    for (const std::uint64_t value :
         {std::uint64_t{info.cwnd_bytes}, std::uint64_t{info.ssthresh_bytes}, info.delivery_rate,
          std::uint64_t{info.receive_limit}, std::uint64_t{info.unacked_segments}, info.total_retransmits,
          info.segments_in, info.bytes_received, std::uint64_t{info.congestion_state}})
      add(value);
    for (const Duration value : {info.rto, info.srtt, info.rttvar, info.min_rtt, info.busy, info.timer_left,
                                 info.since_last_ack_received, info.since_last_data_received})
      add(static_cast<std::uint64_t>(to_ns(value)));
  }

  DuplexOptions options_;
  PacketPool pool_;
  SeededRng random_;
  SeededRng secret_;
  SeededRng open_;
  Resources resources_;
  FiveTuple tuple_;
  Instant now_ = Instant{} + 1000s;
  Side client_;
  Side server_;
  std::unique_ptr<SynQueue> listener_;
  std::map<std::pair<Instant, std::uint64_t>, InFlight> wire_;
  std::uint64_t order_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t moves_ = 0;
  std::uint64_t digest_ = 0;
  std::optional<Instant> poke_;
};

}  // namespace sockeye::tcp
