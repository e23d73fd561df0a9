// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A segment as one line of text, in tcpdump's and packetdrill's words, both ways:
//
//   S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>
//   P. 1:1001(1000) ack 1 win 512 urg 7 <nop,nop,TS val 2 ecr 1>
//   . 1:1(0) ack 501 <nop,nop,sack 1001:1501>
//   S 0:10(10) win 65535 <mss 1460,nop,nop,FO 0011223344556677>      FO alone asks for a cookie
//   .A 1:1(0) ack 501 <ECN e0b 501 ceb 0 e1b 1,nop>                   Accurate ECN
//
// Flags: S F R P . (ACK) U E W (CWR) A (AE), or "-" for none. Numbers are relative to the two ends' initial
// sequence numbers. Tests write it, failures and `sockeye trace` print it, scripts contain it. nop and
// eol are printed as they stand on the wire; read, they mean nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/seqnum.h"
#include "tcp/segment.h"

namespace sockeye::tcp {

// From what numbers are counted: `seq` for the sender's numbers, `ack` for the other end's (the SACK
// blocks of a segment are the other end's too).
struct NotationBase {
  SeqNum seq{};
  SeqNum ack{};
};

// A parsed line. What was absent is "any" when it is an expectation, and a default when it is sent.
struct SegmentText {
  Segment segment{};
  bool has_ack = false;
  bool has_window = false;
  bool has_options = false;   // "<...>" was there, even if empty
  bool any_ts_value = false;  // "TS val * ecr 7"
  bool any_ts_echo = false;
};

// Empty: not a segment line; `error`, when given, says what is wrong with it.
std::optional<SegmentText> parse_segment(std::string_view line, NotationBase base = {},
                                         std::string* error = nullptr);
std::string to_text(const Segment& segment, NotationBase base = {});

// Does what was sent fit the expectation? Absent window and options fit anything.
bool matches(const SegmentText& expected, const Segment& sent);

}  // namespace sockeye::tcp
