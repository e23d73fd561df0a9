// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/hello.h"

#include <gtest/gtest.h>

namespace sockeye::world {
namespace {

TEST(Hello, what_is_written_is_read_back) {
  Hello hello;
  hello.version = 3;
  hello.host = "server";
  hello.net = "delay=20ms,loss=1%";
  hello.seed = 18446744073709551615U;
  hello.pid = 4711;
  hello.command = "python3 -m http.server\n8080";
  hello.keep = true;
  const auto parsed = parse_hello(hello.format());
  ASSERT_TRUE(std::holds_alternative<Hello>(parsed));
  const Hello& back = std::get<Hello>(parsed);
  EXPECT_EQ(back.version, 3U);
  EXPECT_EQ(back.host, "server");
  EXPECT_EQ(back.net, "delay=20ms,loss=1%");
  EXPECT_EQ(back.seed, 18446744073709551615U);
  EXPECT_EQ(back.pid, 4711);
  EXPECT_EQ(back.command, "python3 -m http.server 8080");
  EXPECT_TRUE(back.keep);
}

TEST(Hello, host_names_are_folded_and_unknown_keys_are_for_later_versions) {
  const auto parsed = parse_hello("version=9\nhost=Server\nfuture=1\njunk\n");
  ASSERT_TRUE(std::holds_alternative<Hello>(parsed));
  EXPECT_EQ(std::get<Hello>(parsed).host, "server");
  EXPECT_EQ(std::get<Hello>(parsed).version, 9U);
  EXPECT_FALSE(std::get<Hello>(parsed).net.has_value());
}

TEST(Hello, a_value_that_does_not_parse_is_named) {
  for (const char* text : {"version=x\n", "seed=\n", "seed=-1\n", "pid=1e3\n", "keep=yes\n"}) {
    const auto parsed = parse_hello(text);
    ASSERT_TRUE(std::holds_alternative<HelloError>(parsed)) << text;
    EXPECT_NE(std::get<HelloError>(parsed).sentence.find("expected"), std::string::npos) << text;
  }
}

TEST(Welcome, what_is_written_is_read_back) {
  Welcome welcome;
  welcome.seed = 7;
  welcome.seed_was_drawn = true;
  welcome.host = "client";
  welcome.addresses = {IpAddress::v4(10, 0, 0, 2), *IpAddress::parse("fd00:50c:e7e::2")};
  welcome.notes = {"one", "two"};
  const auto parsed = parse_welcome(welcome.format());
  ASSERT_TRUE(std::holds_alternative<Welcome>(parsed));
  const Welcome& back = std::get<Welcome>(parsed);
  EXPECT_EQ(back.seed, 7U);
  EXPECT_TRUE(back.seed_was_drawn);
  EXPECT_EQ(back.host, "client");
  EXPECT_EQ(back.addresses, welcome.addresses);
  EXPECT_EQ(back.notes, welcome.notes);
}

TEST(Names, a_host_name_is_a_dns_label) {
  EXPECT_EQ(check_host_name("server"), "");
  EXPECT_EQ(check_host_name("a-1"), "");
  EXPECT_EQ(check_host_name(std::string(63, 'x')), "");
  for (const std::string& name : {std::string(), std::string("-a"), std::string("a-"), std::string("a.b"),
                                  std::string("a b"), std::string(64, 'x'), std::string("LocalHost")})
    EXPECT_NE(check_host_name(name), "") << name;
}

TEST(Names, a_world_name_cannot_leave_its_directory) {
  EXPECT_EQ(check_world_name("demo_1.x"), "");
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("a\n"), std::string(65, 'x')})
    EXPECT_NE(check_world_name(name), "") << name;
}

TEST(Seed, decimal_and_hexadecimal_up_to_64_bits) {
  EXPECT_EQ(parse_seed("7"), 7U);
  EXPECT_EQ(parse_seed("0x5eed"), 0x5eedU);
  EXPECT_EQ(parse_seed("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "0x", "-1", "1 ", "18446744073709551616", "seed"})
    EXPECT_EQ(parse_seed(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sockeye::world
