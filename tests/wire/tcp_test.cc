// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The TCP header as untrusted bytes: rows D1-D10 of the catalogue of hostile input.
#include "wire/tcp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/rng.h"

namespace sockeye {
namespace {

using Raw = std::vector<unsigned char>;

// A header whose options are these bytes, padded with zeros as the data offset needs.
Raw with_options(const Raw& options) {
  const Raw fixed = {0x1f, 0x90, 0x9c, 0x40, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0x10, 0xff, 0xff, 0, 0, 0, 7};
  Raw header((20 + options.size() + 3) / 4 * 4);
  std::copy(fixed.begin(), fixed.end(), header.begin());
  std::copy(options.begin(), options.end(), header.begin() + 20);
  header[12] = static_cast<unsigned char>(header.size() / 4 << 4);
  return header;
}

std::optional<TcpHeader> parse(const Raw& raw) {
  // An exact heap block, so that a read beyond it is seen by the address sanitizer.
  const std::vector<std::byte> exact(std::as_bytes(std::span(raw)).begin(),
                                     std::as_bytes(std::span(raw)).end());
  return parse_tcp(exact);
}

TcpOptions options_of(const Raw& options) {
  const auto header = parse(with_options(options));
  EXPECT_TRUE(header);
  return header ? header->options : TcpOptions{};
}

TEST(TcpHeader, FieldsStandWhereTheRfcSays) {
  const auto header = parse(with_options({}));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->source_port, 8080);
  EXPECT_EQ(header->destination_port, 40000);
  EXPECT_EQ(header->seq, SeqNum(1));
  EXPECT_EQ(header->ack, SeqNum(2));
  EXPECT_EQ(header->flags, TcpFlags{.ack = true});
  EXPECT_EQ(header->window, 0xffff);
  EXPECT_EQ(header->urgent_pointer, 7);
}

TEST(TcpHeader, EveryFlagByteSurvives) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    Raw raw = with_options({});
    raw[13] = static_cast<unsigned char>(byte);
    const auto header = parse(raw);
    ASSERT_TRUE(header);
    std::vector<std::byte> out(20);
    emit_tcp(*header, out);
    EXPECT_EQ(load8(out.data() + 13), byte);
  }
}

// D1
TEST(TcpHeader, ABadDataOffsetIsMalformed) {
  Raw raw = with_options({});
  for (unsigned words = 0; words < 16; ++words) {
    raw[12] = static_cast<unsigned char>(words << 4);
    EXPECT_EQ(parse(raw).has_value(), words == 5) << words;
    EXPECT_EQ(tcp_header_bytes(std::as_bytes(std::span(raw))), words < 5 ? 0 : words * 4);
  }
  EXPECT_FALSE(parse_tcp({}));
  EXPECT_FALSE(parse(Raw(19, 0x55)));
}

// D2: parsing stops, what came before counts.
// RFC 9293 3.1 MUST-7
TEST(TcpOptions, ALengthOfZeroOrOneEndsTheList) {
  for (unsigned char length = 0; length < 2; ++length) {
    const TcpOptions options = options_of({2, 4, 5, 180, 99, length, 3, 3, 7, 1, 1, 1});
    EXPECT_EQ(options.mss, 1460);
    EXPECT_FALSE(options.window_scale);
  }
}

// D3
TEST(TcpOptions, AnOptionThatRunsPastTheHeaderIsIgnored) {
  EXPECT_FALSE(options_of({1, 1, 2, 4}).mss);  // cut off after its length
  EXPECT_FALSE(options_of({1, 1, 1, 2}).mss);  // only the kind, the last byte
  EXPECT_FALSE(options_of({1, 2, 4, 5}).mss);  // one byte short
  EXPECT_FALSE(options_of({8, 10, 0, 0, 0, 1, 0, 0}).timestamps);
  EXPECT_EQ(options_of({5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0}).sack_count, 0);
  EXPECT_FALSE(options_of({2, 255, 5, 180}).mss);
}

// D4
TEST(TcpOptions, AKnownKindWithAWrongLengthIsIgnoredAndTheRestIsRead) {
  EXPECT_FALSE(options_of({2, 3, 5, 1}).mss);
  EXPECT_FALSE(options_of({2, 5, 5, 180, 1}).mss);
  EXPECT_FALSE(options_of({3, 4, 7, 1}).window_scale);
  EXPECT_FALSE(options_of({3, 2, 1, 1}).window_scale);
  EXPECT_FALSE(options_of({4, 3, 0, 1}).sack_permitted);
  EXPECT_FALSE(options_of({8, 9, 0, 0, 0, 1, 0, 0, 0}).timestamps);
  const TcpOptions options = options_of({2, 3, 5, 3, 3, 7, 4, 2});
  EXPECT_EQ(options.window_scale, 7);
  EXPECT_TRUE(options.sack_permitted);
}

// D5: duplicates (the last counts), NOPs only, junk after the end.
// RFC 9293 3.1 MUST-4
// RFC 9293 3.2 MUST-64
TEST(TcpOptions, DuplicatesNopsAndJunk) {
  EXPECT_EQ(options_of({2, 4, 5, 180, 2, 4, 2, 24}).mss, 536);
  const TcpOptions nothing = options_of(Raw(40, 1));
  EXPECT_FALSE(nothing.mss || nothing.window_scale || nothing.timestamps || nothing.sack_permitted);
  const TcpOptions before_end = options_of({3, 3, 5, 0, 2, 4, 5, 180});
  EXPECT_EQ(before_end.window_scale, 5);
  EXPECT_FALSE(before_end.mss);
}

// D6: a length that is no multiple of eight; inverted blocks are the scoreboard's to judge.
TEST(TcpOptions, SackBlocks) {
  EXPECT_EQ(options_of({5, 9, 0, 0, 0, 1, 0, 0, 2, 1, 1, 1}).sack_count, 0);
  EXPECT_EQ(options_of({5, 2, 1, 1}).sack_count, 0);
  const TcpOptions options = options_of({1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 3});
  ASSERT_EQ(options.sack_count, 1);
  EXPECT_EQ(options.sack[0], (SackBlock{SeqNum(9), SeqNum(3)}));
  Raw four = {5, 34};
  for (unsigned char i = 0; i < 32; ++i) four.push_back(i);
  EXPECT_EQ(options_of(four).sack_count, 4);
}

// D7: the value is given as it came; RFC 7323's limit of 14 is negotiate()'s.
TEST(TcpOptions, AnyWindowScaleIsReported) {
  EXPECT_EQ(options_of({3, 3, 255, 1}).window_scale, 255);
}

// D10: TCP-AO and MD5 are not known here: skipped by their length.
// RFC 9293 3.1 MUST-6, MUST-68
TEST(TcpOptions, UnknownKindsAreSkippedByTheirLength) {
  Raw raw = {19, 18};
  raw.resize(18, 0xaa);
  raw.insert(raw.end(), {2, 4, 5, 180, 253, 2, 3, 3, 9});
  const TcpOptions options = options_of(raw);
  EXPECT_EQ(options.mss, 1460);
  EXPECT_EQ(options.window_scale, 9);
}

TEST(TcpOptions, TheUsualTimestampsTakeTheShortWay) {
  const TcpOptions options = options_of({1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0});
  EXPECT_EQ(options.timestamps, (TcpTimestamps{256, 512}));
  EXPECT_EQ(options_of({8, 10, 0, 0, 1, 0, 0, 0, 2, 0, 1, 1}).timestamps, (TcpTimestamps{256, 512}));
}

Raw emitted(const TcpHeader& header) {
  std::vector<std::byte> out(tcp_emit_size(header));
  emit_tcp(header, out);
  Raw raw;
  for (const std::byte byte : out) raw.push_back(std::to_integer<unsigned char>(byte));
  return raw;
}

Raw emitted_options(const TcpOptions& options) {
  TcpHeader header;
  header.options = options;
  const Raw raw = emitted(header);
  return {raw.begin() + 20, raw.end()};
}

// The order and padding of Linux's segments.
// RFC 9293 3.1 MUST-69, MUST-68
TEST(EmitTcp, WritesOptionsAsLinuxDoes) {
  TcpOptions syn;
  syn.mss = 1460;
  syn.sack_permitted = true;
  syn.timestamps = TcpTimestamps{1, 0};
  syn.window_scale = 7;
  EXPECT_EQ(emitted_options(syn), (Raw{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}));
  syn.timestamps.reset();
  EXPECT_EQ(emitted_options(syn), (Raw{2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7}));
  TcpOptions plain;
  plain.timestamps = TcpTimestamps{2, 3};
  EXPECT_EQ(emitted_options(plain), (Raw{1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 3}));
  TcpOptions sack;
  sack.sack_count = 1;
  sack.sack[0] = {SeqNum(5), SeqNum(6)};
  EXPECT_EQ(emitted_options(sack), (Raw{1, 1, 5, 10, 0, 0, 0, 5, 0, 0, 0, 6}));
}

// RFC 9768 3.2.3: the two orders, as many counters as there are, and the padding.
TEST(EmitTcp, AccurateEcn) {
  TcpOptions options;
  options.accurate_ecn = AccEcnOption{.ect1_first = false, .count = 3, .bytes = {0x010203, 4, 0xffffff}};
  EXPECT_EQ(emitted_options(options), (Raw{172, 11, 1, 2, 3, 0, 0, 4, 255, 255, 255, 1}));
  EXPECT_EQ(options_of(emitted_options(options)).accurate_ecn, options.accurate_ecn);
  options.accurate_ecn = AccEcnOption{.ect1_first = true, .count = 1, .bytes = {5, 0, 0}};
  EXPECT_EQ(emitted_options(options), (Raw{174, 5, 0, 0, 5, 1, 1, 1}));
  EXPECT_EQ(options_of(emitted_options(options)).accurate_ecn, options.accurate_ecn);
  options.accurate_ecn = AccEcnOption{};
  EXPECT_EQ(emitted_options(options), (Raw{172, 2, 1, 1}));
  EXPECT_TRUE(options_of(emitted_options(options)).accurate_ecn);
}

// Lengths that are no number of counters leave it out; so does a header that is full.
TEST(TcpOptions, AccurateEcnOfAnotherLengthIsNone) {
  for (const unsigned length : {3u, 4u, 6u, 9u, 14u}) {
    Raw raw(16, 1);
    raw[0] = 172;
    raw[1] = static_cast<unsigned char>(length);
    EXPECT_FALSE(options_of(raw).accurate_ecn) << length;
  }
  TcpOptions full;
  full.timestamps = TcpTimestamps{};
  full.sack_count = 3;
  full.accurate_ecn = AccEcnOption{};
  EXPECT_EQ(tcp_option_room(full), 0u);
  EXPECT_EQ(emitted_options(full).size(), 40u);
  EXPECT_FALSE(options_of(emitted_options(full)).accurate_ecn);
}

// RFC 2018 3 MUST-2; RFC 2018 4 SHLD-3
TEST(EmitTcp, OnlyAsManySackBlocksAsFit) {
  TcpOptions options;
  options.sack_count = 4;
  EXPECT_EQ(emitted_options(options).size(), 36u);
  options.timestamps = TcpTimestamps{};
  EXPECT_EQ(emitted_options(options).size(), 12u + 28u);
  EXPECT_EQ(options_of(emitted_options(options)).sack_count, 3);
}

TEST(EmitTcp, WhatIsWrittenIsRead) {
  SeededRng rng(5);
  for (int round = 0; round < 5000; ++round) {
    TcpHeader header;
    header.source_port = static_cast<std::uint16_t>(rng.next());
    header.seq = SeqNum(static_cast<std::uint32_t>(rng.next()));
    header.ack = SeqNum(static_cast<std::uint32_t>(rng.next()));
    header.flags = {.fin = rng.below(2) == 0, .syn = rng.below(2) == 0, .ack = rng.below(2) == 0};
    header.window = static_cast<std::uint16_t>(rng.next());
    if (rng.below(2) == 0) header.options.mss = static_cast<std::uint16_t>(rng.next());
    if (rng.below(2) == 0) header.options.window_scale = static_cast<std::uint8_t>(rng.below(15));
    if (rng.below(2) == 0)
      header.options.timestamps = TcpTimestamps{static_cast<std::uint32_t>(rng.next()), 4};
    header.options.sack_permitted = rng.below(2) == 0;
    header.options.sack_count = static_cast<std::uint8_t>(rng.below(3));
    for (auto& block : header.options.sack)
      block = {SeqNum(static_cast<std::uint32_t>(rng.next())), SeqNum(2)};
    const Raw raw = emitted(header);
    ASSERT_LE(raw.size(), 60u);
    const auto back = parse(raw);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->source_port, header.source_port);
    EXPECT_EQ(back->seq, header.seq);
    EXPECT_EQ(back->flags, header.flags);
    EXPECT_EQ(back->options.mss, header.options.mss);
    EXPECT_EQ(back->options.window_scale, header.options.window_scale);
    EXPECT_EQ(back->options.timestamps, header.options.timestamps);
    EXPECT_EQ(back->options.sack_permitted, header.options.sack_permitted);
    EXPECT_LE(back->options.sack_count, header.options.sack_count);
    for (std::size_t i = 0; i < back->options.sack_count; ++i)
      EXPECT_EQ(back->options.sack[i], header.options.sack[i]);
  }
}

// Any bytes at all: no read beyond the header, no endless loop.
TEST(ParseTcp, SurvivesAnyBytes) {
  SeededRng rng(6);
  for (int round = 0; round < 50000; ++round) {
    Raw options(rng.below(41));
    for (auto& byte : options) byte = static_cast<unsigned char>(rng.below(rng.below(2) == 0 ? 256 : 12));
    const auto header = parse(with_options(options));
    ASSERT_TRUE(header);
    EXPECT_LE(header->options.sack_count, 4);
  }
}

}  // namespace
}  // namespace sockeye
