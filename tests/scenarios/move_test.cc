// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A live connection moves between stacks in the middle of a transfer: the host goes down, a new stack
// comes up on its address, and goes on with the snapshot. The peer notices a pause.
#include <gtest/gtest.h>

#include "scenarios/replay.h"
#include "sim/simulation.h"
#include "sim/stream_pattern.h"
#include "sim/stream_tasks.h"
#include "tcp/snapshot.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

constexpr int kInet = 2, kStream = 1;

// Sends a pattern from some offset on over a socket that exists, then closes its half; reads an echo.
class Traveller final : public Task {
 public:
  struct Journey {  // what a program would remember
    std::uint64_t total = 0;
    std::uint64_t sent = 0;
    StreamDigest received{};
    bool is_shut = false;
    bool is_over = false;
    std::optional<Errno> error{};
  };
  Traveller(SimHost& host, SocketRef socket, Journey& journey)
      : Task(host), socket_(std::move(socket)), journey_(journey) {
    wait_on(*socket_);
  }
  ~Traveller() override { stop_waiting(); }
  Socket& socket() { return *socket_; }

  void run() override {
    while (write() || read()) {
    }
  }

 private:
  bool write() {
    if (journey_.sent == journey_.total) {
      if (!journey_.is_shut && socket_->remote()) {
        journey_.is_shut = true;
        if (!socket_->shutdown(1)) journey_.is_shut = false;
      }
      return false;
    }
    std::byte buffer[4096];
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(sizeof buffer, journey_.total - journey_.sent));
    StreamPattern(11).fill(journey_.sent, {buffer, size});
    const Bytes bytes(buffer, size);
    Outgoing message;
    message.buffers = {&bytes, 1};
    const auto done = socket_->send(message);
    if (!done) return fail(done.error());
    journey_.sent += *done;
    return true;
  }
  bool read() {
    std::byte buffer[4096];
    const MutableBytes bytes(buffer);
    Incoming message;
    message.buffers = {&bytes, 1};
    const auto got = socket_->receive(message);
    if (!got) return fail(got.error());
    journey_.is_over |= *got == 0;
    journey_.received.add(Bytes(buffer, *got));
    return *got > 0;
  }
  bool fail(Errno error) {
    if (error != Errno::again && error != Errno::inprogress) journey_.error = error;
    return false;
  }
  SocketRef socket_;
  Journey& journey_;
};

// An echo over a bad network, during which the client's host is replaced `moves` times.
void travel(std::uint64_t seed, std::string_view net, unsigned moves, bool as_bytes) {
  Simulation simulation(seed, net);
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  server.start<StreamServer>(Endpoint{server.v4(), 7}, StreamServer::Mode::echo);
  SocketRef socket = *client.stack().socket(kInet, kStream, 0);
  EXPECT_EQ(socket->connect(Endpoint{server.v4(), 7}).error(), Errno::inprogress);
  simulation.run_until(10s, [&] { return socket->remote().has_value(); });
  ASSERT_TRUE(socket->connect(Endpoint{server.v4(), 7}));
  Traveller::Journey journey;
  journey.total = 400'000;
  Traveller* traveller = &client.start<Traveller>(std::move(socket), journey);
  for (unsigned move = 0; move < moves && !journey.is_over; ++move) {
    simulation.run_for(150ms);
    if (journey.is_over) break;
    auto snapshot = client.stack().take_connection(traveller->socket());
    ASSERT_TRUE(snapshot) << name_of(snapshot.error());
    EXPECT_FALSE(traveller->socket().remote());
    client.crash();
    simulation.run_for(80ms);  // what is under way meanwhile is lost
    client.restart();
    if (as_bytes) snapshot = *tcp::snapshot_from_bytes(tcp::to_bytes(*snapshot));
    auto put = client.stack().put_connection(*snapshot);
    ASSERT_TRUE(put) << name_of(put.error());
    EXPECT_EQ(client.stack().put_connection(*snapshot).error(), Errno::addrinuse);
    traveller = &client.start<Traveller>(std::move(*put), journey);
  }
  simulation.run_until(300s, [&] { return journey.is_over || journey.error; });
  EXPECT_FALSE(journey.error) << name_of(*journey.error);
  EXPECT_TRUE(journey.is_over);
  EXPECT_EQ(journey.received, digest_of(StreamPattern(11), journey.total));
}

TEST(Move, AConnectionChangesItsStackInTheMiddle) {
  for (const std::uint64_t seed : seeds(8)) {
    Replay replay(seed);
    travel(seed, "delay=10ms,rate=10mbit", 1, true);
    if (replay.failed()) return;
  }
}
TEST(Move, AgainAndAgainOverABadNetwork) {
  for (const std::uint64_t seed : seeds(12)) {
    Replay replay(seed);
    travel(seed, "delay=10ms~5ms,rate=10mbit,loss=2%,reorder=1%", 5, seed % 2 == 0);
    if (replay.failed()) return;
  }
}

TEST(Move, WhatIsNotThereIsRefused) {
  Simulation simulation(1);
  SimHost& server = simulation.add_host("server");
  SimHost& client = simulation.add_host("client");
  server.start<StreamServer>(Endpoint{server.v4(), 7}, StreamServer::Mode::hold);
  SocketRef socket = *client.stack().socket(kInet, kStream, 0);
  EXPECT_EQ(client.stack().take_connection(*socket).error(), Errno::notconn);
  EXPECT_EQ(socket->connect(Endpoint{server.v4(), 7}).error(), Errno::inprogress);
  EXPECT_EQ(client.stack().take_connection(*socket).error(), Errno::inval);
  simulation.run_for(1s);
  const auto snapshot = client.stack().take_connection(*socket);
  ASSERT_TRUE(snapshot);
  // Not the address of this host.
  EXPECT_EQ(server.stack().put_connection(*snapshot).error(), Errno::addrnotavail);
  // Back into the stack that it came from; the peer has heard nothing.
  simulation.run_for(1s);
  auto put = client.stack().put_connection(*snapshot);
  ASSERT_TRUE(put);
  EXPECT_EQ((*put)->local(), snapshot->tuple.local);
  EXPECT_EQ((*put)->remote(), snapshot->tuple.remote);
  simulation.run_for(1s);
  EXPECT_EQ((*put)->report().state, tcp::State::established);
}

}  // namespace
}  // namespace sockeye::scenarios
