// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What programs asked for and did not get, counted, for --report. Also true without --report: it is
// cheap, and the world's notices arrive anyway.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace sockeye::gate {

class Report {
 public:
  void refused(const std::string& what, int error);
  void refused_option(int level, int name, bool setting, int error);
  void refused_socket(int domain, int type, int protocol, int error);
  void note(const std::string& sentence);

  bool empty() const { return counts_.empty(); }
  // One line each: "    3 x getsockopt IPPROTO_TCP TCP_ULP: ENOPROTOOPT".
  std::string text() const;

 private:
  std::map<std::string, std::uint64_t> counts_;
};

// The errors that mean "there is no such thing here".
bool means_unsupported(std::int64_t result);

}  // namespace sockeye::gate
