// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "core/errno.h"
#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/result.h"
#include "core/rng.h"
#include "core/seqnum.h"
#include "core/siphash.h"

namespace sockeye {
namespace {

// --- addresses

TEST(IpAddress, ReadsAndWritesV4) {
  EXPECT_EQ(IpAddress::parse("10.0.0.1"), IpAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(IpAddress::v4(0x7f000001), IpAddress::loopback_v4());
  EXPECT_EQ(IpAddress::v4(192, 168, 1, 255).to_string(), "192.168.1.255");
  EXPECT_EQ(IpAddress::v4(1, 2, 3, 4).to_v4(), 0x01020304u);
  for (const char* bad : {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4", "1..2.3",
                          "a.b.c.d", "-1.2.3.4", "1.2.3.0004"})
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
}

// RFC 5952 4 and 5: leading zeros, the longest and first run of zeros, lower case.
TEST(IpAddress, WritesV6Canonically) {
  const std::pair<const char*, const char*> cases[] = {
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:DB8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"fe80::1:0:0", "fe80::1:0:0"},
      {"0:0:0:0:0:0:13.1.68.3", "::d01:4403"},
      {"::ffff:129.144.52.38", "129.144.52.38"},  // v4-mapped is the same address as v4 here
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), canonical);
    EXPECT_EQ(IpAddress::parse(canonical), address);
  }
  for (const char* bad : {":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "1:",
                          ":1", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::"})
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
}

TEST(IpAddress, RandomAddressesSurviveTheirText) {
  SeededRng rng(4);
  for (int i = 0; i < 2000; ++i) {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& byte : bytes)
      byte = rng.below(3) == 0 ? static_cast<std::uint8_t>(rng.next()) : std::uint8_t{0};
    const IpAddress address = IpAddress::v6(bytes);
    EXPECT_EQ(IpAddress::parse(address.to_string()), address) << address.to_string();
  }
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::any_v4().is_unspecified());
  EXPECT_TRUE(IpAddress::any_v6().is_unspecified());
  EXPECT_TRUE(IpAddress::any_v6().is_v6());
  EXPECT_TRUE(IpAddress::v4(127, 255, 0, 1).is_loopback());
  EXPECT_TRUE(IpAddress::loopback_v6().is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_TRUE(IpAddress::v4(224, 0, 0, 1).is_multicast());
  EXPECT_FALSE(IpAddress::v4(240, 0, 0, 1).is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(IpAddress::v4(255, 255, 255, 255).is_limited_broadcast());
  EXPECT_TRUE(IpAddress::v4(169, 254, 3, 4).is_link_local());
  EXPECT_TRUE(IpAddress::parse("febf::1")->is_link_local());
  EXPECT_FALSE(IpAddress::parse("fec0::1")->is_link_local());
}

TEST(IpAddress, Prefixes) {
  const auto net = IpAddress::v4(10, 1, 128, 0);
  EXPECT_TRUE(net.same_prefix(IpAddress::v4(10, 1, 255, 1), 17));
  EXPECT_FALSE(net.same_prefix(IpAddress::v4(10, 1, 127, 1), 17));
  EXPECT_TRUE(net.same_prefix(IpAddress::v4(99, 1, 2, 3), 0));
  EXPECT_FALSE(net.same_prefix(IpAddress::loopback_v6(), 0));
  EXPECT_TRUE(IpAddress::parse("2001:db8::1")->same_prefix(*IpAddress::parse("2001:db8::ffff"), 64));
  EXPECT_FALSE(IpAddress::parse("2001:db8::1")->same_prefix(*IpAddress::parse("2001:db8::2"), 128));
}

TEST(Endpoint, Text) {
  EXPECT_EQ((Endpoint{IpAddress::v4(10, 0, 0, 1), 80}.to_string()), "10.0.0.1:80");
  EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 443}.to_string()), "[2001:db8::1]:443");
}

// --- sequence numbers (RFC 9293 3.4)

TEST(SeqNum, ComparesAcrossTheWrap) {
  const SeqNum top(0xffffffff);
  EXPECT_LT(top, SeqNum(0));
  EXPECT_LT(top, SeqNum(0x7ffffffe));
  EXPECT_GT(SeqNum(5), top);
  EXPECT_EQ(top + 1, SeqNum(0));
  EXPECT_EQ(SeqNum(0) - 1u, top);
  EXPECT_EQ(SeqNum(3) - top, 4);
  EXPECT_EQ(distance(top, SeqNum(3)), 4u);
  EXPECT_EQ(max(top, SeqNum(1)), SeqNum(1));
  EXPECT_EQ(min(top, SeqNum(1)), top);
  EXPECT_LE(top, top);
}

// --- SipHash: the test vectors of its authors (key 00..0f, message 00, 01, ...)

TEST(SipHash, PublishedVectors) {
  const SipKey key{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
  const std::uint64_t vectors[] = {0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au,
                                   0x85676696d7fb7e2du, 0xcf2794e0277187b7u, 0x18765564cd99a68du,
                                   0xcbc9466e58fee3ceu, 0xab0200f58b01d137u, 0x93f5f5799a932462u,
                                   0x9e0082df0ba9e4b0u};
  std::vector<std::byte> message;
  for (const std::uint64_t expected : vectors) {
    EXPECT_EQ(siphash(key, message), expected) << message.size() << " bytes";
    message.push_back(static_cast<std::byte>(message.size()));
  }
  message.resize(15);
  for (std::size_t i = 0; i < 15; ++i) message[i] = static_cast<std::byte>(i);
  EXPECT_EQ(siphash(key, message), 0xa129ca6149be45e5u);  // the example in the paper
}

TEST(SipHash, ShortVariantDependsOnKeyAndEveryWord) {
  const std::uint64_t words[] = {1, 2, 3};
  const std::uint64_t other[] = {1, 2, 4};
  EXPECT_NE(siphash13({1, 2}, words), siphash13({1, 3}, words));
  EXPECT_NE(siphash13({1, 2}, words), siphash13({1, 2}, other));
  EXPECT_NE(siphash13({1, 2}, std::span(words).first(2)), siphash13({1, 2}, words));
  EXPECT_EQ(siphash13({1, 2}, words), siphash13({1, 2}, words));
}

TEST(SeededRng, RepeatsAndStaysBelow) {
  SeededRng a(7);
  SeededRng b(7);
  SeededRng c(8);
  bool differs = false;
  std::array<int, 10> histogram{};
  for (int i = 0; i < 10000; ++i) {
    const auto value = a.next();
    EXPECT_EQ(value, b.next());
    differs = differs || value != c.next();
    ++histogram[a.below(10)];
    (void)b.below(10);
  }
  EXPECT_TRUE(differs);
  for (const int count : histogram) EXPECT_NEAR(count, 1000, 150);
}

// --- results and errors

Result<int> half(int n) {
  if (n % 2 != 0) return Errno::inval;
  return n / 2;
}

TEST(Result, ValueOrErrno) {
  EXPECT_TRUE(half(4));
  EXPECT_EQ(*half(4), 2);
  EXPECT_FALSE(half(3).has_value());
  EXPECT_EQ(half(3).error(), Errno::inval);
  EXPECT_EQ(half(3).value_or(9), 9);
  const Result<> done;
  EXPECT_TRUE(done.has_value());
  const Result<> failed = Errno::pipe;
  EXPECT_EQ(failed.error(), Errno::pipe);
}

TEST(ResultDeathTest, AskingForWhatIsNotThereStopsTheProgram) {
  EXPECT_DEATH((void)*half(3), "has_value");
  EXPECT_DEATH((void)half(4).error(), "has_value");
}

TEST(Errno, IsTheSystemsNumber) {
  EXPECT_EQ(to_int(Errno::connrefused), ECONNREFUSED);
  EXPECT_EQ(name_of(Errno::connrefused), "ECONNREFUSED");
  EXPECT_EQ(name_of(Errno::again), "EAGAIN");
  const std::error_code code = Errno::again;
  EXPECT_TRUE(code == std::errc::resource_unavailable_try_again);
}

// --- intrusive lists

struct ByAge {};
struct ByHost {};
struct Item : ListHook<ByAge>, ListHook<ByHost> {
  explicit Item(int n) : number(n) {}
  int number;
};

template <class Tag>
std::vector<int> numbers(IntrusiveList<Item, Tag>& list) {
  std::vector<int> out;
  for (Item& item : list) out.push_back(item.number);
  return out;
}

TEST(IntrusiveList, KeepsOrderInTwoListsAtOnce) {
  Item one(1), two(2), three(3);
  IntrusiveList<Item, ByAge> age;
  IntrusiveList<Item, ByHost> host;
  age.push_back(one);
  age.push_back(two);
  age.push_front(three);
  host.push_back(two);
  EXPECT_EQ(numbers(age), (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(numbers(host), (std::vector<int>{2}));
  age.remove(one);
  EXPECT_EQ(numbers(age), (std::vector<int>{3, 2}));
  age.insert_before(two, one);
  EXPECT_EQ(numbers(age), (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(&age.pop_front(), &three);
  EXPECT_EQ(&age.front(), &one);
  EXPECT_EQ(&age.back(), &two);
}

TEST(IntrusiveList, ElementsUnlinkThemselvesWhenTheyGo) {
  IntrusiveList<Item, ByAge> list;
  {
    Item gone(1);
    list.push_back(gone);
  }
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, SplicesAndWalksWhileUnlinking) {
  Item one(1), two(2), three(3);
  IntrusiveList<Item, ByAge> a;
  IntrusiveList<Item, ByAge> b;
  a.push_back(one);
  b.push_back(two);
  b.push_back(three);
  a.splice_back(b);
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(numbers(a), (std::vector<int>{1, 2, 3}));
  a.splice_back(b);
  for (Item* item = a.first(); item != nullptr;) {
    Item* next = a.next(*item);
    if (item->number != 2) a.remove(*item);
    item = next;
  }
  EXPECT_EQ(numbers(a), (std::vector<int>{2}));
}

TEST(IntrusiveListDeathTest, AnElementIsInOneListPerHook) {
  Item one(1);
  IntrusiveList<Item, ByAge> a;
  IntrusiveList<Item, ByAge> b;
  a.push_back(one);
  EXPECT_DEATH(b.push_back(one), "is_linked");
}

}  // namespace
}  // namespace sockeye
