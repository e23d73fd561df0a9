// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "stack/segment_matrix_differences.h"

#include <map>

namespace sockeye::matrix {
namespace {

struct Difference {
  const Block& block;
  unsigned flags;
  const std::string& ours;
  const std::string& kernels;

  bool has(char flag) const { return name_of_flags(flags).find(flag) != std::string::npos; }
};

struct Reason {
  const char* text;
  bool (*explains)(const Difference&);
};

const Reason kReasons[] = {
    {"the FIN is acknowledged at once; the kernel waits up to 40 ms for something to send it with",
     [](const Difference& d) {
       return d.has('F') && d.ours.starts_with("sends . ") && d.ours.ends_with(d.kernels) &&
              d.kernels.starts_with("CLOSE-WAIT");
     }},
    {"a SYN for a half-open connection is challenged (RFC 5961 4); the kernel resets and forgets it",
     [](const Difference& d) {
       return d.block.state == "SYN-RECEIVED of a listener" && d.has('S') && d.kernels.starts_with("sends R");
     }},
};

const char* reason_of(const Difference& difference) {
  for (const Reason& reason : kReasons)
    if (reason.explains(difference)) return reason.text;
  return nullptr;
}

}  // namespace

Differences compare(const std::vector<Block>& ours, const std::vector<Block>& kernels) {
  std::map<std::string, std::vector<std::string>> lines;
  Differences result;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    std::map<std::string, std::string> flags_of;  // of this block: reason and outcomes, flags
    for (unsigned flags = 0; flags < kFlags; ++flags) {
      const Difference difference{ours[i], flags, ours[i].outcomes[flags].seen,
                                  kernels[i].outcomes[flags].seen};
      if (difference.ours == difference.kernels) continue;
      const char* reason = reason_of(difference);
      const std::string outcomes = "ours: " + difference.ours + "; kernel: " + difference.kernels;
      flags_of[std::string(reason == nullptr ? "" : reason) + '\n' + outcomes] += ' ' + name_of_flags(flags);
    }
    for (const auto& [key, flags] : flags_of) {
      const auto end = key.find('\n');
      lines[key.substr(0, end)].push_back("  " + ours[i].state + ", " + ours[i].place +
                                          (ours[i].has_data ? ", with data" : "") + flags + ": " +
                                          key.substr(end + 1));
    }
  }
  for (const auto& [reason, found] : lines) {
    std::string& text = reason.empty() ? result.unexplained : result.text;
    if (!reason.empty()) text += reason + '\n';
    for (const std::string& line : found) text += line + '\n';
  }
  return result;
}

}  // namespace sockeye::matrix
