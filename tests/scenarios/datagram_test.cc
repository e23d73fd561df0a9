// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Datagrams over a network that loses, repeats and reorders: what arrives is whole and was sent, what
// does not arrive was dropped under a name; large ones travel as fragments.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <vector>

#include "scenarios/replay.h"
#include "sim/simulation.h"

namespace sockeye::scenarios {
namespace {

using namespace sim;

constexpr int kInet = 2, kInet6 = 10, kDatagram = 2;  // AF_INET, AF_INET6, SOCK_DGRAM
constexpr std::uint16_t kPort = 5000;

// The size and content of a datagram follow from its number.
std::vector<std::byte> datagram(std::uint32_t number) {
  std::vector<std::byte> bytes(4 + number * 37 % 4000);
  std::memcpy(bytes.data(), &number, 4);
  for (std::size_t i = 4; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(number * 31 + i);
  return bytes;
}

class Receiver final : public Task {
 public:
  Receiver(SimHost& host, int family)
      : Task(host), socket_(*host.stack().socket(family, kDatagram, 0)), buffer_(65536) {
    EXPECT_TRUE(socket_->bind({family == kInet ? IpAddress::any_v4() : IpAddress::any_v6(), kPort}));
    wait_on(*socket_);
  }
  ~Receiver() override { socket_->close(); }

  void run() override {
    for (;;) {
      const std::array<MutableBytes, 1> into{MutableBytes(buffer_)};
      Incoming incoming;
      incoming.buffers = into;
      const auto size = socket_->receive(incoming);
      if (!size) return;
      std::uint32_t number = 0;
      ASSERT_GE(*size, sizeof number);
      std::memcpy(&number, buffer_.data(), sizeof number);
      const auto sent = datagram(number);
      ASSERT_EQ(*size, sent.size()) << number;
      EXPECT_EQ(std::memcmp(buffer_.data(), sent.data(), sent.size()), 0) << number;
      ++arrivals[number];
    }
  }
  std::map<std::uint32_t, unsigned> arrivals;

 private:
  SocketRef socket_;
  std::vector<std::byte> buffer_;
};

TEST(Datagrams, ArriveWholeOrNotAtAll) {
  constexpr std::uint32_t kCount = 2000;
  for (const int family : {kInet, kInet6}) {
    for (const std::uint64_t seed : seeds(5)) {
      Replay replay(seed);
      Simulation simulation(seed, "delay=10ms~8ms,loss=5%,duplicate=3%,reorder=5%");
      SimHost& server = simulation.add_host("server");
      SimHost& client = simulation.add_host("client");
      auto& receiver = server.start<Receiver>(family);
      SocketRef socket = *client.stack().socket(family, kDatagram, 0);
      ASSERT_TRUE(socket->connect(Endpoint{family == kInet ? server.v4() : server.v6(), kPort}));
      for (std::uint32_t number = 0; number < kCount; ++number) {
        simulation.after(std::chrono::milliseconds(number), [&socket, number] {
          const auto bytes = datagram(number);
          const std::array<Bytes, 1> out{Bytes(bytes)};
          EXPECT_EQ(socket->send({.buffers = out}).value_or(0), bytes.size());
        });
      }
      simulation.run_for(70s);  // and the reassembly of what lost a fragment gives up
      unsigned repeated = 0;
      for (const auto& [number, times] : receiver.arrivals) repeated += times - 1;
      // Two thirds of the datagrams are two or three fragments: 1 - 0.95^2 of 2000 and some more.
      EXPECT_GT(receiver.arrivals.size(), kCount * 80 / 100);
      EXPECT_LT(receiver.arrivals.size(), kCount * 95 / 100);
      EXPECT_GT(repeated, 5u);
      EXPECT_GT(simulation.network().drops()[Drop::loss], 100u);
      EXPECT_GT(server.stack().drops()[Drop::fragment_timeout], 10u);
      socket->close();
      if (replay.failed()) return;
    }
  }
}

}  // namespace
}  // namespace sockeye::scenarios
