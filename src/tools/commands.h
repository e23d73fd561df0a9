// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The commands: each does what its struct asks for and answers the exit status.
#pragma once

#include "tools/command_line.h"

namespace sockeye::tools {

// Of the launcher itself, when it could not do its work (127, 126 and 128+n are the command's).
inline constexpr int kLauncherFailed = 125;
inline constexpr int kUsageError = 2;

int run(const RunCommand& command);
int pair(const PairCommand& command);
int ss(const SsCommand& command);
int down(const DownCommand& command);

}  // namespace sockeye::tools
