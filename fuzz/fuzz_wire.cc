// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every parser of wire/ over arbitrary bytes; what parses is written and read again.
#include <algorithm>

#include "core/assert.h"
#include "link/pcapng.h"
#include "packet/transport_checksum.h"
#include "wire/dns.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

using namespace sockeye;

namespace {

void fuzz_ipv4(Bytes bytes) {
  if (bytes.size() < kIpv4HeaderMin) return;
  const std::uint32_t length = ipv4_header_bytes(bytes);
  if (length == 0 || length > bytes.size()) return;
  Ipv4Header header;
  for (const bool verify : {false, true}) {
    if (parse_ipv4(bytes.first(length), bytes.size(), verify, header)) continue;
    SOCKEYE_ASSERT(header.header_bytes == length && header.total_bytes >= length &&
                   header.total_bytes <= bytes.size());
  }
}

void fuzz_ipv6(Bytes bytes) {
  if (bytes.size() < kIpv6HeaderBytes) return;
  Ipv6Header header;
  if (parse_ipv6(bytes.first(kIpv6HeaderBytes), bytes.size(), header)) return;
  std::byte again[kIpv6HeaderBytes];
  emit_ipv6(header, again);
  SOCKEYE_ASSERT(std::equal(std::begin(again), std::end(again), bytes.begin()));
  const auto packet_bytes = kIpv6HeaderBytes + header.payload_bytes;
  const Bytes front = bytes.first(std::min<std::size_t>(bytes.size(), 300));
  const Ipv6Walk walk = walk_ipv6_extensions(front, packet_bytes, header);
  if (!walk.drop)
    SOCKEYE_ASSERT(walk.header_bytes <= packet_bytes && walk.next_header_at < walk.header_bytes);
}

void fuzz_tcp(Bytes bytes) {
  if (bytes.size() < kTcpHeaderMin) return;
  const std::uint32_t length = tcp_header_bytes(bytes.first(kTcpHeaderMin));
  if (length == 0 || length > bytes.size()) return;
  const auto header = parse_tcp(bytes.first(length));
  if (!header) return;
  const std::uint32_t size = tcp_emit_size(*header);
  if (size > kTcpHeaderMax) return;  // nobody sends all of them at once
  std::vector<std::byte> out(size);
  emit_tcp(*header, out);
  const auto again = parse_tcp(out);
  SOCKEYE_ASSERT(again && again->seq == header->seq && again->flags == header->flags);
  SOCKEYE_ASSERT(again->options.mss == header->options.mss &&
                 again->options.timestamps == header->options.timestamps);
  SOCKEYE_ASSERT(again->options.sack_count == header->options.sack_count);
}

void fuzz_dns(Bytes bytes) {
  if (const auto query = dns::parse_query(bytes)) {
    const dns::Record records[] = {
        {.name = query->name, .type = dns::Type::a, .ttl = 1, .address = IpAddress::loopback_v4()},
        {.name = "x.y", .type = dns::Type::ptr, .ttl = 1, .target = query->name}};
    const auto answer = query->problem == dns::Code::no_error
                            ? dns::answer(*query, records, query->udp_limit())
                            : dns::error_answer(*query, query->problem);
    SOCKEYE_ASSERT(query->problem != dns::Code::no_error || answer.size() <= query->udp_limit());
    const auto response = dns::parse_response(answer);
    SOCKEYE_ASSERT(response && response->id == query->id);
    if (query->problem == dns::Code::no_error) SOCKEYE_ASSERT(response->name == query->name);
    (void)dns::parse_reverse_name(query->name);
  }
  (void)dns::parse_response(bytes);
}

void fuzz_quotes(Bytes bytes) {
  for (const auto& quote : {parse_icmp_quote(bytes), parse_icmpv6_quote(bytes)})
    if (quote) SOCKEYE_ASSERT(quote->transport.size() >= 8);
}

void fuzz_checksum(Bytes bytes) {
  PacketPool pool(16, 1 << 20);
  PacketPtr packet = pool.from_bytes(bytes.first(std::min<std::size_t>(bytes.size(), 60000)));
  SOCKEYE_ASSERT(packet);
  packet->checksum = ChecksumState::present;
  (void)verify_checksum(*packet);
  packet->checksum = ChecksumState::absent;
  fill_checksum(*packet);
  SOCKEYE_ASSERT(packet->size() == bytes.size() || bytes.size() > 60000);
  SOCKEYE_ASSERT(packet->checksum == ChecksumState::absent || verify_checksum(*packet));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 8) {
    case 0:
      fuzz_ipv4(bytes);
      break;
    case 1:
      fuzz_ipv6(bytes);
      break;
    case 2:
      fuzz_tcp(bytes);
      break;
    case 3:
      fuzz_dns(bytes);
      break;
    case 4:
      fuzz_quotes(bytes);
      break;
    case 5:
      fuzz_checksum(bytes);
      break;
    case 6: {
      UdpHeader header;
      if (bytes.size() >= kUdpHeaderBytes && !parse_udp(bytes.first(kUdpHeaderBytes), bytes.size(), header))
        SOCKEYE_ASSERT(header.length >= kUdpHeaderBytes && header.length <= bytes.size());
      break;
    }
    default: {
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const auto address = IpAddress::parse(text);
      if (address) SOCKEYE_ASSERT(IpAddress::parse(address->to_string()) == *address);
      const auto reverse = dns::parse_reverse_name(text);
      if (reverse) SOCKEYE_ASSERT(dns::same_name(dns::reverse_name(*reverse), text));
      break;
    }
  }
  return 0;
}
