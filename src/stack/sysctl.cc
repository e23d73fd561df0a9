// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "stack/sysctl.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "stack/stack.h"
#include "tcp/congestion_control.h"
#include "tcp/fast_open.h"

namespace sockeye {
namespace {

using tcp::Config;

constexpr std::string_view kBlank = " \t\n";

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view word = text.substr(0, std::min(text.find_first_of(kBlank), text.size()));
  text.remove_prefix(word.size());
  return word;
}

// Decimal, or hexadecimal after 0x, as the kernel reads them.
std::optional<std::int64_t> number(std::string_view word) {
  int base = 10;
  if (word.starts_with("0x")) {
    base = 16;
    word.remove_prefix(2);
  }
  std::int64_t value = 0;
  const auto [end, bad] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (bad != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> only_number(std::string_view text) {
  const std::string_view word = next_word(text);
  return next_word(text).empty() ? number(word) : std::nullopt;
}

template <auto member, std::int64_t least, std::int64_t most>
Result<> set_number(StackConfig& config, std::string_view text) {
  const auto value = only_number(text);
  if (!value || *value < least || *value > most) return Errno::inval;
  using Value = std::remove_reference_t<decltype(config.tcp.*member)>;
  config.tcp.*member = static_cast<Value>(*value);
  return {};
}
template <auto member>
std::string get_number(const StackConfig& config) {
  return std::to_string(static_cast<std::int64_t>(config.tcp.*member));
}

template <Duration Config::*member, std::int64_t most>
Result<> set_seconds(StackConfig& config, std::string_view text) {
  const auto value = only_number(text);
  if (!value || *value < 0 || *value > most) return Errno::inval;
  config.tcp.*member = std::chrono::seconds(*value);
  return {};
}
template <Duration Config::*member>
std::string get_seconds(const StackConfig& config) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(config.tcp.*member).count());
}

template <Duration Config::*member>
Result<> set_milliseconds(StackConfig& config, std::string_view text) {
  const auto value = only_number(text);
  if (!value || *value < 0 || *value > std::numeric_limits<std::int32_t>::max()) return Errno::inval;
  config.tcp.*member = std::chrono::milliseconds(*value);
  return {};
}
template <Duration Config::*member>
std::string get_milliseconds(const StackConfig& config) {
  return std::to_string(to_ms(config.tcp.*member));
}

// The first of the three (what a socket keeps under memory pressure) has no meaning here: memory is
// limited by pools (decisions.md D12). It reads as Linux's.
constexpr std::int64_t kBufferLeast = 4096;

template <std::uint32_t Config::*initial, std::uint32_t Config::*most>
Result<> set_buffers(StackConfig& config, std::string_view text) {
  const auto low = number(next_word(text)), start = number(next_word(text)), high = number(next_word(text));
  if (!low || !start || !high || !next_word(text).empty()) return Errno::inval;
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  for (const std::int64_t value : {*low, *start, *high})
    if (value < 1 || value > kMost) return Errno::inval;
  config.tcp.*initial = static_cast<std::uint32_t>(*start);
  config.tcp.*most = static_cast<std::uint32_t>(*high);
  return {};
}
template <std::uint32_t Config::*initial, std::uint32_t Config::*most>
std::string get_buffers(const StackConfig& config) {
  return std::to_string(kBufferLeast) + '\t' + std::to_string(config.tcp.*initial) + '\t' +
         std::to_string(config.tcp.*most);
}

Result<> set_congestion_control(StackConfig& config, std::string_view text) {
  const std::string name(next_word(text));
  if (!next_word(text).empty()) return Errno::noent;  // as Linux
  for (const char* known : {"reno", "cubic", "bbr"}) {
    if (name != known || !tcp::is_congestion_control(name)) continue;
    config.tcp.congestion_control = known;
    return {};
  }
  return Errno::noent;
}
std::string get_congestion_control(const StackConfig& config) {
  return config.tcp.congestion_control;
}

// As the kernel prints it: four 32-bit numbers, each of four bytes from the lowest on; a backup behind a
// comma.
Result<> set_fast_open_key(StackConfig& config, std::string_view text) {
  const std::string_view word = next_word(text);
  if (!next_word(text).empty()) return Errno::inval;
  std::array<std::byte, 2 * tcp::kFastOpenKeyBytes> bytes{};
  std::size_t numbers = 0;
  for (std::size_t at = 0; at <= word.size();) {
    const std::size_t end = std::min(word.find_first_of("-,", at), word.size());
    std::uint32_t value = 0;
    const auto [stop, bad] = std::from_chars(word.data() + at, word.data() + end, value, 16);
    if (bad != std::errc() || stop != word.data() + end || numbers == 8) return Errno::inval;
    if (end < word.size() && word[end] != (numbers == 3 ? ',' : '-')) return Errno::inval;
    for (std::size_t i = 0; i < 4; ++i)
      bytes[4 * numbers + i] = static_cast<std::byte>(value >> 8 * i & 0xff);
    ++numbers;
    at = end + 1;
  }
  if (numbers != 4 && numbers != 8) return Errno::inval;
  const auto given = Bytes(bytes).first(4 * numbers);
  config.tcp.fast_open_keys = std::make_shared<const tcp::FastOpenKeys>(tcp::read_fast_open_keys(given));
  return {};
}
// Zeros: none was set, and what was drawn is not told.
std::string get_fast_open_key(const StackConfig& config) {
  std::array<std::byte, 2 * tcp::kFastOpenKeyBytes> bytes{};
  std::size_t size = tcp::kFastOpenKeyBytes;
  if (config.tcp.fast_open_keys) size = tcp::write_fast_open_keys(*config.tcp.fast_open_keys, bytes);
  std::string text;
  for (std::size_t word = 0; word < size; word += 4) {
    if (word > 0) text += word == tcp::kFastOpenKeyBytes ? ',' : '-';
    constexpr char kDigits[] = "0123456789abcdef";
    for (std::size_t i = 4; i-- > 0;) {
      const auto byte = std::to_integer<unsigned>(bytes[word + i]);
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  return text;
}

// A switch whose "on" is Linux's present default; Linux's other values are variants that do not exist here.
template <bool Config::*member, std::int64_t on>
Result<> set_switch(StackConfig& config, std::string_view text) {
  const auto value = only_number(text);
  if (!value || *value < 0) return Errno::inval;
  if (*value != 0 && *value != on) return Errno::opnotsupp;
  config.tcp.*member = *value == on;
  return {};
}
template <bool Config::*member, std::int64_t on>
std::string get_switch(const StackConfig& config) {
  return std::to_string(config.tcp.*member ? on : 0);
}

// What cannot be switched: the value that describes this stack, and no other.
template <std::int64_t only>
Result<> set_fixed(StackConfig&, std::string_view text) {
  const auto value = only_number(text);
  if (!value) return Errno::inval;
  return *value == only ? Result<>() : Result<>(Errno::opnotsupp);
}
template <std::int64_t only>
std::string get_fixed(const StackConfig&) {
  return std::to_string(only);
}

template <auto member, std::int64_t least, std::int64_t most>
constexpr SysctlRow a_number(std::string_view name, std::string_view effect) {
  return {name, get_number<member>, set_number<member, least, most>, effect};
}
template <Duration Config::*member, std::int64_t most>
constexpr SysctlRow some_seconds(std::string_view name, std::string_view effect) {
  return {name, get_seconds<member>, set_seconds<member, most>, effect};
}
template <Duration Config::*member>
constexpr SysctlRow some_milliseconds(std::string_view name, std::string_view effect) {
  return {name, get_milliseconds<member>, set_milliseconds<member>, effect};
}
template <std::int64_t only>
constexpr SysctlRow fixed(std::string_view name, std::string_view effect) {
  return {name, get_fixed<only>, set_fixed<only>, effect};
}

constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();

constexpr SysctlRow kRows[] = {
    some_seconds<&Config::keepalive_idle, 32767>("ipv4.tcp_keepalive_time", "silence before the first probe"),
    some_seconds<&Config::keepalive_interval, 32767>("ipv4.tcp_keepalive_intvl", "between two probes"),
    a_number<&Config::keepalive_count, 0, 127>("ipv4.tcp_keepalive_probes", "probes before giving up"),
    some_seconds<&Config::fin_timeout, kIntMax>("ipv4.tcp_fin_timeout", "an orphan's time in FIN_WAIT_2"),
    a_number<&Config::syn_retries, 1, 127>("ipv4.tcp_syn_retries", "repetitions of a SYN"),
    a_number<&Config::syn_ack_retries, 0, 255>("ipv4.tcp_synack_retries", "repetitions of a SYN-ACK"),
    a_number<&Config::retries1, 0, 255>("ipv4.tcp_retries1", "time-outs before the path is doubted (R1)"),
    a_number<&Config::retries2, 0, 255>("ipv4.tcp_retries2", "time-outs before giving up (R2)"),
    a_number<&Config::orphan_retries, 0, 255>("ipv4.tcp_orphan_retries", "the same for an orphan; 0: 8"),
    a_number<&Config::window_scaling, 0, 1>("ipv4.tcp_window_scaling", "RFC 7323 window scale"),
    a_number<&Config::timestamps, 0, 1>("ipv4.tcp_timestamps", "RFC 7323 timestamps"),
    a_number<&Config::sack, 0, 1>("ipv4.tcp_sack", "RFC 2018 selective acknowledgments"),
    a_number<&Config::rfc1337, 0, 1>("ipv4.tcp_rfc1337", "a RST does not end TIME_WAIT"),
    a_number<&Config::abort_on_overflow, 0, 1>("ipv4.tcp_abort_on_overflow",
                                               "RST where the accept queue is full"),
    a_number<&Config::syn_backlog_max, 0, kIntMax>("ipv4.tcp_max_syn_backlog", "half-open connections"),
    a_number<&Config::time_wait_max, 0, kIntMax>("ipv4.tcp_max_tw_buckets", "records of TIME_WAIT"),
    a_number<&Config::orphans_max, 0, kIntMax>("ipv4.tcp_max_orphans",
                                               "connections without a program; above: RST"),
    a_number<&Config::somaxconn, 0, kIntMax>("core.somaxconn", "the longest accept queue"),
    {"ipv4.tcp_rmem", get_buffers<&Config::receive_buffer_default, &Config::receive_buffer_max>,
     set_buffers<&Config::receive_buffer_default, &Config::receive_buffer_max>,
     "receive buffer: least, at first, at most"},
    {"ipv4.tcp_wmem", get_buffers<&Config::send_buffer_default, &Config::send_buffer_max>,
     set_buffers<&Config::send_buffer_default, &Config::send_buffer_max>,
     "send buffer: least, at first, at most"},
    {"ipv4.tcp_congestion_control", get_congestion_control, set_congestion_control,
     "of sockets that do not choose"},
    fixed<0>("ipv4.tcp_fack", "forward acknowledgments are history, in Linux too"),
    a_number<&Config::dsack, 0, 1>("ipv4.tcp_dsack", "RFC 2883 duplicate SACK, of ours"),
    a_number<&Config::reordering, 1, 65535>("ipv4.tcp_reordering", "duplicates that mean loss, at first"),
    a_number<&Config::max_reordering, 1, 65535>("ipv4.tcp_max_reordering", "and at most"),
    some_seconds<&Config::min_rtt_window, 86400>("ipv4.tcp_min_rtt_wlen",
                                                 "how long the smallest round trip counts"),
    a_number<&Config::ecn, 0, 5>("ipv4.tcp_ecn", "RFC 3168: 0 never, 1 ask, 2 when asked; 3 to 5 RFC 9768"),
    a_number<&Config::ecn_option, 0, 2>("ipv4.tcp_ecn_option",
                                        "of RFC 9768: 0 never, 1 with news, 2 if it fits"),
    a_number<&Config::ecn_option_beacon, 0, 3>("ipv4.tcp_ecn_option_beacon",
                                               "at least so often per round trip"),
    a_number<&Config::ecn_fallback, 0, 1>("ipv4.tcp_ecn_fallback", "the repeated SYN does not ask"),
    a_number<&Config::challenge_ack_limit, 0, kIntMax>("ipv4.tcp_challenge_ack_limit",
                                                       "challenge ACKs a second of the whole host"),
    some_milliseconds<&Config::invalid_ratelimit>("ipv4.tcp_invalid_ratelimit",
                                                  "between answers to what is not believed"),
    {"ipv4.tcp_frto", get_switch<&Config::frto, 2>, set_switch<&Config::frto, 2>, "RFC 5682; 2: on"},
    {"ipv4.tcp_early_retrans", get_switch<&Config::tail_loss_probe, 3>,
     set_switch<&Config::tail_loss_probe, 3>, "RFC 8985 tail loss probes; 3: on"},
    fixed<1>("ipv4.tcp_recovery", "RFC 8985 (RACK)"),
    a_number<&Config::slow_start_after_idle, 0, 1>("ipv4.tcp_slow_start_after_idle",
                                                   "a window that was not used is halved once per RTO"),
    a_number<&Config::min_tso_segs, 1, 255>("ipv4.tcp_min_tso_segs",
                                            "segments in a packet, however slow the path"),
    a_number<&Config::tso_win_divisor, 0, 255>(
        "ipv4.tcp_tso_win_divisor", "a packet waits while less than this part of the window is free"),
    a_number<&Config::notsent_low_water, 0, 0xffffffff>("ipv4.tcp_notsent_lowat",
                                                        "of sockets without TCP_NOTSENT_LOWAT"),
    a_number<&Config::pacing_ss_ratio, 0, 1000>("ipv4.tcp_pacing_ss_ratio",
                                                "percent of a window per RTT in slow start"),
    a_number<&Config::pacing_ca_ratio, 0, 1000>("ipv4.tcp_pacing_ca_ratio",
                                                "percent of a window per RTT in congestion avoidance"),
    a_number<&Config::fast_open, 0, kIntMax>("ipv4.tcp_fastopen", "RFC 7413: bits; 1 clients, 2 servers"),
    {"ipv4.tcp_fastopen_key", get_fast_open_key, set_fast_open_key,
     "of the cookies; a backup behind a comma"},
    some_seconds<&Config::fast_open_blackhole, kIntMax>("ipv4.tcp_fastopen_blackhole_timeout_sec",
                                                        "the pause after SYNs with data got lost; 0: none"),
    a_number<&Config::syncookies, 0, 2>("ipv4.tcp_syncookies", "RFC 4987: 0 never, 1 on overflow, 2 always"),
};

// "net.ipv4.tcp_sack", "net/ipv4/tcp_sack", "/proc/sys/net/ipv4/tcp_sack" and "ipv4.tcp_sack" are one.
std::string plain_name(std::string_view name) {
  constexpr std::string_view kTree = "/proc/sys/", kNet = "net.";
  if (name.starts_with(kTree)) name.remove_prefix(kTree.size());
  std::string plain(name);
  std::replace(plain.begin(), plain.end(), '/', '.');
  if (plain.starts_with(kNet)) plain.erase(0, kNet.size());
  return plain;
}

const SysctlRow* find_row(std::string_view name) {
  const std::string plain = plain_name(name);
  const auto* row = std::ranges::find(kRows, std::string_view(plain), &SysctlRow::name);
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace

std::span<const SysctlRow> sysctl_rows() {
  return kRows;
}

Result<> set_sysctl(StackConfig& config, std::string_view name, std::string_view value) {
  const SysctlRow* row = find_row(name);
  return row == nullptr ? Result<>(Errno::noent) : row->set(config, value);
}

Result<std::string> get_sysctl(const StackConfig& config, std::string_view name) {
  const SysctlRow* row = find_row(name);
  if (row == nullptr) return Errno::noent;
  return row->get(config);
}

}  // namespace sockeye
