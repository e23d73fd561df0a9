// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A host's tunables by their Linux names (net.ipv4.tcp_rmem, as sysctl(8) writes them). Three kinds of
// rows: a number, three numbers ("min default max"), and a name. A fourth kind stands for what Linux can
// switch and this stack cannot: it reads as what the stack does and takes no other value, so nothing is
// accepted and ignored.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sockeye {

struct StackConfig;

struct SysctlRow {
  std::string_view name{};  // without "net."
  std::string (*get)(const StackConfig&) = nullptr;
  // ENOENT does not happen here; EINVAL: no such value; EOPNOTSUPP: a value that Linux has.
  Result<> (*set)(StackConfig&, std::string_view value) = nullptr;
  std::string_view effect{};  // one sentence for the reference page
};

std::span<const SysctlRow> sysctl_rows();

// `name` with dots or slashes, with or without "net."; ENOENT.
Result<> set_sysctl(StackConfig& config, std::string_view name, std::string_view value);
Result<std::string> get_sysctl(const StackConfig& config, std::string_view name);

}  // namespace sockeye
