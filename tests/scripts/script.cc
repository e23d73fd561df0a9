// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "scripts/script.h"

#include <charconv>

namespace sockeye::scripts {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool take(std::string_view& text, std::string_view token) {
  if (!text.starts_with(token)) return false;
  text.remove_prefix(token.size());
  return true;
}

std::optional<Duration> take_seconds(std::string_view& text) {
  double seconds = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (bad != std::errc() || seconds < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  constexpr double kMicro = 1e6;
  return std::chrono::microseconds(static_cast<std::int64_t>(seconds * kMicro + 0.5));
}

std::optional<When> parse_when(std::string_view word) {
  When when;
  if (word == "*") {
    when.any = true;
    return when;
  }
  when.relative = take(word, "+");
  // "0...0.2" reads as a number and "...": from_chars would take the first point.
  const std::size_t waits = word.find("...");
  std::string_view first = word.substr(0, waits);
  const auto from = take_seconds(first);
  if (!from) return std::nullopt;
  when.from = when.to = *from;
  if (waits != std::string_view::npos) {
    std::string_view rest = word.substr(waits + 3);
    when.returns = take_seconds(rest);
    return when.returns && rest.empty() ? std::optional(when) : std::nullopt;
  }
  if (take(first, "~")) {
    take(first, "+");
    const auto to = take_seconds(first);
    if (!to || *to < when.from) return std::nullopt;
    when.to = *to;
  }
  return first.empty() ? std::optional(when) : std::nullopt;
}

// NAME(ARGUMENTS) = RESULT [ERRNO (text)]
bool parse_call(std::string_view text, Event& event) {
  const std::size_t open = text.find('(');
  const std::size_t equals = text.rfind(") = ");
  if (open == std::string_view::npos || equals == std::string_view::npos || equals < open) return false;
  event.kind = Kind::call;
  event.name = trim(text.substr(0, open));
  event.arguments = split_list(text.substr(open + 1, equals - open - 1));
  std::string_view answer = text.substr(equals + 4);
  const std::size_t blank = std::min(answer.find(' '), answer.size());
  event.result = answer.substr(0, blank);
  answer = trim(answer.substr(blank));
  event.error = answer.substr(0, answer.find(' '));
  return !event.name.empty() && !event.result.empty();
}

bool parse_packet(std::string_view text, Kind kind, Event& event) {
  event.kind = kind;
  text = trim(text);
  if (take(text, "[")) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    event.ecn = text.substr(0, close);
    text.remove_prefix(close + 1);
  }
  event.text = trim(text);
  return true;
}

bool parse_body(std::string_view text, Event& event) {
  if (take(text, "< ")) return parse_packet(text, Kind::inbound, event);
  if (take(text, "> ")) return parse_packet(text, Kind::outbound, event);
  if (take(text, "%{")) {
    if (!text.ends_with("}%")) return false;
    event.kind = Kind::check;
    event.text = trim(text.substr(0, text.size() - 2));
    return true;
  }
  if (take(text, "`")) {
    if (!text.ends_with('`')) return false;
    event.kind = Kind::command;
    event.text = text.substr(0, text.size() - 1);
    return true;
  }
  return parse_call(text, event);
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> pieces;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    if (c == '[' || c == '{' || c == '(') ++depth;
    if (c == ']' || c == '}' || c == ')') --depth;
    if (c != ',' || (depth > 0 && i < text.size())) continue;
    if (const std::string_view piece = trim(text.substr(begin, i - begin)); !piece.empty())
      pieces.emplace_back(piece);
    begin = i + 1;
  }
  return pieces;
}

std::optional<std::vector<Event>> parse_script(std::string_view text, std::string& complaint) {
  std::vector<Event> events;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    line = trim(line.substr(0, line.find("//")));
    if (line.empty()) continue;
    Event event;
    event.line = number;
    if (!line.starts_with('`')) {  // a command alone happens at once
      const std::size_t blank = std::min(line.find_first_of(kBlank), line.size());
      const auto when = parse_when(line.substr(0, blank));
      if (!when) {
        complaint = std::to_string(number) + ": a time, as 0, +.1, +.1~+.2, +0...0.1 or *";
        return std::nullopt;
      }
      event.when = *when;
      line = trim(line.substr(blank));
    } else {
      event.when.relative = true;
    }
    if (!parse_body(line, event)) {
      complaint = std::to_string(number) + ": neither packet, call, check nor command: " + std::string(line);
      return std::nullopt;
    }
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace sockeye::scripts
