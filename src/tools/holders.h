// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Which processes hold a socket: a look through /proc/PID/fd, as the real ss -p does. What the caller
// may not look into (other users' processes) holds nothing.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "world/report.h"

namespace sockeye::tools {

using Holders = std::map<std::uint64_t, std::vector<world::SocketUser>>;  // by inode; pids ascending

Holders find_holders();

}  // namespace sockeye::tools
