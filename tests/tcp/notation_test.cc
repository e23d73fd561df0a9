// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/notation.h"

#include <gtest/gtest.h>

#include <string>

namespace sockeye::tcp {
namespace {

const NotationBase kBase{SeqNum(0xffffff00), SeqNum(5000)};

std::string round_trip(std::string_view line) {
  std::string error;
  const auto text = parse_segment(line, kBase, &error);
  return text ? to_text(text->segment, kBase) : error;
}

TEST(Notation, LinesThatAreTheirOwnText) {
  for (const char* line : {
           "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>",
           "S. 0:0(0) ack 1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>",
           "P. 1:1001(1000) ack 1 win 65535 <nop,nop,TS val 4000000000 ecr 7>",
           ". 1:1(0) ack 501 win 512 <nop,nop,sack 501:1001 2001:3001>",
           "FP. 1000:1500(500) ack 1 win 0",
           "R 5:5(0) win 0",
           "R. 5:5(0) ack 9 win 0",
           "P.U 1:11(10) ack 1 win 100 urg 3",
           ".EW 1:1(0) ack 1 win 100",
           "- 1:1(0) win 100",
           "SE 0:0(0) win 100 <mss 536>",
       })
    EXPECT_EQ(round_trip(line), line);
}

TEST(Notation, NumbersAreRelativeToBothEnds) {
  const auto text = parse_segment(". 300:310(10) ack 1 win 5 <sack 7:9>", kBase);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->segment.seq, SeqNum(44));
  EXPECT_EQ(text->segment.ack, SeqNum(5001));
  EXPECT_EQ(text->segment.options.sack[0], (SackBlock{SeqNum(5007), SeqNum(5009)}));
  EXPECT_EQ(parse_segment(". -1:-1(0) ack 1", kBase)->segment.seq, SeqNum(0xfffffeff));
}

TEST(Notation, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "expected flags"},
      {"X 1:1(0)", "flags are"},
      {"PP 1:1(0)", "flags are"},
      {". 1:2(0)", "the length is not the difference"},
      {". 1:1", "expected '('"},
      {". 1(0)", "expected ':'"},
      {". 1:1(0) acknowledge 3", "not understood"},
      {". 1:1(0) ack", "expected a number at the end"},
      {". 1:1(0) win 65536", "expected a number"},
      {". 1:1(0) <mss>", "expected a number"},
      {". 1:1(0) <foo>", "unknown option"},
      {". 1:1(0) <nop", "expected '>'"},
      {". 1:1(0) <sack>", "expected a SACK block"},
      {". 1:1(0) <sack 1:2 3:4 5:6 7:8 9:10>", "more than four"},
      {". 1:1(0) win 5 rubbish", "not understood"},
  };
  for (const auto& [line, complaint] : cases) {
    std::string error;
    EXPECT_FALSE(parse_segment(line, {}, &error)) << line;
    EXPECT_NE(error.find(complaint), std::string::npos) << line << ": " << error;
  }
}

bool fits(const char* expected, const char* sent) {
  return matches(*parse_segment(expected), parse_segment(sent)->segment);
}

TEST(Notation, WhatIsAbsentIsAny) {
  const char* sent = "P. 1:11(10) ack 7 win 500 <nop,nop,TS val 3 ecr 4>";
  EXPECT_TRUE(fits("P. 1:11(10) ack 7", sent));
  EXPECT_TRUE(fits("P. 1:11(10)", sent));
  EXPECT_TRUE(fits("P. 1:11(10) ack 7 win 500 <TS val 3 ecr 4>", sent));
  EXPECT_TRUE(fits("P. 1:11(10) ack 7 <TS val * ecr 4>", sent));
  EXPECT_FALSE(fits("P. 1:11(10) ack 7 <TS val * ecr 5>", sent));
  EXPECT_FALSE(fits("P. 1:11(10) ack 7 <>", sent)) << "no options at all";
  EXPECT_FALSE(fits("P. 1:11(10) ack 7 win 501", sent));
  EXPECT_FALSE(fits(". 1:11(10) ack 7", sent));
  EXPECT_FALSE(fits("P. 2:12(10) ack 7", sent));
  EXPECT_FALSE(fits("P. 1:12(11) ack 7", sent));
  EXPECT_FALSE(fits("P. 1:11(10) ack 8", sent));
  EXPECT_FALSE(fits("P. 1:11(10) ack 7 <TS val 3 ecr 4,sack 1:2>", sent));
  EXPECT_FALSE(fits(". 1:1(0) ack 1 <sack 5:7 1:3>", ". 1:1(0) ack 1 <sack 1:3 5:7>")) << "order counts";
}

}  // namespace
}  // namespace sockeye::tcp
