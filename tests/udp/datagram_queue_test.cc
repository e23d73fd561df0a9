// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "udp/datagram_queue.h"

#include <gtest/gtest.h>

#include "udp/datagram.h"

namespace sockeye::udp {
namespace {

TEST(DatagramQueue, ChargesWhatTheKernelCharges) {
  // SO_MEMINFO of a loopback socket on Linux 6.x: 1 byte, an Ethernet frame's worth.
  EXPECT_EQ(charge_for(1), 768u);
  EXPECT_EQ(charge_for(1400), 2304u);
}

TEST(DatagramQueue, TheNewestIsDroppedAtTheLimit) {
  PacketPool pool;
  DatagramQueue queue;
  int taken = 0;
  for (int i = 0; i < 1000; ++i) {
    Datagram datagram;
    datagram.packet = pool.allocate();
    if (queue.push(std::move(datagram), 4608)) ++taken;
  }
  EXPECT_EQ(taken, 7);  // six make the limit, and Linux takes one more
  EXPECT_EQ(queue.dropped(), 993u);
  EXPECT_EQ(pool.packets_in_use(), 7u);
  queue.clear();
  EXPECT_EQ(queue.charged(), 0u);
  EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST(MakeDatagram, GathersAcrossChunks) {
  PacketPool pool;
  std::vector<std::byte> bytes(kPayloadMaxV4);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const Bytes parts[] = {
      Bytes(bytes).first(10), {}, Bytes(bytes).subspan(10, 60'000), Bytes(bytes).subspan(60'010)};
  auto made = make_datagram(pool, 1, 2, parts, kPayloadMaxV4);
  ASSERT_TRUE(made);
  PacketPtr packet = std::move(*made);
  ASSERT_EQ(packet->size(), kPayloadMaxV4 + 8);
  packet->consume(8);
  std::vector<std::byte> copy(packet->size());
  packet->serialize(copy);
  EXPECT_TRUE(copy == bytes);
}

}  // namespace
}  // namespace sockeye::udp
