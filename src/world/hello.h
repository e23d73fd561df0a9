// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The first thing an agent says and the answer to it, as lines of text "key=value\n", so that two
// different builds at least understand that they are different. Unknown keys are ignored; a known
// key with a value that does not parse is an error. A value runs to the end of its line and cannot
// hold a line feed (format() turns one into a space).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/ip_address.h"

namespace sockeye::world {

inline constexpr std::string_view kDefaultHostName = "host";

struct Hello {
  std::uint32_t version = 0;
  std::string host = std::string(kDefaultHostName);  // the host to be on; empty: none (a question only)
  std::optional<std::string> net{};                  // --net as it was typed
  std::optional<std::uint64_t> seed{};               // --seed
  std::int32_t pid = 0;                              // of the agent
  std::string command{};                             // for messages
  bool keep = false;                                 // the world stays when its last agent leaves
  bool impair_loopback = false;                      // the qualities are for the host's own loopback (D6)

  std::string format() const;
};

struct Welcome {
  std::uint64_t seed = 0;  // in use
  bool seed_was_drawn = false;
  std::string host{};
  std::vector<IpAddress> addresses{};  // of the host: IPv4 first
  std::vector<std::string> notes{};    // sentences a user should read

  std::string format() const;
};

// What was expected, as one sentence.
struct HelloError {
  std::string sentence{};
};

std::variant<Hello, HelloError> parse_hello(std::string_view text);
std::variant<Welcome, HelloError> parse_welcome(std::string_view text);

// A host's name is one DNS label: letters, digits and hyphens, not at the ends, 63 at most, and not
// "localhost". Names compare without regard to case. Empty: fine; otherwise what was expected.
std::string check_host_name(std::string_view name);
// A world's name becomes a file name: letters, digits, '.', '_', '-', not first a '.', 64 at most.
std::string check_world_name(std::string_view name);
// An unsigned number in decimal or 0x hexadecimal, up to 64 bits.
std::optional<std::uint64_t> parse_seed(std::string_view text);

}  // namespace sockeye::world
