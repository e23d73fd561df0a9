// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The ledger's idea of what the kernel charges, against the kernel.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <vector>

#include "gate/stream_carrier_ledger.h"
#include "world/unique_fd.h"

namespace sockeye::gate {
namespace {

struct Pair {
  world::UniqueFd ours;
  world::UniqueFd theirs;
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
  }
  std::uint32_t cost() const {
    int value = 0;
    ::ioctl(ours.get(), SIOCOUTQ, &value);
    return static_cast<std::uint32_t>(value);
  }
  void write(std::size_t size) const {
    const std::vector<char> bytes(size);
    EXPECT_EQ(::send(ours.get(), bytes.data(), size, MSG_DONTWAIT), static_cast<ssize_t>(size));
  }
  void read(std::size_t size) const {
    std::vector<char> bytes(size);
    EXPECT_EQ(::recv(theirs.get(), bytes.data(), size, MSG_DONTWAIT), static_cast<ssize_t>(size));
  }
};

TEST(UnreadLedger, CostIsWhatTheKernelCharges) {
  for (std::uint32_t size :
       {1u, 64u, 192u, 193u, 1000u, 1448u, 3776u, 3777u, 4096u, 8000u, 16000u, 32000u, 32768u}) {
    Pair pair;
    pair.write(size);
    EXPECT_EQ(UnreadLedger::cost_of(size), pair.cost()) << size;
  }
}

TEST(UnreadLedger, UnreadIsTheTailThatIsStillCharged) {
  Pair pair;
  UnreadLedger ledger;
  for (std::uint32_t size : {100u, 32768u, 5u, 5u, 2000u}) {
    pair.write(size);
    ledger.wrote(size);
  }
  EXPECT_EQ(ledger.bytes(), 34878u);
  ledger.measured(pair.cost());
  EXPECT_EQ(ledger.bytes(), 34878u);
  pair.read(100);
  ledger.measured(pair.cost());
  EXPECT_EQ(ledger.bytes(), 34778u);
  pair.read(10);  // of the large one, which is charged until its last byte is read
  ledger.measured(pair.cost());
  EXPECT_EQ(ledger.bytes(), 34778u);
  pair.read(32758 + 5);
  ledger.measured(pair.cost());
  EXPECT_EQ(ledger.bytes(), 2005u);
  pair.read(2005);
  ledger.measured(pair.cost());
  EXPECT_EQ(ledger.bytes(), 0u);
  EXPECT_TRUE(ledger.empty());
}

}  // namespace
}  // namespace sockeye::gate
