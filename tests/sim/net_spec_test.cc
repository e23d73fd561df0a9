// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/net_spec.h"

#include <gtest/gtest.h>

namespace sockeye::sim {
namespace {

NetSpec parsed(std::string_view text) {
  const auto result = parse_net_spec(text);
  EXPECT_TRUE(result.spec) << text << ": " << result.error;
  return result.spec.value_or(NetSpec{});
}

TEST(NetSpec, ReadsEveryKey) {
  const NetSpec spec = parsed(
      "delay=20ms~5ms,rate=10mbit,queue=64KiB,loss=1%,duplicate=0.5%,reorder=2.25%,corrupt=0.001%,mtu=1400,"
      "seed=7");
  EXPECT_EQ(spec.delay, 20ms);
  EXPECT_EQ(spec.jitter, 5ms);
  EXPECT_EQ(spec.rate, 10'000'000U);
  EXPECT_EQ(spec.queue_bytes, 65536U);
  EXPECT_EQ(spec.loss.parts, 10'000'000U);
  EXPECT_EQ(spec.duplicate.parts, 5'000'000U);
  EXPECT_EQ(spec.reorder.parts, 22'500'000U);
  EXPECT_EQ(spec.corrupt.parts, 10'000U);
  EXPECT_EQ(spec.mtu, 1400U);
  EXPECT_EQ(spec.seed, 7U);
}

TEST(NetSpec, ReadsEveryUnit) {
  EXPECT_EQ(parsed("delay=1500us").delay, 1500us);
  EXPECT_EQ(parsed("delay=1.5ms").delay, 1500us);
  EXPECT_EQ(parsed("delay=2s").delay, 2s);
  EXPECT_EQ(parsed("delay=1m").delay, 60s);
  EXPECT_EQ(parsed("rate=64kbit").rate, 64'000U);
  EXPECT_EQ(parsed("rate=1.5Gbit").rate, 1'500'000'000U);
  EXPECT_EQ(parsed("rate=1mbit,queue=1MiB").queue_bytes, 1U << 20);
  EXPECT_EQ(parsed("rate=1mbit,queue=100p").queue_packets, 100U);
  EXPECT_EQ(parsed("loss=100%").loss.parts, Chance::kCertain);
  EXPECT_EQ(parsed("seed=0xff").seed, 255U);
  EXPECT_EQ(parsed("seed=18446744073709551615").seed, UINT64_MAX);
  EXPECT_EQ(parsed("delay=20ms, loss=1%"), parsed("delay=20ms,loss=1%"));
}

TEST(NetSpec, EqualSpecsAreEqualHoweverWritten) {
  EXPECT_EQ(parsed("delay=1s,loss=1%"), parsed("loss=1.0%,delay=1000ms"));
  EXPECT_FALSE(parsed("delay=1s") == parsed("delay=1s,seed=1"));
  EXPECT_FALSE(parsed("delay=1s") == parsed("delay=1s~1us"));
}

TEST(NetSpec, PrintsWhatItReads) {
  for (const std::string_view text :
       {"delay=20ms~5ms,rate=10mbit,queue=64KiB,loss=1%,duplicate=0.5%,reorder=2.25%,corrupt=0.0001%,mtu="
        "1400,seed=7",
        "rate=10mbit,ecn=50%,loss=1%", "delay=1500us", "delay=0.5us", "rate=1500kbit,queue=17p",
        "rate=0.001kbit", "rate=1gbit,queue=1MiB", "seed=18446744073709551615", "loss=33.3333333%"}) {
    const NetSpec spec = parsed(text);
    EXPECT_EQ(spec.to_string(), text);
    EXPECT_EQ(parsed(spec.to_string()), spec);
  }
  EXPECT_EQ(NetSpec{}.to_string(), "");
}

TEST(NetSpec, ProfilesCanBeOverridden) {
  EXPECT_EQ(parsed("dsl").rate, 10'000'000U);
  EXPECT_EQ(parsed("dsl,rate=50mbit").rate, 50'000'000U);
  EXPECT_EQ(parsed("dsl,rate=50mbit").delay, 12ms);
  EXPECT_EQ(parsed("wifi-bad,loss=0%").loss.parts, 0U);
  EXPECT_EQ(parsed("sat").delay, 300ms);
  EXPECT_TRUE(parsed("4g").carries_real_packets());
}

TEST(NetSpec, RealPacketsWhereAFaultOrALimitIs) {
  EXPECT_FALSE(parsed("delay=20ms~1ms,seed=1").carries_real_packets());
  EXPECT_EQ(parsed("delay=20ms").effective_mtu(), 65535U);
  for (const std::string_view text : {"loss=1%", "duplicate=1%", "reorder=1%", "corrupt=1%", "rate=1gbit"})
    EXPECT_EQ(parsed(text).effective_mtu(), 1500U) << text;
  EXPECT_EQ(parsed("mtu=9000").effective_mtu(), 9000U);
}

TEST(NetSpec, RefusesWithThePlaceAndWhatWasExpected) {
  struct Case {
    std::string_view text, error;
  };
  const Case cases[] = {
      {"", "column 1: '': expected items such as delay=20ms,loss=1%"},
      {"delay=20", "column 7: '20': a unit is missing; expected a time such as 20ms (us, ms, s or m)"},
      {"delay=20ms,loss=1", "column 17: '1': a unit is missing; expected a percentage such as 1% or 0.1%"},
      {"delay=ms", "column 7: 'ms': expected a time such as 20ms (us, ms, s or m)"},
      {"delay=5M", "column 7: '5M': unknown unit 'M'; expected a time such as 20ms (us, ms, s or m)"},
      {"delay=1.ms",
       "column 7: '1.ms': digits are missing behind the point; expected a time such as 20ms (us, ms, s or "
       "m)"},
      {"delay=0.0001us",
       "column 7: '0.0001us': finer than this can be kept; expected a time such as 20ms (us, ms, s or m)"},
      {"delay=-5ms", "column 7: '-5ms': expected a time such as 20ms (us, ms, s or m)"},
      {"delay=5ms~6ms",
       "column 7: '5ms~6ms': the jitter is larger than the delay: packets would arrive before they leave"},
      {"delay=5ms~", "column 11: '': expected a time such as 20ms (us, ms, s or m)"},
      {"delay=61m", "column 7: '61m': expected a delay of at most 60m"},
      {"rate=100kbps",
       "column 6: '100kbps': 'kbps': kbit/s or KB/s? expected a rate such as 10mbit (kbit, mbit or gbit)"},
      {"rate=0mbit", "column 6: '0mbit': a rate of zero would carry nothing; expected at least 1kbit"},
      {"rate=1mbit,queue=64KB",
       "column 18: '64KB': 'KB': 1000 or 1024, bits or bytes? expected a size such as 64KiB or 100p (KiB, "
       "MiB or p "
       "for packets)"},
      {"queue=64KiB", "column 1: 'queue=64KiB': a queue needs a rate: without one nothing waits"},
      {"loss=101%", "column 6: '101%': expected at most 100%"},
      {"los=1%", "column 1: 'los': unknown key; did you mean loss?"},
      {"bandwidth=1mbit",
       "column 1: 'bandwidth': unknown key; expected delay, rate, queue, ecn, loss, duplicate, reorder, "
       "corrupt, mtu or seed"},
      {"ecn=50%", "column 1: 'ecn=50%': marks need a rate: without one nothing waits"},
      {"loss=1%,loss=2%", "column 9: 'loss=2%': loss is given twice (first in column 1)"},
      {"loss=1%,", "column 9: '': expected an item such as loss=1% between the commas"},
      {"loss=1%,,mtu=1500", "column 9: '': expected an item such as loss=1% between the commas"},
      {"3g", "column 1: '3g': expected key=value, or one of the profiles 4g, dsl, sat, wifi-bad"},
      {"loss=1%,dsl", "column 9: 'dsl': expected key=value (a profile name may only stand first)"},
      {"up:delay=1ms",
       "column 1: 'up:delay': directions (up:, down:) are not supported; the spec applies to each direction"},
      {"delay=1ms..5ms", "column 7: '1ms..5ms': ranges (a..b) are not supported; expected one value"},
      {"burst=1%", "column 1: 'burst': burst loss is not supported yet"},
      {"mtu=1000", "column 5: '1000': expected bytes from 1280 (IPv6's least) to 65535, without a unit"},
      {"mtu=1500B", "column 5: '1500B': expected bytes from 1280 (IPv6's least) to 65535, without a unit"},
      {"seed=18446744073709551616",
       "column 6: '18446744073709551616': expected a number from 0 to 18446744073709551615"},
      {"seed=", "column 6: '': expected a number from 0 to 18446744073709551615"},
  };
  for (const Case& c : cases) {
    const auto result = parse_net_spec(c.text);
    EXPECT_FALSE(result.spec) << c.text;
    EXPECT_EQ(result.error, c.error);
  }
}

}  // namespace
}  // namespace sockeye::sim
