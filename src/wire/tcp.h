// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The TCP header and its options: RFC 9293 3.1-3.2, RFC 7323 (window scale, timestamps), RFC 2018
// (SACK), RFC 7413 (fast open). parse_tcp() takes untrusted bytes; emit_tcp() writes the options in the order
// in which Linux writes them (mss, sackOK, timestamps, nop, wscale; nop nop timestamps; nop nop sack).
// Options that are not known are skipped by their length; one of a known kind with a wrong length is
// ignored; a length of 0 or 1 or past the header ends the parsing (hostile.md D2-D5).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/seqnum.h"

namespace sockeye {

struct TcpFlags {
  bool fin = false;
  bool syn = false;
  bool rst = false;
  bool psh = false;
  bool ack = false;
  bool urg = false;
  bool ece = false;
  bool cwr = false;
  bool ae = false;  // RFC 9768; NS in RFC 3540
  friend constexpr bool operator==(const TcpFlags&, const TcpFlags&) = default;
};

struct TcpTimestamps {
  std::uint32_t value = 0;  // TSval
  std::uint32_t echo = 0;   // TSecr
  friend constexpr bool operator==(const TcpTimestamps&, const TcpTimestamps&) = default;
};

struct SackBlock {
  SeqNum begin{};  // first byte
  SeqNum end{};    // one past the last
  friend constexpr bool operator==(const SackBlock&, const SackBlock&) = default;
};

// RFC 7413 4.1.1: 4 to 16 bytes, an even number; none: the client asks for a cookie.
struct FastOpenCookie {
  std::uint8_t size = 0;
  bool is_experimental = false;  // in the option of before the RFC: kind 254 (RFC 6994) with number 0xf989
  std::array<std::byte, 16> bytes{};
  friend constexpr bool operator==(const FastOpenCookie&, const FastOpenCookie&) = default;
};

// Accurate ECN's counters of bytes (RFC 9768 3.2.3), 24 bits each.
struct AccEcnOption {
  bool ect1_first = false;  // kind 174: EE1B ECEB EE0B; else 172: EE0B ECEB EE1B
  std::uint8_t count = 0;   // how many of them, from the first
  std::array<std::uint32_t, 3> bytes{};
  // What it takes of a header, padding included.
  constexpr std::uint32_t padded() const { return (2u + 3u * count + 3u) / 4 * 4; }
  friend constexpr bool operator==(const AccEcnOption&, const AccEcnOption&) = default;
};

// In every segment of a signed connection: TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925). It is written first
// among the options, with its code zeroed; who holds the key fills in the code afterwards.
struct TcpSignature {
  enum class Kind : std::uint8_t { none = 0, several = 1, md5 = 19, ao = 29 };
  static constexpr std::uint8_t kMd5Bytes = 18;
  static constexpr std::uint32_t kCodeAt = 24;  // where the code stands in a header that we write

  Kind kind = Kind::none;
  std::uint8_t bytes = 0;        // of the option, kind and length included
  std::uint8_t at = 0;           // read: where the option begins, from the header's first byte
  std::uint8_t key_id = 0;       // TCP-AO
  std::uint8_t next_key_id = 0;  // TCP-AO

  // What it takes of a header, padding included.
  constexpr std::uint32_t padded() const { return kind == Kind::md5 ? 20u : (bytes + 3u) / 4 * 4; }
};

struct TcpOptions {
  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> window_scale{};  // as on the wire; RFC 7323 2.3: use at most 14
  bool sack_permitted = false;
  std::optional<TcpTimestamps> timestamps{};
  std::optional<FastOpenCookie> fast_open{};
  TcpSignature signature{};
  std::uint8_t sack_count = 0;
  std::array<SackBlock, 4> sack{};
  std::optional<AccEcnOption> accurate_ecn{};  // written where what is before it leaves room
};

struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  SeqNum seq{};
  SeqNum ack{};
  TcpFlags flags{};
  // RFC 9293 3.1 MUST-1
  std::uint16_t window = 0;  // as on the wire, not scaled
  std::uint16_t urgent_pointer = 0;
  TcpOptions options{};
};

inline constexpr std::uint32_t kTcpHeaderMin = 20;
inline constexpr std::uint32_t kTcpHeaderMax = 60;

// The data offset in bytes of a header whose first 20 bytes are given; 0 when it is below 20.
std::uint32_t tcp_header_bytes(Bytes first20);

// `header` holds exactly the header with its options. Empty: malformed.
std::optional<TcpHeader> parse_tcp(Bytes header);
// The same into `result`, which is as constructed. False: malformed, and `result` is of no use.
bool parse_tcp(Bytes header, TcpHeader& result);

// What is left of the room for options behind those that are set already, SACK blocks included.
std::uint32_t tcp_option_room(const TcpOptions& options);
std::uint32_t tcp_emit_size(const TcpHeader& header);
// Writes header and options with a checksum field of zero; out.size() is tcp_emit_size(header).
void emit_tcp(const TcpHeader& header, MutableBytes out);

}  // namespace sockeye
