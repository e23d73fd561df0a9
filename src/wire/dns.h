// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// DNS messages as a small authoritative responder needs them: RFC 1035 4 (format), RFC 3596 (AAAA),
// RFC 6891 (EDNS0), RFC 8482 (ANY may be answered with what one likes). Names are dotted text without
// the final dot; the root is "". A byte that would be ambiguous in the text is written \DDD, a dot or
// backslash inside a label \. and \\ (RFC 1035 5.1). Names compare without regard to ASCII case.
//
// parse_query() takes untrusted bytes. A compression pointer must point strictly before the name it
// stands in, so that following pointers ends; nothing is read outside the message. Left out: zone
// transfer, DNSSEC (the DO bit is tolerated), dynamic update, TSIG.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"

namespace sockeye::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  aaaa = 28,
  opt = 41,
  any = 255
};

enum class Code : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,  // NXDOMAIN
  not_implemented = 4,
  refused = 5,
  bad_version = 16,  // of EDNS (RFC 6891 6.1.3)
};

inline constexpr std::uint16_t kClassIn = 1;
inline constexpr std::uint16_t kClassAny = 255;
inline constexpr std::size_t kUdpLimit = 512;    // RFC 1035 4.2.1, without EDNS
inline constexpr std::size_t kEdnsLimit = 4096;  // what we send at most over UDP, and advertise
inline constexpr std::size_t kTcpLimit = 65535;  // behind a two-byte length

struct Query {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;  // the header's second word as it came
  std::string name{};
  Type type = Type::a;  // any number may stand here
  std::uint16_t rr_class = kClassIn;
  std::optional<std::uint16_t> edns_size{};  // the sender's UDP payload size, when it spoke EDNS
  std::vector<std::byte> question{};         // as it came, to be echoed (its case may be a nonce)
  // Not no_error: the message cannot be answered with records; answer with this code.
  Code problem = Code::no_error;

  bool recursion_desired() const { return (flags & 0x0100) != 0; }
  // How long a UDP answer to this may be.
  std::size_t udp_limit() const;
};

// Empty: not even a header, or a response: to be ignored. Otherwise something is to be answered;
// see `problem` first (FORMERR, NOTIMP for opcodes other than QUERY, BADVERS).
std::optional<Query> parse_query(Bytes message);

struct Record {
  std::string name{};
  Type type = Type::a;
  std::uint32_t ttl = 0;
  IpAddress address{};   // a, aaaa
  std::string target{};  // ptr, cname, ns
  friend bool operator==(const Record&, const Record&) = default;
};

// The answer with these records (none: NODATA). Records that do not fit into `limit` bytes are left
// out and the answer says "truncated". A record whose name or target is no valid name is left out.
std::vector<std::byte> answer(const Query& query, std::span<const Record> records, std::size_t limit);
std::vector<std::byte> error_answer(const Query& query, Code code);  // NXDOMAIN, NOTIMP, FORMERR …

// The client's side, for tests and tools.
struct Response {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  Code code = Code::no_error;
  bool truncated = false;
  bool authoritative = false;
  std::string name{};  // of the question
  Type type = Type::a;
  std::vector<Record> records{};
};
std::vector<std::byte> make_query(std::uint16_t id, std::string_view name, Type type, bool edns);
std::optional<Response> parse_response(Bytes message);

bool same_name(std::string_view a, std::string_view b);
// "1.0.0.10.in-addr.arpa" <-> 10.0.0.1, nibbles under ip6.arpa likewise.
std::string reverse_name(const IpAddress& address);
std::optional<IpAddress> parse_reverse_name(std::string_view name);

}  // namespace sockeye::dns
