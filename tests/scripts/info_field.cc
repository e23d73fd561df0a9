// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "scripts/info_field.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "scripts/script.h"

namespace sockeye::scripts {
namespace {

struct Field {
  std::string_view name;
  std::size_t offset;
  std::size_t bytes;
};
constexpr Field kFields[] = {
#define FIELD(name) \
  { #name, offsetof(LinuxTcpInfo, name), sizeof(LinuxTcpInfo::name) }
    FIELD(state),
    FIELD(ca_state),
    FIELD(retransmits),
    FIELD(probes),
    FIELD(backoff),
    FIELD(options),
    FIELD(rto),
    FIELD(ato),
    FIELD(snd_mss),
    FIELD(rcv_mss),
    FIELD(unacked),
    FIELD(sacked),
    FIELD(lost),
    FIELD(retrans),
    FIELD(pmtu),
    FIELD(rtt),
    FIELD(rttvar),
    FIELD(snd_ssthresh),
    FIELD(snd_cwnd),
    FIELD(advmss),
    FIELD(reordering),
    FIELD(total_retrans),
    FIELD(bytes_acked),
    FIELD(bytes_received),
    FIELD(segs_out),
    FIELD(segs_in),
    FIELD(notsent_bytes),
    FIELD(min_rtt),
    FIELD(data_segs_in),
    FIELD(data_segs_out),
    FIELD(last_data_sent),
    FIELD(last_data_recv),
    FIELD(bytes_sent),
    FIELD(bytes_retrans),
    FIELD(dsack_dups),
    FIELD(reord_seen),
    FIELD(delivered),
    FIELD(delivered_ce),
    FIELD(rcv_ooopack),
    FIELD(snd_wnd),
#undef FIELD
};

std::optional<std::uint64_t> read_field(const LinuxTcpInfo& info, std::string_view name) {
  constexpr std::string_view kPrefix = "tcpi_";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  for (const Field& field : kFields) {
    if (field.name != name) continue;
    std::uint64_t value = 0;  // the bytes of a little-endian number
    std::memcpy(&value, reinterpret_cast<const char*>(&info) + field.offset, field.bytes);
    return value;
  }
  return std::nullopt;
}

bool holds(std::uint64_t left, std::string_view sign, std::uint64_t right) {
  if (sign == "==") return left == right;
  if (sign == "!=") return left != right;
  if (sign == "<=") return left <= right;
  if (sign == ">=") return left >= right;
  if (sign == "<") return left < right;
  return sign == ">" && left > right;
}

}  // namespace

std::string compare_info(const LinuxTcpInfo& info, std::string_view comparisons) {
  for (const std::string& comparison : split_list(comparisons)) {
    const std::size_t first = comparison.find(' '), second = comparison.rfind(' ');
    if (first == second) return "not a comparison: " + comparison;
    const std::string name = comparison.substr(0, first);
    const auto value = read_field(info, name);
    if (!value) return "no such field: " + name;
    const std::string sign(trim(std::string_view(comparison).substr(first, second - first)));
    const std::uint64_t wanted = std::strtoull(comparison.c_str() + second, nullptr, 0);
    if (!holds(*value, sign, wanted))
      return name + " is " + std::to_string(*value) + ", not " + sign + ' ' + std::to_string(wanted);
  }
  return {};
}

}  // namespace sockeye::scripts
