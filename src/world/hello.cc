// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/hello.h"

#include <charconv>

namespace sockeye::world {

namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

void add_line(std::string& text, std::string_view key, std::string_view value) {
  text += key;
  text += '=';
  for (const char c : value) text += c == '\n' ? ' ' : c;
  text += '\n';
}

// Calls take(key, value) for every line; a line without '=' is passed with an empty value.
template <class Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      take(line, std::string_view());
    } else {
      take(line.substr(0, equals), line.substr(equals + 1));
    }
  }
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string bad_value(std::string_view key, std::string_view value, std::string_view expected) {
  return "hello: " + std::string(key) + "=" + std::string(value.substr(0, 80)) + ": expected " +
         std::string(expected);
}

}  // namespace

std::string Hello::format() const {
  std::string text;
  add_line(text, "version", std::to_string(version));
  add_line(text, "host", host);
  if (net) add_line(text, "net", *net);
  if (seed) add_line(text, "seed", std::to_string(*seed));
  add_line(text, "pid", std::to_string(pid));
  add_line(text, "command", command);
  add_line(text, "keep", keep ? "1" : "0");
  add_line(text, "impair_loopback", impair_loopback ? "1" : "0");
  return text;
}

std::string Welcome::format() const {
  std::string text;
  add_line(text, "seed", std::to_string(seed));
  add_line(text, "seed_was_drawn", seed_was_drawn ? "1" : "0");
  add_line(text, "host", host);
  for (const IpAddress& address : addresses) add_line(text, "address", address.to_string());
  for (const std::string& note : notes) add_line(text, "note", note);
  return text;
}

std::variant<Hello, HelloError> parse_hello(std::string_view text) {
  Hello hello;
  std::string problem;
  for_each_line(text, [&](std::string_view key, std::string_view value) {
    std::string_view expected;
    if (key == "version") {
      if (!read_number(value, hello.version)) expected = "a number";
    } else if (key == "host") {
      hello.host.clear();
      for (const char c : value) hello.host += lower(c);
    } else if (key == "net") {
      hello.net = std::string(value);
    } else if (key == "seed") {
      hello.seed = parse_seed(value);
      if (!hello.seed) expected = "a number of up to 64 bits";
    } else if (key == "pid") {
      if (!read_number(value, hello.pid)) expected = "a process number";
    } else if (key == "command") {
      hello.command = std::string(value);
    } else if (key == "keep" || key == "impair_loopback") {
      (key == "keep" ? hello.keep : hello.impair_loopback) = value == "1";
      if (value != "0" && value != "1") expected = "0 or 1";
    }
    if (!expected.empty() && problem.empty()) problem = bad_value(key, value, expected);
  });
  if (!problem.empty()) return HelloError{problem};
  return hello;
}

std::variant<Welcome, HelloError> parse_welcome(std::string_view text) {
  Welcome welcome;
  std::string problem;
  for_each_line(text, [&](std::string_view key, std::string_view value) {
    std::string_view expected;
    if (key == "seed") {
      if (!read_number(value, welcome.seed)) expected = "a number";
    } else if (key == "seed_was_drawn") {
      welcome.seed_was_drawn = value == "1";
    } else if (key == "host") {
      welcome.host = std::string(value);
    } else if (key == "address") {
      if (const auto address = IpAddress::parse(value)) {
        welcome.addresses.push_back(*address);
      } else {
        expected = "an address";
      }
    } else if (key == "note") {
      welcome.notes.emplace_back(value);
    }
    if (!expected.empty() && problem.empty()) problem = bad_value(key, value, expected);
  });
  if (!problem.empty()) return HelloError{problem};
  return welcome;
}

std::string check_host_name(std::string_view name) {
  constexpr std::string_view kExpected =
      "a host name is 1 to 63 letters, digits and hyphens, with no hyphen at either end";
  if (name.empty() || name.size() > 63 || name.front() == '-' || name.back() == '-')
    return std::string(kExpected);
  std::string folded;
  for (const char c : name) {
    if (!is_alphanumeric(c) && c != '-') return std::string(kExpected);
    folded += lower(c);
  }
  if (folded == "localhost") return "localhost is every host's name for itself; choose another name";
  return {};
}

std::string check_world_name(std::string_view name) {
  constexpr std::string_view kExpected =
      "a world's name is 1 to 64 letters, digits, '.', '_' and '-', and does not begin with '.'";
  if (name.empty() || name.size() > 64 || name.front() == '.') return std::string(kExpected);
  for (const char c : name)
    if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-') return std::string(kExpected);
  return {};
}

std::optional<std::uint64_t> parse_seed(std::string_view text) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace sockeye::world
