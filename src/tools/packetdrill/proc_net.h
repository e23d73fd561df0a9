// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The stack's sockets as /proc/net/tcp and /proc/net/tcp6 list them (proc(5)), for scripts that read these
// files. Timers, owner and inode, which no script looks at, are 0.
#pragma once

#include <span>
#include <string>

#include "socket/socket.h"

namespace sockeye::packetdrill {

std::string proc_net_tcp(std::span<const SocketReport> reports, bool v6);

}  // namespace sockeye::packetdrill
