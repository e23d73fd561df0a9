// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where we answer otherwise than the kernel, on purpose, and why. Anything that is not listed here
// fails. An entry names the test and both lines exactly.
#include "script.h"

namespace sockeye::parity {
namespace {

struct Difference {
  std::string_view test;
  std::string_view kernel;
  std::string_view ours;
  const char* reason;
};

constexpr Difference kDifferences[] = {
    {"", "", "", ""},
};

}  // namespace

const char* known_difference(std::string_view test, std::string_view kernel, std::string_view ours) {
  for (const Difference& known : kDifferences)
    if (known.test == test && known.kernel == kernel && known.ours == ours) return known.reason;
  return nullptr;
}

}  // namespace sockeye::parity
