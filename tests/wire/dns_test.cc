// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// DNS messages against hand-made bytes, through a round trip, and hostile.
#include "wire/dns.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace sockeye::dns {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// What glibc sends for "server", A: id 0x1234, RD, one question.
const auto kServerQuery =
    bytes({0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 's', 'e', 'r', 'v', 'e', 'r', 0, 0, 1, 0, 1});

TEST(Dns, ReadsAPlainQuery) {
  const auto query = parse_query(kServerQuery);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->problem, Code::no_error);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->name, "server");
  EXPECT_EQ(query->type, Type::a);
  EXPECT_EQ(query->rr_class, kClassIn);
  EXPECT_TRUE(query->recursion_desired());
  EXPECT_FALSE(query->edns_size);
  EXPECT_EQ(query->udp_limit(), 512U);
  EXPECT_EQ(make_query(0x1234, "server", Type::a, false), kServerQuery);
}

TEST(Dns, AnswersWithAPointerToTheQuestion) {
  const auto query = parse_query(kServerQuery);
  const Record record{.name = "server", .type = Type::a, .ttl = 60, .address = IpAddress::v4(10, 0, 0, 1)};
  auto expected = kServerQuery;
  expected[2] = std::byte{0x85};  // QR, AA, RD
  expected[3] = std::byte{0x80};  // RA, NOERROR
  expected[7] = std::byte{1};
  const auto tail = bytes({0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1});
  expected.insert(expected.end(), tail.begin(), tail.end());
  EXPECT_EQ(answer(*query, {{record}}, query->udp_limit()), expected);
}

TEST(Dns, EchoesTheSpellingOfTheQuestion) {
  const auto query = parse_query(make_query(7, "SeRvEr", Type::aaaa, true));
  ASSERT_TRUE(query);
  EXPECT_TRUE(same_name(query->name, "server"));
  const Record record{.name = "server", .type = Type::aaaa, .ttl = 1, .address = IpAddress::loopback_v6()};
  const auto response = parse_response(answer(*query, {{record}}, query->udp_limit()));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->name, "SeRvEr");
  ASSERT_EQ(response->records.size(), 1U);
  EXPECT_EQ(response->records[0].address, IpAddress::loopback_v6());
  EXPECT_TRUE(response->authoritative);
}

TEST(Dns, SaysNxdomainNodataNotimpFormerr) {
  const auto query = parse_query(kServerQuery);
  const auto nxdomain = parse_response(error_answer(*query, Code::name_error));
  ASSERT_TRUE(nxdomain);
  EXPECT_EQ(nxdomain->code, Code::name_error);
  EXPECT_TRUE(nxdomain->records.empty());

  const auto nodata = parse_response(answer(*query, {}, 512));
  ASSERT_TRUE(nodata);
  EXPECT_EQ(nodata->code, Code::no_error);
  EXPECT_TRUE(nodata->records.empty());

  auto notify = kServerQuery;
  notify[2] = std::byte{0x20};  // opcode 4
  ASSERT_TRUE(parse_query(notify));
  EXPECT_EQ(parse_query(notify)->problem, Code::not_implemented);

  auto two_questions = kServerQuery;
  two_questions[5] = std::byte{2};
  ASSERT_TRUE(parse_query(two_questions));
  EXPECT_EQ(parse_query(two_questions)->problem, Code::format_error);
  const auto formerr = parse_response(error_answer(*parse_query(two_questions), Code::format_error));
  ASSERT_TRUE(formerr);
  EXPECT_EQ(formerr->code, Code::format_error);
}

TEST(Dns, ToleratesEdnsAndRefusesItsVersionOne) {
  auto message = make_query(9, "a.b", Type::any, true);
  auto query = parse_query(message);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->problem, Code::no_error);
  EXPECT_EQ(query->udp_limit(), 4096U);
  message[message.size() - 5] = std::byte{1};  // version
  query = parse_query(message);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->problem, Code::bad_version);
  const auto badvers = error_answer(*query, Code::bad_version);
  EXPECT_EQ(badvers[3] & std::byte{0xf}, std::byte{0});
  EXPECT_EQ(badvers[badvers.size() - 6], std::byte{1});  // 16 >> 4 in the OPT record
}

TEST(Dns, TruncatesAtARecordBoundary) {
  const auto query = parse_query(kServerQuery);
  std::vector<Record> records;
  for (std::uint8_t i = 0; i < 60; ++i)
    records.push_back({.name = "server", .type = Type::a, .ttl = 0, .address = IpAddress::v4(10, 0, 0, i)});
  const auto udp = answer(*query, records, query->udp_limit());
  EXPECT_LE(udp.size(), 512U);
  const auto response = parse_response(udp);
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->truncated);
  EXPECT_EQ(response->records.size(), (512U - kServerQuery.size()) / 16);
  EXPECT_FALSE(parse_response(answer(*query, records, kTcpLimit))->truncated);
}

TEST(Dns, IgnoresResponsesAndStubs) {
  auto response = kServerQuery;
  response[2] |= std::byte{0x80};
  EXPECT_FALSE(parse_query(response));
  for (std::size_t length = 0; length < 12; ++length)
    EXPECT_FALSE(parse_query(Bytes(kServerQuery).first(length)));
  for (std::size_t length = 12; length < kServerQuery.size(); ++length) {
    const auto query = parse_query(Bytes(kServerQuery).first(length));
    ASSERT_TRUE(query);
    EXPECT_EQ(query->problem, Code::format_error) << length;
  }
}

TEST(Dns, PointersNeverLoop) {
  for (const int target : {0, 11, 12, 13, 14, 200}) {  // into the header, itself, forward, outside
    const auto message = bytes({0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, target, 0, 1, 0, 1});
    ASSERT_TRUE(parse_query(message));
    EXPECT_EQ(parse_query(message)->problem, Code::format_error) << target;
  }
  // label "a", then a pointer to that label
  const auto loop = bytes({0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0xc0, 12, 0, 1, 0, 1});
  EXPECT_EQ(parse_query(loop)->problem, Code::format_error);
  // reserved label types 01 and 10
  for (const int kind : {0x40, 0x80}) {
    const auto message = bytes({0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, kind | 1, 'a', 0, 0, 1, 0, 1});
    EXPECT_EQ(parse_query(message)->problem, Code::format_error);
  }
}

TEST(Dns, NamesHaveALimit) {
  const std::string label(63, 'x');
  const std::string longest =
      label + '.' + label + '.' + label + '.' + std::string(61, 'x');  // 255 on the wire
  EXPECT_EQ(parse_query(make_query(1, longest, Type::a, false))->name, longest);
  EXPECT_TRUE(make_query(1, longest + "x", Type::a, false).empty());
  EXPECT_TRUE(make_query(1, label + "x", Type::a, false).empty());
  EXPECT_TRUE(make_query(1, "a..b", Type::a, false).empty());
}

TEST(Dns, EscapesRoundTrip) {
  for (const std::string_view name : {"a\\.b.c", "x\\\\y", "nul\\000nul", "\\255", ""}) {
    const auto query = parse_query(make_query(1, name, Type::a, false));
    ASSERT_TRUE(query) << name;
    EXPECT_EQ(query->name, name);
  }
}

TEST(Dns, ReverseNames) {
  EXPECT_EQ(reverse_name(IpAddress::v4(10, 0, 2, 1)), "1.2.0.10.in-addr.arpa");
  EXPECT_EQ(parse_reverse_name("1.2.0.10.IN-ADDR.arpa"), IpAddress::v4(10, 0, 2, 1));
  const auto v6 = *IpAddress::parse("fd00::12:3");
  EXPECT_EQ(reverse_name(v6).size(), 72U);
  EXPECT_EQ(parse_reverse_name(reverse_name(v6)), v6);
  for (const std::string_view bad : {"", "in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.256.in-addr.arpa",
                                     "01.2.3.4.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "x.ip6.arpa"})
    EXPECT_FALSE(parse_reverse_name(bad)) << bad;
}

}  // namespace
}  // namespace sockeye::dns
