// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Tunables by their Linux names.
#include "stack/sysctl.h"

#include <gtest/gtest.h>

#include "stack/two_hosts.h"

namespace sockeye {
namespace {

TEST(Sysctl, ReadsAndWritesByAnySpelling) {
  StackConfig config;
  EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_sack", "0"));
  EXPECT_FALSE(config.tcp.sack);
  EXPECT_TRUE(set_sysctl(config, "net/ipv4/tcp_sack", " 1\n"));
  EXPECT_TRUE(config.tcp.sack);
  EXPECT_EQ(*get_sysctl(config, "/proc/sys/net/ipv4/tcp_sack"), "1");
  EXPECT_TRUE(set_sysctl(config, "ipv4.tcp_fin_timeout", "0x10"));
  EXPECT_EQ(config.tcp.fin_timeout, 16s);
}

TEST(Sysctl, ThreeNumbers) {
  StackConfig config;
  EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_rmem", "4096 540000\t15728640"));
  EXPECT_EQ(config.tcp.receive_buffer_default, 540000u);
  EXPECT_EQ(*get_sysctl(config, "net.ipv4.tcp_rmem"), "4096\t540000\t15728640");
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_rmem", "4096 540000").error(), Errno::inval);
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_rmem", "4096 0 1").error(), Errno::inval);
}

TEST(Sysctl, RefusesWhatItDoesNotKnow) {
  StackConfig config;
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_no_such_thing", "1").error(), Errno::noent);
  EXPECT_EQ(get_sysctl(config, "net.ipv4.tcp_no_such_thing").error(), Errno::noent);
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_sack", "2").error(), Errno::inval);
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_sack", "yes").error(), Errno::inval);
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_congestion_control", "vegas").error(), Errno::noent);
  EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_congestion_control", "bbr"));
  EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_congestion_control", "cubic"));
}

// What Linux can switch and this stack cannot: only the value that is true is taken.
// As the kernel prints it, with an optional backup.
TEST(Sysctl, TheKeyOfFastOpen) {
  StackConfig config;
  EXPECT_EQ(*get_sysctl(config, "net.ipv4.tcp_fastopen_key"), "00000000-00000000-00000000-00000000");
  const std::string one = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4",
                    two = one + ",00000001-00000002-00000003-00000004";
  for (const std::string& key : {one, two}) {
    EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_fastopen_key", key));
    EXPECT_EQ(*get_sysctl(config, "net.ipv4.tcp_fastopen_key"), key);
  }
  for (const char* bad : {"", "1-2-3", "1-2-3-4-5-6-7-8", "1-2-3-4,5-6-7", "1-2-3-x", "1-2-3-4,"})
    EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_fastopen_key", bad).error(), Errno::inval) << bad;
}

TEST(Sysctl, NothingIsAcceptedAndIgnored) {
  StackConfig config;
  for (const SysctlRow& row : sysctl_rows()) {
    const std::string now = row.get(config);
    EXPECT_TRUE(row.set(config, now)) << row.name << " does not take the value it reads as";
    EXPECT_EQ(row.get(config), now) << row.name;
  }
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_fack", "1").error(), Errno::opnotsupp);
  EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_early_retrans", "0"));
  EXPECT_FALSE(config.tcp.tail_loss_probe);
  EXPECT_TRUE(set_sysctl(config, "net.ipv4.tcp_early_retrans", "3"));
  EXPECT_TRUE(config.tcp.tail_loss_probe);
  EXPECT_EQ(set_sysctl(config, "net.ipv4.tcp_early_retrans", "1").error(), Errno::opnotsupp);
}

TEST(Sysctl, ANewSocketBeginsWithWhatIsSetNow) {
  PacketPool pool;
  HostUnderTest host(StackConfig{}, pool, 1);
  ASSERT_TRUE(host.stack.set_sysctl("net.ipv4.tcp_congestion_control", "reno"));
  const auto socket = host.stack.socket(kInet, kStreamType, 0);
  std::array<std::byte, 16> name{};
  ASSERT_TRUE((*socket)->get_option(6, 13, name));  // IPPROTO_TCP, TCP_CONGESTION
  EXPECT_STREQ(reinterpret_cast<const char*>(name.data()), "reno");
  (*socket)->close();
}

}  // namespace
}  // namespace sockeye
