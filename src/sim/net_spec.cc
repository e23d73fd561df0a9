// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A hand-written reader: one function per kind of value; the first error wins and carries the column
// (from 1) of the piece that it is about.
#include "sim/net_spec.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace sockeye::sim {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;  // into nanoseconds, bits per second, bytes, parts of 10^9
};
constexpr std::array kTimeUnits = {Unit{"us", 1'000}, Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000},
                                   Unit{"m", 60'000'000'000}};
constexpr std::array kRateUnits = {Unit{"kbit", 1'000}, Unit{"mbit", 1'000'000}, Unit{"gbit", 1'000'000'000}};
constexpr std::array kSizeUnits = {Unit{"KiB", 1024}, Unit{"MiB", 1024 * 1024}, Unit{"p", 1}};
constexpr std::array kChanceUnits = {Unit{"%", Chance::kCertain / 100}};

constexpr std::string_view kKeys[] = {"delay",   "rate",    "queue", "loss", "duplicate",
                                      "reorder", "corrupt", "mtu",   "seed", "ecn"};

struct Profile {
  std::string_view name;
  std::string_view text;
};
// Symmetric sketches of the real thing; whoever needs other figures overrides them item by item.
constexpr Profile kProfiles[] = {
    {"4g", "delay=25ms~10ms,rate=20mbit,queue=512KiB,loss=0.1%"},
    {"dsl", "delay=12ms,rate=10mbit,queue=64KiB"},
    {"sat", "delay=300ms,rate=20mbit,queue=1MiB,loss=0.1%"},
    {"wifi-bad", "delay=5ms~4ms,rate=10mbit,queue=128KiB,loss=3%,duplicate=0.1%,reorder=1%"},
};

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::array<std::size_t, 16> row{};
  if (a.size() > 15 || b.size() > 15) return 99;
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class SpecReader {
 public:
  explicit SpecReader(std::string_view text) : text_(text) {}

  NetSpecResult read();

 private:
  using View = std::string_view;
  std::size_t column_of(View piece) const {
    return static_cast<std::size_t>(piece.data() - text_.data()) + 1;
  }
  bool fail(View piece, std::string expected);
  bool read_item(View item, bool is_first);
  bool read_profile(View name);
  bool read_value(View key, View value);
  bool read_quantity(View piece, std::span<const Unit> units, View kind, std::uint64_t& out);
  bool read_delay(View value);
  bool read_queue(View value);
  bool read_chance(View value, Chance& out);
  bool read_integer(View value, std::uint64_t least, std::uint64_t most, View kind, std::uint64_t& out);
  bool fail_unit(View piece, View unit, std::span<const Unit> units, View kind);
  bool check_whole();
  View key_piece(View key) const;

  View text_;
  NetSpec spec_;
  std::string error_;
  std::array<View, std::size(kKeys)> given_{};  // the item that set a key
};

bool SpecReader::fail(View piece, std::string expected) {
  error_ = "column " + std::to_string(column_of(piece)) + ": '" + std::string(piece) + "': " + expected;
  return false;
}

NetSpecResult SpecReader::read() {
  if (text_.find_first_not_of(' ') == View::npos) {
    fail(text_, "expected items such as delay=20ms,loss=1%");
    return {.error = error_};
  }
  std::size_t at = 0;
  for (bool is_first = true; at <= text_.size(); is_first = false) {
    const std::size_t comma = std::min(text_.find(',', at), text_.size());
    View item = text_.substr(at, comma - at);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!read_item(item, is_first)) return {.error = error_};
    at = comma + 1;
  }
  if (!check_whole()) return {.error = error_};
  return {.spec = spec_};
}

bool SpecReader::read_item(View item, bool is_first) {
  if (item.empty()) return fail(item, "expected an item such as loss=1% between the commas");
  const std::size_t equals = item.find('=');
  const View key = item.substr(0, equals);
  if (key.find(':') != View::npos)
    return fail(key, "directions (up:, down:) are not supported; the spec applies to each direction");
  if (equals == View::npos) {
    if (is_first) return read_profile(item);
    return fail(item, "expected key=value (a profile name may only stand first)");
  }
  const auto* known = std::find(std::begin(kKeys), std::end(kKeys), key);
  if (known == std::end(kKeys)) {
    if (key == "burst") return fail(key, "burst loss is not supported yet");
    if (key == "jitter") return fail(key, "jitter is written behind the delay, as in delay=20ms~5ms");
    const auto* near = std::min_element(std::begin(kKeys), std::end(kKeys), [&](View a, View b) {
      return edit_distance(key, a) < edit_distance(key, b);
    });
    if (edit_distance(key, *near) <= 2)
      return fail(key, "unknown key; did you mean " + std::string(*near) + "?");
    return fail(
        key, "unknown key; expected delay, rate, queue, ecn, loss, duplicate, reorder, corrupt, mtu or seed");
  }
  View& given = given_[static_cast<std::size_t>(known - std::begin(kKeys))];
  if (given.data() != nullptr)
    return fail(item, std::string(key) + " is given twice (first in column " +
                          std::to_string(column_of(given)) + ")");
  given = item;
  const View value = item.substr(equals + 1);
  if (value.find("..") != View::npos)
    return fail(value, "ranges (a..b) are not supported; expected one value");
  return read_value(key, value);
}

bool SpecReader::read_profile(View name) {
  for (const Profile& profile : kProfiles) {
    if (profile.name != name) continue;
    spec_ = *parse_net_spec(profile.text).spec;
    return true;
  }
  return fail(name, "expected key=value, or one of the profiles 4g, dsl, sat, wifi-bad");
}

bool SpecReader::read_value(View key, View value) {
  std::uint64_t number = 0;
  if (key == "delay") return read_delay(value);
  if (key == "queue") return read_queue(value);
  if (key == "ecn") return read_chance(value, spec_.ecn);
  if (key == "loss") return read_chance(value, spec_.loss);
  if (key == "duplicate") return read_chance(value, spec_.duplicate);
  if (key == "reorder") return read_chance(value, spec_.reorder);
  if (key == "corrupt") return read_chance(value, spec_.corrupt);
  if (key == "rate") {
    if (!read_quantity(value, kRateUnits, "a rate such as 10mbit (kbit, mbit or gbit)", spec_.rate))
      return false;
    return spec_.rate != 0 || fail(value, "a rate of zero would carry nothing; expected at least 1kbit");
  }
  if (key == "mtu") {
    if (!read_integer(value, 1280, 65535, "bytes from 1280 (IPv6's least) to 65535, without a unit", number))
      return false;
    spec_.mtu = static_cast<std::uint32_t>(number);
    return true;
  }
  if (!read_integer(value, 0, UINT64_MAX, "a number from 0 to 18446744073709551615", number)) return false;
  spec_.seed = number;
  return true;
}

bool SpecReader::read_delay(View value) {
  const View kind = "a time such as 20ms (us, ms, s or m)";
  const std::size_t tilde = value.find('~');
  std::uint64_t delay = 0;
  std::uint64_t jitter = 0;
  if (!read_quantity(value.substr(0, tilde), kTimeUnits, kind, delay)) return false;
  if (tilde != View::npos && !read_quantity(value.substr(tilde + 1), kTimeUnits, kind, jitter)) return false;
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  if (delay > kHour) return fail(value, "expected a delay of at most 60m");
  if (jitter > delay)
    return fail(value, "the jitter is larger than the delay: packets would arrive before they leave");
  spec_.delay = Duration(static_cast<std::int64_t>(delay));
  spec_.jitter = Duration(static_cast<std::int64_t>(jitter));
  return true;
}

bool SpecReader::read_queue(View value) {
  std::uint64_t amount = 0;
  if (!read_quantity(value, kSizeUnits, "a size such as 64KiB or 100p (KiB, MiB or p for packets)", amount))
    return false;
  const bool packets = value.back() == 'p' || value.back() == 'P';
  if (amount == 0) return fail(value, "a queue of nothing would carry nothing; expected at least 1p or 2KiB");
  if (!packets && amount < 2048) return fail(value, "expected at least 2KiB: a packet must fit");
  spec_.queue_bytes = packets ? 0 : amount;
  spec_.queue_packets = packets ? amount : 0;
  return true;
}

bool SpecReader::read_chance(View value, Chance& out) {
  if (!read_quantity(value, kChanceUnits, "a percentage such as 1% or 0.1%", out.parts)) return false;
  return out.parts <= Chance::kCertain || fail(value, "expected at most 100%");
}

bool SpecReader::fail_unit(View piece, View unit, std::span<const Unit> units, View kind) {
  const std::string expected = "expected " + std::string(kind);
  if (unit.empty()) return fail(piece, "a unit is missing; " + expected);
  for (const View trap : {"kbps", "mbps", "gbps", "bps"})
    if (same_letters(unit, trap)) {
      const std::string prefix(unit.substr(0, unit.size() - 3));
      return fail(piece, "'" + std::string(unit) + "': " + prefix + "bit/s or " +
                             (prefix.empty()  ? ""
                              : prefix == "k" ? "K"
                                              : prefix) +
                             "B/s? " + expected);
    }
  if (same_letters(unit, "kb") || same_letters(unit, "mb"))
    return fail(piece, "'" + std::string(unit) + "': 1000 or 1024, bits or bytes? " + expected);
  (void)units;
  return fail(piece, "unknown unit '" + std::string(unit) + "'; " + expected);
}

// A decimal number and its unit. Exact: what is finer than the base unit is refused.
bool SpecReader::read_quantity(View piece, std::span<const Unit> units, View kind, std::uint64_t& out) {
  __extension__ using Wide = unsigned __int128;
  std::size_t at = 0;
  Wide value = 0;
  Wide scale = 1;
  while (at < piece.size() && is_digit(piece[at]) && at < 13)
    value = value * 10 + static_cast<unsigned>(piece[at++] - '0');
  if (at == 0) return fail(piece, "expected " + std::string(kind));
  if (at < piece.size() && piece[at] == '.') {
    const std::size_t dot = at++;
    while (at < piece.size() && is_digit(piece[at]) && at - dot <= 9) {
      value = value * 10 + static_cast<unsigned>(piece[at++] - '0');
      scale *= 10;
    }
    if (at == dot + 1)
      return fail(piece, "digits are missing behind the point; expected " + std::string(kind));
  }
  if (at < piece.size() && is_digit(piece[at]))
    return fail(piece, "too many digits; expected " + std::string(kind));
  const View unit = piece.substr(at);
  const bool exact_case = units.data() == kTimeUnits.data();  // m is minutes, M would be a guess
  for (const Unit& candidate : units) {
    if (exact_case ? candidate.name != unit : !same_letters(candidate.name, unit)) continue;
    const Wide total = value * candidate.factor;
    if (total % scale != 0) return fail(piece, "finer than this can be kept; expected " + std::string(kind));
    if (total / scale > static_cast<Wide>(INT64_MAX))
      return fail(piece, "too large; expected " + std::string(kind));
    out = static_cast<std::uint64_t>(total / scale);
    return true;
  }
  return fail_unit(piece, unit, units, kind);
}

bool SpecReader::read_integer(View value, std::uint64_t least, std::uint64_t most, View kind,
                              std::uint64_t& out) {
  const std::string expected = "expected " + std::string(kind);
  const bool hex = value.size() > 2 && value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
  const View digits = hex ? value.substr(2) : value;
  const unsigned base = hex ? 16 : 10;
  if (digits.empty()) return fail(value, expected);
  std::uint64_t number = 0;
  for (const char c : digits) {
    unsigned digit = 99;
    if (is_digit(c)) digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
    if (digit >= base) return fail(value, expected);
    if (number > (UINT64_MAX - digit) / base) return fail(value, expected);
    number = number * base + digit;
  }
  if (number < least || number > most) return fail(value, expected);
  out = number;
  return true;
}

SpecReader::View SpecReader::key_piece(View key) const {
  const auto* known = std::find(std::begin(kKeys), std::end(kKeys), key);
  return given_[static_cast<std::size_t>(known - std::begin(kKeys))];
}

bool SpecReader::check_whole() {
  if (spec_.rate == 0 && (spec_.queue_bytes != 0 || spec_.queue_packets != 0))
    return fail(key_piece("queue"), "a queue needs a rate: without one nothing waits");
  if (spec_.rate == 0 && spec_.ecn)
    return fail(key_piece("ecn"), "marks need a rate: without one nothing waits");
  return true;
}

std::string time_text(Duration time) {
  const auto ns = static_cast<std::uint64_t>(to_ns(time));
  if (ns % 1'000'000'000 == 0) return std::to_string(ns / 1'000'000'000) + "s";
  if (ns % 1'000'000 == 0) return std::to_string(ns / 1'000'000) + "ms";
  const std::uint64_t fraction = ns % 1000;
  std::string text = std::to_string(ns / 1000);
  if (fraction != 0) {
    std::string digits = std::to_string(fraction + 1000).substr(1);
    while (digits.back() == '0') digits.pop_back();
    text += '.' + digits;
  }
  return text + "us";
}

std::string scaled(std::uint64_t value, std::span<const Unit> units) {
  for (std::size_t i = units.size(); i-- > 1;)
    if (value % units[i].factor == 0)
      return std::to_string(value / units[i].factor) + std::string(units[i].name);
  const std::uint64_t factor = units[0].factor;
  std::string text = std::to_string(value / factor);
  std::uint64_t rest = value % factor;
  if (rest != 0) text += '.';
  for (; rest != 0; rest = rest * 10 % factor) text += static_cast<char>('0' + rest * 10 / factor);
  return text + std::string(units[0].name);
}

}  // namespace

std::uint64_t NetSpec::queue_limit_bytes() const {
  if (queue_packets != 0) return UINT64_MAX;
  if (queue_bytes != 0) return queue_bytes;
  return std::max<std::uint64_t>(64 * 1024, rate / 80);
}

std::string NetSpec::to_string() const {
  std::string text;
  const auto item = [&](std::string_view key, const std::string& value) {
    if (!text.empty()) text += ',';
    text += std::string(key) + '=' + value;
  };
  const auto chance = [&](std::string_view key, Chance value) {
    if (value) item(key, scaled(value.parts, kChanceUnits));
  };
  if (delay != Duration::zero())
    item("delay", time_text(delay) + (jitter != Duration::zero() ? '~' + time_text(jitter) : std::string()));
  if (rate != 0) item("rate", scaled(rate, kRateUnits));
  if (queue_bytes != 0) item("queue", scaled(queue_bytes, std::span(kSizeUnits).first(2)));
  if (queue_packets != 0) item("queue", std::to_string(queue_packets) + 'p');
  chance("ecn", ecn);
  chance("loss", loss);
  chance("duplicate", duplicate);
  chance("reorder", reorder);
  chance("corrupt", corrupt);
  if (mtu != 0) item("mtu", std::to_string(mtu));
  if (seed) item("seed", std::to_string(*seed));
  return text;
}

NetSpecResult parse_net_spec(std::string_view text) {
  return SpecReader(text).read();
}

}  // namespace sockeye::sim
