// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Any text is a --net spec or one line of error; a spec's canonical text reads back as itself.
#include <string_view>

#include "core/assert.h"
#include "sim/net_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockeye::sim;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const NetSpecResult result = parse_net_spec(text);
  SOCKEYE_ASSERT(result.spec.has_value() == result.error.empty());
  if (!result.spec) return 0;
  const std::string canonical = result.spec->to_string();
  if (canonical.empty()) return 0;  // loss=0% and the like: no quality is left
  const NetSpecResult again = parse_net_spec(canonical);
  SOCKEYE_ASSERT(again.spec && *again.spec == *result.spec);
  return 0;
}
