// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/dns.h"
#include "world/name_service.h"

namespace sockeye::world {

namespace {

constexpr std::uint32_t kTtlSeconds = 5;  // a name that does not exist now may join soon

std::optional<std::vector<dns::Record>> address_records(const NameTable& names, const dns::Query& query) {
  const std::vector<IpAddress> addresses = names.addresses_of(query.name);
  if (addresses.empty()) return std::nullopt;
  std::vector<dns::Record> records;
  for (const IpAddress& address : addresses) {
    const dns::Type type = address.is_v4() ? dns::Type::a : dns::Type::aaaa;
    if (query.type == type || query.type == dns::Type::any)
      records.push_back({query.name, type, kTtlSeconds, address, {}});
  }
  return records;
}

std::optional<std::vector<dns::Record>> name_records(const NameTable& names, const dns::Query& query) {
  const auto address = dns::parse_reverse_name(query.name);
  const std::string name = address ? names.name_of(*address) : std::string();
  if (name.empty()) return std::nullopt;
  std::vector<dns::Record> records;
  if (query.type == dns::Type::ptr || query.type == dns::Type::any)
    records.push_back({query.name, dns::Type::ptr, kTtlSeconds, {}, name});
  return records;
}

}  // namespace

std::vector<std::byte> answer_query(const NameTable& names, Bytes message, std::size_t limit) {
  const std::optional<dns::Query> query = dns::parse_query(message);
  if (!query) return {};
  if (query->problem != dns::Code::no_error) return dns::error_answer(*query, query->problem);
  if (query->rr_class != dns::kClassIn && query->rr_class != dns::kClassAny)
    return dns::error_answer(*query, dns::Code::refused);
  auto records = address_records(names, *query);
  if (!records) records = name_records(names, *query);
  if (!records) return dns::error_answer(*query, dns::Code::name_error);
  return dns::answer(*query, *records, limit != 0 ? limit : query->udp_limit());
}

}  // namespace sockeye::world
